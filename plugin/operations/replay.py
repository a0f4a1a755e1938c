"""Decides calls again from what their events said, by the rules of that day or today's, as an event would be decided.

The planning is the events' own: an outcome that is the same writes nothing, another one is a correction. So a replay
that is repeated changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, select

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.errors import BadFacts, InputError, LedgerUnavailable, OptoutError
from plugin.events.apply import CallChange, move_of, save_move
from plugin.events.calls import Call
from plugin.events.decide_call import RevisionCache, RevisionNotLoaded, decide_call
from plugin.events.queries import StoredReport, call_at, reports_of, save_call
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor, record
from plugin.ledger.schema import calls, events

_LOG = structlog.get_logger(__name__)

#: Fetching the rules of a call again, where another event came in between.
_TRIES = 3

_ANSWERS = (
    select(events.c.answer, events.c.revision)
    .where(events.c.call_ref == bindparam("call"))
    .order_by(events.c.id.desc())
)
_PURGED = select(calls.c.purged_at).where(calls.c.id == bindparam("call"))


class RulesOf(StrEnum):
    """Which rules decide: those by which the call's last event was answered, or the active ones."""

    THAT_DAY = "that-day"
    TODAY = "today"


class LeftAloneError(Exception):
    """This call is not decided again. The message (Russian) says why."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became, or would become, of one call.

    ``added`` counts new deliveries by kind, ``cancelled`` and ``stopped`` earlier ones; ``unheard``: facts of the
    events that these rules do not take; ``problem``: why it was left alone.
    """

    id: int
    call_id: str
    script: str
    before: str | None = None
    after: str | None = None
    revision: str | None = None
    changed: bool = False
    added: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    stopped: int = 0
    unheard: tuple[str, ...] = ()
    problem: str | None = None


class Replay:
    """Replays calls of a ledger. Raises LedgerUnavailable, and ConfigError where no rules are active."""

    def __init__(self, ledger: Ledger, rules: ActiveRules, settings: Settings, now: Now, rules_of: RulesOf) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        self._rules_of = rules_of
        self._at_hand = RevisionCache(rules.current(), crm_mails=settings.crm.sends_mail)

    def plan(self, id_: int) -> Replayed:
        """What replaying this call would come to now; changes nothing."""
        return self._replayed(id_, None)

    def carry_out(self, id_: int, actor: Actor) -> Replayed:
        """Replay this call, in one transaction, and record it if anything changed."""
        return self._replayed(id_, actor)

    def _replayed(self, id_: int, actor: Actor | None) -> Replayed:
        for _ in range(_TRIES):
            try:
                # A plan, too: what it reads is locked, as for an event, and nothing is written.
                with self._ledger.write() as connection:
                    return self._in_transaction(connection, id_, actor)
            except RevisionNotLoaded as needed:
                try:
                    self._at_hand.add(self._rules.at(needed.revision))
                except LedgerUnavailable:
                    raise
                except InputError as error:
                    return self._left_alone(id_, f"правил того дня нет: {error.message}")
        raise LedgerUnavailable("the call keeps changing")

    def _left_alone(self, id_: int, why: str) -> Replayed:
        with self._ledger.write() as connection:
            return _told(call_at(connection, id_), problem=why)

    def _in_transaction(self, connection: Connection, id_: int, actor: Actor | None) -> Replayed:
        call = call_at(connection, id_)
        try:
            return self._decided_again(connection, call, actor)
        except LeftAloneError as why:
            return _told(call, problem=str(why))
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            return _told(call, problem=f"эти правила его не решают: {error.message}")

    def _decided_again(self, connection: Connection, call: Call, actor: Actor | None) -> Replayed:
        reports = reports_of(connection, call.stored_id)
        if connection.execute(_PURGED, {"call": call.stored_id}).scalar_one() is not None:
            raise LeftAloneError("личные данные звонка удалены")
        rulebook = self._rulebook(connection, call.stored_id)
        decider = rulebook.script(call.script)
        heard, unheard = _fitting(decider, reports)
        weighed = decide_call(
            call,
            decider,
            heard,
            modes=self._at_hand.modes(rulebook),
            received=self._now(),
            zone=self._settings.timezone,
        )
        told = _told(call, after=weighed.decision.outcome, revision=rulebook.revision, unheard=unheard)
        if not weighed.decision.complete:
            if call.outcome is not None:
                raise LeftAloneError("по этим правилам разговор не закончен; остаётся прежнее решение")
            return told
        move = move_of(connection, weighed, timedelta(minutes=self._settings.delivery.unfinished_after_minutes))
        told = _with_plan(told, move)
        if actor is not None and told.changed:
            save_call(connection, move.call)
            save_move(connection, weighed, move, call.stored_id, None)
            self._record(connection, call, told, actor, weighed.received)
        return told

    def _rulebook(self, connection: Connection, id_: int) -> Rulebook:
        if self._rules_of is RulesOf.TODAY:
            return self._at_hand.active
        for answer, pinned in connection.execute(_ANSWERS, {"call": id_}):
            revision = (answer.get("decision") or {}).get("ruleset") or pinned
            if revision:
                return self._at_hand.at(revision)
        raise LeftAloneError("неизвестно, по каким правилам он решался")

    def _record(self, connection: Connection, call: Call, told: Replayed, actor: Actor, now: datetime) -> None:
        details: dict[str, Any] = {
            "before": told.before,
            "after": told.after,
            "rules_of": self._rules_of.value,
            "revision": told.revision,
        }
        record(connection, "replay", actor, now, [{"call_ref": call.id, "details": details}])
        _LOG.info("operations.replayed", call=call.call_id, by=actor.by, **details)


def replayable(connection: Connection, *, since: datetime | None = None, outcome: str | None = None) -> list[int]:
    """The ids of the calls that ended at ``since`` or later and have this outcome, in the order of their coming in."""
    query = select(calls.c.id).where(calls.c.purged_at.is_(None)).order_by(calls.c.id)
    if since is not None:
        query = query.where(calls.c.last_occurred_at >= since)
    if outcome is not None:
        query = query.where(calls.c.outcome == outcome)
    return list(connection.execute(query).scalars())


def _told(call: Call, **more: Any) -> Replayed:
    return Replayed(call.stored_id, call.call_id, call.script, call.outcome, **more)


def _with_plan(told: Replayed, move: CallChange) -> Replayed:
    plan = move.plan
    return replace(
        told,
        changed=bool(move.decides or plan.add or plan.cancel or plan.stop),
        added=Counter(row.kind for row in plan.add),
        cancelled=len(plan.cancel),
        stopped=len(plan.stop),
    )


def _fitting(decider: Decider, reports: Sequence[StoredReport]) -> tuple[list[StoredReport], tuple[str, ...]]:
    """The events with the facts that these rules take, and the names of the others."""
    unheard: set[str] = set()
    fitting = []
    for stored in reports:
        facts = stored.report.facts
        try:
            decider.type_facts(facts)
        except BadFacts as error:
            wrong = {fault.field for fault in error.errors}
            unheard |= wrong
            facts = {name: value for name, value in facts.items() if name not in wrong}
        fitting.append(replace(stored, report=replace(stored.report, facts=facts)))
    return fitting, tuple(sorted(unheard))
