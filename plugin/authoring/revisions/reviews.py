"""Another person's word before rules go live: submitted, agreed to, and bound to what exactly was looked at.

An agreement holds for one revision, the digest of its content, over one activation: an edit, or another publication
meanwhile, needs it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select

from plugin.authoring.revisions.activate import store
from plugin.authoring.revisions.archive import has_table, newest_activation
from plugin.errors import InputError
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor
from plugin.ledger.schema import rule_reviews

if TYPE_CHECKING:
    from plugin.deciding.decision.compiled_rules import Rulebook

SUBMIT, APPROVE, WITHDRAW = "submit", "approve", "withdraw"
_r = rule_reviews.c


@dataclass(frozen=True, slots=True)
class RulesReview:
    """One step of a review. ``act``: submit, approve or withdraw; ``over``: the activation they were held against."""

    revision: str
    act: str
    over: int | None
    at: datetime
    by: str
    reason: str


def submit(ledger: Ledger, rulebook: Rulebook, actor: Actor, at: datetime, *, over: int | None) -> None:
    """Keep these rules, and note that they wait for another person's word to replace activation ``over``."""
    with ledger.write(alone=True) as connection:
        store(connection, rulebook, at)
        _add(connection, rulebook.revision, SUBMIT, over, actor, at)


def approve(ledger: Ledger, rulebook: Rulebook, actor: Actor, at: datetime, *, over: int | None) -> None:
    """Note that this person agrees that the rules replace activation ``over``.

    Raises InputError where they submitted the rules themselves, or where others were published meanwhile.
    """
    with ledger.write(alone=True) as connection:
        active = newest_activation(connection)
        if (active.id if active else None) != over:
            raise InputError("Пока Вы смотрели, активные правила изменились", hint="Повторите команду")
        steps = _steps(connection, rulebook.revision, over)
        if any(step.act == SUBMIT and _folded(step.by) == _folded(actor.by) for step in steps):
            raise InputError(f"{actor.by}: своё изменение согласовать нельзя", hint="Нужен другой человек")
        store(connection, rulebook, at)
        _add(connection, rulebook.revision, APPROVE, over, actor, at)


def withdraw(ledger: Ledger, revision: str, actor: Actor, at: datetime) -> None:
    """Take rules back that wait, and what was agreed to of them. Raises InputError where they do not wait."""
    with ledger.write(alone=True) as connection:
        found = next((one for one in waiting(connection) if one.revision == revision), None)
        if found is None:
            raise InputError("Эти правила согласования уже не ждут", hint="Вернитесь к списку")
        _add(connection, revision, WITHDRAW, found.over, actor, at)


def approvers(connection: Connection, revision: str, over: int | None, publisher: str) -> tuple[str, ...]:
    """Who agreed to this revision over this activation and is none of its authors."""
    steps = _steps(connection, revision, over)
    authors = {_folded(step.by) for step in steps if step.act == SUBMIT} or {_folded(publisher)}
    found = {_folded(step.by): step.by for step in steps if step.act == APPROVE}
    return tuple(name for folded, name in found.items() if folded not in authors)


def waiting(connection: Connection) -> list[RulesReview]:
    """What was submitted over the present activation, the newest first; what was agreed to stays until it is active."""
    if not has_table(connection, "rule_reviews"):
        return []
    active = newest_activation(connection)
    query = select(rule_reviews).where(_r.over == active.id if active else _r.over.is_(None), _r.act != APPROVE)
    found: dict[str, RulesReview] = {}
    for row in connection.execute(query.order_by(_r.id)):
        if row.act == WITHDRAW:
            found.pop(row.revision, None)
        else:
            found[row.revision] = _review(row)
    return [one for one in reversed(found.values()) if active is None or one.revision != active.revision]


def _steps(connection: Connection, revision: str, over: int | None) -> list[RulesReview]:
    where = _r.over.is_(None) if over is None else _r.over == over
    rows = connection.execute(select(rule_reviews).where(_r.revision == revision, where).order_by(_r.id))
    steps = [_review(row) for row in rows]
    # What was agreed to before it was taken back is agreed to no more.
    taken_back = max((number for number, one in enumerate(steps, 1) if one.act == WITHDRAW), default=0)
    return steps[taken_back:]


def _review(row: object) -> RulesReview:
    return RulesReview(*(getattr(row, name) for name in ("revision", "act", "over", "at", "by", "reason")))


def _add(connection: Connection, revision: str, act: str, over: int | None, actor: Actor, at: datetime) -> None:
    row = {"revision": revision, "act": act, "over": over, "at": at}
    connection.execute(insert(rule_reviews), row | {"by": actor.by, "reason": actor.why})


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
