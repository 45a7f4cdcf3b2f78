"""Images come into a study: files and arrays are listed, tables joined, sorting makes images of them, storing keeps them."""
