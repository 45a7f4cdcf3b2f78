"""Tables: read them, choose their columns, and join their rows to images."""
