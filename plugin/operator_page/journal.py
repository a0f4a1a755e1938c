"""The journal of a call on the page, an append-only list of entries, and what follows from it. Pure.

An entry is a JSON object with ``kind`` and ``at``, the time it happened:

    answer      q, fact, value (null: an optional question passed over), words (as the page showed it), asked (when the
                question came up)
    back        fact: the operator went back to this question; its answer and all later ones are retracted
    note        fact (null: at the end), text: the operator's note at this step, instead of the one before
    other       q, fact, text: what the client said that no answer fits
    confirmed   event, outcome: the operator confirmed the end
    unfinished  event, why (by_hand | broken_off): the call was handed over
    resumed     the conversation went on after its end
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from plugin.common.fields import messages_by_field
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import EventError

MOST_ENTRIES = 500
LONGEST_TEXT = 2_000
_NAME = validate.Length(1, 255)
_TEXT = validate.Length(0, LONGEST_TEXT)
#: What each kind cannot be without, beside its time.
_NEEDS = {
    "answer": ("q", "fact", "value", "asked"),
    "back": ("fact",),
    "note": ("text",),
    "other": ("q", "fact", "text"),
    "confirmed": ("event", "outcome"),
    "unfinished": ("event", "why"),
    "resumed": (),
}


_MAY_BE_NULL = ("outcome", "value")


class OffsetTime(fields.AwareDateTime):
    """A time with its offset, kept as it was written."""

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)


class _EntrySchema(Schema):
    class Meta:
        unknown = EXCLUDE

    kind = fields.String(required=True, validate=validate.OneOf(tuple(_NEEDS)))
    at = OffsetTime(required=True)
    q = fields.String(validate=_NAME)
    fact = fields.String(allow_none=True, validate=_NAME)
    value = fields.Raw(allow_none=True)
    words = fields.String(validate=_TEXT)
    asked = OffsetTime()
    text = fields.String(validate=_TEXT)
    event = fields.String(validate=_NAME)
    outcome = fields.String(allow_none=True, validate=_NAME)
    why = fields.String(validate=validate.OneOf(("by_hand", "broken_off")))


class _JournalSaveSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    seq = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1_000_000))
    tab = fields.String(required=True, validate=validate.Length(1, 64))
    revision = fields.String(required=True, validate=validate.Length(1, 64))
    note = fields.String(load_default="", validate=validate.Length(0, 10_000))
    entries = fields.List(fields.Nested(_EntrySchema), required=True, validate=validate.Length(0, MOST_ENTRIES))


# Making one takes longer than using it.
_FORM = _JournalSaveSchema()


@dataclass(frozen=True, slots=True)
class JournalSave:
    """A page's request to save its journal: the ``seq``-th of window ``tab``. ``note``: all notes as one text."""

    seq: int
    tab: str
    revision: str
    note: str
    entries: tuple[dict[str, Any], ...]


def read_journal_save(raw: Mapping[str, Any]) -> JournalSave:
    """The save in a request. Raises EventError 422."""
    try:
        loaded = _FORM.load(raw)
    except ValidationError as error:
        raise bad_page_request(sorted(map(str, messages_by_field(error)))) from error
    entries = []
    for given, entry in zip(raw["entries"], loaded["entries"], strict=True):
        missing = [name for name in _NEEDS[entry["kind"]] if not _is_told(entry, name)]
        if missing or not isinstance(entry.get("value"), bool | int | float | str | None):
            raise bad_page_request(missing or ["value"])
        # As it came, its times included; what the form does not know is left out.
        entries.append({name: given[name] for name in entry})
    return JournalSave(loaded["seq"], loaded["tab"], loaded["revision"], loaded["note"], tuple(entries))


def _is_told(entry: Mapping[str, Any], name: str) -> bool:
    return entry.get(name) is not None or (name in entry and name in _MAY_BE_NULL)


def bad_page_request(names: Sequence[str]) -> EventError:
    """422 for these fields of a request of the page."""
    return EventError(422, "bad_page_request", f"the page's request cannot be used: {', '.join(names)[:200]}")


def current_answers(entries: Sequence[Mapping[str, Any]]) -> dict[str, FactValue]:
    """The answers that were not retracted, in the order of the conversation; without what was passed over."""
    current: dict[str, FactValue | None] = {}
    for entry in entries:
        if entry["kind"] == "answer":
            current[entry["fact"]] = entry["value"]
        elif entry["kind"] == "back" and entry["fact"] in current:
            names = list(current)
            for name in names[names.index(entry["fact"]) :]:
                del current[name]
    return {name: value for name, value in current.items() if value is not None}


def last_end(entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last entry by which the call ended; None if it never did."""
    return next((entry for entry in reversed(entries) if entry["kind"] in ("confirmed", "unfinished")), None)


def is_resumed(entries: Sequence[Mapping[str, Any]], end: Mapping[str, Any]) -> bool:
    """Whether the conversation was resumed after this end."""
    after = entries[next(place for place, entry in enumerate(entries) if entry is end) + 1 :]
    return any(entry["kind"] in ("answer", "back", "resumed") for entry in after)


def last_moment(entries: Sequence[Mapping[str, Any]]) -> datetime | None:
    """The time of the latest entry."""
    return max((datetime.fromisoformat(entry["at"]) for entry in entries), default=None)
