"""The published numbers of two papers, and their tables and figures drawn from a study's own images and runs."""
