"""A study on disk: workspace, runs, checkpoints, caches, patients, and the split into folds."""
