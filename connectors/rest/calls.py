"""From a CRM's event to the plugin's call result: which records count, and where each value stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import EventMalformed, Reference
from connectors.kit.forms import form_of
from connectors.kit.mapping import FactFields
from connectors.rest.conditions import all_hold
from connectors.rest.model import CallTable, EventTable
from connectors.rest.paths import Path, as_text
from plugin.common.text_tree import clean_tree

#: The kinds of the references that this connector makes: a call, and an event that the description cannot read yet.
KIND = "call"
UNREAD = "event"
_MOST_FORM_FIELDS = 1000
_MOST_RECORDS = 1000


def body_of(event: EventTable, body: bytes) -> Any:
    """The event's content, its texts mended. Raises EventMalformed."""
    if event.format == "form":
        return form_of(body, _MOST_FORM_FIELDS)
    try:
        return clean_tree(json.loads(body)).value
    except (ValueError, RecursionError):
        raise EventMalformed("the event is not JSON") from None


def references(
    event: EventTable, call: CallTable, facts: FactFields, content: Any, context: Mapping[str, Any]
) -> list[Reference]:
    """The calls that an authentic event tells of. Raises EventMalformed, NotRendered."""
    if not all_hold(event.when, content, context) or (event.own and all_hold(event.own, content, context)):
        return []
    records = event.records.of(content, context)
    if records is None:
        raise EventMalformed("the event holds no record where [event] items says")
    if len(records) > _MOST_RECORDS:
        raise EventMalformed(f"the event holds more than {_MOST_RECORDS} records")
    found = []
    for record in records:
        call_id = event.records.id_of(record) if call.request is not None else as_text(call.id.get(record))
        if not call_id:
            raise EventMalformed("the event names no call where the description looks for its id")
        if call.request is not None:
            found.append(Reference(KIND, call_id))
        elif all_hold(call.when, record, context):
            found.append(brought(call, facts, record))
    return found


def brought(call: CallTable, facts: FactFields, record: Mapping[str, Any]) -> Reference:
    """A call whose record is there already."""
    return Reference(KIND, as_text(call.id.get(record)), data=_needed(call, facts, record))


def unread(content: Any) -> Reference:
    """An authentic event as it is kept until the description can read it; ``content`` is its JSON, or its text."""
    kept = json.dumps(content, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(kept.encode("utf-8", "surrogatepass")).hexdigest()
    return Reference(UNREAD, digest[:32], data={"event": content})


def call_result(
    call: CallTable, facts: FactFields, record: Mapping[str, Any], zone: str | None, context: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The call result of a call's record; None where that is no call of ours. Raises EventMalformed, NotMapped."""
    if not all_hold(call.when, dict(record), context):
        return None
    values = {name: as_text(path.get(dict(record))) for name, path in call.values.items()}
    occurred_at = _moment(call, call.occurred_at.get(dict(record)), zone)
    mapped = facts.read({name: Path.parse(name).get(dict(record)) for name in facts.names})
    call_id = as_text(call.id.get(dict(record)))
    if not call_id:
        raise EventMalformed("the call's record has no id where [call] id says")
    result: dict[str, Any] = {"occurred_at": occurred_at.isoformat(), "facts": mapped}
    result["final"] = True if call.final is None else all_hold(call.final, dict(record), context)
    result["call"] = {"id": call_id} | _present(values, phone="phone", operator="operator")
    result |= _present(values, note="note", script="script", ruleset="ruleset")
    if values.get("card_id"):
        named = values.get("card_type", "")
        kind = call.card_types.get(named, named) or call.card_type or ""
        result["card"] = {"type": kind, "id": values["card_id"]} | _present(values, name="card_name", url="card_url")
    result["id"] = f"call-{call_id}-{_revision(call, record, result)}"
    return result


def paths_needed(call: CallTable, facts: FactFields) -> dict[str, Path]:
    """All paths that a call result is made of, by how they are written."""
    found = [call.id, call.occurred_at, *call.values.values(), *(Path.parse(name) for name in facts.names)]
    found += [condition.path for condition in (*call.when, *(call.final or ()))]
    if call.revision is not None:
        found.append(call.revision)
    return {path.source: path for path in found}


def kept_record(data: Mapping[str, Any]) -> dict[str, Any]:
    """The record as ``call_result`` reads it, of a reference's data."""
    return dict(data.get("record") or {})


def _needed(call: CallTable, facts: FactFields, record: Mapping[str, Any]) -> dict[str, Any]:
    """The top-level keys of a record that its call result is made of, and nothing else of it."""
    heads = {path.head for path in paths_needed(call, facts).values()}
    if None in heads:
        return {"record": dict(record)}
    return {"record": {name: value for name, value in record.items() if name in heads}}


def _present(values: Mapping[str, str], **wanted: str) -> dict[str, str]:
    return {name: values[source] for name, source in wanted.items() if values.get(source)}


def _revision(call: CallTable, record: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Tells two states of one call apart: by the CRM's own mark, else by all that is made of the record."""
    if call.revision is not None and (written := as_text(call.revision.get(dict(record)))):
        return written
    told = json.dumps(result, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _moment(call: CallTable, value: Any, zone: str | None) -> datetime:
    try:
        if call.times == "iso":
            moment = datetime.fromisoformat(as_text(value))
        else:
            seconds = float(as_text(value)) / (1000 if call.times == "unix_ms" else 1)
            moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise EventMalformed(f"the call's time at {call.occurred_at.source!r} is not written as {call.times}") from None
    if moment.tzinfo is None:
        if zone is None:
            raise EventMalformed(f"the call's time at {call.occurred_at.source!r} has no offset: set time_zone")
        return moment.replace(tzinfo=ZoneInfo(zone))
    return moment
