"""Drafts of the rules, kept in the ledger: one a person and script, edited field by field, with undo and redo.

What a draft holds are the texts of the rules' files. An edit changes the bytes of its own field and no others.
"""
