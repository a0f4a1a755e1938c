"""The ``optout`` command line."""
