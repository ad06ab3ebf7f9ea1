"""One service registry that speaks CHAP, ScaiControl and runspec."""

__version__ = "0.1.0"
