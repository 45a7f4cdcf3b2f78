"""Images come into a study: files are listed, tables joined, sorting makes images of them, and storing keeps these."""
