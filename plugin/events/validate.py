"""Validates a parsed event as far as that needs no ledger, and names all its faults at once (contract 3.3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from plugin.common.text import Cleaned
from plugin.common.text_tree import Mended
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import EventError, InputError
from plugin.events.facts import type_event_facts
from plugin.events.parse import ParsedEvent
from plugin.events.read_form import call_fields, clean_facts, read_call_result
from plugin.events.schema import MAX_FACTS, MAX_WARNINGS, CallResult, FieldFaults, bad_fields, ignored_keys

#: A call that ended later than this from now has a wrong clock behind it.
FUTURE = timedelta(minutes=5)
_SAME_KEY = "; another key is the same then, and counts"


def validate(event: ParsedEvent, rulebook: Rulebook | None, default_script: str) -> CallResult:
    """The call result in the event.

    ``rulebook`` is the pinned or the active revision, None if the event pins one that does not exist.
    Raises EventError 422 with all wrong fields.
    """
    result, wrong = _read_form(event.raw)
    if event.webhook_id is not None and event.id != event.webhook_id:
        wrong.setdefault("id", []).append("must equal the webhook-id header")
    if result is not None and result.occurred_at > event.received + FUTURE:
        wrong["occurred_at"] = ["lies more than 5 minutes in the future"]
    wrong |= _wrong_rules(event.raw, rulebook)
    if result is not None and not wrong:
        return result
    if rulebook is not None:
        wrong = _wrong_facts(event.raw, rulebook, default_script) | wrong
    raise bad_fields(wrong)


def event_warnings(event: ParsedEvent, result: CallResult, mapped: Collection[str]) -> list[str]:
    """What was cleaned, field by field, and which keys are not used; at most 20 in all.

    ``mapped``: the fields of the call that the script maps.
    """
    cleaned = [*map(_mended_in_words, event.mended), *result.warnings]
    return [*cleaned, *ignored_keys(event.raw, mapped)][:MAX_WARNINGS]


def _mended_in_words(mended: Mended) -> str:
    told = Cleaned("", mended.what).in_words()
    return f"{mended.path}: {told or 'line ends were changed'}" + (_SAME_KEY if mended.same_key else "")


def _read_form(raw: Mapping[str, Any]) -> tuple[CallResult | None, FieldFaults]:
    try:
        return read_call_result(raw), {}
    except EventError as error:
        return None, dict(error.fields)


def _wrong_rules(raw: Mapping[str, Any], rulebook: Rulebook | None) -> FieldFaults:
    if rulebook is None:
        return {"ruleset": ["this ledger has no such revision; leave it out for the active one"]}
    script = raw.get("script")
    if isinstance(script, str) and script.strip() and script not in rulebook.scripts:
        return {"script": [f"unknown script; there are: {', '.join(sorted(rulebook.scripts))}"]}
    return {}


def _wrong_facts(raw: Mapping[str, Any], rulebook: Rulebook, default_script: str) -> FieldFaults:
    """The wrong facts of an event that is refused anyway, so that all its faults are named at once."""
    facts, script = raw.get("facts"), raw.get("script") or default_script
    if not isinstance(facts, dict) or len(facts) > MAX_FACTS:
        facts = {}
    try:
        decider = rulebook.script(script) if isinstance(script, str) else None
        return type_event_facts(decider, clean_facts(facts), call_fields(raw))[1] if decider else {}
    except InputError:
        return {}
