"""What is on disk: workspace, runs, checkpoints, caches, patients, and how a study is split."""
