"""Filling up classes with images that a DCGAN draws, and judging these images."""
