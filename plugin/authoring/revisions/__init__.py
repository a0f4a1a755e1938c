"""Revisions of the rules: archived, activated, published, rolled back, exported, compared with the folder."""
