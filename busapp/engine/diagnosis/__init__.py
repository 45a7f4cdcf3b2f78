"""What a model says of images: one or many, pages for a report, and how well it does on labels."""
