"""10,000 open reminders watched on a simulated clock: how much of a CRM's quota it takes, and how late it notices."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from sqlalchemy import text

from benchmarks.measure import Row
from connectors.base import Limits, ReminderState, ReminderStatus
from connectors.registry import connector_class
from plugin.config.settings import DeliveryPolicy
from plugin.doctor.catalogue import usual_limits
from plugin.ledger import Ledger
from plugin.promise.reminder_watch import ReminderWatch, watch_limits
from plugin.resilience.gates import AccountGates
from plugin.resilience.quota import SharedQuota
from tests.plugin.delivery.fake_crm import Clock, Crm, FakeCrm
from tests.support.backlog import fill

REMINDERS = 10_000
#: The deadlines are spread over a day's work; the first one is so far away.
SPREAD, FIRST = timedelta(hours=10), timedelta(hours=2)
_HOUR = timedelta(hours=1)
#: A request takes this long.
_REQUEST_SECONDS = 0.3
_WATCHED = """
    INSERT INTO watched_reminders (delivery_ref, call_ref, remote_id, state, due_by, next_look_at,
        is_missing, is_reassigned, is_postponed)
    SELECT id, call_ref, CAST(id AS TEXT), 'open', {due}, :now, false, false, false FROM deliveries
"""
_DUE = "strftime('%Y-%m-%d %H:%M:%f000', :first, (id * :step) || ' seconds')"


class CountedCrm(FakeCrm):
    """Nobody does anything in it; every request is noted. It has the limits of the CRM of this name."""

    def __init__(self, crm: Crm, name: str) -> None:
        super().__init__(crm)
        kind = connector_class(name)
        limits = usual_limits(kind)
        assert limits is not None
        self._limits: Limits = limits
        self.most_reminders = kind.most_reminders  # type: ignore[misc]
        self.requests = 0
        self.looks: dict[int, list[datetime]] = {}

    def limits(self) -> Limits:
        return self._limits

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        self.requests += 1
        for one in remote_ids:
            self.looks.setdefault(int(one), []).append(self.crm.clock())
        return {one: ReminderStatus(ReminderState.OPEN, person="u1") for one in remote_ids}


def pace(reminders: int = REMINDERS) -> list[Row]:
    """The part of the quota that is used, and the latest that a change within the last hour would be noticed."""
    return [row for name in ("bitrix24", "amocrm") for row in _paced(name, reminders)]


def _paced(name: str, reminders: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="optout-bench-") as folder:
        clock = Clock()
        began = clock()
        ledger = Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}", clock=clock)
        ledger.upgrade()
        deadlines = _filled(ledger, reminders, began)
        crm = CountedCrm(Crm(clock), name)
        _watch(ledger, crm, clock, began + FIRST + SPREAD + _HOUR)
        ledger.close()
    seconds = (clock() - began).total_seconds()
    share = crm.requests / (seconds * crm.limits().requests_per_second)
    late = max(_latest(crm.looks.get(one, []), due) for one, due in deadlines.items()) / timedelta(minutes=1)
    yield Row(f"{name}: part of the quota", f"{share:.4f}", "<= 0.05", share <= 0.05)
    yield Row(f"{name}: noticed in the last hour, min", f"{late:.1f}", "<= 15", late <= 15)
    yield Row(f"({name}: requests in {seconds / 3600:.0f} h)", f"{crm.requests:,}")


def _filled(ledger: Ledger, reminders: int, now: datetime) -> dict[int, datetime]:
    """Their deadlines, by the delivery's id."""
    fill(ledger, reminders, now, open_from=reminders)
    given = {"now": _stored(now), "first": _stored(now + FIRST), "step": SPREAD.total_seconds() / reminders}
    with ledger.write() as connection:
        connection.execute(text(_WATCHED.format(due=_DUE.replace(":%", r"\:%"))), given)
        rows = connection.exec_driver_sql("SELECT delivery_ref, due_by FROM watched_reminders")
        return {row[0]: datetime.fromisoformat(row[1]).replace(tzinfo=UTC) for row in rows}


def _stored(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _watch(ledger: Ledger, crm: CountedCrm, clock: Clock, until: datetime) -> None:
    def seconds() -> float:
        return clock().timestamp()

    gates = AccountGates(ledger, crm, DeliveryPolicy(), clock)
    quota = SharedQuota(ledger, "bench.watch", watch_limits(crm.limits()), clock, clock=seconds, sleep=clock.advance)
    watch = ReminderWatch(ledger, crm, gates, clock, "bench", quota=quota)
    while clock() < until:
        before = crm.requests
        wait = watch.step()
        clock.advance(wait + _REQUEST_SECONDS * (crm.requests - before))


def _latest(looks: Sequence[datetime], due: datetime) -> timedelta:
    """The longest that anything done from an hour before the deadline to it would have waited to be noticed."""
    after = next((look for look in looks if look > due), due + timedelta(days=1))
    seen = [due - _HOUR, *(look for look in looks if due - _HOUR < look <= due), after]
    return max(later - earlier for earlier, later in pairwise(seen))
