"""busapp: a desktop workbench for breast-ultrasound research. Research use only, not a medical device."""

__version__ = "0.1.0"
