"""The ledger: stores events, decisions, deliveries and how far they got."""

# Imported for their tables, so that the metadata of ``plugin.ledger.schema`` is complete.
from plugin.ledger import access as access
from plugin.ledger import bulk_acts as bulk_acts
from plugin.ledger import chain as chain
from plugin.ledger import connected as connected
from plugin.ledger import drafts as drafts
from plugin.ledger import promises as promises
from plugin.ledger import pushed_numbers as pushed_numbers
from plugin.ledger import restores as restores
from plugin.ledger import shadows as shadows
from plugin.ledger import suppressed_emails as suppressed_emails
from plugin.ledger import suppression as suppression
from plugin.ledger import trails as trails
from plugin.ledger import unread_cards as unread_cards
from plugin.ledger import views as views
from plugin.ledger.database import Ledger

__all__ = ["Ledger"]
