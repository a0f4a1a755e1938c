"""Which of the due deliveries go next: oldest deadlines, newest promises and longest due ones all get their share.

So a backlog of any size drains without making new calls wait for it, and none of it waits for ever. The CRM, the mail
server that it sends by and the plugin's own have a lane each, so that what is away holds up only its own deliveries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, exists, func, literal_column, or_, select

from plugin.ledger.schema import deliveries
from plugin.ledger.states import MAILS, ON_CARDS, OPEN, DeliveryKind
from plugin.resilience.lanes import LANES, TO_CRM, Lane, lane_of

# As literals, in the order of the partial indexes: SQLite uses one only for the very same expression.
OPEN_LITERALS: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in OPEN]
_CRM_MAIL: ColumnElement[str] = literal_column(f"'{DeliveryKind.CRM_EMAIL}'")
#: What has an index by deadline: all that goes to the CRM, and what goes to the plugin's own mail server.
INDEXED = {
    "crm": deliveries.c.kind != literal_column(f"'{DeliveryKind.SMTP_EMAIL}'"),
    "mail": deliveries.c.kind == literal_column(f"'{DeliveryKind.SMTP_EMAIL}'"),
}
#: The lanes that are claimed from in one walk along an index, and what is found in them.
_WALKS: dict[frozenset[Lane], ColumnElement[bool]] = {
    TO_CRM: INDEXED["crm"],
    frozenset({Lane.CRM}): and_(INDEXED["crm"], deliveries.c.kind != _CRM_MAIL),
    frozenset({Lane.CRM_MAIL}): and_(INDEXED["crm"], deliveries.c.kind == _CRM_MAIL),
    frozenset({Lane.MAIL}): INDEXED["mail"],
}

_MAIL_KINDS: list[ColumnElement[str]] = [literal_column(f"'{kind}'") for kind in sorted(MAILS)]
_old = deliveries.alias("old")
_mate = deliveries.alias("mate")
# What takes something back comes after it: after the old reminder and, for a mail, after the old mail of its kind.
_OVERTAKES = exists().where(
    _old.c.id == deliveries.c.withdraws,
    _mate.c.decision_ref == _old.c.decision_ref,
    _mate.c.state.in_(OPEN_LITERALS),
    or_(
        _mate.c.id == _old.c.id,
        and_(_mate.c.role == _old.c.role, _mate.c.kind == deliveries.c.kind, _mate.c.withdraws.is_(None)),
    ),
)
# What says something of earlier decisions comes after they have ended, so that it says it of what was really written;
# and a correction in another card after its decision's own records, which may say it there already.
_BEFORE = exists().where(
    _mate.c.call_ref == deliveries.c.call_ref,
    _mate.c.state.in_(OPEN_LITERALS),
    _mate.c.withdraws.is_(None),
    or_(
        _mate.c.decision_ref < deliveries.c.decision_ref,
        and_(
            deliveries.c.corrects.is_not(None),
            _mate.c.decision_ref == deliveries.c.decision_ref,
            _mate.c.kind.in_([literal_column(f"'{kind}'") for kind in ON_CARDS]),
            _mate.c.id < deliveries.c.id,
        ),
    ),
    # A mail server that is away holds up nothing in the CRM, and a CRM that is away no mail for long.
    or_(
        _mate.c.kind == deliveries.c.kind,
        and_(_mate.c.kind.not_in(_MAIL_KINDS), deliveries.c.kind != DeliveryKind.SMTP_EMAIL.value),
        and_(
            deliveries.c.kind == DeliveryKind.SMTP_EMAIL.value,
            deliveries.c.created_at > bindparam("patient_since", type_=deliveries.c.created_at.type),
        ),
    ),
)
# What may be on its way is left out by naming these states in "held".
_FREE = deliveries.c.state.not_in(bindparam("held", expanding=True))
_NOT_TOO_SOON = and_(
    _FREE,
    or_(deliveries.c.withdraws.is_(None), ~_OVERTAKES),
    or_(deliveries.c.corrections.is_(None), ~_BEFORE),
)
_NOW = bindparam("now", type_=deliveries.c.not_before.type)
# ``not_before`` of a leased row is the end of its lease, so that one index range finds all that is due.
_DUE = and_(deliveries.c.state.in_(OPEN_LITERALS), deliveries.c.not_before <= _NOW, _NOT_TOO_SOON)
# The same, said so that no database sorts all that is due by deadline instead of walking the index of deadlines.
_DUE_BY_DEADLINE = and_(
    deliveries.c.state.in_(OPEN_LITERALS),
    func.coalesce(deliveries.c.not_before, deliveries.c.created_at) <= _NOW,
    _NOT_TOO_SOON,
)

_TAKEN = bindparam("taken", type_=deliveries.c.id.type, expanding=True)


def _claim(*where: ColumnElement[bool], order: tuple[ColumnElement[Any], ...]) -> Select[Any]:
    return (
        select(deliveries.c.id)
        .where(*where, deliveries.c.id.not_in(_TAKEN))
        .order_by(*order)
        .limit(bindparam("limit"))
        .with_for_update(of=deliveries, skip_locked=True)
    )


#: Whether anything is due at all, and in one lane. In an order, or the database may go through the table for it.
ANY_DUE = select(deliveries.c.id).where(_DUE).order_by(deliveries.c.not_before).limit(1)
ANY_DUE_IN = {
    lanes: select(deliveries.c.id).where(_DUE_BY_DEADLINE, inside).order_by(deliveries.c.deadline_at).limit(1)
    for lanes, inside in _WALKS.items()
}
OLDEST_DEADLINE = {
    lanes: _claim(_DUE_BY_DEADLINE, inside, order=(deliveries.c.deadline_at,)) for lanes, inside in _WALKS.items()
}
NEWEST_PROMISE = {
    lanes: _claim(_DUE_BY_DEADLINE, inside, order=(deliveries.c.deadline_at.desc(),))
    for lanes, inside in _WALKS.items()
}
LONGEST_DUE = _claim(_DUE, order=(deliveries.c.not_before, deliveries.c.id))

#: So long a mail that corrects others waits for the CRM to say whether it has what is corrected.
MAIL_PATIENCE = timedelta(minutes=10)
#: Kinds that a connector can write together with others.
BATCHED = (DeliveryKind.COMMENT, DeliveryKind.REMINDER, DeliveryKind.CRM_EMAIL)
#: What was decided together with these and may go out together with them.
BATCH_MATES = (
    select(deliveries.c.id)
    .where(
        deliveries.c.decision_ref.in_(select(_mate.c.decision_ref).where(_mate.c.id.in_(_TAKEN))),
        deliveries.c.kind.in_(bindparam("kinds", expanding=True)),
        deliveries.c.sent_at.is_(None),
        deliveries.c.id.not_in(_TAKEN),
        _DUE,
    )
    .order_by(deliveries.c.id)
    .limit(bindparam("limit"))
    .with_for_update(of=deliveries, skip_locked=True)
)

#: How the slots of claims are dealt out in turn, over many claims: half to the oldest deadlines.
_TURNS = ("deadline", "newest", "deadline", "longest")


def any_due(connection: Connection, now: datetime, lanes: Collection[Lane] = LANES, held: Collection[str] = ()) -> bool:
    """Whether there is anything to claim in these lanes; writes nothing."""
    statements = [ANY_DUE] if set(lanes) == set(LANES) else [ANY_DUE_IN[walk] for walk in walks(lanes)]
    given = {"now": now, "patient_since": now - MAIL_PATIENCE, "held": list(held)}
    return any(connection.execute(statement, given).first() is not None for statement in statements)


def walks(lanes: Collection[Lane]) -> list[frozenset[Lane]]:
    """These lanes by the walks that claim from them: both of the CRM's together where both are open."""
    to_crm, mail = TO_CRM & set(lanes), {Lane.MAIL} & set(lanes)
    return [frozenset(walk) for walk in (to_crm, mail) if walk]


