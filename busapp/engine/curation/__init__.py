"""Near-duplicates, contradicting labels and quality: what is wrong with the images, and what sets it right."""
