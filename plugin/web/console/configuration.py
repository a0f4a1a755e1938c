"""The set-up: examined with remedies, the settings as they are, the connectors, and what there is to download."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import groupby

from flask import Response as FlaskResponse

from connectors.registry import names
from plugin import VERSION
from plugin.console.guides import GUIDES, path_of
from plugin.console.people import note_act
from plugin.console.setup_tools import SetupPoint, SetupTools
from plugin.errors import InputError
from plugin.web.console.access import ADMIN
from plugin.web.console.lost import not_there
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, download, show, visitor

#: The examination asks the CRM and starts a process: one at a time is enough.
_EXAMINING = threading.Lock()
STATES = {"holds": ("в порядке", "good"), "failed": ("не в порядке", "bad"), "not_tried": ("не проверить", "warn")}


def configuration(services: ConsoleServices) -> Answer:
    """The settings and what there is to download; the examination is asked for."""
    return _page(services, None)


def examine(services: ConsoleServices) -> Answer:
    """Examine it now, and show what came of it."""
    tools = _tools(services)
    if not _EXAMINING.acquire(blocking=False):
        raise InputError("Проверка уже идёт", hint="Подождите несколько секунд и повторите")
    try:
        points = tools.examine()
    finally:
        _EXAMINING.release()
    return _page(services, points)


def bundle(services: ConsoleServices) -> Answer:
    """The archive for whoever is asked for help."""
    data = _tools(services).bundle()
    note_act(services.ledger, "export", visitor().operator, services.now(), {"what": "support-bundle"})
    return download(data, "support-bundle.zip", "application/zip")


def guide(_: ConsoleServices, name: str) -> Answer:
    """A guide, as text."""
    if name not in GUIDES:
        return not_there("Такого руководства нет", "Выберите из списка.", "console.configuration", "Настройка")
    text = path_of(name).read_text(encoding="utf-8")
    response = FlaskResponse(text, mimetype="text/plain")
    response.headers["Content-Disposition"] = f'inline; filename="{GUIDES[name].file}"'
    return response


def _tools(services: ConsoleServices) -> SetupTools:
    if services.tools is None:
        raise InputError("Этот процесс не знает своих настроек", hint="Запустите службу командой optout serve")
    return services.tools


def _page(services: ConsoleServices, points: Sequence[SetupPoint] | None) -> Answer:
    settings = services.tools.settings() if services.tools else ()
    return show(
        "console/configuration.html",
        points=None
        if points is None
        else [(area, list(found)) for area, found in groupby(points, lambda one: one.area)],
        failed=sum(one.state == "failed" for one in points or ()),
        states=STATES,
        tables=[(table, list(found)) for table, found in groupby(settings, lambda one: one.table)],
        connectors=names(),
        connected=services.connector.name if services.connector else None,
        has_tools=services.tools is not None,
        guides=GUIDES,
        version=VERSION,
    )


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/setup", "configuration", configuration, ADMIN, "setup", "Настройка"),
    ConsoleRoute("POST", "/setup/check", "examine", examine, ADMIN, "setup"),
    ConsoleRoute("POST", "/setup/bundle", "bundle", bundle, ADMIN, "setup"),
    ConsoleRoute("GET", "/setup/guide/<name>", "guide", guide, ADMIN, "setup"),
)
