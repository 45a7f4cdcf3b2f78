"""Runs on the screen: the list of them, and the tab that shows one."""
