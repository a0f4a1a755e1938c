"""Webhooks: proven by their address alone, and no more than a hint where to look."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.amocrm import AmoConnector
from connectors.base import EventMalformed, EventNotAuthentic, Reference
from plugin.config.settings import WebSettings
from tests.connectors.amocrm.rig import SECRET, settings
from tests.connectors.amocrm.server import ACCOUNT, OWN

Payload = Callable[[str], Any]
HEADERS = {"content-type": "application/x-www-form-urlencoded"}


def heard(body: bytes, secret: str | None = SECRET, **more: Any) -> list[Reference]:
    connector = AmoConnector(AmoConnector.Settings().load(settings("https://example.amocrm.ru", **more)))
    found = connector.parse_event(HEADERS, secret, {}, body)
    connector.close()
    assert all(isinstance(item, Reference) for item in found)
    return list(found)  # type: ignore[arg-type]


def form(fields: dict[str, Any]) -> bytes:
    return urlencode(fields).encode()


def fields(payload: Payload, **more: Any) -> bytes:
    return form(payload("webhook__note_call_out") | more)


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [None, "", SECRET[:-1], SECRET + "0", SECRET.upper(), "с" * 24, "\udcff" * 24])
def test_a_wrong_secret_in_the_address_is_not_authentic(payload: Payload, secret: str | None) -> None:
    with pytest.raises(EventNotAuthentic, match="secret"):
        heard(fields(payload), secret)


def test_without_a_secret_of_its_own_nothing_is_authentic(payload: Payload) -> None:
    for secret in (None, "", SECRET):
        with pytest.raises(EventNotAuthentic, match="webhook_secret"):
            heard(fields(payload), secret, webhook_secret=None)


def test_another_account_is_not_authentic(payload: Payload) -> None:
    with pytest.raises(EventNotAuthentic, match="another account"):
        heard(fields(payload), account_id=ACCOUNT + 1)


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b"a=%ff", b"contacts[note][0][note][id]=1"])
def test_what_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(EventMalformed):
        heard(body)


def test_a_form_without_end_is_malformed() -> None:
    with pytest.raises(EventMalformed):
        heard(form({"account[id]": ACCOUNT} | {f"contacts[update][{n}][x]": n for n in range(60_000)}))


def test_secrets_and_clients_stand_in_no_message(payload: Payload) -> None:
    with pytest.raises(EventNotAuthentic) as caught:
        heard(fields(payload), "wr0ng-secret-of-somebody")
    assert "wr0ng" not in str(caught.value)
    assert SECRET not in str(caught.value)


# --- what is no call of ours -----------------------------------------------------------------------


@pytest.mark.parametrize("fixture", ["webhook__note_common", "webhook__update_lead_by_plugin"])
def test_the_plugins_own_comments_and_changes_are_ignored(payload: Payload, fixture: str) -> None:
    body = payload(fixture)
    assert str(OWN) in body.values()
    assert heard(form(body)) == []


@pytest.mark.parametrize(
    "more",
    [
        {"contacts[note][0][note][id]": "x"},
        {"contacts[note][0][note][id]": "../users/1"},
        {"contacts[note][0][note][element_id]": ""},
        {"contacts[note][0][note][note_type]": "25"},
    ],
)
def test_what_names_no_call_is_left_out(payload: Payload, more: dict[str, str]) -> None:
    assert heard(fields(payload, **more)) == []


@pytest.mark.parametrize(
    "name", ["task[add][0]", "leads[delete][0]", "leads[status][0]", "unsorted[add][0]", "x[update][0]"]
)
def test_other_things_that_happened_are_left_out(name: str) -> None:
    assert heard(form({f"{name}[id]": "1", "account[id]": ACCOUNT})) == []


# --- what is heard ---------------------------------------------------------------------------------


def test_a_call_that_was_noted(payload: Payload) -> None:
    assert heard(fields(payload)) == [Reference("call", "contacts/26050861/42709400")]


def test_a_contact_that_was_changed(payload: Payload) -> None:
    assert heard(form(payload("webhook__update_contact"))) == [Reference("card", "contacts/26050861")]


def test_a_company_comes_under_contacts(payload: Payload) -> None:
    assert heard(form(payload("webhook__update_company"))) == [Reference("card", "companies/26050900")]


def test_the_kind_of_card_is_the_notes_own() -> None:
    name = "contacts[note][0][note]"
    body = {f"{name}[id]": 5, f"{name}[element_id]": 6, f"{name}[element_type]": 3, f"{name}[note_type]": 10}
    assert heard(form(body | {"account[id]": ACCOUNT})) == [Reference("call", "companies/6/5")]


def test_several_records_come_in_one_event_and_each_is_named_once(payload: Payload) -> None:
    body = payload("webhook__note_call_out") | payload("webhook__update_contact")
    body |= {"contacts[update][1][id]": "26050861", "leads[add][0][id]": "7", "leads[add][0][name]": "Сделка & Ко"}
    assert heard(form(body)) == [
        Reference("call", "contacts/26050861/42709400"),
        Reference("card", "contacts/26050861"),
        Reference("card", "leads/7"),
    ]


def test_nothing_of_the_body_but_where_to_look_is_kept(payload: Payload) -> None:
    assert all(item.data is None for item in heard(fields(payload)))


@pytest.mark.parametrize("odd", [b"x=%C8%E2", b"leads[update][0][name]=%C8%E2", b"leads[update][0][name]=\xff%00"])
def test_a_field_that_nobody_needs_may_hold_anything(odd: bytes) -> None:
    body = form({"leads[update][0][id]": 5, "account[id]": ACCOUNT})
    assert heard(b"\xef\xbb\xbf" + odd + b"&" + body) == [Reference("card", "leads/5")]


# --- a mass change ---------------------------------------------------------------------------------


def mass_change(leads: int, filled: int) -> bytes:
    """What amoCRM sends for a change of so many leads, with so many custom fields filled in each."""
    fields: dict[str, Any] = {"account[id]": ACCOUNT, "account[subdomain]": "example"}
    for lead in range(leads):
        here = f"leads[update][{lead}]"
        fields |= {f"{here}[id]": 18_000_000 + lead, f"{here}[name]": "Сделка", f"{here}[status_id]": 142}
        for field in range(filled):
            there = f"{here}[custom_fields][{field}]"
            fields |= {f"{there}[id]": 500_000 + field, f"{there}[name]": "Пробег", f"{there}[values][0][value]": 7}
    return form(fields)


def test_a_mass_change_is_read_in_little_time_and_memory() -> None:
    body = mass_change(100, 60)
    assert 1_300_000 < len(body) < WebSettings().max_crm_event_bytes
    began = time.perf_counter()
    found = heard(body)
    took = time.perf_counter() - began
    assert found == [Reference("card", f"leads/{18_000_000 + lead}") for lead in range(100)]
    # Wanted is one second; machines that run tests are busy.
    assert took < 10
    tracemalloc.start()
    heard(body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20_000_000
