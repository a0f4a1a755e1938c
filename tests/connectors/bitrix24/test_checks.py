"""What the doctor asks of a portal: each point that fails says its remedy, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import Assignee, Check, CrmUnavailable
from tests.connectors.bitrix24 import server
from tests.connectors.bitrix24.rig import CHANGED, FACTS, RELATED, SURVEYS, connected, with_application, with_webhook
from tests.connectors.bitrix24.server import Portal
from tests.support.fake_api import ApiAnswer, ApiRequest, Fault

MAPPED: dict[str, Any] = {"facts": FACTS, "facts_changed_field": CHANGED}
#: What the point «what is sent stays private» says on loopback.
FIELDS = {
    CHANGED: {"type": "datetime"},
    RELATED: {"type": "boolean"},
    SURVEYS: {
        "type": "enumeration",
        "items": [{"ID": str(number), "VALUE": f"Ответ {number}"} for number in (44, 45, 46, 47)],
    },
}


def failed(points: Sequence[Check]) -> dict[str, str]:
    return {point.name: point.remedy for point in points if not point.ok}


def checked(portal: Portal, now: datetime | None = None, **settings: Any) -> dict[str, str]:
    """The points that fail, with their remedies."""
    connector = connected(with_webhook(portal, **settings), now=lambda: now or datetime.now(UTC))
    points = connector.check()
    assert points
    assert all(point.ok or point.remedy for point in points)
    assert not any(portal.is_write(request) for request in portal.requests)
    for point in points:
        assert server.WEBHOOK_SECRET not in point.remedy + point.name
    return failed(points)


# --- failures -----------------------------------------------------------------------------------------------


def test_a_portal_that_is_not_there_is_told() -> None:
    with Portal().running():
        pass
    gone = Portal()
    settings = with_webhook(gone)
    gone._server.server_close()
    found = failed(connected(settings).check())
    assert list(found) == ["the portal answers"]
    assert "the connection was refused" in found["the portal answers"]


def test_plain_http_to_another_machine_is_told() -> None:
    connector = connected({"webhook": "http://portal.example.invalid/rest/1/abcd/", "connect_seconds": 0.2})
    assert "what is sent stays private" in failed(connector.check())


def test_a_secret_sent_in_the_clear_is_told(portal: Portal) -> None:
    settings = with_application(portal, oauth_server="http://oauth.example.invalid", connect_seconds=0.2)
    assert "what is sent stays private" in failed(connected(settings).check())


def test_something_that_is_no_portal_is_told(portal: Portal) -> None:
    portal.answer = lambda request: ApiAnswer(200, b"<html>hello</html>")  # type: ignore[method-assign]
    assert "not JSON" in checked(portal)["the portal answers"]


@pytest.mark.parametrize(
    ("fault", "point", "remedy"),
    [
        (Fault.BLOCKED, "the portal answers", "support of Bitrix24"),
        (Fault.TOKEN_EXPIRED, "the portal accepts the webhook or token", "Make a new incoming webhook"),
        (Fault.REFUSED, "the portal accepts the webhook or token", "Make a new incoming webhook"),
    ],
)
def test_an_account_that_is_not_let_in_is_told(portal: Portal, fault: Fault, point: str, remedy: str) -> None:
    portal.answer = lambda request: portal.worded(fault)  # type: ignore[method-assign]
    assert remedy in checked(portal)[point]


def test_an_application_that_is_no_longer_installed_is_told(portal: Portal) -> None:
    connector = connected(with_application(portal, client_secret="another-secret"))
    found = failed(connector.check())
    assert list(found) == ["a token can be had"]
    assert "Connect the application anew" in found["a token can be had"]
    assert "invalid_client" in found["a token can be had"]
    assert "another-secret" not in found["a token can be had"]


def test_an_application_whose_tokens_cannot_be_kept_is_told(portal: Portal) -> None:
    class NoStore:
        def get(self, name: str) -> str | None:
            raise CrmUnavailable("there is no place to keep tokens in")

        def change(self, name: str, change: Callable[[str | None], str]) -> str:
            raise CrmUnavailable("there is no place to keep tokens in")

    connector = connected(with_application(portal))
    connector.keep_in(NoStore())
    assert failed(connector.check()) == {
        "a token can be had": "Try again later: there is no place to keep tokens in",
    }
    found = failed(connector.check_assignee(Assignee("5"), mailed=False))
    assert "Try again later" in found["the person can be reminded"]


@pytest.mark.parametrize("off", [timedelta(minutes=2), -timedelta(minutes=2)])
def test_a_clock_that_is_off_is_told(portal: Portal, off: timedelta) -> None:
    assert "NTP: this machine's is 1" in checked(portal, now=datetime.now(UTC) + off)["the clocks agree"]


@pytest.mark.parametrize(
    ("scope", "settings"), [("crm", {}), ("im", {}), ("task", {"reminders": "task"}), ("telephony", {}), ("user", {})]
)
def test_a_missing_scope_is_told(portal: Portal, scope: str, settings: dict[str, Any]) -> None:
    portal.records.scopes = [one for one in portal.records.scopes if not one.startswith(scope)]
    assert list(checked(portal, **settings)) == [f"scope {scope}"]


def test_scopes_that_are_not_used_are_not_asked_for(portal: Portal) -> None:
    portal.records.scopes = ["crm", "user_basic"]
    portal.records.senders = ["box@example.org"]
    assert checked(portal, mail="message", mail_from="box@example.org", application_token=None) == {}


def test_a_method_that_the_portal_does_not_have_is_told(portal: Portal) -> None:
    portal.records.missing_methods = {"crm.activity.todo.add"}
    assert checked(portal) == {"may call crm.activity.todo.add": "Update the portal: it has no such method"}


def test_a_sender_that_is_not_connected_is_told(portal: Portal) -> None:
    portal.records.senders = ["other@example.org"]
    found = checked(portal, mail="message", mail_from="box@example.org")
    assert found == {
        "the portal can send mail": "Connect the mailbox of mail_from to the user whose webhook or token it is"
    }


def test_a_kind_of_card_that_the_portal_does_not_have_is_told(portal: Portal) -> None:
    del portal.records.fields[1]
    assert list(checked(portal)) == ["cards of type lead"]
    assert checked(portal, card_types=["contact", "deal"]) == {}


def test_a_mapped_field_that_does_not_exist_is_told(portal: Portal) -> None:
    portal.records.fields[3] = {CHANGED: FIELDS[CHANGED], RELATED: FIELDS[RELATED]}
    found = checked(portal, **MAPPED)
    assert list(found) == [f"field {SURVEYS} of the fact survey_type"]


def test_a_list_value_that_nobody_mapped_is_told_by_its_name(portal: Portal) -> None:
    portal.records.fields[3] = FIELDS | {
        SURVEYS: {"type": "enumeration", "items": [{"ID": "45", "VALUE": "Звонки"}, {"ID": "99", "VALUE": "Никакие"}]}
    }
    found = checked(portal, **MAPPED)
    assert found == {
        f"field {SURVEYS} of the fact survey_type": "Map these of its values too, or list them as empty: 99 («Никакие»)"
    }


def test_a_missing_field_for_the_time_of_the_answers_is_told(portal: Portal) -> None:
    portal.records.fields[3] = {name: FIELDS[name] for name in (RELATED, SURVEYS)}
    assert list(checked(portal, **MAPPED)) == [f"field {CHANGED}"]


def test_events_that_cannot_be_verified_are_told(portal: Portal) -> None:
    portal.records.fields[3] = FIELDS
    assert list(checked(portal, application_token=None, **MAPPED)) == ["its events can be verified"]


def test_an_application_that_does_not_know_its_own_changes_is_told(portal: Portal) -> None:
    portal.records.fields[3] = FIELDS
    connector = connected(with_application(portal, own_user=None, **MAPPED))
    assert list(failed(connector.check())) == ["the plugin's own changes can be told apart"]


def untried(portal: Portal, **settings: Any) -> list[str]:
    """The points that could not be tried."""
    return [point.name for point in connected(with_webhook(portal, **settings)).check() if point.ok is None]


def test_a_method_that_the_portal_does_not_tell_of_now_is_not_said_to_be_missing(portal: Portal) -> None:
    portal.failing["method.get"] = [{"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}] * 3
    found = checked(portal)
    assert len(found) == 3
    assert all(remedy.startswith("Try again") for remedy in found.values())
    portal.failing["method.get"] = [{"error": "INTERNAL_SERVER_ERROR", "error_description": ""}]
    assert untried(portal) == ["may call crm.item.get"]


def test_cards_whose_fields_the_portal_does_not_tell_now_are_not_said_to_lack_a_right(portal: Portal) -> None:
    portal.records.fields[3] = dict(FIELDS)
    throttled = {"error": "OPERATION_TIME_LIMIT", "error_description": "Method is blocked"}
    portal.failing["crm.item.fields"] = [throttled] * 3
    found = untried(portal, **MAPPED)
    assert "cards of type contact" in found
    assert f"field {SURVEYS} of the fact survey_type" in found


def test_a_right_to_the_cards_that_is_missing_is_told(portal: Portal) -> None:
    portal.failing["crm.item.fields"] = [{"error": "ACCESS_DENIED", "error_description": ""}]
    (remedy,) = checked(portal).values()
    assert "the right to read" in remedy


def test_a_portal_that_throttles_answers_all_the_same(portal: Portal) -> None:
    portal.answer = lambda request: ApiAnswer(429, {"error": "OPERATION_TIME_LIMIT"})  # type: ignore[method-assign]
    points = {point.name: point.ok for point in connected(with_webhook(portal)).check()}
    assert points["the portal answers"] is True
    assert points["the portal accepts the webhook or token"] is None


def test_a_portal_that_stops_answering_in_the_middle_is_told(portal: Portal) -> None:
    answer = portal.answer

    def once(request: ApiRequest) -> ApiAnswer:
        return answer(request) if len(portal.requests) < 2 else portal.worded(Fault.THROTTLED)

    portal.answer = once  # type: ignore[method-assign]
    assert list(checked(portal)) == ["the portal answers every question"]


# --- people -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "settings", "remedy"),
    [
        (Assignee(None, "five@example.org"), {}, "Give the role the number of a user"),
        (Assignee("ivanova"), {}, "Give the role the number of a user"),
        (Assignee("404"), {}, "The portal has no user 404"),
        (Assignee("7"), {}, "User 7 was dismissed"),
        (Assignee("5"), {"mail": "message", "mail_from": "box@example.org"}, "Give the role an address"),
        (Assignee("1"), {}, "Enter an e-mail address for user 1"),
    ],
)
def test_a_person_who_cannot_be_reached_is_told(
    portal: Portal, person: Assignee, settings: dict[str, Any], remedy: str
) -> None:
    portal.records.users["7"]["ACTIVE"] = False
    portal.records.users["1"]["EMAIL"] = ""
    found = failed(connected(with_webhook(portal, **settings)).check_assignee(person, mailed=True))
    assert len(found) == 1
    assert remedy in next(iter(found.values()))


def test_a_right_to_see_people_that_is_missing_is_told(portal: Portal) -> None:
    portal.failing["user.get"] = [{"error": "insufficient_scope", "error_description": "", "status": 403}]
    found = failed(connected(with_webhook(portal)).check_assignee(Assignee("5"), mailed=False))
    assert "scope user_basic" in found["the person can be reminded"]


# --- successes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"reminders": "task"}, {"mail": "message", "mail_from": "box@example.org"}])
def test_a_portal_that_is_set_up_passes_every_point(portal: Portal, settings: dict[str, Any]) -> None:
    portal.records.fields[3] = FIELDS
    portal.records.senders = ["box@example.org"]
    assert checked(portal, **MAPPED, **settings) == {}


def test_an_application_passes_every_point(portal: Portal) -> None:
    portal.records.fields[3] = FIELDS
    assert failed(connected(with_application(portal, **MAPPED)).check()) == {}


def test_a_smart_process_passes_every_point(portal: Portal) -> None:
    portal.records.fields[1220] = FIELDS | {"UF_CRM_PHONE": {"type": "string"}}
    settings: dict[str, Any] = {"facts": FACTS, "record_type": 1220, "record_phone_field": "UF_CRM_PHONE"}
    portal.records.scopes = [one for one in portal.records.scopes if one != "telephony"]
    assert checked(portal, **settings) == {}


@pytest.mark.parametrize("mailed", [True, False])
@pytest.mark.parametrize("settings", [{}, {"mail": "message", "mail_from": "box@example.org"}])
def test_a_person_who_can_be_reached_passes(portal: Portal, mailed: bool, settings: dict[str, Any]) -> None:
    connector = connected(with_webhook(portal, **settings))
    assert failed(connector.check_assignee(Assignee("5", "five@example.org"), mailed=mailed)) == {}


@pytest.mark.parametrize("proof", [{}, {"frame_token": server.APPLICATION_TOKEN}, {"member_id": "portal"}])
def test_frames_that_nothing_proves_are_told(portal: Portal, proof: dict[str, str]) -> None:
    found = checked(portal, client_id=server.CLIENT_ID, **proof)
    assert ("its frames can be verified" in found) == (not proof)
    assert proof or "Set frame_token or member_id" in found["its frames can be verified"]
