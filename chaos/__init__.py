"""Kills everything at random under load, and then counts what the CRM and the mailboxes hold: ``make chaos``."""
