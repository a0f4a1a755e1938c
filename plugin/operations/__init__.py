"""What people do to a ledger at work by hand: retry, cancel, replay, purge and copy. Every act is on record."""
