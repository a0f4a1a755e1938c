"""People: who may sign in and as what, who is on the pages now, second factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flask import redirect, request, url_for

from plugin.auth.password_rules import SHORTEST
from plugin.auth.users import User
from plugin.auth.visitor import ROLE_WORDS, normal_login
from plugin.console.people import PeopleByHand
from plugin.errors import InputError
from plugin.web.auth.guards import access
from plugin.web.console.access import ADMIN
from plugin.web.console.filters import given
from plugin.web.console.lost import not_there
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor

#: What each role may do, as the page tells it.
_MAY = {
    "operator": "ведёт разговоры на странице оператора",
    "supervisor": "видит все звонки, повторяет и отменяет доставки, разбирает «нет нужного ответа»",
    "editor": "правит скрипты и правила",
    "admin": "может всё",
}
_DID = {
    "added": "Добавлен",
    "role": "Роль изменена",
    "disabled": "Отключён, открытые сеансы завершены",
    "enabled": "Снова может войти",
    "password": "Пароль заменён, открытые сеансы завершены",
    "factor": "Вход с кодом снят, открытые сеансы завершены",
    "sessions": "Сеансы завершены",
}


def people(services: ConsoleServices) -> Answer:
    """All users, and everybody who is on the pages now."""
    return _page(services)


def person(services: ConsoleServices) -> Answer:
    """One user, to be changed."""
    user = access().users.find(request.args.get("login", ""))
    if user is None:
        return not_there("Такого логина нет", "Возможно, он набран с ошибкой.", "console.people", "Все люди")
    return _person(user)


def add_person(services: ConsoleServices) -> Answer:
    """Add a user."""
    form = request.form
    if form.get("password") != form.get("again"):
        return _page(services, "Пароли не совпали. Введите их ещё раз.")
    return _done(
        services, "added", lambda: _by_hand(services).add(form["login"], form.get("role", ""), form["password"])
    )


def change_person(services: ConsoleServices) -> Answer:
    """Change a user's role, let them in or not, switch off the second factor, end the sessions."""
    login, hand = request.form.get("login", ""), _by_hand(services)
    own = access().session("session")
    acts: Mapping[str, Callable[[], object]] = {
        "role": lambda: hand.change_role(login, request.form.get("role", "")),
        "disabled": lambda: hand.disable(login),
        "enabled": lambda: hand.enable(login),
        "factor": lambda: hand.reset_second_factor(login),
        "sessions": lambda: hand.end_sessions(login, but=own.id if own else None),
    }
    does = request.form.get("does", "")
    if does not in acts:
        raise InputError("Не сказано, что сделать", hint="Откройте список заново")
    return _done(services, does, acts[does])


def change_password(services: ConsoleServices) -> Answer:
    """Give a user another password."""
    form = request.form
    if form.get("password") != form.get("again"):
        user = access().users.find(form.get("login", ""))
        told = "Пароли не совпали. Введите их ещё раз."
        return _person(user, told) if user else _page(services, told)
    return _done(
        services,
        "password",
        lambda: _by_hand(services).change_password(form.get("login", ""), form.get("password", "")),
    )


def _done(services: ConsoleServices, did: str, do: Callable[[], object]) -> Answer:
    try:
        do()
    except InputError as error:
        # A hint that names a command is for the command line.
        hint = "" if "optout" in (error.hint or "") else f" {error.hint or ''}"
        user = None if did == "added" else access().users.find(request.form.get("login", ""))
        told = f"{error.message}.{hint}".strip()
        return _person(user, told) if user else _page(services, told)
    return redirect(url_for("console.people", did=did, login=normal_login(request.form.get("login", ""))[:64]), 303)


def _person(user: User, fault: str | None = None) -> Answer:
    return show(
        "console/person.html",
        422 if fault else 200,
        fault=fault,
        user=user,
        has_factor=user.login in access().users.with_second_factor(),
        roles=ROLE_WORDS,
        may=_MAY,
        shortest=SHORTEST,
    )


def _by_hand(services: ConsoleServices) -> PeopleByHand:
    own = access()
    return PeopleByHand(services.ledger, own.users, own.open_sessions, services.now, visitor().operator)


def _page(services: ConsoleServices, fault: str | None = None) -> Answer:
    own, done = access(), given(("did", "login"))
    return show(
        "console/people.html",
        422 if fault else 200,
        fault=fault,
        did=_DID.get(done.get("did", "")),
        whom=done.get("login", ""),
        users=own.users.all(),
        second_factors=own.users.with_second_factor(),
        sessions=own.open_sessions.all(),
        roles=ROLE_WORDS,
        may=_MAY,
        shortest=SHORTEST,
        form=request.form,
        mine=normal_login(visitor().operator),
    )


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/users", "people", people, ADMIN, "people", "Люди"),
    ConsoleRoute("GET", "/users/person", "person", person, ADMIN, "people"),
    ConsoleRoute("POST", "/users/add", "add_person", add_person, ADMIN, "people"),
    ConsoleRoute("POST", "/users/change", "change_person", change_person, ADMIN, "people"),
    ConsoleRoute("POST", "/users/password", "change_password", change_password, ADMIN, "people"),
)
