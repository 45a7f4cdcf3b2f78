"""The Validation tab: curves, confusion matrices, comparisons, what leaks are worth."""
