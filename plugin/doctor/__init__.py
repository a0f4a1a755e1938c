"""Checks a configuration before it is used: each check holds or has failed, with its remedy."""
