"""Results of runs: reading, completing, comparing and putting them into words."""
