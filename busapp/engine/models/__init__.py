"""Model files: opening them with limits, describing them, listing them."""
