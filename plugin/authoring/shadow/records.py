"""Shadows in the ledger: begun, stopped, counted, and what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, update

from plugin.authoring.shadow.compare import DifferenceKind, ShadowDifference
from plugin.errors import InputError
from plugin.ledger.schema import calls, decisions, events
from plugin.ledger.shadows import shadow_differences, shadows


@dataclass(frozen=True, slots=True)
class Shadow:
    """A revision that decides beside the active one. ``ended_at`` None: it goes on; ``why`` it was ended."""

    id: int
    revision: str
    began_at: datetime
    by: str
    after: int
    position: int
    failed: int
    ended_at: datetime | None
    why: str | None


@dataclass(frozen=True, slots=True)
class SeenDecision:
    """A live call's decision, as it was made."""

    id: int
    call_ref: int
    script: str
    facts: Mapping[str, Any]
    decision: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShadowGroup:
    """Decisions that differ alike, and the newest call among them, by the ledger's number."""

    script: str
    kind: DifferenceKind
    old: str
    new: str
    decisions: int
    call: int


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What a shadow came to. ``calls``: those it saw; ``on_page``: of these, those of the operators' page.

    ``waiting``: decisions that it has not looked at yet.
    """

    shadow: Shadow
    calls: int
    on_page: int
    waiting: int
    groups: Sequence[ShadowGroup]

    @property
    def by_kind(self) -> Counter[DifferenceKind]:
        """How many decisions differ in what."""
        found: Counter[DifferenceKind] = Counter()
        for group in self.groups:
            found[group.kind] += group.decisions
        return found


def running_shadow(connection: Connection) -> Shadow | None:
    """The one that goes on."""
    row = connection.execute(select(shadows).where(shadows.c.ended_at.is_(None)).order_by(shadows.c.id)).first()
    return None if row is None else Shadow(*row)


def newest_shadow(connection: Connection, revision: str | None = None) -> Shadow | None:
    """The one that was begun last, of this revision or of any."""
    query = select(shadows).order_by(shadows.c.id.desc()).limit(1)
    row = connection.execute(query if revision is None else query.where(shadows.c.revision == revision)).first()
    return None if row is None else Shadow(*row)


def newest_shadows(connection: Connection, most: int) -> list[Shadow]:
    """Those that were begun last, the newest first."""
    return [Shadow(*row) for row in connection.execute(select(shadows).order_by(shadows.c.id.desc()).limit(most))]


def begin_shadow(connection: Connection, revision: str, by: str, now: datetime) -> Shadow:
    """From now on this stored revision decides beside the active one. Raises InputError while another does."""
    if (other := running_shadow(connection)) is not None:
        raise InputError(
            f"Рядом уже решает редакция {other.revision[:16]}", hint="Остановите её: optout rules shadow --stop"
        )
    after = newest_decision(connection)
    row = {"revision": revision, "began_at": now, "by": by, "after": after, "position": after, "failed": 0}
    connection.execute(insert(shadows), row)
    begun = running_shadow(connection)
    assert begun is not None
    return begun


def end_shadow(connection: Connection, shadow: Shadow, now: datetime, why: str | None = None) -> None:
    """It decides no more; what it came to stays."""
    going_on = and_(shadows.c.id == shadow.id, shadows.c.ended_at.is_(None))
    connection.execute(update(shadows).where(going_on).values(ended_at=now, why=why))


def newest_decision(connection: Connection) -> int:
    """The ledger's number of the newest decision."""
    return connection.execute(select(func.max(decisions.c.id))).scalar_one() or 0


def decisions_to_see(connection: Connection, shadow: Shadow, until: int, most: int) -> list[SeenDecision]:
    """The decisions of live calls that come next, at most so many."""
    query = (
        select(decisions.c.id, decisions.c.call_ref, calls.c.script, decisions.c.facts, decisions.c.decision)
        .join(calls, calls.c.id == decisions.c.call_ref)
        .where(
            decisions.c.id > shadow.position,
            decisions.c.id <= until,
            calls.c.dry_run.is_(False),
            calls.c.purged_at.is_(None),
        )
        .order_by(decisions.c.id)
        .limit(most)
    )
    return [SeenDecision(*row) for row in connection.execute(query)]


def save_seen(
    connection: Connection,
    shadow: Shadow,
    position: int,
    found: Sequence[tuple[SeenDecision, ShadowDifference]],
    failed: int,
) -> bool:
    """Count what was found up to this decision; False where another process has done so, or it was ended."""
    ours = and_(shadows.c.id == shadow.id, shadows.c.position == shadow.position, shadows.c.ended_at.is_(None))
    moved = connection.execute(update(shadows).where(ours).values(position=position, failed=shadows.c.failed + failed))
    if not moved.rowcount:
        return False
    for seen, (kind, old, new) in found:
        _count(connection, shadow, seen, kind, old, new)
    return True


def report_of(connection: Connection, shadow: Shadow, page_source: str) -> ShadowReport:
    """What it came to up to now; ``page_source``: the source of the operators' page."""
    seen = and_(decisions.c.id > shadow.after, decisions.c.id <= shadow.position, calls.c.dry_run.is_(False))
    called = select(func.count(decisions.c.call_ref.distinct())).join(calls, calls.c.id == decisions.c.call_ref)
    from_page = called.join(events, events.c.id == decisions.c.event_ref).where(events.c.source == page_source)
    groups = connection.execute(
        select(shadow_differences).where(shadow_differences.c.shadow_ref == shadow.id)
    ).mappings()
    found = [
        ShadowGroup(
            row["script"], DifferenceKind(row["kind"]), row["old"], row["new"], row["decisions"], row["call_ref"]
        )
        for row in groups
    ]
    ended = shadow.ended_at is not None
    waiting = 0 if ended else _waiting(connection, shadow)
    return ShadowReport(
        shadow,
        connection.execute(called.where(seen)).scalar_one(),
        connection.execute(from_page.where(seen)).scalar_one(),
        waiting,
        sorted(found, key=lambda group: -group.decisions),
    )


def _waiting(connection: Connection, shadow: Shadow) -> int:
    query = select(func.count()).select_from(decisions).where(decisions.c.id > shadow.position)
    return connection.execute(query).scalar_one()


def _count(
    connection: Connection, shadow: Shadow, seen: SeenDecision, kind: DifferenceKind, old: str, new: str
) -> None:
    alike = {"shadow_ref": shadow.id, "script": seen.script, "kind": str(kind), "old": old, "new": new}
    same = and_(*(shadow_differences.c[name] == value for name, value in alike.items()))
    known = connection.execute(
        update(shadow_differences)
        .where(same)
        .values(decisions=shadow_differences.c.decisions + 1, call_ref=seen.call_ref)
    )
    if not known.rowcount:
        connection.execute(insert(shadow_differences), alike | {"decisions": 1, "call_ref": seen.call_ref})
