"""``optout token``: printed once, listed without itself, revoked by its name."""

from __future__ import annotations

import json

from plugin.auth.api_tokens import ApiTokens
from tests.plugin.operations.harness import Firm


def test_what_cannot_be_done_is_told_in_one_line(firm: Firm) -> None:
    for arguments, said in (
        (("add", "dialler"), "--scope"),
        (("add", "a b", "--scope", "suppression"), "имя токена не годится"),
        (("add", "dialler", "--scope", "other"), "«other» не бывает"),
        (("revoke", "dialler"), "'dialler' нет"),
    ):
        status, out, err = firm.run("token", *arguments)
        assert (status, out) == (2, "")
        assert said in err


def test_a_token_is_printed_once_and_alone_on_standard_output(firm: Firm) -> None:
    status, token, err = firm.run("token", "add", "dialler", "--scope", "suppression")
    assert status == 0
    assert "больше он не показывается" in err
    with firm.ledger.read() as connection:
        found = ApiTokens(firm.ledger, firm.clock).find(connection, token.strip())
    assert found is not None
    assert found.name == "dialler"
    for arguments in (("list",), ("list", "--json")):
        assert token.strip() not in firm.run("token", *arguments)[1]


def test_tokens_are_listed_with_what_they_are_for_and_whether_they_stand(firm: Firm) -> None:
    assert "Токенов ещё нет" in firm.run("token", "list")[1]
    firm.run("token", "add", "dialler", "--scope", "suppression")
    firm.run("token", "add", "mailer", "--scope", "suppression")
    assert "отозван" in firm.run("token", "revoke", "mailer")[1]
    rows = firm.run("token", "list")[1].splitlines()
    assert [row.split()[0] for row in rows] == ["Токен", "dialler", "mailer"]
    assert "действует" in rows[1]
    assert "отозван" in rows[2]
    listed = [json.loads(line) for line in firm.run("token", "list", "--json")[1].splitlines()]
    assert [(one["name"], one["scopes"], one["used_at"]) for one in listed] == [
        ("dialler", ["suppression"], None),
        ("mailer", ["suppression"], None),
    ]
