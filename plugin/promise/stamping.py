"""Has the chain's daily heads stamped by the RFC 3161 service of ``[proof]``, and keeps what it answered.

A service that is away, or whose stamp does not verify, is asked again later; nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, exists, func, insert, null, select, update

from connectors.base import CrmRefused, CrmUnavailable, Limits
from connectors.http.client import HttpClient
from plugin.common.clock import Now
from plugin.config.settings import StampService
from plugin.ledger import Ledger
from plugin.ledger.chain.check import ChainFault
from plugin.ledger.chain.tables import chain_checks, chain_stamps
from plugin.ledger.schema import UtcTime
from plugin.promise.time_stamps import StampPackageMissing, StampUnusable, head_text, stamp_request, stamped_at
from plugin.resilience.backoff import doubled

_LOG = structlog.get_logger(__name__)

#: Of one request, in seconds. Nobody waits for it.
_LIMITS = Limits(10.0, 30.0, settling_seconds=0.0, requests_per_second=1.0, burst=5)
_LONGEST_ANSWER = 100_000
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
#: Between two looks for a new head, in seconds.
_LOOK = 60.0
#: After so long another process asks where one was killed while it asked.
_LEASE = timedelta(minutes=5)
#: The waits between two tries: the first, doubled up to the longest.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=1)

_s, _k = chain_stamps.c, chain_checks.c
_NOW = bindparam("now", type_=UtcTime)
#: The last head that was found right, unless it is known already. It vouches for all that is before it.
_LAST_CHECK = select(func.max(_k.id)).where(_k.ended_at.is_not(None), _k.fault_count == 0).scalar_subquery()
_NEW = select(_k.seq, _k.link, _k.ended_at).where(
    _k.id == _LAST_CHECK, ~exists().where(_s.seq == _k.seq, _s.link == _k.link)
)
_OVERTAKEN = update(chain_stamps).where(_s.answer.is_(None)).values(next_try_at=null())
_DUE = select(_s.id, _s.seq, _s.link, _s.tries).where(_s.next_try_at <= _NOW).order_by(_s.id.desc()).limit(1)
_CLAIM = update(chain_stamps).where(_s.id == bindparam("of"), _s.next_try_at <= _NOW)
_KEEP = update(chain_stamps).where(_s.id == bindparam("of"), _s.answer.is_(None))
_KEPT = select(_s.seq, _s.link, _s.answer).where(_s.answer.is_not(None)).order_by(_s.id)


class StampFailed(Exception):
    """There is no stamp, or none that holds."""


class StampClient:
    """One RFC 3161 service. Raises ValueError for an address that no request can go to."""

    def __init__(self, service: StampService) -> None:
        self._ca_file = service.ca_file
        self._client = HttpClient(service.url, _LIMITS, max_answer_bytes=_LONGEST_ANSWER)

    def stamp(self, text: bytes) -> tuple[bytes, datetime]:
        """Its answer (DER), verified, and the time in it. Raises StampFailed: the message says why, in English."""
        try:
            request = stamp_request(text)
            certificates = self._ca_file.read_bytes()
            answer = self._client.post_bytes(request.body, _HEADERS)
            return answer, stamped_at(answer, text, certificates, request.nonce)
        except OSError as error:
            raise StampFailed(f"the file {self._ca_file} cannot be read ({error.strerror})") from None
        except (CrmUnavailable, CrmRefused, StampUnusable, StampPackageMissing) as error:
            raise StampFailed(str(error)) from None


class HeadStamps:
    """Any number of processes may: one of them asks for a head. ``service`` None: nothing is to be done."""

    def __init__(self, ledger: Ledger, service: StampService | None, now: Now) -> None:
        self._ledger = ledger
        self._now = now
        self._client = None if service is None else StampClient(service)

    def step(self) -> float:
        """Have one head stamped, if one waits; the seconds until the next time. Raises LedgerUnavailable."""
        if self._client is None or not self._has_work():
            return _LOOK
        row = self._claimed()
        if row is None:
            return _LOOK
        try:
            answer, at = self._client.stamp(head_text(row.seq, row.link))
        except StampFailed as error:
            self._put_off(row, str(error))
            return _LOOK
        with self._ledger.write() as connection:
            kept = _KEEP.values(answer=answer, stamped_at=at, next_try_at=null(), why=null())
            connection.execute(kept, {"of": row.id})
        _LOG.info("chain.stamped", entries=row.seq, at=at.isoformat())
        return 0.0

    def _has_work(self) -> bool:
        with self._ledger.read() as connection:
            now = {"now": self._ledger.moment(connection, self._now)}
            return bool(connection.execute(_NEW).first() or connection.execute(_DUE, now).first())

    def _claimed(self) -> Any:
        """The head to be stamped now, which nobody else asks for meanwhile; None where there is none."""
        with self._ledger.write(alone=True) as connection:
            now = self._ledger.moment(connection, self._now)
            if new := connection.execute(_NEW).one_or_none():
                connection.execute(_OVERTAKEN)
                values = {"seq": new.seq, "link": new.link, "checked_at": new.ended_at}
                connection.execute(insert(chain_stamps), values | {"next_try_at": now, "tries": 0})
            row = connection.execute(_DUE, {"now": now}).one_or_none()
            if row is not None:
                connection.execute(_CLAIM.values(next_try_at=now + _LEASE), {"of": row.id, "now": now})
            return row

    def _put_off(self, row: Any, why: str) -> None:
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            wait = doubled(_FIRST_WAIT, _LONGEST_WAIT, row.tries)
            connection.execute(_KEEP.values(next_try_at=now + wait, tries=row.tries + 1, why=why), {"of": row.id})
        _LOG.warning("chain.not_stamped", entries=row.seq, tries=row.tries + 1, why=why)


def stamp_faults(connection: Connection, service: StampService) -> Iterator[ChainFault]:
    """Stamps that were kept and do not vouch for their head. Raises StampPackageMissing, OSError."""
    certificates = service.ca_file.read_bytes()
    for row in connection.execute(_KEPT):
        try:
            stamped_at(row.answer, head_text(row.seq, row.link), certificates)
        except StampUnusable:
            yield ChainFault("stamp", row.seq)
