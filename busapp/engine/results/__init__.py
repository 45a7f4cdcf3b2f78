"""What runs have measured, and how they compare."""
