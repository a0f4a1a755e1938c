"""What becomes of a call for which the description has no value: it waits and is told, and is never refused for good.

A description is mended in plugin.toml, and the promise outlasts that. The wait says that no account is away.
"""

from __future__ import annotations

from connectors.base import MISFIT, CrmUnavailable, NotDone
from connectors.rest.template import NoAddress, NotRendered

#: The seconds until it is tried again: a mended description takes effect at a start.
_WAIT = 300.0


def not_written(doing: str, error: NotRendered) -> NotDone:
    """The outcome of a write; an id that can stand in no address is no record's, however long one waits."""
    return NotDone(_told(doing, error), permanent=isinstance(error, NoAddress), after=_WAIT, code=MISFIT)


def not_read(doing: str, error: NotRendered | str) -> CrmUnavailable:
    """What a read raises."""
    return CrmUnavailable(_told(doing, error), after=_WAIT, code=MISFIT)


def _told(doing: str, error: NotRendered | str) -> str:
    return f"{doing}: {error}; mend the description in plugin.toml"
