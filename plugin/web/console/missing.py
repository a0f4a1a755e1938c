"""«Нет нужного ответа»: the words with call and step, a draft case of each, and what somebody made of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from flask import redirect, request, url_for

from plugin.authoring.revisions.labels import script_at
from plugin.console.remarks import Remark, newest_remarks, settle
from plugin.errors import InputError, OptoutError
from plugin.ledger.audit import Actor
from plugin.operator_page.missing_answers import draft_case
from plugin.web.console.access import STAFF
from plugin.web.console.filters import given
from plugin.web.console.missing_case import ROUTES as OF_CASES
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor

#: Journals that one page goes through.
_JOURNALS = 100
#: How far back it looks.
LOOKED_BACK = timedelta(days=90)


def missing_list(services: ConsoleServices) -> Answer:
    """Those that nobody has seen to, or all."""
    return _page(services)


def settle_missing(services: ConsoleServices) -> Answer:
    """Note what came of one."""
    trail, said_at = request.form.get("trail", ""), request.form.get("said_at", "")[:40]
    if not trail.isascii() or not trail.isdigit():
        raise InputError("Такого ответа нет", hint="Откройте список заново")
    try:
        actor = Actor.signed(visitor().operator, request.form.get("reason", ""))
    except InputError:
        return _page(services, "Напишите, что решили: это увидят остальные.")
    settle(services.ledger, int(trail), said_at, actor, services.now)
    return redirect(url_for("console.missing"), 303)


def _page(services: ConsoleServices, fault: str | None = None) -> Answer:
    is_all = "all" in given(("all",))
    with services.ledger.read() as connection:
        found = newest_remarks(
            connection,
            partial(script_at, services.rules),
            services.now() - LOOKED_BACK,
            _JOURNALS,
        )
    rows = [(one, _draft(services, one)) for one in found if is_all or one.settled is None]
    return show("console/missing.html", 422 if fault else 200, rows=rows, is_all=is_all, fault=fault)


def _draft(services: ConsoleServices, one: Remark) -> str | None:
    """A case for the active rules, which the cases file belongs to; None where they have no such script."""
    if visitor().role not in ("editor", "admin"):
        return None
    try:
        scripts = services.rules.current().scripts.values()
    except OptoutError:
        return None
    script = next((decider.script for decider in scripts if decider.name == one.script_name), None)
    return draft_case(one.missing, script) if script else None


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/missing", "missing", missing_list, STAFF, "missing", "Нет нужного ответа"),
    ConsoleRoute("POST", "/missing", "settle_missing", settle_missing, STAFF, "missing"),
    *OF_CASES,
)
