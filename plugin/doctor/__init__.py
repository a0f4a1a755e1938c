"""Proves a configuration before it is used: each point holds or has failed, with its remedy."""
