"""How a script is used on the operators' page: branches taken, ends, time per step, steps back, and words that no
answer fits. Counted over journals; typed answers are counted, never shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.values import FactValue
from plugin.ledger.trails import trails
from plugin.operator_page.missing_answers import CallBehind, EarlierAnswer, MissingAnswer, call_behind

#: The script of a revision, None where it is gone.
ScriptOf = Callable[[str, str], Script | None]
_COLUMNS = [
    trails.c[name]
    for name in ("namespace", "call_id", "operator", "script", "revision", "entries", "state", "updated_at")
]
TYPED = "вписан ответ"
#: A step that took longer was not about the script: the page was left open.
_LONGEST_STEP = 15 * 60


@dataclass
class QuestionUse:
    """One question: in how many calls it was answered at last, and how; ``seconds`` each answer took.

    ``backs`` counts the times that operators came back to it and took its answer back.
    """

    id: str
    words: str
    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    backs: int = 0
    remarks: list[MissingAnswer] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """How many calls answered it."""
        return self.answers.total()

    @property
    def median_seconds(self) -> float | None:
        """The median time from the question to its answer."""
        return median(self.seconds) if self.seconds else None


@dataclass
class ScriptUse:
    """One script: its calls, how they ended by the label of the outcome, and its questions in the order they come up.

    ``handed_over`` and ``broken_off`` were left to the coordinator, ``open`` never ended on the page.
    """

    name: str
    title: str
    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    handed_over: int = 0
    broken_off: int = 0
    open: int = 0
    questions: dict[str, QuestionUse] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For programs; times in seconds."""
        return {
            "script": self.name,
            "calls": self.calls,
            "outcomes": dict(self.outcomes.most_common()),
            "handed_over": self.handed_over,
            "broken_off": self.broken_off,
            "open": self.open,
            "questions": [
                {
                    "id": one.id,
                    "words": one.words,
                    "answers": dict(one.answers.most_common()),
                    "median_seconds": one.median_seconds,
                    "backs": one.backs,
                    "other": [remark.to_json() for remark in one.remarks],
                }
                for one in self.questions.values()
            ],
        }


def use_of_scripts(
    connection: Connection, script_of: ScriptOf, *, script: str | None = None, since: datetime | None = None
) -> list[ScriptUse]:
    """The use of every script, or of one, in calls begun at ``since`` or later."""
    query = select(*_COLUMNS).order_by(trails.c.started_at, trails.c.id)
    if script is not None:
        query = query.where(trails.c.script == script)
    if since is not None:
        query = query.where(trails.c.started_at >= since)
    found: dict[str, ScriptUse] = {}
    for row in connection.execute(query):
        known = script_of(row.revision, row.script)
        use = found.setdefault(row.script, ScriptUse(row.script, known.title if known else row.script))
        has_remarks = any(entry["kind"] == "other" for entry in row.entries)
        call = call_behind(connection, row) if has_remarks else CallBehind(None, row.call_id, row.operator)
        _Counting(use, known, call).count(row.entries, row.state)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Counting:
    use: ScriptUse
    script: Script | None
    call: CallBehind

    def count(self, entries: Sequence[Mapping[str, Any]], state: str) -> None:
        """Add one call."""
        self.use.calls += 1
        self._end(entries, state)
        current: dict[str, Mapping[str, Any]] = {}
        for entry in entries:
            if entry["kind"] == "answer":
                current[entry["fact"]] = entry
                self._time(entry)
            elif entry["kind"] == "back":
                self._back(current, entry["fact"])
            elif entry["kind"] == "other":
                self._question(entry["q"]).remarks.append(self._remark(entry, current.values()))
        for entry in current.values():
            words = self._words(entry["q"], entry["fact"], entry.get("value"))
            self._question(entry["q"]).answers[words] += 1

    def _end(self, entries: Sequence[Mapping[str, Any]], state: str) -> None:
        ends = [entry for entry in entries if entry["kind"] in ("confirmed", "unfinished")]
        if state == "open" or not ends:
            self.use.open += 1
        elif ends[-1]["kind"] == "confirmed":
            self.use.outcomes[self._label(ends[-1].get("outcome"))] += 1
        elif ends[-1].get("why") == "broken_off":
            self.use.broken_off += 1
        else:
            self.use.handed_over += 1

    def _remark(self, entry: Mapping[str, Any], answered: Iterable[Mapping[str, Any]]) -> MissingAnswer:
        answers = tuple(self._answer(one) for one in answered)
        at, text = datetime.fromisoformat(entry["at"]), entry.get("text") or None
        return MissingAnswer(at, text, self.call, entry["fact"], answers)

    def _answer(self, entry: Mapping[str, Any]) -> EarlierAnswer:
        value, words = entry.get("value"), self._words(entry["q"], entry["fact"], entry.get("value"))
        return EarlierAnswer(entry["fact"], None if words == TYPED else value, words)

    def _back(self, current: dict[str, Mapping[str, Any]], fact: str) -> None:
        if fact in current:
            self._question(current[fact]["q"]).backs += 1
            names = list(current)
            for name in names[names.index(fact) :]:
                del current[name]

    def _time(self, entry: Mapping[str, Any]) -> None:
        span = datetime.fromisoformat(entry["at"]) - datetime.fromisoformat(entry["asked"])
        if 0 <= span.total_seconds() <= _LONGEST_STEP:
            self._question(entry["q"]).seconds.append(span.total_seconds())

    def _question(self, id_: str) -> QuestionUse:
        if id_ not in self.use.questions:
            found = (q.say or q.hint for q in (self.script.questions if self.script else ()) if q.id == id_)
            self.use.questions[id_] = QuestionUse(id_, next(found, None) or id_)
        return self.use.questions[id_]

    def _label(self, outcome: str | None) -> str:
        spec = self.script.outcomes.get(outcome or "") if self.script else None
        return spec.label if spec else str(outcome)

    def _words(self, question: str, fact: str, value: FactValue | None) -> str:
        if self.script is None or fact not in self.script.facts or not self.script.facts[fact].listed:
            return TYPED
        labels = (
            asked.label_of(value) for asked in self.script.questions if asked.id == question and value is not None
        )
        return next(labels, None) or str(value)


def remarks_of(row: Any, known: Script | None, call: CallBehind) -> list[tuple[str, MissingAnswer]]:
    """The words of one journal that no answer fitted, each with the question in words; ``row`` of the journals."""
    use = ScriptUse(row.script, known.title if known else row.script)
    _Counting(use, known, call).count(row.entries, row.state)
    return [(question.words, remark) for question in use.questions.values() for remark in question.remarks]


def in_order(uses: Iterable[ScriptUse]) -> list[ScriptUse]:
    """The most used first."""
    return sorted(uses, key=lambda use: -use.calls)
