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
from plugin.errors import InputError, LedgerUnavailable, OptoutError
from plugin.events.calls import Call
from plugin.events.decide_call import decide_call
from plugin.events.facts import unfit_facts
from plugin.events.load_call import LoadedCall, load_call, lock_call
from plugin.events.merge import CallReport
from plugin.events.plan_change import CallChange, plan_change
from plugin.events.revision_cache import RevisionCache
from plugin.events.save_change import save_change
from plugin.events.save_suppression import save_suppression
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor, record
from plugin.ledger.chain import Change, note
from plugin.ledger.schema import calls, events

_LOG = structlog.get_logger(__name__)

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
        self._settings = settings
        self._now = now
        self._rules_of = rules_of
        self._revisions = RevisionCache(rules, crm_mails=settings.crm.sends_mail)

    def plan(self, id_: int) -> Replayed:
        """What replaying this call would come to now; changes nothing."""
        return self._replayed(id_, None)

    def carry_out(self, id_: int, actor: Actor) -> Replayed:
        """Replay this call, in one transaction, and record it if anything changed."""
        return self._replayed(id_, actor)

    def _replayed(self, id_: int, actor: Actor | None) -> Replayed:
        try:
            # A plan, too: what it reads is locked, as for an event, and nothing is written.
            return self._revisions.complete(lambda: self._in_transaction(id_, actor))
        except InputError as error:
            # Those of the rules in the transaction are answered there: this revision could not be fetched.
            with self._ledger.write() as connection:
                return _told(lock_call(connection, id_), problem=f"правил того дня нет: {error.message}")

    def _in_transaction(self, id_: int, actor: Actor | None) -> Replayed:
        with self._ledger.write() as connection:
            return self._replay(connection, id_, actor)

    def _replay(self, connection: Connection, id_: int, actor: Actor | None) -> Replayed:
        loaded = load_call(connection, id_)
        try:
            return self._decided_again(connection, loaded, actor)
        except LeftAloneError as why:
            return _told(loaded.call, problem=str(why))
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            return _told(loaded.call, problem=f"эти правила его не решают: {error.message}")

    def _decided_again(self, connection: Connection, loaded: LoadedCall, actor: Actor | None) -> Replayed:
        call = loaded.call
        if connection.execute(_PURGED, {"call": call.stored_id}).scalar_one() is not None:
            raise LeftAloneError("личные данные звонка удалены")
        rulebook = self._rulebook(connection, call.stored_id)
        reports, unheard = _fitting(rulebook.script(call.script), loaded.reports)
        decided = decide_call(
            replace(loaded, reports=reports),
            rulebook,
            modes=self._revisions.modes(rulebook),
            received=self._now(),
            zone=self._settings.timezone,
        )
        told = _told(call, after=decided.decision.outcome, revision=rulebook.revision, unheard=unheard)
        if not decided.decision.complete:
            if call.outcome is not None:
                raise LeftAloneError("по этим правилам разговор не закончен; остаётся прежнее решение")
            return told
        change = plan_change(decided, timedelta(minutes=self._settings.delivery.unfinished_after_minutes))
        told = _with_plan(told, change)
        if actor is not None and told.changed:
            save_change(connection, change)
            self._record(connection, call, told, actor, decided.received)
        elif actor is not None and change.suppression is not None:
            # The same outcome may say of the number what rules before it did not.
            save_suppression(connection, change.suppression, call.stored_id, decided.received, is_new_call=False)
            note(connection, [Change("said", call.stored_id, call.stored_id)])
        return told

    def _rulebook(self, connection: Connection, id_: int) -> Rulebook:
        if self._rules_of is RulesOf.TODAY:
            return self._revisions.active
        for answer, pinned in connection.execute(_ANSWERS, {"call": id_}):
            revision = (answer.get("decision") or {}).get("ruleset") or pinned
            if revision:
                return self._revisions.at(revision)
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


def _with_plan(told: Replayed, change: CallChange) -> Replayed:
    plan = change.plan
    return replace(
        told,
        changed=not change.is_empty,
        added=Counter(row.kind for row in plan.add),
        cancelled=len(plan.cancel),
        stopped=len(plan.stop),
    )


def _fitting(decider: Decider, reports: Sequence[CallReport]) -> tuple[list[CallReport], tuple[str, ...]]:
    """The events with the facts that these rules take, and the names of the others."""
    unheard: set[str] = set()
    fitting = []
    for report in reports:
        unfit = unfit_facts(decider, report.facts)
        unheard |= unfit
        facts = {name: value for name, value in report.facts.items() if name not in unfit}
        fitting.append(replace(report, facts=facts))
    return fitting, tuple(sorted(unheard))
