"""Retries and cancels deliveries by hand, singly or many: first the plan, then the act, in small transactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Literal

import structlog
from sqlalchemy import Connection, bindparam, select, update

from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor, acts_on_delivery, record
from plugin.ledger.chain import Change, note
from plugin.ledger.schema import attempts, breakers, calls, decisions, deliveries
from plugin.operations.selection import BATCH, Selection, chosen_ids, rows_of
from plugin.operations.transitions import Refusal, Transition, TransitionKind, breaks_promise, cancellation_of, retry_of

_LOG = structlog.get_logger(__name__)

Act = Literal["retry", "cancel"]
#: Broken promises that a plan names; more are only counted.
NAMED = 10

_CHANGE = update(deliveries).where(deliveries.c.id == bindparam("delivery"))
_SHOWN = (
    select(
        deliveries,
        calls.c.call_id,
        calls.c.namespace,
        calls.c.phone,
        calls.c.dry_run,
        calls.c.purged_at,
        calls.c.script,
        decisions.c.number,
        decisions.c.outcome,
        decisions.c.revision,
    )
    .join(calls, calls.c.id == deliveries.c.call_ref)
    .join(decisions, decisions.c.id == deliveries.c.decision_ref)
    .where(deliveries.c.id == bindparam("id"))
)
_PROBE_NOW = update(breakers).where(breakers.c.opened_at.is_not(None)).values(probe_wait=0.0)
_ATTEMPTS = select(attempts).where(attempts.c.delivery_ref == bindparam("id")).order_by(attempts.c.id)


@dataclass(slots=True)
class CalledOffPromise:
    """What a client was promised by ``deadline`` and is called off: kinds and how many of each."""

    call: int
    call_id: str
    phone: str | None
    deadline: datetime
    kinds: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class OperationPlan:
    """What an act comes to, or came to: how many deliveries of each step, and how many are left alone and why.

    ``promises`` are those that a cancellation breaks, by call; ``kept_reminders``: reminders that stay although a
    decision took them back.
    """

    act: Act
    steps: Counter[TransitionKind] = field(default_factory=Counter)
    refused: Counter[Refusal] = field(default_factory=Counter)
    promises: dict[int, CalledOffPromise] = field(default_factory=dict)
    kept_reminders: int = 0
    #: What becomes of each, by its number.
    items: dict[int, TransitionKind | Refusal] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many deliveries change."""
        return self.steps.total()

    def add(self, row: Mapping[str, Any], step: Transition | Refusal) -> None:
        """Take one delivery in."""
        self.items[row["id"]] = step if isinstance(step, Refusal) else step.kind
        if isinstance(step, Refusal):
            self.refused[step] += 1
            return
        self.steps[step.kind] += 1
        if self.act != "cancel":
            return
        if not breaks_promise(row):
            self.kept_reminders += row["kind"] == "withdrawal"
            return
        new = CalledOffPromise(row["call_ref"], row["call_id"], row["phone"], row["deadline_at"])
        self.promises.setdefault(row["call_ref"], new).kinds[row["kind"]] += 1


@dataclass(frozen=True, slots=True)
class Operation:
    """One act on the deliveries that are chosen. ``look_first`` belongs to a retry (``transitions``)."""

    ledger: Ledger
    act: Act
    chosen: Selection
    now: Now
    look_first: bool = False

    def plan(self) -> OperationPlan:
        """What it would come to now; changes nothing. Raises LedgerUnavailable."""
        plan = OperationPlan(self.act)
        with self.ledger.read() as connection:
            now = self.ledger.moment(connection, self.now)
            for batch in _batches(chosen_ids(connection, self.chosen, now)):
                for row in rows_of(connection, batch, self.chosen, now):
                    plan.add(row, self._step(row, now))
        return plan

    def carry_out(self, actor: Actor, plan: OperationPlan | None = None) -> OperationPlan:
        """Do it to what is chosen now, and record it; what came of it. Raises LedgerUnavailable.

        ``plan``: what is told of it is put in there, so that it is known too where a later batch fails. A retry also
        has the accounts that are away probed at once. Each batch is a transaction: one that fails leaves those before
        it done and on record.
        """
        plan = plan or OperationPlan(self.act)
        with self.ledger.read() as connection:
            ids = chosen_ids(connection, self.chosen, self.ledger.moment(connection, self.now))
        for batch in _batches(ids):
            with self.ledger.write() as connection:
                self._change(connection, batch, plan, actor)
        if self.act == "retry":
            with self.ledger.write() as connection:
                # A person who says "now" knows more than the breaker: the account is probed at once.
                connection.execute(_PROBE_NOW)
        if plan.count:
            steps = {kind.value: number for kind, number in plan.steps.items()}
            _LOG.info("operations.deliveries", act=self.act, by=actor.by, count=plan.count, steps=steps)
        return plan

    def _change(self, connection: Connection, batch: Sequence[int], plan: OperationPlan, actor: Actor) -> None:
        now = self.ledger.moment(connection, self.now)
        lines = []
        for row in rows_of(connection, batch, self.chosen, now, lock=True):
            step = self._step(row, now)
            plan.add(row, step)
            if isinstance(step, Refusal):
                continue
            connection.execute(_CHANGE.values(**step.values), {"delivery": row["id"]})
            after = step.values.get("state", row["state"])
            details = {"step": step.kind.value, "before": row["state"], "after": after}
            lines.append({"delivery_ref": row["id"], "call_ref": row["call_ref"], "details": details})
        note(connection, [Change("delivery", line["delivery_ref"], line["call_ref"]) for line in lines])
        record(connection, self.act, actor, now, lines)

    def _step(self, row: Mapping[str, Any], now: datetime) -> Transition | Refusal:
        retried = partial(retry_of, look_first=self.look_first)
        decide: Callable[[Mapping[str, Any], datetime], Transition | Refusal]
        decide = retried if self.act == "retry" else cancellation_of
        return decide(row, now)


def read_delivery(connection: Connection, id_: int) -> dict[str, Any] | None:
    """All about one delivery: its columns, its call's and decision's, its ``attempts`` and ``acts``."""
    row = connection.execute(_SHOWN, {"id": id_}).mappings().one_or_none()
    if row is None:
        return None
    tries = [dict(attempt) for attempt in connection.execute(_ATTEMPTS, {"id": id_}).mappings()]
    return dict(row) | {"tries": tries, "acts": acts_on_delivery(connection, id_)}


def text_of(delivery: Mapping[str, Any]) -> str:
    """The text as it was written, or, of what has not gone out, as it was planned."""
    text: str = (went_out(delivery) and delivery["sent_text"]) or delivery["text"]
    return text


def went_out(delivery: Mapping[str, Any]) -> bool:
    """Whether it did, or may have."""
    return delivery["state"] == "done" or delivery["sent_at"] is not None


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
