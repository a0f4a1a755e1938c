"""The ledger: what came in, what was decided, what was promised, and how far it got."""

from plugin.ledger.database import Ledger
from plugin.ledger.revisions import ActiveRules

__all__ = ["ActiveRules", "Ledger"]
