"""The networks that can be trained, one file each, and their registry. None of these files loads torch by itself."""
