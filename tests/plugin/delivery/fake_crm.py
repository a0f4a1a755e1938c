"""A CRM in memory that does to its callers whatever a test tells it to, on the test's own clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from marshmallow import Schema

from connectors.base import (
    Assignee,
    CallResult,
    Card,
    CardRef,
    Check,
    Connector,
    CrmRefused,
    CrmUnavailable,
    Done,
    Kind,
    Limits,
    NotDone,
    Outcome,
    Reference,
    ReminderState,
    Unknown,
    Write,
)
from connectors.kit.names import same_name
from connectors.kit.phones import same_number

LIMITS = Limits(connect_seconds=5, read_seconds=20, settling_seconds=30)
START = datetime(2026, 11, 23, 7, 15, tzinfo=UTC)


class Clock:
    """The plugin's clock, which moves when it is told to, and beside it the time that really is (``true``)."""

    def __init__(self) -> None:
        self.true = START
        self.wrong_by = timedelta(0)

    def __call__(self) -> datetime:
        return self.true + self.wrong_by

    def monotonic(self) -> float:
        """Seconds that no setting of the clock changes."""
        return (self.true - START).total_seconds()

    def advance(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)

    def set_back(self, seconds: float) -> None:
        self.wrong_by -= timedelta(seconds=seconds)


class Killed(BaseException):
    """The process was killed at this point: nothing after it ever runs."""


@dataclass
class Record:
    kind: str
    card: CardRef | None
    assignee: Assignee | None
    subject: str | None
    text: str
    due: datetime | None
    key: str
    remote_id: str
    visible_at: datetime
    state: ReminderState = ReminderState.OPEN
    why: str | None = None


@dataclass
class Crm:
    """What the CRM holds; survives the processes that talk to it."""

    clock: Clock
    contacts: list[Card] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def having(self, key: str) -> list[Record]:
        """Everything written under this key, visible yet or not."""
        return [record for record in self.records if record.key == key]


#: How the next write goes.
WRITES = (
    "ok",
    "lost",  # never arrives; the caller's time-out
    "lost quickly",  # never arrives; a 5xx at once
    "dropped",  # written, the answer is lost
    "late",  # written only after the caller's time-out, within the settling time
    "busy",  # refused for now, Retry-After 40 s
    "error",  # surely not done, no word of when
    "refused",  # refused for good
    "blocked",  # the account is shut until a human has that lifted
    "bug",  # the connector raises before it sends anything
    "bug after",  # the connector raises when it has written
    "killed",
    "killed after",
)
READS = ("ok", "down", "refused", "blocked", "bug", "killed")


