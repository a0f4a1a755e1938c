"""The parts of a service process, made from the settings and freed in the end."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.shadow.watch import ShadowWatch
from plugin.common.clock import utc_now
from plugin.delivery import Worker
from plugin.events.card_fields import CardFieldReader
from plugin.events.catch_up import CatchUp
from plugin.events.intake import Intake
from plugin.events.late_card_fields import LateCardFields
from plugin.events.resolver import Resolver
from plugin.ledger import Ledger
from plugin.ledger.chain.loop import ChainLoop
from plugin.monitoring import AlertWatch
from plugin.operations.chain_check import DailyChainCheck
from plugin.operations.retention import DailyPurge
from plugin.promise.bookkeeping import PromiseBook
from plugin.promise.email_reader import EmailReader
from plugin.promise.escalation import Escalation
from plugin.promise.promise_loop import PromiseLoop
from plugin.promise.refused_calls import RefusedCallWatch
from plugin.promise.reminder_watch import ReminderWatch
from plugin.promise.stamping import HeadStamps
from plugin.resilience.connect import connect, connector_of, mailer_of
from plugin.resilience.gates import AccountGates
from plugin.resilience.noted import note_account
from plugin.resilience.reads import CrmReads
from plugin.service.background import LoopThread
from plugin.service.housekeeping import (
    HousekeepingLoop,
    UnfinishedCalls,
    alerts_step,
    card_fields_step,
    chain_check_step,
    chain_step,
    purge_step,
    refused_calls_step,
    stamps_step,
)
from plugin.service.pushing import push_loop
from plugin.web import WebServer, create_app
from plugin.web.events import too_large_teller
from plugin.web.limits import BodyLimits

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.config.settings import Settings
    from plugin.console.setup_tools import SetupTools


@dataclass(frozen=True, slots=True)
class Service:
    """What both sides work with. ``stack`` frees whatever is added to it, the latest first."""

    settings: Settings
    ledger: Ledger
    rules: ActiveRules
    connector: Connector
    stack: ExitStack

    def web_server(self, listener: socket.socket, tools: SetupTools | None = None) -> WebServer:
        """The web side at this socket; it listens from now on, and answers once it is run.

        ``tools`` show the set-up in the console.
        """
        intake = Intake(self.ledger, self.rules, self.settings, utc_now, self.card_fields())
        app = create_app(intake, self.ledger, self.settings, self.rules, self.connector, tools=tools)
        web, told = self.settings.web, too_large_teller(intake, self.connector)
        limits = BodyLimits.of(web)
        server = WebServer(app, listener, threads=web.threads, limits=limits, too_large=told, path=web.path)
        self.stack.callback(server.close)
        return server

    def card_fields(self) -> CardFieldReader | None:
        """What reads the fields of cards that rules ask for; None where the account declares none."""
        declared = self.connector.card_fields()
        gates = AccountGates(self.ledger, self.connector, self.settings.delivery, utc_now)
        return CardFieldReader(CrmReads(self.connector, gates, refreshing=True), declared) if declared else None

    def catch_up(self, owner: str) -> CatchUp:
        """What reads from the CRM what changed while its events reached nobody."""
        ledger, settings = self.ledger, self.settings
        source = settings.source_of(self.connector.name).recorded_as
        gates = AccountGates(ledger, self.connector, settings.delivery, utc_now)
        return CatchUp(ledger, self.connector, source, gates, settings.delivery, utc_now, owner, Random())

    def loops(self) -> tuple[LoopThread, ...]:
        """What delivers, what resolves the CRM's events that were kept, and the housekeeping; not started yet."""
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        ledger, rules, settings, policy = self.ledger, self.rules, self.settings, self.settings.delivery
        mailer = mailer_of(settings)
        worker = Worker(ledger, rules, self.connector, mailer, settings, utc_now, owner, Random())
        cards = self.card_fields()
        intake = Intake(ledger, rules, settings, utc_now, cards)
        gates = AccountGates(ledger, self.connector, policy, utc_now)
        resolver = Resolver(ledger, self.connector, intake, gates, policy, utc_now, owner, Random())
        late = None if cards is None else LateCardFields(ledger, rules, settings, cards, utc_now, worker.wake)
        catch_up = self.catch_up(owner)
        unfinished = UnfinishedCalls(ledger, rules, settings, utc_now, worker.wake)
        watch = AlertWatch(ledger, rules, mailer, settings, worker.gates, utc_now, owner, Random())
        looking = ReminderWatch(ledger, self.connector, gates, utc_now, owner)
        telling = Escalation(ledger, rules, settings, utc_now, worker.wake)
        housekeeping = {
            "catch-up": catch_up.step,
            "unfinished": unfinished.step,
            "card-fields": card_fields_step(late),
            "alerts": alerts_step(watch),
            "shadow": ShadowWatch(ledger, utc_now).step,
            "promises": PromiseLoop(PromiseBook(ledger, utc_now), looking, telling, utc_now).step,
            "purge": purge_step(DailyPurge(ledger, settings, utc_now)),
            "chain": chain_step(ChainLoop(ledger, utc_now)),
            "chain-check": chain_check_step(DailyChainCheck(ledger, utc_now)),
            "stamps": stamps_step(HeadStamps(ledger, settings.stamps, utc_now)),
            "emails": EmailReader(ledger, rules, CrmReads(self.connector, gates, refreshing=True), utc_now).step,
            "refused-calls": refused_calls_step(RefusedCallWatch(ledger, rules, utc_now)),
        }
        return (
            LoopThread("delivery", worker),
            LoopThread("events", resolver),
            *(LoopThread(name, HousekeepingLoop(step, worker.outages)) for name, step in housekeeping.items()),
            *(
                LoopThread(
                    f"push-{one.name}",
                    HousekeepingLoop(push_loop(ledger, one, settings, utc_now, owner).step, worker.outages),
                )
                for one in settings.diallers
            ),
        )


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
