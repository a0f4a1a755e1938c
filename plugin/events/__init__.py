"""Takes events in: a report becomes a decided call with its deliveries, in one transaction (``intake``)."""

from plugin.events.intake import Intake
from plugin.events.respond import EventResponse
from plugin.events.unfinished import remind_of_unfinished

__all__ = ["EventResponse", "Intake", "remind_of_unfinished"]
