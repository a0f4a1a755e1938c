"""Serves the operator's page behind the way in of ``plugin.web.auth``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Flask

from plugin.common.clock import Now, utc_now
from plugin.operator_page.client_lookup import ClientLookup
from plugin.operator_page.sessions import PageSessions
from plugin.operator_page.tickets import Tickets
from plugin.resilience.gates import AccountGates
from plugin.resilience.reads import CrmReads, Reads
from plugin.web.assets import Assets
from plugin.web.auth.setup import answer_people
from plugin.web.operator_page.pages import add_pages
from plugin.web.operator_page.routes import add_routes

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.config.settings import Settings
    from plugin.events.intake import Intake
    from plugin.ledger import Ledger

#: Where it all lies.
ROOT = "/operator"


def serve_operators_page(
    app: Flask,
    ledger: Ledger,
    rules: ActiveRules,
    intake: Intake,
    settings: Settings,
    connector: Connector | None,
    now: Now = utc_now,
) -> None:
    """Add the page and what it asks for; every route is guarded by the way in, which has to be there."""
    sessions = PageSessions(ledger, rules, intake, settings, now)
    blueprint = Blueprint("operator", __name__, url_prefix=ROOT, template_folder="templates")
    assets = Assets(Path(__file__).parent / "static")
    assets.add_to(blueprint)
    tickets = Tickets.of(settings.page, now)
    add_pages(blueprint, sessions, settings, assets, tickets)
    # A quarter of the threads, half of the pages': the others go on being answered while the CRM is asked.
    reads, most = _reads(ledger, settings, connector, now), settings.web.threads // 4
    reads_fields = connector is not None and bool(connector.card_fields())
    clients = ClientLookup(sessions, ledger, reads, most, reads_fields=reads_fields)
    add_routes(blueprint, sessions, clients, tickets)
    answer_people(blueprint)
    app.register_blueprint(blueprint)


def _reads(ledger: Ledger, settings: Settings, connector: Connector | None, now: Now) -> Reads | None:
    """How the page asks the CRM: not at all while it is away."""
    if connector is None:
        return None
    return CrmReads(connector, AccountGates(ledger, connector, settings.delivery, now), refreshing=True)
