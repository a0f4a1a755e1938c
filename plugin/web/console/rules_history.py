"""История: each publication with its author, reason and change in words, and the ways to take it back."""

from __future__ import annotations

from collections.abc import Sequence

from flask import redirect, request, url_for

from plugin.console.rules_publishing import PastPublication, changed_by, publications, take_back
from plugin.errors import InputError
from plugin.web.console.access import ADMIN, STAFF
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor
from plugin.web.console.rules_shared import refusing, room


def history(services: ConsoleServices) -> Answer:
    """All publications, the newest first."""
    found = publications(room(services).desk)
    return show("rules/history.html", found=found, done=request.args.get("done", ""))


def publication(services: ConsoleServices, number: int) -> Answer:
    """One of them: what it changed."""
    one = _found(services, number)
    return show("rules/publication.html", one=one, found=changed_by(room(services).desk, one), notice="", reason="")


def roll_back(services: ConsoleServices, number: int) -> Answer:
    """Make the rules of that publication active again."""
    one = _found(services, number)
    reason = request.form.get("reason", "")
    try:
        take_back(room(services).desk, one.made.revision, visitor().operator, reason)
    except InputError as error:
        notice = "Напишите, зачем возвращаете прежние правила" if not reason.strip() else str(error)
        found = changed_by(room(services).desk, one)
        return show("rules/publication.html", 422, one=one, found=found, notice=notice, reason=reason)
    return redirect(url_for("console.rules_history", done=one.made.revision), 303)


def _found(services: ConsoleServices, number: int) -> PastPublication:
    found = next((one for one in publications(room(services).desk, 1000) if one.made.id == number), None)
    if found is None:
        raise InputError("Такой публикации нет", hint="Вернитесь к истории")
    return found


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/rules/history", "rules_history", refusing(history), STAFF, "rules"),
    ConsoleRoute("GET", "/rules/history/<int:number>", "rules_publication", refusing(publication), STAFF, "rules"),
    ConsoleRoute("POST", "/rules/history/<int:number>/back", "rules_back", refusing(roll_back), ADMIN, "rules"),
)
