"""Reads the fields of the client's card that rules ask for and an event does not bring.

The CRM is asked for no longer than the event can wait. What it does not tell by then is unknown to the rules, which are
proven for that too; the call is decided, and once more when the card could be read (``late_card_fields``).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import structlog

from connectors.base import Card, CardRef, CrmRefused, CrmUnavailable
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, LedgerUnavailable
from plugin.events.schema import CallResult
from plugin.resilience.reads import Reads

_LOG = structlog.get_logger(__name__)

#: The beginning of a card field's path.
_CARD = "card."
#: So long an event waits for its card, in seconds, and so many ask at once.
WAIT = 2.0
_AT_ONCE = 8
_UNREAD = "the CRM could not be asked in time; the call is decided without it, and again once the card was read"


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """What a card holds, by paths (``card.brand``). ``why``: why it tells nothing, or not all."""

    fields: Mapping[str, str | bool] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


class CardFieldReader:
    """Reads the ``declared`` fields (names without ``card.``). Thread-safe; an event waits ``wait`` seconds at most."""

    def __init__(self, reads: Reads, declared: Iterable[str], wait: float = WAIT) -> None:
        self._reads = reads
        self._declared = frozenset(_CARD + name for name in declared)
        self._wait = wait
        self._slots = threading.BoundedSemaphore(_AT_ONCE)

    def lacking(self, result: CallResult, rulebooks: Iterable[Rulebook]) -> tuple[str, ...]:
        """The declared fields that some script of these rules reads and the event does not bring.

        None of an event that says nothing of a conversation: it is not kept.
        """
        if not result.facts and not result.final:
            return ()
        wanted = {
            source for book in rulebooks for decider in book.scripts.values() for source in decider.sources.values()
        }
        return tuple(sorted(path for path in wanted & self._declared if not _brings(result, path)))

    def added(self, result: CallResult, rulebooks: Iterable[Rulebook]) -> CallResult:
        """The event with these fields, as far as the CRM tells them in time. Never raises for what it does."""
        lacking = self.lacking(result, rulebooks)
        if not lacking:
            return result
        try:
            answer = self._in_time(result.card_type, result.card_id, result.phone, lacking)
        except (CrmUnavailable, CrmRefused, LedgerUnavailable, TimeoutError) as error:
            _LOG.warning("events.card_not_read", call=result.call_id, why=str(error) or "no answer in time")
            told = [f"{path}: {_UNREAD}" for path in lacking]
            return replace(result, unread_fields=lacking, warnings=(*result.warnings, *told))
        told = [f"{path}: {why}" for path, why in answer.why.items()]
        return replace(result, read_fields={**result.read_fields, **answer.fields}, warnings=(*result.warnings, *told))

    def ask(self, card_type: str | None, card_id: str | None, phone: str | None, fields: Collection[str]) -> CardAnswer:
        """What the card holds in these fields, however long the CRM takes.

        Without a card it is the one contact with the number. Raises as reads do, and LedgerUnavailable.
        """
        card, why = self._card(card_type, card_id, phone)
        if card is None:
            return CardAnswer(why=dict.fromkeys(fields, why))
        held = {path: value for name, value in card.fields.items() if (path := _CARD + name) in fields}
        strange = [path for name in card.unmapped if (path := _CARD + name) in fields]
        return CardAnswer(held, dict.fromkeys(strange, "the card holds a value that is not mapped in plugin.toml"))

    def _card(self, card_type: str | None, card_id: str | None, phone: str | None) -> tuple[Card | None, str]:
        if card_type and card_id:
            return self._reads.read_card(CardRef(card_type, card_id)), "the CRM has no such card"
        if not phone:
            return None, "without a card and a number it cannot be read"
        found = {card.ref: card for card in self._reads.find_contact(phone=phone)}
        if len(found) != 1:
            return None, "not one card alone has the number"
        return self._reads.read_card(next(iter(found))), "the card is gone"

    def _in_time(
        self, card_type: str | None, card_id: str | None, phone: str | None, fields: Collection[str]
    ) -> CardAnswer:
        until = monotonic() + self._wait
        if not self._slots.acquire(timeout=self._wait):
            raise TimeoutError("too many cards are being read")
        answer: Future[CardAnswer] = Future()

        def read() -> None:
            try:
                found = self.ask(card_type, card_id, phone, fields)
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(found)
            finally:
                self._slots.release()

        threading.Thread(target=read, name="card-fields", daemon=True).start()
        return answer.result(timeout=max(0.0, until - monotonic()))


def _brings(result: CallResult, path: str) -> bool:
    return result.call_fields.get(path) is not None or path in result.read_fields


def facts_of_card(decider: Decider, held: Mapping[str, Any]) -> dict[str, FactValue | None]:
    """The facts that the script maps from these fields, typed; what does not fit is logged and unknown."""
    typed: dict[str, FactValue | None] = {}
    for name, path in decider.sources.items():
        if path not in held:
            continue
        try:
            typed |= decider.type_facts({name: _fitted(decider.script.facts[name].type, held[path])})
        except BadFacts:
            _LOG.warning("events.card_field_unusable", fact=name, field=path)
    return typed


def _fitted(type_: str, value: str | bool) -> Any:
    """A card's text as the fact wants it: ``12 500,5`` is a number, ``2026-11-22T00:00:00`` a date."""
    if not isinstance(value, str):
        return value
    if type_ == "number":
        with suppress(ValueError):
            return float("".join(value.split()).replace(",", "."))
    return value[:10] if type_ == "date" else value
