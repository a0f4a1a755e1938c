"""People in the console: added, given roles and passwords, let in no more; all on record, no password anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from plugin.auth.totp import code_at
from plugin.ledger.schema import acts
from tests.plugin.auth.support import PASSWORD
from tests.plugin.web.console.console_site import ConsoleSite

ADD: dict[str, Any] = {"login": "Петрова", "role": "supervisor", "password": PASSWORD, "again": PASSWORD}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"again": "другой пароль совсем"}, "Пароли не совпали"),
        ({"password": "коротко", "again": "коротко"}, "Пароль короче 12 знаков"),
        ({"login": ""}, "Такой логин не годится"),
        ({"login": "admin-1"}, "Логин admin-1 уже есть"),
        ({"role": "king"}, "Такой роли нет"),
    ],
)
def test_who_cannot_be_added_is_refused_with_what_to_do(
    console: ConsoleSite, changed: dict[str, Any], told: str
) -> None:
    page = console.person("admin").post("/console/users/add", **(ADD | changed))
    assert (page.status, told in page.text) == (422, True), page.text
    assert "optout" not in page.text
    assert console.rows(acts) == []


def test_nobody_disables_or_demotes_themselves(console: ConsoleSite) -> None:
    admin = console.person("admin")
    for does in ("disabled", "role"):
        page = admin.post("/console/users/change", login="ADMIN-1", does=does, role="operator")
        assert (page.status, "Нельзя" in page.text) == (422, True)
    assert admin.get("/console/users").status == 200


def test_a_role_counts_from_the_next_request_on(console: ConsoleSite) -> None:
    admin, operator = console.person("admin"), console.person("operator")
    assert operator.get("/console/").status == 403
    for role, status in (("supervisor", 200), ("editor", 403), ("admin", 200), ("operator", 403)):
        admin.done("/console/users/change", login="operator-1", does="role", role=role)
        assert operator.get("/console/calls").status == status


def test_who_is_added_may_sign_in_and_who_is_disabled_is_out_at_once(console: ConsoleSite) -> None:
    admin = console.person("admin")
    assert "добавлен" in admin.done("/console/users/add", **ADD).text
    added = console.person("supervisor", "петрова")
    assert added.get("/console/calls").status == 200
    admin.done("/console/users/change", login="петрова", does="disabled")
    assert added.get("/console/calls").status == 303
    admin.done("/console/users/change", login="петрова", does="enabled")
    admin.done(
        "/console/users/password", login="петрова", password="совсем другой пароль", again="совсем другой пароль"
    )
    assert [row["details"]["did"] for row in console.rows(acts)] == [
        "добавлен",
        "отключён",
        "включён",
        "новый пароль",
    ]
    assert PASSWORD not in str(console.rows(acts))


def test_sessions_are_ended_but_for_ones_own(console: ConsoleSite) -> None:
    admin, elsewhere = console.person("admin"), console.person("admin")
    operator = console.person("supervisor")
    admin.done("/console/users/change", login="supervisor-1", does="sessions")
    assert operator.get("/console/").status == 303
    admin.done("/console/users/change", login="admin-1", does="sessions")
    assert elsewhere.get("/console/").status == 303
    assert admin.get("/console/").status == 200


def test_a_second_factor_is_shown_and_taken_off(console: ConsoleSite) -> None:
    console.person("supervisor")
    own = console.app.extensions["optout_access"]
    user = console.users.find("supervisor-1")
    assert user
    secret = own.second_factors.begin(user.id)
    own.second_factors.confirm(user.id, code_at(secret, int(console.clock().timestamp()) // 30))
    admin = console.person("admin")
    assert "вход с кодом" in admin.get("/console/users").text
    page = admin.done("/console/users/change", login="supervisor-1", does="factor")
    assert "вход с кодом снят" in page.text
    assert not own.second_factors.is_on(user.id)


def test_what_people_did_is_read_page_by_page(console: ConsoleSite) -> None:
    admin = console.person("admin")
    for _ in range(101):
        admin.post("/console/users/change", login="nobody", does="sessions")
    page = admin.get("/console/acts")
    assert page.text.count("сеансы завершены") == 100
    assert 'rel="next"' in page.html
