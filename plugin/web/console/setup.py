"""Serves the console behind the way in of ``plugin.web.auth``: each route to people of its roles only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, g, url_for

from plugin.auth.visitor import ROLE_WORDS
from plugin.common.clock import Now, utc_now
from plugin.errors import InputError
from plugin.web.assets import Assets
from plugin.web.auth.guards import signed_in
from plugin.web.auth.pages import page
from plugin.web.auth.places import CONSOLE
from plugin.web.auth.setup import answer_people
from plugin.web.console.access import STAFF
from plugin.web.console.pages import ROUTES
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, navigation, show, visitor
from plugin.web.console.words import page_words

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.config.settings import Settings
    from plugin.console.setup_tools import SetupTools
    from plugin.ledger import Ledger

_HERE = Path(__file__).parent
#: The colours, buttons and fields of the operators' page.
_DESIGN = _HERE.parent / "operator_page" / "static" / "page.css"


def serve_console(
    app: Flask,
    ledger: Ledger,
    rules: ActiveRules,
    settings: Settings,
    connector: Connector | None,
    now: Now = utc_now,
    tools: SetupTools | None = None,
) -> None:
    """Add the console; the way in has to be there."""
    services = ConsoleServices(ledger, rules, settings, connector, now, tools)
    blueprint = Blueprint("console", __name__, url_prefix=CONSOLE, template_folder="templates")
    assets = Assets(_HERE / "static", [_DESIGN])
    assets.add_to(blueprint)
    for route in ROUTES:
        blueprint.add_url_rule(route.path, route.name, _guarded(route, services), methods=[route.method])
    blueprint.add_url_rule("/<path:rest>", "lost", _lost, methods=["GET", "POST"])
    blueprint.context_processor(lambda: _frame(assets, services))
    answer_people(blueprint)
    app.register_blueprint(blueprint)


def _guarded(route: ConsoleRoute, services: ConsoleServices) -> Any:
    def view(**values: Any) -> Answer:
        g.console_visitor = signed_in(route.roles)
        g.console_route = route
        try:
            return route.view(services, **values)
        except InputError as error:
            return show("console/refused.html", 422, error=error, back=_section_home(route))

    return view


def _section_home(route: ConsoleRoute) -> str:
    home = next(one for one in ROUTES if one.section == route.section and one.title is not None)
    return url_for(f"console.{home.name}")


def _lost(rest: str) -> Answer:
    """Nothing is here."""
    signed_in(STAFF)
    return page("not_found", 404)


def _frame(assets: Assets, services: ConsoleServices) -> dict[str, Any]:
    """What every page shows around its own; nothing where somebody is refused."""
    if "console_visitor" not in g:
        return {}
    who = visitor()
    return {
        "assets": assets,
        "csrf": who.csrf,
        "me": who.operator,
        "role": who.role,
        "role_word": ROLE_WORDS[who.role],
        "navigation": navigation(ROUTES, who.role, g.console_route.section),
        **page_words(services.settings.language, services.zone),
    }
