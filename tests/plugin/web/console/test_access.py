"""Who gets to which page and act of the console: each route by each role, by requests made by hand."""

from __future__ import annotations

import re

import pytest

from plugin.auth.visitor import ROLES, LinkedCall, Role
from plugin.web.console.pages import ROUTES as SERVED
from tests.plugin.web.console.console_site import ConsoleSite
from tests.plugin.web.console.routes_by_role import ROUTES
from tests.plugin.web.console.rules_by_role import ROUTES as RULES

TABLE = ROUTES | RULES


def path_of(rule: str) -> str:
    """The rule with something in the place of each value."""
    return re.sub(r"<(?:\w+:)?\w+>", "1", rule)


def test_every_route_stands_in_the_table_and_every_row_is_a_route(console: ConsoleSite) -> None:
    served = {
        (method, rule.rule)
        for rule in console.app.url_map.iter_rules()
        if rule.rule.startswith("/console") and rule.endpoint not in ("console.asset", "console.lost")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == set(TABLE)
    assert served == {(route.method, f"/console{route.path}") for route in SERVED}


def test_each_route_lets_through_the_roles_of_the_table_and_nobody_else(console: ConsoleSite) -> None:
    people = {role: console.person(role) for role in ROLES}
    for (method, rule), allowed in TABLE.items():
        for role, person in people.items():
            path = path_of(rule)
            answer = person.get(path) if method == "GET" else person.post(path)
            refused = answer.status == 403 and "не для вашей роли" in answer.text
            assert refused == (role not in allowed.split()), f"{method} {rule} by {role}: {answer.status}"


def test_a_stranger_is_sent_to_sign_in_and_comes_back(console: ConsoleSite) -> None:
    stranger = console.stranger()
    for method, rule in TABLE:
        answer = stranger.get(path_of(rule)) if method == "GET" else stranger.post(path_of(rule))
        assert (answer.status, answer.to[:17]) == (303, "/operator/sign-in"), rule
    assert stranger.get("/console/?since=2026-11-01").to == (
        "/operator/sign-in?next=%2Fconsole%2F%3Fsince%3D2026-11-01"
    )


@pytest.mark.parametrize("token", ["", "wrong", "ключ"])
def test_nothing_is_done_without_the_sessions_own_csrf_token(console: ConsoleSite, token: str) -> None:
    for (method, rule), allowed in TABLE.items():
        if method == "POST":
            role: Role = "admin" if "admin" in allowed.split() else "editor"
            answer = console.person(role).post(path_of(rule), csrf=token)
            assert (answer.status, "Страница устарела" in answer.text) == (403, True), rule


def test_the_csrf_token_of_another_person_is_refused(console: ConsoleSite) -> None:
    mine, theirs = console.person("admin"), console.person("admin", "admin-2")
    assert mine.post("/console/nowhere", csrf=theirs.csrf).status == 403
    assert mine.post("/console/nowhere").status == 404


def test_a_visit_by_a_link_of_the_crm_opens_nothing_of_the_console(console: ConsoleSite) -> None:
    own = console.app.extensions["optout_access"]
    token = own.sessions.open_call("operator-1", LinkedCall("c-1"))
    visit = console.stranger()
    visit.client.set_cookie(own.cookies.name("visit"), token)
    visit.csrf = own.sessions.find(token).csrf
    assert visit.get("/console/").to.startswith("/operator/sign-in")
    assert visit.post("/console/nowhere").to == "/operator/sign-in?next=%2Fconsole%2F"


def test_no_other_site_may_frame_the_console_and_nothing_foreign_runs_in_it(console: ConsoleSite) -> None:
    headers = console.person("admin").get("/console/").headers
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert headers["Cache-Control"] == "no-store"


def test_the_navigation_shows_a_role_what_it_may_open(console: ConsoleSite) -> None:
    for role in ("supervisor", "editor", "admin"):
        person = console.person(role)
        html = person.get("/console/").html
        listed = re.findall(r'<li><a href="(/console/[^"]*)"', html.partition("</nav>")[0])
        assert listed
        assert {path: person.get(path).status for path in listed} == dict.fromkeys(listed, 200)
