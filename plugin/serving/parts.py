"""The parts of a service process, made from the settings and freed in the end."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, cast

from connectors.registry import connector_class
from connectors.smtp import Mailer, Security
from plugin.clock import utc_now
from plugin.delivery import Worker
from plugin.delivery.quota import SharedQuota
from plugin.errors import ConfigError
from plugin.events.intake import Intake
from plugin.ledger import ActiveRules, Ledger
from plugin.ledger.store import LedgerStore
from plugin.serving.delivery import DeliveryThread
from plugin.web import WebServer, create_app

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What both sides work with. ``stack`` frees whatever is added to it, the latest first."""

    settings: Settings
    ledger: Ledger
    rules: ActiveRules
    connector: Connector
    stack: ExitStack

    def web_server(self, listener: socket.socket) -> WebServer:
        """The web side at this socket; it listens from now on, and answers once it is run."""
        intake = Intake(self.ledger, self.rules, self.settings, utc_now)
        app = create_app(intake, self.ledger, self.settings, self.rules, self.connector)
        web = self.settings.web
        server = WebServer(app, listener, threads=web.threads, max_body_bytes=web.max_body_bytes)
        self.stack.callback(server.close)
        return server

    def delivery(self) -> DeliveryThread:
        """The delivery loop, not started yet."""
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        mailer = _mailer(self.settings)
        args = (self.ledger, self.rules, self.connector, mailer, self.settings, utc_now, owner, Random())
        return DeliveryThread(Worker(*args))


@contextmanager
def parts(settings: Settings, *, upgrade_command: str) -> Iterator[Parts]:
    """The parts, for the length of the block, on a ledger whose tables are this version's.

    ``upgrade_command`` is what is to be run where they are not. Raises ConfigError, LedgerUnavailable.
    """
    with ExitStack() as stack:
        ledger = Ledger(settings.ledger_url)
        stack.callback(ledger.close)
        rules = ActiveRules(ledger, utc_now)
        stack.callback(rules.close)
        ledger.make_ready(upgrade_command)
        connector = _connector(settings)
        connector.keep_in(LedgerStore(ledger, connector.name, connector.limits(), utc_now))
        connector.share_quota(SharedQuota(ledger, connector.name, connector.limits(), utc_now))
        yield Parts(settings, ledger, rules, connector, stack)


def _connector(settings: Settings) -> Connector:
    try:
        kind = connector_class(settings.crm.connector)
    except LookupError as error:
        raise ConfigError(f"[crm] connector: {error}") from error
    return kind(settings.crm.settings)


def _mailer(settings: Settings) -> Mailer | None:
    smtp = settings.smtp
    if smtp is None:
        return None
    return Mailer(
        smtp.host, smtp.port, smtp.sender, cast(Security, smtp.security), smtp.user, smtp.password, smtp.timeout_seconds
    )
