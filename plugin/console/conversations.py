"""What was said in a call: the phrases and answers of its last decision, with their times where the page kept them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.ledger.history import CallHistory
from plugin.ledger.trails import trails

_TRAIL = (
    select(trails.c.entries)
    .where(trails.c.namespace == bindparam("namespace"), trails.c.call_id == bindparam("call"))
    .order_by(trails.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class SaidStep:
    """One question and its answer; ``at``: when it was answered, where that is known."""

    question: str
    is_read_out: bool
    answer: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """The conversation that the last decision rests on; ``remarks``: words that no answer fitted."""

    steps: Sequence[SaidStep]
    closing: str | None
    remarks: Sequence[tuple[datetime, str]]


def said_in(connection: Connection, history: CallHistory, words: ScriptLabels) -> Said:
    """What was said."""
    call = history.call
    asked = {"namespace": call["namespace"], "call": call["call_id"]}
    entries: Sequence[Mapping[str, Any]] = connection.execute(_TRAIL, asked).scalar_one_or_none() or ()
    times = {entry["fact"]: datetime.fromisoformat(entry["at"]) for entry in entries if entry["kind"] == "answer"}
    remarks = [
        (datetime.fromisoformat(entry["at"]), entry.get("text") or "слова удалены вместе с личными данными")
        for entry in entries
        if entry["kind"] == "other"
    ]
    if not history.decisions:
        return Said((), None, remarks)
    last = history.decisions[-1]
    told = last["decision"]
    steps = [_step(step, last["revision"], words, times) for step in told.get("transcript", ())]
    return Said(steps, told.get("say"), remarks)


def _step(step: Mapping[str, Any], revision: str, words: ScriptLabels, times: Mapping[str, datetime]) -> SaidStep:
    say, fact = step.get("say"), step["fact"]
    answer = words.answer(fact, step["answer"], revision, question=step["rule"])
    return SaidStep(say or words.fact(fact, revision), bool(say), answer, times.get(fact))