def slots(first: int, limit: int) -> Counter[str]:
    """How many of the slots ``first``, ``first + 1``, … of all claims go to each order."""
    return Counter(_TURNS[slot % len(_TURNS)] for slot in range(first, first + limit))


def next_due(
    connection: Connection,
    now: datetime,
    limit: int,
    *,
    first: int = 0,
    lanes: Collection[Lane] = LANES,
    held: Collection[str] = (),
    batch_mates: int = 0,
    without: Collection[int] = (),
) -> list[int]:
    """The ids of up to ``limit`` due deliveries, in the order in which they are to go; locked where rows can be.

    ``first`` is how many slots earlier claims have dealt out; ``held`` are states to leave alone. With both lanes open
    the backlog of one leaves the other half of the slots. ``batch_mates``: up to so many more come along that were
    decided together with these; they take no slot, so that the slots are dealt out as ever. ``without``: deliveries to
    leave alone.
    """
    dealt, taken = slots(first, limit), list[int]()

    def take(statement: Select[Any], most: int, kinds: Collection[str] | None = None) -> bool:
        """Whether it had that many."""
        if most <= 0:
            return True
        given = {
            "now": now,
            "patient_since": now - MAIL_PATIENCE,
            "limit": most,
            "taken": [*taken, *without],
            "held": list(held),
        }
        more_given = {} if kinds is None else {"kinds": list(kinds)}
        found: list[int] = list(connection.execute(statement, given | more_given).scalars())
        taken.extend(found)
        return len(found) == most

    more = walks(lanes)
    both = set(lanes) == set(LANES)
    if not both:
        dealt["deadline"] += dealt["longest"]
    for statements, most in ((OLDEST_DEADLINE, dealt["deadline"]), (NEWEST_PROMISE, dealt["newest"])):
        end = len(taken) + most
        # Half a lane, the odd slot to either in turn; then all that is left to whichever has more.
        for share in ((most + first % 2) // 2, most) if len(more) > 1 else (most,):
            for walk in list(more):
                if not take(statements[walk], min(share, end - len(taken))):
                    more.remove(walk)
    if both and more:
        take(LONGEST_DUE, dealt["longest"])
    for walk in more:
        take(OLDEST_DEADLINE[walk], limit - len(taken))
    mates = [kind for kind in BATCHED if lane_of(kind) in lanes]
    if batch_mates and taken and mates:
        take(BATCH_MATES, batch_mates, mates)
    return taken
