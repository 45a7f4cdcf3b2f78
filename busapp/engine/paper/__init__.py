"""The published numbers, and the paper's table and figures drawn from a study's own runs."""
