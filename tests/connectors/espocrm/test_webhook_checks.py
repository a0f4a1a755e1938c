"""The doctor's points about webhooks, and what only a write can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.points import Points, faults
from tests.connectors.espocrm.rig import WEBHOOK, EspoRig

# --- webhooks --------------------------------------------------------------------------------------

HOOK_POINT = "webhook 1 in `webhooks` (Call.create) is the CRM's"


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"event": "Call.update"}, "its event in the CRM is Call.update"),
        ({"isActive": False}, "tick Active"),
        ({"url": "https://plugin.example.org/events/call-result"}, "set it to the plugin's address"),
        ({"url": None}, "set it to the plugin's address"),
        ({"secretKey": "another"}, "copy it anew"),
        ({"userId": None}, "Set the API user as the webhook's User"),
    ],
)
def test_a_webhook_that_is_not_as_it_should_be_is_said(
    sound: EspoRig, points: Points, change: dict[str, Any], remedy: str
) -> None:
    sound.server.records["Webhook"][WEBHOOK] |= change
    found = points(sound)
    assert list(found) == [HOOK_POINT]
    assert remedy in found[HOOK_POINT]


def test_a_webhook_that_the_crm_has_not_is_said(sound: EspoRig, points: Points) -> None:
    sound.server.records["Webhook"].clear()
    assert "none with this id" in points(sound)[HOOK_POINT]


def test_webhooks_that_the_role_may_not_look_at_are_said(sound: EspoRig, points: Points) -> None:
    sound.server.role["Webhook"] = False
    assert "allow Webhook in its role" in points(sound)[HOOK_POINT]


# --- a try that writes -----------------------------------------------------------------------------


def test_a_draft_from_the_sender_is_written_and_taken_away_again(sound: EspoRig) -> None:
    assert faults(sound.connector.check_by_writing()) == {}
    assert sound.writes() == 2
    assert sound.server.all("Email") == []
    assert sound.server.mails == []


def test_a_sender_that_the_list_shows_and_the_crm_refuses_is_found(sound: EspoRig, points: Points) -> None:
    # Since 9.1 the system's address is listed where no account sends for it.
    sound.server.senders = []
    assert points(sound) == {}
    (remedy,) = faults(sound.connector.check_by_writing()).values()
    assert "Not allowed 'from' address." in remedy


def test_a_draft_that_cannot_be_deleted_is_a_point_that_failed(sound: EspoRig) -> None:
    sound.server.role["Email"]["delete"] = "no"
    (remedy,) = faults(sound.connector.check_by_writing()).values()
    assert "No delete access." in remedy
    assert sound.server.all("Email")[0]["id"] in remedy


def test_without_a_sender_nothing_is_tried(crm: responses.RequestsMock, make: Callable[..., EspoConnector]) -> None:
    assert make(mail_sender=None).check_by_writing() == []
    assert len(crm.calls) == 0
