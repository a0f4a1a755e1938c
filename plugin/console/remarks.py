"""«Нет нужного ответа»: what clients said that no answer fits, which of it somebody has seen to, and seeing to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from plugin.common.clock import Now
from plugin.errors import InputError
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor, record
from plugin.ledger.trails import settled_remarks, trails
from plugin.operator_page.missing_answers import MissingAnswer, call_behind
from plugin.operator_page.usage_report import ScriptOf, remarks_of

_t, _s = trails.c, settled_remarks.c
_REMARKED = (_t.remarks > 0, _t.updated_at >= bindparam("since", type_=_t.updated_at.type))
_NEWEST = select(trails).where(*_REMARKED).order_by(_t.updated_at.desc(), _t.id.desc()).limit(bindparam("limit"))
_SAID = select(func.coalesce(func.sum(_t.remarks), 0)).where(*_REMARKED)
_SETTLED = select(func.count()).select_from(settled_remarks.join(trails)).where(*_REMARKED)


@dataclass(frozen=True, slots=True)
class SettledRemark:
    """Who has seen to it, when, and what came of it."""

    at: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Words that no answer fitted. ``trail`` and ``said_at`` tell it from others; ``question`` as it was asked."""

    trail: int
    said_at: str
    script: str
    script_name: str
    question: str
    missing: MissingAnswer
    settled: SettledRemark | None


def newest_remarks(connection: Connection, script_of: ScriptOf, since: datetime, limit: int) -> list[Remark]:
    """Those of the ``limit`` journals that were last touched since then, the newest first."""
    rows = connection.execute(_NEWEST, {"since": since, "limit": limit}).all()
    settled = _settled(connection, [row.id for row in rows])
    return [remark for row in rows for remark in _of_journal(connection, row, script_of, settled)]


def find_remark(connection: Connection, script_of: ScriptOf, trail: int, said_at: str) -> Remark:
    """One of them. Raises InputError for one that is not there."""
    row = connection.execute(select(trails).where(_t.id == trail)).one_or_none()
    found = _of_journal(connection, row, script_of, _settled(connection, [trail])) if row else []
    for one in found:
        if one.said_at == said_at:
            return one
    raise _gone()


def count_open(connection: Connection, since: datetime) -> int:
    """How many nobody has seen to yet."""
    chosen = {"since": since}
    return int(connection.execute(_SAID, chosen).scalar_one()) - connection.execute(_SETTLED, chosen).scalar_one()


def settle(ledger: Ledger, trail: int, said_at: str, actor: Actor, now: Now) -> None:
    """Note that somebody has seen to it; again changes nothing. Raises InputError for one that is not there."""
    with ledger.write() as connection:
        entries = connection.execute(select(_t.entries).where(_t.id == trail)).scalar_one_or_none() or ()
        if not any(entry.get("kind") == "other" and entry.get("at") == said_at for entry in entries):
            raise _gone()
        if connection.execute(select(_s.id).where(_s.trail_ref == trail, _s.said_at == said_at)).first():
            return
        moment = now()
        row = {"trail_ref": trail, "said_at": said_at, "at": moment, "by": actor.by, "why": actor.why}
        connection.execute(insert(settled_remarks), row)
        record(connection, "answer", actor, moment, [{"details": {"journal": trail, "said_at": said_at}}])


def _settled(connection: Connection, ids: Sequence[int]) -> dict[tuple[int, str], SettledRemark]:
    rows = connection.execute(select(settled_remarks).where(_s.trail_ref.in_(ids)))
    return {(row.trail_ref, row.said_at): SettledRemark(row.at, row.by, row.why) for row in rows}


def _of_journal(
    connection: Connection, row: Any, script_of: ScriptOf, settled: dict[tuple[int, str], SettledRemark]
) -> list[Remark]:
    known = script_of(row.revision, row.script)
    times = {datetime.fromisoformat(entry["at"]): entry["at"] for entry in row.entries if entry["kind"] == "other"}
    found = remarks_of(row, known, call_behind(connection, row))
    title = known.title if known else row.script
    return [
        Remark(row.id, times[one.at], title, row.script, question, one, settled.get((row.id, times[one.at])))
        for question, one in sorted(found, key=lambda pair: pair[1].at, reverse=True)
    ]


def _gone() -> InputError:
    return InputError("Такого ответа нет", hint="Откройте список заново")
