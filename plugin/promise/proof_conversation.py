"""How a call's conversation went, step by step: from the operators' page, or else from what its decisions say.

The page tells when each phrase came up and was answered, and what was taken back; events tell the answers alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.events.calls import REUSED_AFTER
from plugin.ledger.history import CallHistory
from plugin.ledger.trails import trails

_TRAILS = (
    select(trails)
    .where(trails.c.namespace == bindparam("namespace"), trails.c.call_id == bindparam("call_id"))
    .order_by(trails.c.id.desc())
)


def trail_of(connection: Connection, call: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The trail of this call on the operators' page; None where it was not there.

    A CRM may use a call's id again, so that the newest one that fits in time is meant.
    """
    names = {"namespace": call["namespace"], "call_id": call["call_id"]}
    first, last = call["first_occurred_at"] - REUSED_AFTER, call["last_occurred_at"] + REUSED_AFTER
    for row in connection.execute(_TRAILS, names).mappings():
        if row["started_at"] <= last and row["updated_at"] >= first:
            return dict(row)
    return None


def conversation_of(
    trail: Mapping[str, Any] | None, history: CallHistory, words: ScriptLabels
) -> Sequence[Mapping[str, Any]]:
    """The steps in their order: ``kind``, ``at`` (None where only the answer is known), and what was said.

    An answer that was given up by going back has ``taken_back``.
    """
    if trail is not None and trail["entries"]:
        return list(_by_page(trail, words))
    return list(_by_decisions(history, words))


def _by_page(trail: Mapping[str, Any], words: ScriptLabels) -> Iterator[dict[str, Any]]:
    entries, revision = trail["entries"], trail["revision"]
    for place, entry in enumerate(entries):
        step: dict[str, Any] = {"kind": entry["kind"], "at": datetime.fromisoformat(entry["at"])}
        fact, question = entry.get("fact"), entry.get("q")
        if question:
            step["phrase"] = words.phrase(question, revision)
        if fact:
            step["fact"] = words.fact(fact, revision)
        if entry["kind"] == "answer":
            step |= _answer(entry, words, revision)
            step["taken_back"] = _is_taken_back(entries, place)
        elif entry["kind"] in ("note", "other"):
            step["text"] = entry.get("text")
        elif entry.get("outcome"):
            step["outcome"] = words.outcome(entry["outcome"], revision)
        yield step


def _answer(entry: Mapping[str, Any], words: ScriptLabels, revision: str) -> dict[str, Any]:
    # A purged trail has lost what was typed.
    value = entry.get("value")
    passed = value is None and "value" in entry
    told = entry.get("words") or words.answer(entry["fact"], value, revision, question=entry["q"])
    asked = entry.get("asked")
    return {"asked_at": asked and datetime.fromisoformat(asked), "answer": None if passed else told, "value": value}


def _is_taken_back(entries: Sequence[Mapping[str, Any]], place: int) -> bool:
    """Whether the operator went back to this question, or to one before it, later on."""
    facts = [entry["fact"] for entry in entries[: place + 1] if entry["kind"] == "answer"]
    return any(entry["kind"] == "back" and entry["fact"] in facts for entry in entries[place + 1 :])


def _by_decisions(history: CallHistory, words: ScriptLabels) -> Iterator[dict[str, Any]]:
    for decision in history.decisions:
        revision = decision["revision"]
        for step in decision["decision"].get("transcript", []):
            answer = words.answer(step["fact"], step["answer"], revision, question=step["rule"])
            yield {
                "kind": "answer",
                "at": None,
                "decision": decision["number"],
                "phrase": step.get("say"),
                "fact": words.fact(step["fact"], revision),
                "answer": answer,
                "value": step["answer"],
                "taken_back": False,
            }
