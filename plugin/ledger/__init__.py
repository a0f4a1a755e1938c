"""The ledger: what came in, what was decided, what was promised, and how far it got."""

# Whoever uses the metadata of ``plugin.ledger.schema`` comes by here first, and finds every table in it.
from plugin.ledger import access as access
from plugin.ledger import connected as connected
from plugin.ledger import trails as trails
from plugin.ledger.database import Ledger

__all__ = ["Ledger"]
