"""Servers that behave as the documentation of real CRMs says: what the real one refuses is refused here too."""
