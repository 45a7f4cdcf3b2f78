"""Classes are filled up with images that a DCGAN draws, and these are judged."""
