"""Near-duplicates, contradicting labels and quality: find problems of the images, and correct them."""
