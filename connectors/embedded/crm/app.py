"""One running CRM and how it is to run: its store, its mail and its call records, without the HTTP in front of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors.embedded.crm.faults import FaultInjector
from connectors.embedded.crm.mail import CrmMail, MailTransport
from connectors.embedded.crm.store import CrmStore
from connectors.embedded.crm.webhook import CallReporter


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Options:
    """How a CRM is to run. ``page_token`` None: no sign-in; ``page_open`` False: then no pages at all.

    ``script_url``: the address that a card's button opens the operators' page by; None: no button.
    """

    token: str = field(repr=False)
    mail_transport: MailTransport | None = None
    webhook_url: str | None = None
    webhook_secret: str = field(default="", repr=False)
    faults: FaultInjector | None = None
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Moscow"))
    page_open: bool = True
    page_token: str | None = field(default=None, repr=False)
    script_url: str | None = None
    now: Callable[[], datetime] = utc_now


class Crm:
    """One running CRM. ``connectors.embedded.crm.server.application`` puts its API and pages in front of it."""

    def __init__(self, store: CrmStore, options: Options) -> None:
        """Raises ValueError for an unusable webhook address."""
        self.store = store
        self.options = options
        self.mail = CrmMail(store, options.mail_transport, options.now)
        self.calls = CallReporter(store, options.webhook_url, options.webhook_secret, options.now)

    def start(self) -> None:
        """Begin sending what is queued."""
        self.mail.queue.start()
        self.calls.queue.start()

    def stop(self) -> None:
        """Finish what is in hand and close the file."""
        self.calls.queue.stop()
        self.mail.queue.stop()
        self.store.close()
