"""Decides the ledger's past calls again by other rules, and tells which of them would have come to something else.

Every event of a call is merged as the candidate would have merged it. Nothing is sent and nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, select

from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.facts import spelt
from plugin.deciding.decision.model import Action, Decision
from plugin.deciding.ruleset.values import Facts, FactValue
from plugin.errors import BadFacts, DecisionError, FactError, NoOutcome, OptoutError
from plugin.events.merge import CallReport, merged
from plugin.ledger.history import facts_of_event
from plugin.ledger.schema import calls, decisions, events
from plugin.operations.past_rules import BothRules, PastRules

#: Calls read from the ledger at a time.
_CHUNK = 1_000
UNFINISHED = "не завершён"
REFUSED = "факты не подходят"
_GAP = "нет итога: ни одно правило не заканчивает разговор"
_CONFLICT = "нет итога: правила спорят"

#: What the ledger keeps of a call and its card, by the fields that a vocabulary can hear.
_FIELDS: Mapping[str, str] = {
    "call.id": "call_id",
    "call.phone": "phone",
    "call.operator": "operator",
    "card.type": "card_type",
    "card.id": "card_id",
    "card.name": "card_name",
    "card.url": "card_url",
}
_PARTS: Mapping[str, str] = {
    "text": "текст",
    "role": "получатель",
    "subject": "тема",
    "due_in_hours": "срок",
    "working": "срок по рабочему времени",
    "email": "письмо",
    "kind": "вид записи",
    "target": "другая карточка",
}
_QUERY = (
    select(
        *(calls.c[name] for name in ("id", "namespace", "script", "last_occurred_at", "purged_at", *_FIELDS.values())),
        events.c.id.label("order"),
        events.c.occurred_at,
        events.c.facts,
        events.c.card_facts,
        decisions.c.outcome.label("decided"),
        decisions.c.revision.label("revision"),
        decisions.c.facts.label("decided_facts"),
    )
    .join(events, events.c.call_ref == calls.c.id)
    .outerjoin(
        decisions,
        and_(
            decisions.c.call_ref == calls.c.id,
            decisions.c.number == calls.c.decision_number,
            decisions.c.outcome.is_not(None),
        ),
    )
    .order_by(calls.c.id.desc(), events.c.id)
)


@dataclass(frozen=True, slots=True)
class PastCall:
    """A past call whose decision would differ, or (``refused``) whose facts the candidate does not take.

    ``old`` and ``new``: outcomes in the rules' words; ``what``: what differs under the same outcome, or why refused.
    """

    id: int
    call_id: str
    namespace: str
    at: datetime
    phone: str | None
    script: str
    old: str
    new: str
    what: str
    refused: bool


@dataclass(slots=True)
class Backtest:
    """What came of it. ``listed`` are the newest differing calls, up to the limit; ``groups`` count all of them.

    ``purged``: calls that cannot be decided again, since answers of theirs were removed with the personal data.
    ``outcomes_only``: calls of which only the outcome could be compared, since their rules cannot be read any more.
    ``unreminded``: differing calls that had a reminder and would have none.
    ``unheard``: fields of the call that the candidate reads and the ledger does not hold, in words.
    """

    calls: int = 0
    different: int = 0
    refused: int = 0
    purged: int = 0
    outcomes_only: int = 0
    unreminded: int = 0
    listed: list[PastCall] = field(default_factory=list)
    groups: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    unheard: dict[str, None] = field(default_factory=dict)


def backtest(
    connection: Connection,
    candidate: Rulebook,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = 100,
) -> Backtest:
    """Go through the calls that ended from ``since`` on and before ``until``. Raises EngineError, LedgerUnavailable."""
    result = Backtest()
    past = PastRules(connection, candidate)
    try:
        for rows in _calls(connection, since, until):
            if rows[0].purged_at is not None:
                result.purged += 1
                continue
            result.calls += 1
            found = _compared(past, rows, result)
            if found is not None:
                _count(result, found, limit)
    finally:
        past.close()
    return result


def _compared(past: PastRules, rows: Sequence[Any], result: Backtest) -> PastCall | None:
    call = rows[0]
    both = past.beside(call.revision, call.script)
    if both is None:
        old = past.of_that_day(call.revision, call.script)
        return _past(call, old, REFUSED, f"нет скрипта {call.script}", refused=True)
    found = _Comparison(both, rows, result).compare()
    return None if found is None else _past(call, both.old, found[0], found[1], refused=found[2])


def _past(call: Any, old: Decider | None, new: str, what: str, *, refused: bool) -> PastCall:
    decided = UNFINISHED if call.decided is None else old.outcome_label(call.decided) if old else call.decided
    at, who = call.last_occurred_at, call.phone
    return PastCall(call.id, call.call_id, call.namespace, at, who, call.script, decided, new, what, refused)


def _count(result: Backtest, found: PastCall, limit: int | None) -> None:
    result.refused += found.refused
    result.different += not found.refused
    result.groups[found.old, found.new, found.what] += 1
    if limit is None or len(result.listed) < limit:
        result.listed.append(found)


def _calls(connection: Connection, since: datetime | None, until: datetime | None) -> Iterator[list[Any]]:
    """The rows of each call, the newest call first."""
    query = _QUERY if since is None else _QUERY.where(calls.c.last_occurred_at >= since)
    query = query if until is None else query.where(calls.c.last_occurred_at < until)
    rows = connection.execution_options(yield_per=_CHUNK).execute(query)
    for _, group in groupby(rows, key=lambda row: row.id):
        yield list(group)


class _Comparison:
    """One call by both rules."""

    def __init__(self, both: BothRules, rows: Sequence[Any], result: Backtest) -> None:
        self._both, self._rows, self._result = both, rows, result
        self._call = rows[0]

    def compare(self) -> tuple[str, str, bool] | None:
        """The new outcome in words, what differs under the same one, whether refused; None where nothing differs."""
        new = self._both.new
        try:
            facts = self._both.sampled(self._facts())
            decision = new.decide(facts)
        except BadFacts as error:
            return REFUSED, "; ".join(_why(wrong, new) for wrong in error.errors), True
        except DecisionError as error:
            return _GAP if isinstance(error, NoOutcome) else _CONFLICT, "", False
        if decision.outcome != self._call.decided:
            if decision.outcome and not _reminds(decision.actions):
                before = self._again(facts)
                self._result.unreminded += before is not None and _reminds(before.actions)
            return new.outcome_label(decision.outcome) if decision.outcome else UNFINISHED, "", False
        what = self._compare(decision, facts) if decision.outcome else ""
        return (new.outcome_label(str(decision.outcome)), what, False) if what else None

    def _facts(self) -> Facts:
        """What the call's events said, typed and merged by the candidate. Raises BadFacts."""
        said = facts_of_event(self._call.facts, self._call.card_facts)
        if len(self._rows) == 1 and self._call.decided and self._both.vocabulary_is_same(said):
            # The rules that decided it took these facts: the candidate, whose vocabulary is the same, would too.
            facts = {name: value for name, value in said.items() if value is not None}
        else:
            facts = merged([self._report(row) for row in self._rows], self._both.new.path)
        brought = self._brought(facts) if self._both.new.sources else {}
        return facts | self._both.new.type_facts(brought) if brought else facts

    def _report(self, row: Any) -> CallReport:
        said = {
            name: value
            for name, value in facts_of_event(row.facts, row.card_facts).items()
            if not self._both.drops(name)
        }
        typed: dict[str, FactValue | None] = dict(self._both.new.type_facts(said))
        return CallReport(row.occurred_at, row.order, {name: typed.get(name) for name in said})

    def _brought(self, facts: Facts) -> dict[str, Any]:
        """The call's fields that the candidate reads and its events do not hold yet."""
        found = {}
        for name, path in self._both.new.sources.items():
            if name in facts:
                continue
            if path not in _FIELDS:
                self._result.unheard[path] = None
            elif (value := getattr(self._call, _FIELDS[path])) is not None:
                found[name] = value
        return found

    def _compare(self, decision: Decision, facts: Facts) -> str:
        """What differs under the same outcome; texts are compared with the same facts in them."""
        before = self._again(facts)
        if before is None:
            self._result.outcomes_only += 1
            return ""
        if before.actions == decision.actions:
            return ""
        self._result.unreminded += _reminds(before.actions) and not _reminds(decision.actions)
        return _differing(before.actions, decision.actions)

    def _again(self, facts: Facts) -> Decision | None:
        """What the rules of that day made of the call: of the same facts, or else of those that were decided on."""
        for known in (facts, self._call.decided_facts):
            with suppress(OptoutError, KeyError, ValueError):
                decision = self._both.old.decide(known) if self._both.old else None
                if decision is not None and decision.outcome == self._call.decided:
                    return decision
        return None


def _reminds(actions: tuple[Action, ...]) -> bool:
    return any(action.kind == "reminder" for action in actions)


def _why(wrong: FactError, decider: Decider) -> str:
    """Why a fact is refused; free words are not repeated, they may name a person."""
    fact = decider.script.facts.get(wrong.field)
    if fact is None:
        return f"нет факта {wrong.field}"
    value = f" «{spelt(fact, wrong.given)}»" if fact.listed and isinstance(wrong.given, bool | str) else ""
    where = "в вопросе нет ответа" if wrong.question else "не подходит значение"
    return f"{fact.label}: {where}{value}"


def _differing(before: tuple[Action, ...], after: tuple[Action, ...]) -> str:
    """In words what differs between two outcomes' actions."""
    was, now = ({(action.id, action.role): action for action in some} for some in (before, after))
    parts: dict[str, None] = {}
    if now.keys() - was.keys():
        parts["записей больше"] = None
    if was.keys() - now.keys():
        parts["записей меньше"] = None
    for key in was.keys() & now.keys():
        parts.update(
            (word, None) for name, word in _PARTS.items() if getattr(was[key], name) != getattr(now[key], name)
        )
    return ", ".join(sorted(parts)) or "порядок записей"
