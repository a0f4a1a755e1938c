"""An event on its way in: who sent it, what it says, whether it was taken in before, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from plugin.config.settings import Source
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import EventError, InputError
from plugin.events.facts import wrong_of
from plugin.events.queries import find_event, shown_deliveries
from plugin.events.responses import EventResponse
from plugin.events.schema import MAX_FACTS, CallResult, bad_fields, brought, read_call_result

#: A call that ended later than this from now has a wrong clock behind it.
FUTURE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One authentic event. ``webhook_id`` is the signed header, None for an event in a CRM's own format.

    ``own``: it comes from the operators' page, whose final event counts even where nothing was answered.
    """

    source: Source
    raw: Mapping[str, Any]
    digest: str
    received: datetime
    webhook_id: str | None
    own: bool = False

    def repeat(self, connection: Connection) -> EventResponse | None:
        """The answer to an event taken in before, None for a new one. Raises EventError 409 for another body."""
        event_id = self.raw.get("id")
        known = find_event(connection, self.source.recorded_as, event_id) if isinstance(event_id, str) else None
        if known is None:
            return None
        if known.digest != self.digest:
            raise EventError(
                409,
                "event_id_reused",
                "another event came in under this id before",
                hint="Give every event an id of its own; repeat an event unchanged",
            )
        body = known.answer | {"duplicate": True}
        if known.call is not None:
            body["deliveries"] = shown_deliveries(connection, known.call)
        return EventResponse(200, body)

    def columns(self, result: CallResult, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Its row in the ledger, before it is known to belong to a call."""
        return {
            "source": self.source.recorded_as,
            "event_id": result.id,
            "digest": self.digest,
            "received_at": self.received,
            "occurred_at": result.occurred_at,
            "final": result.final,
            "revision": result.ruleset,
            "answer": dict(answer),
        }


def read_event(incoming: Incoming, rulebook: Rulebook | None, default_script: str) -> CallResult:
    """The call result, with everything checked that needs no ledger.

    ``rulebook`` is the pinned or the active revision, None if the event pins one that does not exist.
    Raises EventError 422 with all wrong fields.
    """
    result, wrong = _read_form(incoming.raw)
    if incoming.webhook_id is not None and incoming.raw.get("id") != incoming.webhook_id:
        wrong.setdefault("id", []).append("must equal the webhook-id header")
    if result is not None and result.occurred_at > incoming.received + FUTURE:
        wrong["occurred_at"] = ["lies more than 5 minutes in the future"]
    wrong |= _wrong_rules(incoming.raw, rulebook)
    if result is not None and not wrong:
        return result
    if rulebook is not None:
        wrong = _wrong_facts(incoming.raw, rulebook, default_script) | wrong
    raise bad_fields(wrong)


def _read_form(raw: Mapping[str, Any]) -> tuple[CallResult | None, dict[str, list[str]]]:
    try:
        return read_call_result(raw), {}
    except EventError as error:
        return None, dict(error.fields)


def _wrong_rules(raw: Mapping[str, Any], rulebook: Rulebook | None) -> dict[str, list[str]]:
    if rulebook is None:
        return {"ruleset": ["this ledger has no such revision; leave it out for the active one"]}
    script = raw.get("script")
    if isinstance(script, str) and script.strip() and script not in rulebook.scripts:
        return {"script": [f"unknown script; there are: {', '.join(sorted(rulebook.scripts))}"]}
    return {}


def _wrong_facts(raw: Mapping[str, Any], rulebook: Rulebook, default_script: str) -> dict[str, list[str]]:
    """The wrong facts of an event that is refused anyway, so that all its faults are named at once."""
    facts, script = raw.get("facts"), raw.get("script") or default_script
    if not isinstance(facts, dict) or len(facts) > MAX_FACTS:
        facts = {}
    try:
        return wrong_of(rulebook.script(script), facts, brought(raw)) if isinstance(script, str) else {}
    except InputError:
        return {}
