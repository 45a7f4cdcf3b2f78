"""Widgets that know nothing of images and runs: forms, plots, tables, background work."""
