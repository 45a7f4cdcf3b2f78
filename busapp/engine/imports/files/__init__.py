"""Where files come from: folders, archives, discs; and what kind each is."""
