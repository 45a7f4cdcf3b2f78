"""The Dataset tab: the grid, the review of near-duplicates, the import preview, the history."""
