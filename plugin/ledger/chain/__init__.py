"""The chain: salted digests of what the ledger says of calls, each linked to the one before it.

Transactions that write note in a queue what they wrote (``queue``); a loop takes that into the chain within seconds
(``append``), so that nobody waits for it; a check reads it all again (``check``). The salts go with the personal data
when that is purged, and the chain stays whole.
"""

from plugin.ledger.chain.queue import Change, note

__all__ = ["Change", "note"]
