"""A CRM's words without what it was told."""

from __future__ import annotations

import json

import pytest

from connectors.http.redaction import SentRequest

TEXT = "Исключить из опросов: Иванов Иван Иванович, +7 916 123-45-67\n[ref:0123456789abcdef]"
SENT = SentRequest(
    secrets=("wh00k",),
    headers={"Authorization": "Bearer t0ken-of-the-account", "X-No-Total": "true"},
    query={"query": "Петрова Алёна", "name": "Anna Smith"},
    body=json.dumps({"entity_type": "contacts", "params": {"text": TEXT}}, ensure_ascii=False).encode(),
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no route /rest/1/wh00k/user.get", "no route /rest/1/(…)/user.get"),
        ("bad token t0ken-of-the-account", "bad token (…)"),
        ("Иванов Иван Иванович is taken", "(…) is taken"),
        ("«иванов иван» уже есть", "«(…)» уже есть"),
        ("Алёна is no number", "(…) is no number"),
        ("Anna Smith is taken", "(…) is taken"),
        ("%D0%98%D0%B2%D0%B0%D0%BD%D0%BE%D0%B2 is taken", "(…) is taken"),
        (r"\u0418\u0432\u0430\u043d\u043e\u0432 is taken", "(…) is taken"),
        ("cannot take Исключить из опросов", "cannot take (…)"),
    ],
)
def test_what_it_repeats_is_left_out(said: str, shown: str) -> None:
    assert SENT.redacted(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "ACCESS_DENIED: Доступ запрещён",
        "Not found: contacts",
        "params.text is too long",
        "field entity_type: allowed contacts, leads",
        "100% of the quota",
        "",
    ],
)
def test_what_it_says_of_its_own_is_kept(said: str) -> None:
    assert SENT.redacted(said) == said


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"client_secret=s3cret-s3cret-s3cret-s3cret&name=%D0%98%D0%B2%D0%B0%D0%BD", id="a form"),
        pytest.param(
            b'{"cmd": {"w0": "add?token=s3cret-s3cret-s3cret-s3cret&fields[NAME]=%D0%98%D0%B2%D0%B0%D0%BD"}}',
            id="a form within JSON",
        ),
        pytest.param("s3cret-s3cret-s3cret-s3cret Иван".encode(), id="a text"),
    ],
)
def test_any_kind_of_body_is_known_again(body: bytes) -> None:
    sent = SentRequest(secrets=("s3cret-s3cret-s3cret-s3cret",), body=body)
    assert sent.redacted("s3cret-s3cret-s3cret-s3cret of Иван") == "(…) of (…)"


def test_a_long_unbroken_value_counts_as_a_token() -> None:
    assert (
        SentRequest(body=b'{"code": "def502003d3c3c3c3c3c3c3c"}').redacted("used: def502003d3c3c3c3c3c3c3c")
        == "used: (…)"
    )


def test_without_a_request_nothing_is_changed() -> None:
    assert SentRequest().redacted("Иванов Иван: wh00k") == "Иванов Иван: wh00k"


def test_it_shows_nothing_itself() -> None:
    assert repr(SENT) == "SentRequest()"
