"""A model's answers: for one image or many, as pages for a report, and measured on labels."""
