"""Serves the operator's page behind the way in of ``plugin.web.access``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Flask

from plugin.clock import Now, utc_now
from plugin.operator.desk import Desk
from plugin.web.access.setup import answer_people
from plugin.web.operator.answers import add_answers
from plugin.web.operator.assets import Assets
from plugin.web.operator.pages import add_pages

if TYPE_CHECKING:
    from plugin.events.intake import Intake
    from plugin.ledger import ActiveRules, Ledger
    from plugin.settings import Settings

#: Where it all lies.
ROOT = "/operator"


def serve_operators_page(
    app: Flask, ledger: Ledger, rules: ActiveRules, intake: Intake, settings: Settings, now: Now = utc_now
) -> None:
    """Add the page and what it asks for; every route is guarded by the way in, which has to be there."""
    desk = Desk(ledger, rules, intake, settings, now)
    blueprint = Blueprint("operator", __name__, url_prefix=ROOT, template_folder="templates")
    assets = Assets()
    assets.add_to(blueprint)
    add_pages(blueprint, desk, settings, assets)
    add_answers(blueprint, desk)
    answer_people(blueprint)
    app.register_blueprint(blueprint)
