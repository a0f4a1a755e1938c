"""Checks the whole chain, in small steps that are kept: a check that was broken off goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, insert, select, update

from plugin.common.clock import Now
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.chain.check import ChainFault, CheckProgress, check_on
from plugin.ledger.chain.links import BEFORE_ALL
from plugin.ledger.chain.tables import chain, chain_checks

_LOG = structlog.get_logger(__name__)

#: Entries of one step on the command line, and of one beside a service's work.
ENTRIES, ENTRIES_ASIDE = 5_000, 1_000
_DAY = timedelta(days=1)
_c = chain_checks.c
_NEWEST = select(chain_checks).order_by(_c.id.desc()).limit(1)
_KEEP = update(chain_checks).where(_c.id == bindparam("check"), _c.seq == bindparam("was"), _c.ended_at.is_(None))
_LINK = select(chain.c.link).where(chain.c.seq == bindparam("of"))


class ChainCheck:
    """One check of the chain, which several processes may carry on. Everything raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now
        self._id = 0
        self.progress = CheckProgress()

    def begin(self, *, again: bool = False) -> bool:
        """Go on with the check that was broken off, unless ``again``, or begin one; whether it was gone on with."""
        with self._ledger.write(alone=True) as connection:
            row = connection.execute(_NEWEST).mappings().one_or_none()
            if row is not None and row["ended_at"] is None and not again:
                self._take_up(dict(row))
                return True
            values = {"began_at": self._ledger.moment(connection, self._now), "seq": 0, "link": BEFORE_ALL}
            added = connection.execute(insert(chain_checks).returning(_c.id), values | {"faults": [], "fault_count": 0})
            self._id, self.progress = added.scalar_one(), CheckProgress()
            return False

    def step(self, entries: int = ENTRIES) -> CheckProgress:
        """Check the next entries and keep how far that is; another process's progress is taken up."""
        was = self.progress.seq
        with self._ledger.read() as connection:
            progress = check_on(connection, self.progress, entries)
        with self._ledger.write() as connection:
            ended_at = self._ledger.moment(connection, self._now) if progress.ended else None
            kept = _KEEP.values(ended_at=ended_at, **_kept(progress))
            if connection.execute(kept, {"check": self._id, "was": was}).rowcount:
                self.progress = progress
            else:
                self._take_up(dict(connection.execute(_NEWEST).mappings().one()))
        if self.progress.ended:
            if self.progress.fault_count:
                _LOG.error("chain.broken", entries=self.progress.seq, faults=self.progress.fault_count)
            else:
                _LOG.info("chain.checked", entries=self.progress.seq)
        return self.progress

    def _take_up(self, row: Mapping[str, Any]) -> None:
        faults = tuple(ChainFault(**fault) for fault in row["faults"])
        self._id = row["id"]
        self.progress = CheckProgress(row["seq"], row["link"], faults, row["fault_count"], row["ended_at"] is not None)


def _kept(progress: CheckProgress) -> dict[str, Any]:
    faults = [asdict(fault) for fault in progress.faults]
    return {"seq": progress.seq, "link": progress.link, "faults": faults, "fault_count": progress.fault_count}


def has_head(connection: Connection, seq: int, link: str) -> bool:
    """Whether the chain has this link at this place, as a mail or a paper said on some day."""
    return bool(connection.execute(_LINK, {"of": seq}).scalar_one_or_none() == link)


class DailyChainCheck:
    """The service's share: one check a day for the whole ledger, however many processes there are."""

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now
        self._check: ChainCheck | None = None

    def step(self) -> bool:
        """Do a small part of it if its time has come; whether there is more. Raises LedgerUnavailable."""
        if self._check is None:
            if not self._is_due():
                return False
            self._check = ChainCheck(self._ledger, self._now)
            self._check.begin()
        try:
            ended = self._check.step(ENTRIES_ASIDE).ended
        except LedgerUnavailable:
            raise
        except Exception:
            # A fault is told once, not with every look: the check is gone on with later.
            self._check = None
            raise
        if ended:
            self._check = None
        return not ended

    def _is_due(self) -> bool:
        with self._ledger.read() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
            now = self._ledger.moment(connection, self._now)
        # A clock that was set back must not put it off for ever.
        return newest is None or newest.ended_at is None or abs(now - newest.began_at) >= _DAY


def check_whole(check: ChainCheck, told: Callable[[CheckProgress], None]) -> CheckProgress:
    """Check to the end; ``told`` after every step how far it is."""
    while not (progress := check.step()).ended:
        told(progress)
    return progress
