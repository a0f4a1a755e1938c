"""The proof of what was said, promised and done: everything the ledger holds of one call, or of one number's calls.

It is one JSON-able mapping, which a file, a page to print and the browser's console show alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from plugin import VERSION
from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.revisions.archive import stored_content, stored_files
from plugin.authoring.revisions.labels import ScriptLabels
from plugin.delivery.texts import message_id
from plugin.errors import OptoutError
from plugin.ledger.history import CallHistory, read_call
from plugin.ledger.states import MAILS, DeliveryState
from plugin.promise.person import calls_of
from plugin.promise.proof_chain import ProvenRecords, chain_of
from plugin.promise.proof_conversation import conversation_of, trail_of
from plugin.promise.proof_finish import finished_reminders, people_of
from plugin.promise.suppression_list import entries_of, said_of

#: Names the shape of the mapping: another shape gets another name.
FORMAT = "optout-proof/1"


@dataclass(frozen=True, slots=True)
class ProofFrame:
    """What a proof is made with: the ``rules`` that name things, the deployment's clocks, and the mails' ``sender``."""

    rules: ActiveRules
    zone: ZoneInfo
    sender: str | None
    now: datetime


def proof_of(connection: Connection, call_ids: Sequence[int], number: str | None, frame: ProofFrame) -> dict[str, Any]:
    """The proof of these calls of the ledger, and of what is said of ``number`` (E.164; the calls' own if None).

    Reads, and writes nothing; the connection is one snapshot.
    """
    histories = [read_call(connection, id_, frame.now) for id_ in call_ids]
    numbers = [number] if number else sorted({one.call["phone"] for one in histories if one.call["phone"]})
    suppressed = [_suppression(connection, one, frame.zone) for one in numbers]
    called = [_call(connection, history, frame) for history in histories]
    revisions = {row["revision"] for one in histories for row in one.decisions}
    return {
        "format": FORMAT,
        "made_at": _iso(frame.now, frame.zone),
        "made_by": f"optout {VERSION}",
        "timezone": frame.zone.key,
        "number": number,
        "calls": called,
        "suppression": suppressed,
        "rules": {revision: _rules(connection, revision) for revision in sorted(revisions)},
        "chain": plain(chain_of(connection, _chained(call_ids, called, suppressed)), frame.zone),
    }


def _chained(
    call_ids: Sequence[int], called: Sequence[Mapping[str, Any]], suppressed: Sequence[Mapping[str, Any]]
) -> ProvenRecords:
    trails = [call["trail"] for call in called if call["trail"] is not None]
    by_hand = [said["id"] for one in suppressed for said in one["said"] if said["call_ref"] is None]
    others = {said["call_ref"] for one in suppressed for said in one["said"]} - {*call_ids, None}
    return ProvenRecords(call_ids, trails, by_hand, sorted(others))


def proof_of_number(connection: Connection, number: str, frame: ProofFrame) -> dict[str, Any]:
    """The same of all calls of a number (E.164)."""
    return proof_of(connection, calls_of(connection, number), number, frame)


def _call(connection: Connection, history: CallHistory, frame: ProofFrame) -> dict[str, Any]:
    call, summary, zone = history.call, history.summary, frame.zone
    words = ScriptLabels(frame.rules, summary.script)
    card = {name: call[f"card_{name}"] for name in ("type", "id", "name", "url")}
    trail = trail_of(connection, call)
    return {
        "id": summary.id,
        "namespace": summary.namespace,
        "call": summary.call_id,
        "began_at": _iso(call["first_occurred_at"], zone),
        "occurred_at": _iso(summary.occurred_at, zone),
        "phone": summary.phone,
        "operator": summary.operator,
        "card": card if any(card.values()) else None,
        "note": call["note"],
        "script": summary.script,
        "outcome": summary.outcome,
        "label": words.outcome(summary.outcome, summary.revision) if summary.outcome else None,
        "deadline": _iso(summary.deadline_at, zone),
        "reported_late": call["late"],
        "dry_run": summary.dry_run,
        "purged_at": plain(call["purged_at"], zone),
        "trail": trail and trail["id"],
        "conversation": plain(conversation_of(trail, history, words), zone),
        "events": [_event(row, words, summary.revision, zone) for row in history.events],
        "decisions": [_decision(row, words, zone) for row in history.decisions],
        "deliveries": [_delivery(row, frame) for row in history.deliveries],
        "people": plain(people_of(history, finished_reminders(connection, summary.id)), zone),
        "acts": [_without(plain(row, zone), "call_ref") for row in history.acts],
    }


def _event(row: Mapping[str, Any], words: ScriptLabels, revision: str | None, zone: ZoneInfo) -> dict[str, Any]:
    told = _without(plain(row, zone), "answer", "call_ref")
    said = [
        {"fact": words.fact(name, row["revision"] or revision), "answer": words.answer(name, value, revision)}
        for name, value in (row["facts"] or {}).items()
    ]
    return told | {"said": said}


def _decision(row: Mapping[str, Any], words: ScriptLabels, zone: ZoneInfo) -> dict[str, Any]:
    label = words.outcome(row["outcome"], row["revision"]) if row["outcome"] else None
    return _without(plain(row, zone), "call_ref") | {"label": label}


def _delivery(row: Mapping[str, Any], frame: ProofFrame) -> dict[str, Any]:
    told = _without(plain(row, frame.zone), "call_ref", "owner", "lease_until", "not_before")
    if row["kind"] in MAILS:
        told["message_id"] = message_id(row["key"], frame.sender)
    told["kept"] = _is_kept(row)
    return told


def _is_kept(row: Mapping[str, Any]) -> bool | None:
    """Whether it was done by its deadline; None while that is open, and of what was called off."""
    if row["state"] != DeliveryState.DONE or row["finished_at"] is None:
        return None
    return bool(row["finished_at"] <= row["deadline_at"])


def _suppression(connection: Connection, number: str, zone: ZoneInfo) -> dict[str, Any]:
    entries = entries_of(connection, [number]).get(number, [])
    said = [_without(row, "number") for row in said_of(connection, number)]
    return {"number": number, "entries": plain([one._asdict() for one in entries], zone), "said": plain(said, zone)}


def _rules(connection: Connection, revision: str) -> dict[str, Any]:
    """The rules' texts as they were published, or, where those were not kept, their content."""
    files = dict(stored_files(connection, revision))
    if files:
        return {"files": files}
    try:
        return {"files": {}, "content": stored_content(connection, revision)}
    except OptoutError as error:
        return {"files": {}, "unreadable": str(error)}


def plain(value: Any, zone: ZoneInfo) -> Any:
    """A value of the ledger as JSON, times by the deployment's clocks."""
    if isinstance(value, datetime):
        return _iso(value, zone)
    if isinstance(value, Mapping):
        return {name: plain(inner, zone) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner, zone) for inner in value]
    return value


def _iso(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat()


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
