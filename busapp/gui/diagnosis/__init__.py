"""The Diagnosis tab: one image or many, models, reports."""
