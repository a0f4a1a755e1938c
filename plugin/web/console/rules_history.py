"""История: each publication with its author, reason and change in words, the ways to take it back, and what waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import redirect, request, url_for

from plugin.console.rules_publishing import (
    PastPublication,
    agree,
    agreed_by,
    changed_between,
    publications,
    signed,
    take_back,
    take_from_review,
    undo_one,
    waiting,
)
from plugin.errors import InputError, RulesConflict
from plugin.ledger.audit import Actor
from plugin.web.console.access import ADMIN, STAFF
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor
from plugin.web.console.rules_shared import refusing, room

_MOST = 1_000


def history(services: ConsoleServices) -> Answer:
    """All publications, the newest first, and the rules that wait for another person's word."""
    desk = room(services).desk
    done = request.args.get("done", "")
    reviews = [(one, agreed_by(desk, one)) for one in waiting(desk)]
    return show("rules/history.html", found=publications(desk), waiting=reviews, done=done)


def publication(services: ConsoleServices, number: int) -> Answer:
    """One of them: what it changed."""
    return _shown(services, _found(services, number))


def roll_back(services: ConsoleServices, number: int) -> Answer:
    """Make the rules of that publication active again."""

    def act(one: PastPublication, actor: Actor) -> None:
        people = request.form.get("people") == "yes"
        take_back(room(services).desk, one.made.revision, actor, people_too=people)

    return _taking_back(services, number, act)


def revert(services: ConsoleServices, number: int) -> Answer:
    """Take this publication alone out of the active rules."""

    def act(one: PastPublication, actor: Actor) -> None:
        undo_one(room(services).desk, one.made.revision, actor, approvals=services.settings.approvals)

    return _taking_back(services, number, act)


def review(services: ConsoleServices, revision: str) -> Answer:
    """Rules that wait for another person's word: what they change."""
    return _review(services, revision)


def approve(services: ConsoleServices, revision: str) -> Answer:
    """Agree to them, or let them wait no more."""
    is_out = request.form.get("act") == "withdraw"
    try:
        actor = signed(visitor().operator, request.form.get("reason", ""))
        (take_from_review if is_out else agree)(room(services).desk, revision, actor)
    except InputError as error:
        # Its hint is for those who use the command line.
        return _review(services, revision, 422, error.message)
    return redirect(url_for("console.rules_history", done="withdrawn" if is_out else "agreed"), 303)


def _taking_back(services: ConsoleServices, number: int, act: Callable[[PastPublication, Actor], None]) -> Answer:
    one, reason = _found(services, number), request.form.get("reason", "")
    try:
        act(one, signed(visitor().operator, reason))
    except RulesConflict as error:
        where = "; ".join(" → ".join(conflict.place) for conflict in error.conflicts[:5])
        told = f"Отменить только это нельзя: то же самое меняли и позже ({where}). Измените поле в черновике"
        return _shown(services, one, 422, told, reason)
    except InputError as error:
        # Its hint is for those who use the command line.
        return _shown(services, one, 422, error.message, reason)
    return redirect(url_for("console.rules_history", done="yes"), 303)


def _shown(
    services: ConsoleServices, one: PastPublication, status: int = 200, notice: str = "", reason: str = ""
) -> Answer:
    desk = room(services).desk
    found = changed_between(desk, one.before.revision, one.made.revision) if one.before else None
    return show("rules/publication.html", status, one=one, found=found, notice=notice, reason=reason)


def _review(services: ConsoleServices, revision: str, status: int = 200, notice: str = "") -> Answer:
    desk = room(services).desk
    one = next((found for found in waiting(desk) if found.revision == revision), None)
    if one is None:
        raise InputError("Эти правила согласования уже не ждут", hint="Вернитесь к списку")
    found = changed_between(desk, desk.active().revision, revision)
    agreed = agreed_by(desk, one)
    return show("rules/review.html", status, one=one, found=found, notice=notice, agreed=agreed)


def _found(services: ConsoleServices, number: int) -> PastPublication:
    found = next((one for one in publications(room(services).desk, _MOST) if one.made.id == number), None)
    if found is None:
        raise InputError("Такой публикации нет", hint="Вернитесь к истории")
    return found


_ONE = "/rules/history/<int:number>"
ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/rules/history", "rules_history", refusing(history), STAFF, "rules"),
    ConsoleRoute("GET", _ONE, "rules_publication", refusing(publication), STAFF, "rules"),
    ConsoleRoute("POST", f"{_ONE}/back", "rules_back", refusing(roll_back), ADMIN, "rules"),
    ConsoleRoute("POST", f"{_ONE}/revert", "rules_revert", refusing(revert), ADMIN, "rules"),
    ConsoleRoute("GET", "/rules/review/<revision>", "rules_review", refusing(review), STAFF, "rules"),
    ConsoleRoute("POST", "/rules/review/<revision>", "rules_approve", refusing(approve), ADMIN, "rules"),
)