class FakeCrm(Connector):
    """One process's connection to the ``Crm``. ``writes`` and ``reads`` say how the next ones go; then all is well."""

    name = "fake"
    Settings = Schema

    def __init__(self, crm: Crm) -> None:
        super().__init__({})
        self.crm = crm
        self.writes: deque[str] = deque()
        self.reads: deque[str] = deque()
        self.log: list[str] = []
        #: Runs once, in the middle of the next write, before anything is written.
        self.meanwhile: Callable[[], None] | None = None
        #: Runs once, after the next read has been answered and before the caller hears of it.
        self.meanwhile_reading: Callable[[], None] | None = None
        self._dead = False

    def limits(self) -> Limits:
        return LIMITS

    def check(self) -> Sequence[Check]:
        return [Check("reachable", ok=True)]

    def read_card(self, card: CardRef) -> Card | None:
        self._read("read_card")
        return next((known for known in self.crm.contacts if known.ref == card), None)

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        self._read("find_contact")
        found = [
            card
            for card in self.crm.contacts
            if (phone is None or any(same_number(phone, held) for held in card.phones))
            and (name is None or same_name(name, card.name or ""))
        ]
        self._slowly()
        return found

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        return self._write("comment", card, None, None, text, None, key)

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        return self._write("reminder", card, assignee, subject, text, due, key)

    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        return self._write("email", None, assignee, subject, text, None, key)

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        self._read("find")
        known = (r for r in self.crm.records if (r.kind, r.card, r.key) == (kind, card, key) and self._visible(r))
        found = next((record.remote_id for record in known), None)
        self._slowly()
        return found

    def reminder_state(self, remote_id: str) -> ReminderState:
        self._read("reminder_state")
        return next((r.state for r in self.crm.records if r.remote_id == remote_id), ReminderState.MISSING)

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        def close() -> str:
            for record in self.crm.records:
                if record.remote_id == remote_id:
                    record.state, record.why = ReminderState.DONE, why
            return remote_id

        return self._served("withdrawal", lambda _delay: close())

    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        return []

    def resolve(self, reference: Reference) -> CallResult | None:
        return None

    # --- how it goes -----------------------------------------------------------------------------

    def _write(
        self,
        kind: str,
        card: CardRef | None,
        assignee: Assignee | None,
        subject: str | None,
        text: str,
        due: datetime | None,
        key: str,
    ) -> Outcome:
        def commit(delay: float) -> str:
            remote_id = f"r{len(self.crm.records) + 1}"
            visible_at = self.crm.clock.true + timedelta(seconds=delay)
            self.crm.records.append(Record(kind, card, assignee, subject, text, due, key, remote_id, visible_at))
            return remote_id

        return self._served(kind, commit)

    def _served(self, what: str, commit: Callable[[float], str]) -> Outcome:  # noqa: PLR0911, PLR0912 (one for each way it goes)
        self._alive()
        self.log.append(what)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        match self.writes.popleft() if self.writes else "ok":
            case "ok":
                return Done(commit(0))
            case "lost":
                self._time_out()
                return Unknown("no answer in time")
            case "lost quickly":
                return Unknown("answered 500", status=500)
            case "late":
                self._time_out()
                commit(LIMITS.settling_seconds - 1)
                return Unknown("no answer in time")
            case "dropped":
                commit(0)
                return Unknown("connection reset", status=502)
            case "busy":
                return NotDone("too many requests", after=40, status=429, code="QUERY_LIMIT")
            case "error":
                return NotDone("no connection")
            case "blocked":
                return NotDone("the account is shut", status=403, code="OVERLOAD_LIMIT", blocked=True)
            case "refused":
                return NotDone("no such user", permanent=True, status=400, code="BAD_USER")
            case "bug":
                raise ValueError("a bug in the connector")
            case "bug after":
                commit(0)
                raise ValueError("a bug in the connector")
            case "killed after":
                commit(0)
        self._dead = True
        raise Killed

    def _read(self, what: str) -> None:
        self._alive()
        self.log.append(what)
        match self.reads.popleft() if self.reads else "ok":
            case "down":
                raise CrmUnavailable("no connection", after=20)
            case "refused":
                raise CrmRefused("no access", status=403, code="ACCESS_DENIED")
            case "blocked":
                raise CrmUnavailable("the account is shut", status=403, code="OVERLOAD_LIMIT", blocked=True)
            case "bug":
                raise ValueError("a bug in the connector")
            case "killed":
                self._dead = True
                raise Killed

    def _slowly(self) -> None:
        meanwhile, self.meanwhile_reading = self.meanwhile_reading, None
        if meanwhile:
            meanwhile()

    def _time_out(self) -> None:
        self.crm.clock.advance(LIMITS.read_seconds)

    def _alive(self) -> None:
        if self._dead:
            raise Killed

    def _visible(self, record: Record) -> bool:
        return record.visible_at <= self.crm.clock.true


#: How the next request with many writes goes; "ok": as ``writes`` say of each of them.
EXCHANGES = ("ok", "lost", "dropped", "busy", "error", "blocked", "bug", "too few")


class BatchingCrm(FakeCrm):
    """A CRM that takes up to ``most_writes`` in one request; ``exchanges`` say how the next requests go as a whole."""

    most_writes = 5

    def __init__(self, crm: Crm) -> None:
        super().__init__(crm)
        self.exchanges: deque[str] = deque()
        #: The keys of each request.
        self.requests: list[list[str]] = []
        self._timed_out = False

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        assert 1 <= len(writes) <= self.most_writes
        assert len({item.key for item in writes}) == len(writes)
        self._alive()
        self.requests.append([item.key for item in writes])
        self._timed_out = False
        how = self.exchanges.popleft() if self.exchanges else "ok"
        if how in ("lost", "busy", "error", "blocked"):
            # The whole request meets this: none of its writes is looked at.
            self.writes.appendleft(how)
            outcome = self._served("batch", lambda _delay: "")
            return [outcome] * len(writes)
        if how == "bug":
            raise ValueError("a bug in the connector")
        if how == "dropped":
            self.writes.clear()
        outcomes = [self._written(item) for item in writes]
        if how == "dropped":
            return [Unknown("connection reset")] * len(writes)
        return outcomes[1:] if how == "too few" else outcomes

    def _time_out(self) -> None:
        # One request has one time-out, however many writes are in it.
        if not self._timed_out:
            super()._time_out()
        self._timed_out = True
