"""The doctor's points: each fails where it should, with its remedy, and a good account passes all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.amocrm import AmoConnector
from connectors.base import Assignee, Check
from tests.connectors.amocrm.rig import FIELD, SECRET, AmoRig, settings
from tests.connectors.amocrm.server import ACCOUNT, COORDINATOR, OWN, Account
from tests.support.fake_api import ApiAnswer, ApiRequest, Fault
from tests.support.processes import free_port

Prepare = Callable[[Account], None]


def checked(crm: AmoRig, now: Callable[[], datetime] = lambda: datetime.now(UTC), **more: Any) -> dict[str, Check]:
    connector = AmoConnector(AmoConnector.Settings().load(settings(crm.server.url, **more)), now=now)
    return named(connector)


def named(connector: AmoConnector) -> dict[str, Check]:
    points = connector.check()
    connector.close()
    return by_name(points)


def by_name(points: Sequence[Check]) -> dict[str, Check]:
    assert all(bool(point.remedy) != bool(point.ok) for point in points)
    assert len({point.name for point in points}) == len(points)
    return {point.name: point for point in points}


# --- not let in ------------------------------------------------------------------------------------


def test_a_crm_that_is_down_is_said() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    found = named(AmoConnector(AmoConnector.Settings().load(settings(url))))
    assert {name: point.ok for name, point in found.items()} == {
        "what is sent stays private": True,
        "the CRM answers": False,
    }


def test_unencrypted_traffic_to_another_machine_is_said() -> None:
    found = named(AmoConnector(AmoConnector.Settings().load(settings("http://crm.invalid"))))
    assert not found["what is sent stays private"].ok


def test_a_wrong_token_is_said_without_repeating_it(crm: AmoRig) -> None:
    found = checked(crm, token="wr0ng")
    assert not found["the token is accepted"].ok
    assert "wr0ng" not in repr(found)


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (ApiAnswer(402, {"title": "Payment Required", "status": 402}), "renew it"),
        (ApiAnswer(403, b"<html>403 Forbidden</html>"), "support"),
    ],
)
def test_a_closed_account_is_said(crm: AmoRig, answer: ApiAnswer, remedy: str) -> None:
    crm.server.answer = lambda _: answer  # type: ignore[method-assign]
    point = checked(crm)["the account is open"]
    assert not point.ok
    assert remedy in point.remedy


@pytest.mark.parametrize("data", [{}, [], {"id": "x"}, b"<html>"])
def test_another_address_is_said(crm: AmoRig, data: Any) -> None:
    crm.server.answer = lambda _: ApiAnswer(200, data)  # type: ignore[method-assign]
    assert not checked(crm)["the CRM answers"].ok


# --- what is missing -------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [timedelta(minutes=2), timedelta(minutes=-2), timedelta(hours=3)])
def test_clocks_that_disagree_are_said(crm: AmoRig, apart: timedelta) -> None:
    point = checked(crm, now=lambda: datetime.now(UTC) + apart)["the clocks agree"]
    assert not point.ok
    assert "NTP" in point.remedy


@pytest.mark.parametrize(
    ("more", "name", "remedy"),
    [
        ({"account_id": 1}, "it is the account of the settings", f"account_id = {ACCOUNT}"),
        ({"own_user": None}, "own_user is the plugin's user", f"own_user = {OWN}"),
        ({"own_user": COORDINATOR}, "own_user is the plugin's user", f"own_user = {OWN}"),
        ({"task_type": 5}, "the task type exists", "1, 2, 77"),
        ({"webhook_secret": None}, "its events can be verified", "webhook_secret"),
        ({"webhook_secret": "another-secret-0123"}, "its webhook is set up", "events/amocrm"),
        ({"facts": {"x": {"field": "999"}}}, "the field of the fact 'x' exists", "facts.x.field"),
    ],
)
def test_settings_that_do_not_fit_the_account_are_said(
    crm: AmoRig, more: dict[str, Any], name: str, remedy: str
) -> None:
    point = checked(crm, **more)[name]
    assert not point.ok
    assert remedy in point.remedy


@pytest.mark.parametrize(
    ("forbidden", "name"),
    [
        ("leads", "leads can be read"),
        ("contacts", "contacts can be read"),
        ("companies", "companies can be read"),
        ("customers", "customers can be read"),
        ("tasks", "tasks can be read"),
        ("contacts/notes", "notes can be read"),
        ("users", "users can be read"),
        ("events", "changes of fields can be read"),
        ("leads/custom_fields", "fields of the mapping can be read"),
        ("webhooks", "its webhook is set up"),
    ],
)
def test_a_right_that_is_missing_is_said(crm: AmoRig, forbidden: str, name: str) -> None:
    crm.server.account.forbidden = {forbidden}
    assert not checked(crm)[name].ok


@pytest.mark.parametrize(
    ("rights", "name"),
    [
        ({"leads": {"view": "A", "edit": "D"}}, "leads can be written to"),
        ({"contacts": {"view": "D", "edit": "A"}}, "contacts can be written to"),
        ({"companies": {"view": "A", "edit": "D"}}, "companies can be written to"),
        ({"tasks": {"edit": "D", "delete": "D"}}, "tasks can be written to"),
    ],
)
def test_a_denied_write_is_said(crm: AmoRig, rights: dict[str, Any], name: str) -> None:
    crm.server.account.users[OWN]["rights"] = {"is_admin": False, "is_active": True, **rights}
    found = checked(crm)
    assert {point for point, check in found.items() if not check.ok} == {name}


def webhook_off(account: Account) -> None:
    account.webhooks[0]["disabled"] = True


def webhook_short(account: Account) -> None:
    account.webhooks[0]["settings"] = ["note_contact", "note_lead"]


def entry_added(account: Account) -> None:
    account.fields["contacts"][0]["enums"].append({"id": 903, "value": "Может быть"})


@pytest.mark.parametrize(
    ("prepare", "name", "remedy"),
    [
        (webhook_off, "its webhook is switched on", "switch it on"),
        (webhook_short, "its webhook tells of calls", "update_contact, update_lead"),
        (entry_added, "every entry of the field of 'refuses' is mapped", "Может быть (903)"),
    ],
)
def test_what_an_admin_has_changed_is_said(crm: AmoRig, prepare: Prepare, name: str, remedy: str) -> None:
    crm.server.account.fields["contacts"] = [dict(crm.server.account.fields["contacts"][0])]
    crm.server.account.fields["contacts"][0]["enums"] = list(crm.server.account.fields["contacts"][0]["enums"])
    prepare(crm.server.account)
    point = checked(crm)[name]
    assert not point.ok
    assert remedy in point.remedy


# --- all is well -----------------------------------------------------------------------------------


def test_a_good_account_passes_every_point_and_nothing_is_written(crm: AmoRig) -> None:
    found = checked(crm)
    assert [name for name, point in found.items() if not point.ok] == []
    assert len(found) == 22
    assert crm.writes() == 0


def test_customers_that_are_switched_off_are_not_asked_for(crm: AmoRig) -> None:
    crm.server.account.customers_mode = "disabled"
    crm.server.account.forbidden = {"customers"}
    assert all(point.ok for point in checked(crm).values())


def test_entries_mapped_by_their_text_pass(crm: AmoRig) -> None:
    facts = {
        "refuses": {
            "field": str(FIELD),
            "values": {"Звонки": "calls", "902": "all"},
            "empty": ["Не спрашивали"],
        }
    }
    assert all(point.ok for point in checked(crm, facts=facts).values())


def test_without_events_of_its_own_no_webhook_is_wanted(crm: AmoRig) -> None:
    crm.server.account.webhooks = []
    found = checked(crm, facts={}, webhook_secret=None)
    assert all(point.ok for point in found.values())
    assert not any("webhook" in name for name in found)


def test_the_secret_of_the_webhook_stands_in_no_remedy(crm: AmoRig) -> None:
    crm.server.account.webhooks = []
    assert SECRET not in repr(checked(crm))


def test_a_documented_account_is_recognised(payload: Callable[[str], Any]) -> None:
    url = "https://example.amocrm.ru"
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{url}/api/v4/account", json=payload("account__current"))
        found = named(AmoConnector(AmoConnector.Settings().load(settings(url))))
    for name in (
        "what is sent stays private",
        "the token is accepted",
        "it is the account of the settings",
        "own_user is the plugin's user",
        "the task type exists",
    ):
        assert found[name].ok
    # Nothing else was answered there.
    assert not found["leads can be read"].ok


# --- people ----------------------------------------------------------------------------------------


def person(crm: AmoRig, assignee: Assignee, *, mailed: bool = False) -> dict[str, bool]:
    points = crm.connector.check_assignee(assignee, mailed=mailed)
    return {name: point.ok for name, point in by_name(points).items()}


@pytest.mark.parametrize("user", [None, "ivanova", "999"])
def test_a_person_who_is_no_user_is_said(crm: AmoRig, user: str | None) -> None:
    assert person(crm, Assignee(user=user, address="a@example.org"))["the person is a user of the CRM"] is False


def test_a_person_who_was_shut_out_is_said(crm: AmoRig) -> None:
    crm.server.account.users[COORDINATOR]["rights"]["is_active"] = False
    assert person(crm, crm.people[0])["the person is a user of the CRM"] is False


def test_the_plugins_own_user_hears_of_no_task(crm: AmoRig) -> None:
    assert person(crm, Assignee(user=str(OWN)))["the person is not the plugin's own user"] is False


def test_nobody_is_mailed(crm: AmoRig) -> None:
    found = person(crm, crm.people[0], mailed=True)
    assert found == {
        "the person is a user of the CRM": True,
        "the CRM can mail the person": False,
        "the person is not the plugin's own user": True,
    }


def test_users_that_cannot_be_read_are_said(crm: AmoRig) -> None:
    crm.server.account.forbidden = {"users"}
    assert person(crm, crm.people[0]) == {"the person is a user of the CRM": False}


def test_a_good_person_passes(crm: AmoRig) -> None:
    assert all(all(person(crm, assignee).values()) for assignee in crm.people)


def throttled_after(crm: AmoRig, first: int) -> None:
    """From its request ``first`` on the CRM answers 429."""
    answer, begun = crm.server.answer, len(crm.server.requests)

    def late(request: ApiRequest) -> ApiAnswer:
        return answer(request) if len(crm.server.requests) - begun <= first else crm.server.worded(Fault.THROTTLED)

    crm.server.answer = late  # type: ignore[method-assign]


@pytest.mark.slow
def test_a_crm_that_throttles_is_not_said_to_lack_a_right(crm: AmoRig) -> None:
    throttled_after(crm, 1)
    found = checked(crm)
    untried = [name for name, point in found.items() if point.ok is None]
    assert [name for name, point in found.items() if point.ok is False] == []
    assert {"contacts can be read", "users can be read", "its webhook is set up"} <= set(untried)
    for name in untried:
        assert found[name].remedy.startswith("Try again in a minute, the CRM answers and throttles: ")


def test_a_crm_that_throttles_at_once_answers_all_the_same(crm: AmoRig) -> None:
    throttled_after(crm, 0)
    found = {name: point.ok for name, point in checked(crm).items()}
    assert found == {"what is sent stays private": True, "the CRM answers": True, "the token is accepted": None}


def test_a_person_who_cannot_be_looked_for_now_is_not_said_to_be_missing(crm: AmoRig) -> None:
    throttled_after(crm, 0)
    (point,) = crm.connector.check_assignee(crm.people[0], mailed=False)
    assert point.ok is None


def test_no_check_raises_whatever_the_crm_does(crm: AmoRig) -> None:
    for fault in (Fault.BLOCKED, Fault.THROTTLED, Fault.ERROR_BEFORE, Fault.REFUSED):
        crm.server.answer = lambda _, fault=fault: crm.server.worded(fault)  # type: ignore[method-assign,misc]
        assert not all(point.ok for point in crm.connector.check())
        assert not all(point.ok for point in crm.connector.check_assignee(crm.people[0], mailed=False))
