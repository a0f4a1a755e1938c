"""What a page of the console is declared as, and what its view is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from flask import Response as FlaskResponse
from flask import g, render_template
from werkzeug.wrappers import Response

from plugin.auth.visitor import Role, Visitor
from plugin.common.clock import Now

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from connectors.base import Connector
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.config.settings import Settings
    from plugin.console.setup_tools import SetupTools
    from plugin.ledger import Ledger

Answer = Response | str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class ConsoleServices:
    """What the console's views work with, of one application. ``tools`` None: the process cannot show its set-up."""

    ledger: Ledger
    rules: ActiveRules
    settings: Settings
    connector: Connector | None
    now: Now
    tools: SetupTools | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that people read times in."""
        return self.settings.timezone


@dataclass(frozen=True, slots=True)
class ConsoleRoute:
    """One route below ``/console``: ``view(services, **values of the path)`` for people of these roles.

    ``name`` is the endpoint (``console.<name>``). ``section`` is the entry of the navigation that it belongs to;
    ``title``: this route is where that entry leads, under this word. A path holds no value called ``call_id``.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    view: Callable[..., Answer]
    roles: frozenset[Role]
    section: str
    title: str | None = field(default=None)


@dataclass(frozen=True, slots=True)
class NavEntry:
    """An entry of the navigation."""

    endpoint: str
    title: str
    section: str
    is_here: bool


def visitor() -> Visitor:
    """Who asks, let through by the route's roles."""
    found: Visitor = g.console_visitor
    return found


def show(template: str, status: int = 200, **values: Any) -> tuple[str, int]:
    """A page of the console; its template extends ``console/base.html``."""
    return render_template(template, **values), status


def download(data: bytes | str, name: str, mimetype: str) -> Response:
    """A file to take along."""
    return FlaskResponse(data, 200, {"Content-Disposition": f'attachment; filename="{name}"'}, mimetype=mimetype)


def navigation(routes: Sequence[ConsoleRoute], role: Role, section: str) -> list[NavEntry]:
    """The sections that this role may see."""
    return [
        NavEntry(f"console.{route.name}", route.title, route.section, route.section == section)
        for route in routes
        if route.title is not None and role in route.roles
    ]
