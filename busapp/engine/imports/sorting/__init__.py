"""Sort the files of all sources into images with their class, masks and patient."""
