"""The way in: call results are verified, merged into their calls, decided and stored, with what they promise."""

from plugin.events.intake import Intake
from plugin.events.responses import EventResponse
from plugin.events.unfinished import remind_of_unfinished

__all__ = ["EventResponse", "Intake", "remind_of_unfinished"]
