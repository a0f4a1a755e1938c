"""Operations by hand on a ledger in use: retry, cancel, replay, purge and copy. Each is recorded."""
