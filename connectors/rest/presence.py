"""Whether a card is there before anything is written to it: a CRM without foreign keys takes any id and says «done»."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from connectors.base import CardRef, CrmRefused, CrmUnavailable, NotDone
from connectors.protocol.outcomes import not_done_because

#: A card that was seen a moment ago is not read again for the next write of the same call.
_FRESH = timedelta(seconds=60)
_MOST = 1_000
_NOT_FOUND = 404


class CardPresence:
    """Remembers which cards were seen lately. Thread-safe."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._seen: OrderedDict[CardRef, datetime] = OrderedDict()

    def note(self, ref: CardRef) -> None:
        """The CRM has just shown this card."""
        with self._lock:
            self._seen[ref] = self._now()
            self._seen.move_to_end(ref)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)

    def lacking(self, ref: CardRef, exists: Callable[[CardRef], bool]) -> NotDone | None:
        """Why nothing may be written to this card: it is not there, or could not be read; None where it is there."""
        with self._lock:
            seen = self._seen.get(ref)
        if seen is not None and timedelta(0) <= self._now() - seen < _FRESH:
            return None
        try:
            if exists(ref):
                return None
        except (CrmUnavailable, CrmRefused) as error:
            return not_done_because(error)
        return NotDone("the CRM has no such card", permanent=True, status=_NOT_FOUND)
