"""The mails and webhook requests that tell of alerts: gathered by kind, kept in the ledger, sent until accepted.

Under a lease like deliveries, and with the same id each time, so that a repeat is recognised as one. The two ways do
not wait for each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from connectors.base import Done, NotDone, Outcome, Unknown
from plugin.common.clock import Now, local_time
from plugin.config.settings import Settings
from plugin.delivery.texts import message_id
from plugin.ledger import Ledger
from plugin.ledger.schema import alert_mails, alerts
from plugin.monitoring.model import AlertKind, standing
from plugin.monitoring.webhook import AlertWebhook
from plugin.monitoring.wording import MAIL_WORDS, words_of
from plugin.resilience.backoff import Waits
from plugin.resilience.gates import AccountGates
from plugin.resilience.health import is_login_refused, of_mail
from plugin.resilience.lanes import Lane

if TYPE_CHECKING:
    from connectors.smtp import Mailer

_LOG = structlog.get_logger(__name__)

#: Stands where a mail has its address.
WEBHOOK = "webhook"

_PENDING = alert_mails.c.state == literal_column("'pending'")


def _due(way: ColumnElement[bool]) -> Select[Any]:
    return (
        select(alert_mails)
        .where(_PENDING, way, alert_mails.c.not_before <= bindparam("now", type_=alert_mails.c.not_before.type))
        .order_by(alert_mails.c.not_before)
        .limit(1)
    )


_DUE_MAIL, _DUE_REQUEST = _due(alert_mails.c.address != WEBHOOK), _due(alert_mails.c.address == WEBHOOK)
_LAST = select(func.max(alert_mails.c.created_at)).where(
    alert_mails.c.kind == bindparam("kind"), alert_mails.c.over == bindparam("over")
)
_END_UNTOLD = and_(alerts.c.closed_at.is_not(None), alerts.c.batch.is_not(None), alerts.c.end_batch.is_(None))
_UNTOLD = select(alerts.c.id).where(alerts.c.closed_at.is_(None), alerts.c.batch.is_(None)).limit(1)
_UNTOLD_END = select(alerts.c.id).where(_END_UNTOLD).limit(1)
#: Beyond the longest that handing over a mail takes, in seconds.
_MARGIN = 60.0
#: There is no deadline that the waits have to be measured against.
_NO_HURRY = timedelta(0)
#: So many causes are listed in one mail; `optout alerts list` has all of them.
_LISTED = 30


def _text_of(kind: AlertKind, rows: Sequence[Any], settings: Settings, *, over: bool) -> tuple[str, str]:
    """Subject and text of the mail about these alerts (rows of the ledger) of one kind."""
    zone, words, between = settings.timezone, words_of(kind, settings.language), MAIL_WORDS[settings.language]
    title = words.over_subject if over else words.subject
    subject = f"[{settings.manifest.id}] {title}" + (f": {len(rows)}" if len(rows) > 1 else "")
    lines = [f"{title}:", ""]
    for row in rows[:_LISTED]:
        lines.append(f"- {words.line(row.about, zone)}")
        if over:
            times = (local_time(at, zone, between.zones) for at in (row.opened_at, row.closed_at))
            lines.append(f"  {between.span.format(*times)}")
    if len(rows) > _LISTED:
        lines.append(between.more.format(len(rows) - _LISTED))
    if not over:
        lines += ["", words.advice]
    return subject, "\n".join(lines) + "\n"


def gather(connection: Connection, settings: Settings, now: datetime) -> int:
    """Write what tells of what nobody has been told of yet; how many. The transaction must be alone."""
    if not _addressees(settings):
        return 0
    return sum(_gather(connection, settings, kind, over, now) for kind in AlertKind for over in (False, True))


def _gather(connection: Connection, settings: Settings, kind: AlertKind, over: bool, now: datetime) -> int:
    which = _untold_ends(kind) if over else and_(standing(kind), alerts.c.batch.is_(None))
    rows = connection.execute(select(alerts).where(which).order_by(alerts.c.id)).all()
    if not rows:
        return 0
    last = connection.execute(_LAST, {"kind": str(kind), "over": over}).scalar_one()
    soon = last is not None and abs(now - last) < timedelta(minutes=settings.alerts.gather_minutes)
    # Nothing gets better by itself while the CRM has shut the account.
    if soon and not any(row.about.get("blocked") for row in rows if not over):
        return 0
    batch = _digest([kind, over, *(row.id for row in rows)])
    subject, text = _text_of(kind, rows, settings, over=over)
    one = {"batch": batch, "kind": str(kind), "over": over, "subject": subject, "text": text, "state": "pending"}
    one |= {"not_before": now, "attempts": 0, "created_at": now}
    addressees = _addressees(settings)
    connection.execute(insert(alert_mails), [one | {"address": address} for address in addressees])
    connection.execute(update(alerts).where(which).values(**{"end_batch" if over else "batch": batch}))
    return len(addressees)


def _addressees(settings: Settings) -> Sequence[str]:
    return [*settings.alerts.to, *([WEBHOOK] if settings.alerts.webhook else [])]


def is_anything_untold(connection: Connection, settings: Settings) -> bool:
    """Whether there is anything to gather, now or in a while."""
    if not _addressees(settings):
        return False
    return any(connection.execute(one).first() is not None for one in (_UNTOLD, _UNTOLD_END))


def _untold_ends(kind: AlertKind) -> ColumnElement[bool]:
    return and_(_END_UNTOLD, alerts.c.kind == str(kind))


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to the admins: what is ``due`` on it, how one is sent, and the longest that this takes, in seconds."""

    due: Select[Any]
    send: Callable[[Any], Outcome]
    seconds: float


