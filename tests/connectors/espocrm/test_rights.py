"""The doctor's points about the API user's role: actions by their levels, and fields that are closed."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.points import Points, faults
from tests.connectors.espocrm.rig import EspoRig
from tests.connectors.espocrm.server import API_KEY, OWN_USER

# --- rights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "action", "name"),
    [
        ("Contact", "stream", "the role lets Contact be used (read, stream)"),
        ("Case", "read", "the role lets Case be used (read, stream)"),
        ("Task", "create", "the role lets Task be used (create, read, edit, delete)"),
        ("Email", "create", "the role lets Email be used (create, read, edit, delete)"),
        ("Call", "read", "the role lets Call be used (read)"),
        ("User", "read", "the role lets User be used (read)"),
    ],
)
def test_a_right_that_lacks_is_named(sound: EspoRig, points: Points, entity: str, action: str, name: str) -> None:
    sound.server.role[entity] = sound.server.role[entity] | {action: "no"}
    needed = {"Task": "yes", "Email": "yes", "User": "team"}.get(entity, "all")
    assert points(sound) == {name: f"Set in the API user's role, {entity}: {action} {needed}"}


@pytest.mark.parametrize("rights", [False, None, {}])
def test_an_entity_that_the_role_does_not_know_is_named(sound: EspoRig, points: Points, rights: Any) -> None:
    sound.server.role["Lead"] = rights
    assert "read all, stream all" in points(sound)["the role lets Lead be used (read, stream)"]


@pytest.mark.parametrize("action", ["read", "edit", "delete"])
@pytest.mark.parametrize("level", ["own", "team"])
def test_own_tasks_are_the_assigned_persons_and_not_enough(
    sound: EspoRig, points: Points, action: str, level: str
) -> None:
    sound.server.role["Task"][action] = level
    remedy = points(sound)["the role lets Task be used (create, read, edit, delete)"]
    assert remedy == f"Set in the API user's role, Task: {action} all"


@pytest.mark.parametrize("level", ["own", "team", "all"])
def test_own_mails_and_the_teams_people_are_enough(sound: EspoRig, points: Points, level: str) -> None:
    sound.server.role["Email"] = dict.fromkeys(("read", "edit", "delete"), level) | {"create": "yes"}
    sound.server.role["User"]["read"] = level if level != "own" else "team"
    assert points(sound) == {}


@pytest.mark.parametrize("name", ["assignedUserId", "parentType", "description", "cExternalId"])
def test_a_field_of_tasks_that_is_closed_is_named(sound: EspoRig, points: Points, name: str) -> None:
    sound.server.not_editable["Task"] = {name}
    field = name.removesuffix("Id").removesuffix("Type") if name != "cExternalId" else name
    remedy = points(sound)["the fields of Task may be filled in"]
    assert remedy == f"Let the API user's role, at field level, edit of Task: {field}"


@pytest.mark.parametrize(("entity", "name"), [("Call", "cKind"), ("Call", "dateEnd"), ("Contact", "phoneNumber")])
def test_a_field_that_cannot_be_read_is_named(sound: EspoRig, points: Points, entity: str, name: str) -> None:
    sound.server.not_readable[entity] = {name}
    assert name in points(sound)[f"the fields of {entity} may be read"]


@pytest.mark.parametrize("level", ["no", None])
def test_a_role_that_may_assign_to_nobody_is_said(sound: EspoRig, points: Points, level: str | None) -> None:
    sound.server.assignment_permission = level  # type: ignore[assignment]
    assert "Assignment Permission" in points(sound)["tasks may be given to others"]


def test_an_administrators_key_is_said(sound: EspoRig, points: Points) -> None:
    sound.server.user_type = "admin"
    assert "role of its own" in points(sound)["the key is no administrator's"]


def test_a_wrong_own_user_is_said(sound: EspoRig, points: Points) -> None:
    assert f"Set own_user to {OWN_USER}" in points(sound, own_user="65fa")["own_user is the API user"]
    assert points(sound, own_user=OWN_USER) == {}


def test_what_is_not_used_needs_no_rights(sound: EspoRig, points: Points) -> None:
    for entity in ("Lead", "Account", "Opportunity", "Case", "Email", "Call"):
        sound.server.role[entity] = False
        sound.server.disabled_streams.add(entity)
    sound.server.outbound = None
    alone = {"base_url": sound.server.url, "api_key": API_KEY, "card_types": ["contact"], "requests_per_second": 500}
    connector = EspoConnector(EspoConnector.Settings().load(alone))
    assert faults(connector.check()) == {}
    connector.close()
