"""Whether the operators' page can tell its clients apart, behind the proxies of this deployment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plugin.auth.throttle import UNKNOWN_CLIENT, Throttle, throttle_key
from plugin.common.clock import Now
from plugin.doctor.checks import DoctorCheck
from plugin.errors import LedgerUnavailable

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger

_TOLD_APART = "sign-ins come from addresses that can be read"
_UNREADABLE = "some sign-ins of the last day came from an address that cannot be read, and count as one client's"
_REMEDY = "Check [page] trusted_proxies, and that the proxy writes addresses into X-Forwarded-For"


def clients_told_apart(ledger: Ledger, settings: Settings, now: Now) -> Iterator[DoctorCheck]:
    """A point where the page is on and the ledger can be read, with a remark where clients were taken for one."""
    if settings.page.secret is None:
        return
    try:
        seen = Throttle(ledger, throttle_key(settings.page.secret), now).has_seen(UNKNOWN_CLIENT)
    except LedgerUnavailable:
        return
    yield DoctorCheck("page", _UNREADABLE, remedy=_REMEDY) if seen else DoctorCheck("page", _TOLD_APART)
