"""Runs on the screen: the list of runs, and the tab that shows one of them."""
