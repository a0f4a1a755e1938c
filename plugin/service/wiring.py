"""The parts of a service process, made from the settings and freed in the end."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, cast

from connectors.registry import connector_class
from connectors.smtp import Mailer, Security
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.delivery import Worker
from plugin.errors import ConfigError
from plugin.events.intake import Intake
from plugin.events.resolver import Resolver
from plugin.ledger import Ledger
from plugin.resilience.gates import AccountGates
from plugin.resilience.noted import note_account
from plugin.resilience.quota import SharedQuota
from plugin.resilience.token_store import LedgerStore
from plugin.service.background import LoopThread
from plugin.web import WebServer, create_app

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
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

    def loops(self) -> tuple[LoopThread, ...]:
        """What delivers, and what resolves the CRM's events that were kept; not started yet."""
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        settings, policy = self.settings, self.settings.delivery
        mailer = mailer_of(settings)
        worker = Worker(self.ledger, self.rules, self.connector, mailer, settings, utc_now, owner, Random())
        intake = Intake(self.ledger, self.rules, settings, utc_now)
        gates = AccountGates(self.ledger, self.connector, policy, utc_now)
        resolver = Resolver(self.ledger, self.connector, intake, gates, policy, utc_now, owner, Random())
        return LoopThread("delivery", worker), LoopThread("events", resolver)


@contextmanager
def parts(settings: Settings, *, upgrade_command: str) -> Iterator[Service]:
    """The parts, for the length of the block, on a ledger whose tables are this version's.

    ``upgrade_command`` is what is to be run where they are not. Raises ConfigError, LedgerUnavailable.
    """
    with ExitStack() as stack:
        ledger = Ledger(settings.ledger_url)
        stack.callback(ledger.close)
        rules = ActiveRules(ledger, utc_now)
        stack.callback(rules.close)
        ledger.make_ready(upgrade_command)
        connector = connector_of(settings)
        connect(connector, ledger)
        note_account(ledger, connector.name, sends_mail=connector.sends_mail)
        settings = replace(settings, crm=replace(settings.crm, sends_mail=connector.sends_mail))
        yield Service(settings, ledger, rules, connector, stack)


def connect(connector: Connector, ledger: Ledger) -> None:
    """Give an account what it shares with the ledger's other processes: its quota, and what it keeps."""
    connector.keep_in(LedgerStore(ledger, connector.name, connector.limits(), utc_now))
    connector.share_quota(SharedQuota(ledger, connector.name, connector.limits(), utc_now))


def connector_of(settings: Settings) -> Connector:
    """The account that plugin.toml names, not connected to a ledger. Raises ConfigError."""
    try:
        kind = connector_class(settings.crm.connector)
    except LookupError as error:
        raise ConfigError(f"[crm] connector: {error}") from error
    return kind(settings.crm.settings)


def mailer_of(settings: Settings) -> Mailer | None:
    """The plugin's own mail server, None where plugin.toml names none."""
    smtp = settings.smtp
    if smtp is None:
        return None
    return Mailer(
        smtp.host, smtp.port, smtp.sender, cast(Security, smtp.security), smtp.user, smtp.password, smtp.timeout_seconds
    )
