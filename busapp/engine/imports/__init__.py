"""Images come into a study: sources list their entries, sorting makes images of them, storing keeps them."""
