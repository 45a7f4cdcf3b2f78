"""A model file: opened with limits, described, listed."""