class AlertPost:
    """Sends the mails and requests that are due. Everything raises LedgerUnavailable."""

    def __init__(
        self,
        ledger: Ledger,
        mailer: Mailer | None,
        settings: Settings,
        gates: AccountGates,
        now: Now,
        owner: str,
        rng: Random,
    ) -> None:
        self._ledger = ledger
        self._mailer = mailer
        self._gates = gates
        self._now = now
        self._owner = owner
        self._rng = rng
        self._waits = Waits(settings.delivery)
        self._sender = settings.smtp.sender if settings.smtp else None
        self._plugin = settings.manifest.id
        url, secret = settings.alerts.webhook, settings.alerts.webhook_secret
        self._webhook = AlertWebhook(url, secret, now) if url and secret else None

    def send_due(self, stopped: Callable[[], bool]) -> int:
        """Send what is due until nothing is, or ``stopped``; how many were tried."""
        tried = 0
        for way in self._ways():
            while not stopped():
                claimed = self._claim(way)
                if claimed is None:
                    break
                outcome = way.send(claimed)
                self._finish(claimed, outcome)
                if claimed.address != WEBHOOK:
                    # Negative, so as not to be taken for a delivery.
                    self._gates.report(Lane.MAIL, -claimed.id, of_mail(outcome))
                tried += 1
        return tried

    def _ways(self) -> list[_Way]:
        """The webhook comes first: it must not wait while mails, one after the other, meet no mail server."""
        ways = []
        if self._webhook is not None:
            ways.append(_Way(_DUE_REQUEST, self._request, self._webhook.total_seconds))
        if self._mailer is not None:
            ways.append(_Way(_DUE_MAIL, self._mail, self._mailer.total_seconds))
        return ways

    def _mail(self, row: Any) -> Outcome:
        assert self._mailer is not None
        mail_id = message_id(_digest([row.batch, row.address]), self._sender)
        return self._mailer.send(row.address, row.subject, row.text, mail_id)

    def _request(self, row: Any) -> Outcome:
        assert self._webhook is not None
        data = {"plugin": self._plugin, "kind": row.kind, "over": row.over, "subject": row.subject, "text": row.text}
        event = {"type": "alert.over" if row.over else "alert.opened", "timestamp": row.created_at.isoformat()}
        outcome = self._webhook.send(f"alert_{_digest([row.batch, row.address])[:32]}", event | {"data": data})
        if isinstance(outcome, NotDone) and outcome.permanent:
            # A receiver that was set up wrongly is mended sooner or later: what is refused is only later.
            return replace(outcome, permanent=False)
        return outcome

    def _claim(self, way: _Way) -> Any:
        lease = way.seconds + _MARGIN
        with self._ledger.read() as connection:
            now = self._ledger.moment(connection, self._now)
            if connection.execute(way.due, {"now": now}).first() is None:
                return None
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            row = connection.execute(way.due.with_for_update(skip_locked=True), {"now": now}).first()
            if row is not None:
                values = {"not_before": now + timedelta(seconds=lease), "owner": self._owner}
                connection.execute(update(alert_mails).where(alert_mails.c.id == row.id).values(**values))
            return row

    def _finish(self, row: Any, outcome: Outcome) -> None:
        attempts = row.attempts + 1
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            values: dict[str, Any] = {"attempts": attempts, "owner": None, "why": None}
            mine = and_(alert_mails.c.id == row.id, _PENDING)
            if isinstance(outcome, Done):
                values |= {"state": "done", "finished_at": now}
            elif isinstance(outcome, NotDone) and outcome.permanent and not is_login_refused(outcome):
                values |= {"state": "parked", "finished_at": now, "why": outcome.why}
            else:
                asked = outcome.after if isinstance(outcome, NotDone) else None
                wait = self._waits.after(attempts, _NO_HURRY, self._rng, at_least=asked)
                values |= {"not_before": now + timedelta(seconds=wait), "why": outcome.why}
                mine = and_(mine, alert_mails.c.owner == self._owner)
            connection.execute(update(alert_mails).where(mine).values(**values))
            if isinstance(outcome, Done) and not row.over:
                _note_told(connection, row.batch, now)
        match outcome:
            case Done():
                _LOG.info("alert.sent", mail=row.id, way=_way(row), kind=row.kind, over=row.over)
            case NotDone(permanent=True) if values.get("state"):
                _LOG.error("alert.refused", mail=row.id, way=_way(row), why=outcome.why)
            case NotDone() | Unknown():
                _LOG.info("alert.waits", mail=row.id, way=_way(row), why=outcome.why)


def _note_told(connection: Connection, batch: str, now: datetime) -> None:
    """The batch is told once none of its mails is still to be sent."""
    unsent = exists().where(_PENDING, alert_mails.c.batch == batch)
    told = update(alerts).where(alerts.c.batch == batch, ~unsent, alerts.c.notified_at.is_(None))
    connection.execute(told.values(notified_at=now))


def _way(row: Any) -> str:
    return WEBHOOK if row.address == WEBHOOK else "mail"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
