"""Cards for texts, read many at once: those that a claim's deliveries speak of, in as few requests as the CRM takes.

A card that was read a moment ago is not read again: a call's comment, reminders and mails speak of the same one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future

from connectors.base import Card, CardRef, CrmRefused
from plugin.delivery.clock_jumps import Monotonic
from plugin.resilience.reads import Reads

#: So long a card counts as read just now, in seconds.
_FRESH = 120.0
#: So many cards are kept in mind, and so many are known to be wanted.
_MOST = 5_000


class CardReader:
    """The cards as the CRM has them now, shared by all threads. ``most`` are read at once.

    ``monotonic`` are seconds that no setting of the clock changes.
    """

    def __init__(self, reads: Reads, most: int, monotonic: Monotonic) -> None:
        self._reads = reads
        self._most = most
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_at: OrderedDict[CardRef, tuple[float, Card | None]] = OrderedDict()
        self._reading: dict[CardRef, Future[Card | None]] = {}
        #: What will be asked for soon, in the order in which it was claimed.
        self._wanted: OrderedDict[CardRef, None] = OrderedDict()
        #: What could not be read together with others.
        self._alone: set[CardRef] = set()

    def expect(self, cards: Iterable[CardRef]) -> None:
        """These will be read soon, so that they can be read together."""
        if self._most == 1:
            return
        with self._lock:
            for card in cards:
                if not self._is_fresh(card) and card not in self._reading:
                    self._wanted[card] = None
            while len(self._wanted) > _MOST:
                self._wanted.popitem(last=False)

    def read(self, card: CardRef) -> Card | None:
        """The card, or None where there is none. Raises as reads do."""
        while True:
            with self._lock:
                if self._is_fresh(card):
                    return self._read_at[card][1]
                reading = self._reading.get(card)
                together = [] if reading is not None else self._begun(card)
            if reading is None:
                return self._read_now(card, together)
            found = reading.exception()
            if found is None:
                return reading.result()
            if not isinstance(found, _ReadAlone):
                raise found

    # --- details -------------------------------------------------------------------------------------

    def _is_fresh(self, card: CardRef) -> bool:
        known = self._read_at.get(card)
        return known is not None and self._monotonic() - known[0] < _FRESH

    def _begun(self, card: CardRef) -> list[CardRef]:
        """The card and others that are wanted, from now on being read."""
        together = [card]
        self._wanted.pop(card, None)
        while card not in self._alone and self._wanted and len(together) < self._most:
            other, _ = self._wanted.popitem(last=False)
            if other not in self._alone:
                together.append(other)
        for one in together:
            self._reading[one] = Future()
        return together

    def _read_now(self, card: CardRef, together: Sequence[CardRef]) -> Card | None:
        try:
            found = self._reads.read_cards(together) if len(together) > 1 else {card: self._reads.read_card(card)}
        except BaseException as error:
            # Refused for one of them, perhaps: each is asked for by itself then. What befell the account befell all.
            alone = isinstance(error, CrmRefused) and len(together) > 1
            self._failed(together, _ReadAlone() if alone else error)
            if alone:
                return self.read(card)
            raise
        self._succeeded(together, found)
        return self.read(card) if card not in found else found[card]

    def _succeeded(self, together: Sequence[CardRef], found: Mapping[CardRef, Card | None]) -> None:
        with self._lock:
            for one in together:
                reading = self._reading.pop(one)
                if one not in found:
                    self._alone.add(one)
                    reading.set_exception(_ReadAlone())
                    continue
                self._read_at[one] = (self._monotonic(), found[one])
                self._read_at.move_to_end(one)
                reading.set_result(found[one])
            while len(self._read_at) > _MOST:
                self._read_at.popitem(last=False)

    def _failed(self, together: Sequence[CardRef], error: BaseException) -> None:
        with self._lock:
            for one in together:
                if isinstance(error, _ReadAlone):
                    self._alone.add(one)
                self._reading.pop(one).set_exception(error)
            if len(self._alone) > _MOST:
                self._alone.clear()


class _ReadAlone(Exception):
    """It could not be read together with others."""
