"""Every request that the connector makes fits the published specification of its method.

The specifications in the folder ``spec`` are Bitrix's own, MIT-licensed: github.com/bitrix-tools/b24-rest-docs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Assignee, CardRef, Reference
from tests.connectors.bitrix24 import server
from tests.connectors.bitrix24.rig import (
    CALL_STARTED,
    FACTS,
    connected,
    with_application,
    with_call,
    with_client,
    with_webhook,
)
from tests.connectors.bitrix24.server import Portal, nested
from tests.connectors.bitrix24.writes import reminder, whole_call
from tests.support.fake_api import ApiRequest

SPECS = {
    spec["method"]: spec
    for spec in (
        json.loads(file.read_text(encoding="utf-8")) for file in (Path(__file__).parent / "spec").glob("*.json")
    )
}
#: Not among the published specifications; by their pages they take no parameters.
BARE = {"profile", "scope", "app.info"}
#: Where the published specification is narrower than the page it was made from.
ALSO = {
    # /crm/timeline/activities/activity-base/crm-activity-fields.html
    "crm.activity.update": {"COMPLETED"},
}
MISTYPED = {
    # The page's examples and its own text have an object.
    ("user.get", "FILTER"),
    # Page: «массив», a map of field names to values.
    ("crm.activity.update", "fields"),
}
_REFERENCE = re.compile(r"\$result(\[\w+\])+")


def requests_of(portal: Portal) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every method that was called, in a batch or alone, with its parameters."""
    for request in portal.requests:
        if request.path.startswith("/oauth/"):
            continue
        yield from _called(request)


def _called(request: ApiRequest) -> Iterator[tuple[str, Mapping[str, Any]]]:
    method, data = request.path.rpartition("/")[2], {k: v for k, v in request.data.items() if k != "auth"}
    if method != "batch":
        yield method, data
        return
    assert set(data) == {"halt", "cmd"}
    assert data["halt"] == 0
    assert len(data["cmd"]) <= 50
    for command in data["cmd"].values():
        name, _, query = command.partition("?")
        yield name, nested(query, None)


def misfits(method: str, params: Mapping[str, Any]) -> list[str]:
    """What is wrong with a call by the specification of its method."""
    if method in BARE:
        return [f"{method} takes no {name}" for name in params]
    if method not in SPECS:
        return [f"{method} has no specification here"]
    spec = SPECS[method]
    wrong = list(_wrong(method, spec["params"], params))
    for param in spec["params"]:
        inner = spec["defs"].get(f"{param['name']}Fields", {}).get("fields")
        if inner and param["name"] in params:
            partial = method.endswith("update")
            wrong += _wrong(method, inner, params[param["name"]], partial=partial, also=ALSO.get(method, set()))
    return wrong


def _wrong(
    method: str,
    specified: list[dict[str, Any]],
    given: Mapping[str, Any],
    *,
    partial: bool = False,
    also: set[str] = frozenset(),  # type: ignore[assignment]
) -> Iterator[str]:
    known = {param["name"]: param for param in specified}
    for name, param in known.items():
        if param["required"] is True and name not in given and not partial:
            yield f"{method} lacks {name}"
    for name, value in given.items():
        if name in also:
            continue
        if name not in known:
            yield f"{method} knows no {name}"
        elif (method, name) not in MISTYPED and not _is(known[name]["base"], value):
            yield f"{method}: {name} should be {known[name]['base']}"


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "integer": lambda value: str(value).lstrip("-").isdecimal(),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: value in (True, False, "Y", "N", "1", "0"),
    "array": lambda value: isinstance(value, list) or (isinstance(value, Mapping) and all(map(str.isdecimal, value))),
    "object": lambda value: isinstance(value, Mapping),
    "datetime": lambda value: datetime.fromisoformat(value).tzinfo is not None,
}


def _is(base: str, value: Any) -> bool:
    # What another command of the batch will have answered has the type of its own specification.
    return (isinstance(value, str) and _REFERENCE.fullmatch(value) is not None) or _FITS[base](value)


WAYS = [
    pytest.param(
        way, {"reminders": reminders, "mail": mail, "mail_from": "box@example.org"}, id=f"{name}-{reminders}-{mail}"
    )
    for name, way in (("webhook", with_webhook), ("application", with_application))
    for reminders in ("todo", "task")
    for mail in ("notify", "message")
]


@pytest.mark.parametrize(("way", "settings"), WAYS)
def test_all_that_the_connector_ever_asks_for_fits_the_published_specifications(
    portal: Portal, way: Any, settings: dict[str, Any]
) -> None:
    settings |= {"facts": FACTS, "facts_changed_field": "UF_CRM_1700000000"}
    connector = connected(way(portal, **settings, **({"client_id": server.CLIENT_ID} if way is with_webhook else {})))
    card = with_client(portal)
    with_call(portal)
    portal.records.senders = ["box@example.org"]
    portal.records.add_item("deal", "10", title="Сделка", contactId=42)
    writes = [*whole_call(card, 1), reminder(card, "f" * 64, Assignee("404"))]
    outcomes = connector.write(writes)
    for kind, number in (("comment", 0), ("reminder", 1)):
        connector.find(kind, card, writes[number].key)  # type: ignore[arg-type]
    reminded = outcomes[1].remote_id  # type: ignore[union-attr]
    connector.reminder_state(reminded)
    connector.withdraw_reminder(reminded, "ОТМЕНА", "a" * 64)
    for kind, outcome in (("reminder", outcomes[2]), ("comment", outcomes[0]), ("email", outcomes[3])):
        connector.remove(kind, outcome.remote_id, card)  # type: ignore[arg-type, union-attr]
    connector.read_card(CardRef("deal", "10"))
    connector.find_contact("+79161234567", "Иванов Иван Иванович")
    connector.find_contact(name="Иванов Иван Иванович")
    call = Reference("call", portal.records.lines[0]["CALL_ID"], {"activity": "7953"})
    assert connector.resolve(call) is not None
    assert connector.resolve(Reference("activity", "7953")) is not None
    assert connector.resolve(Reference("card", "contact:42")) is not None
    assert connector.catch_up(datetime.fromisoformat(CALL_STARTED), None).items
    assert connector.check()
    assert connector.check_assignee(Assignee("5", "five@example.org"), mailed=True)

    called = list(requests_of(portal))
    assert [wrong for method, params in called for wrong in misfits(method, params)] == []
    # What was made is worth the name: nearly every method there is a specification of was called.
    never = set(SPECS) - {method for method, _ in called}
    others = {"todo": "tasks.task.", "task": "crm.activity.todo."}[settings["reminders"]]
    assert {method for method in never if not method.startswith(others)} <= {
        *("crm.activity.update", "crm.activity.delete", "crm.activity.get"),
        *("mail.message.send", "mail.mailbox.senders", "im.notify.personal.add", "im.notify.delete"),
    }


@pytest.mark.parametrize(
    ("method", "params", "wrong"),
    [
        ("crm.timeline.comment.add", {"fields": {"ENTITY_ID": "1", "ENTITY_TYPE": "deal"}}, "lacks COMMENT"),
        ("crm.timeline.comment.add", {"FIELDS": {}}, "knows no FIELDS"),
        ("crm.activity.todo.add", {"ownerTypeId": "2", "ownerId": "1"}, "lacks deadline"),
        (
            "crm.activity.todo.add",
            {"ownerTypeId": "deal", "ownerId": "1", "deadline": "2026-11-22T10:15:00+03:00"},
            "ownerTypeId should be integer",
        ),
        ("im.notify.personal.add", {"USER_ID": "5"}, "lacks MESSAGE"),
        ("mail.message.send", {"from": "a", "to": "b", "subject": "c", "body": "d"}, "to should be array"),
        ("scope", {"x": "y"}, "takes no x"),
        ("crm.nothing", {}, "no specification"),
    ],
)
def test_a_call_that_does_not_fit_is_noticed(method: str, params: dict[str, Any], wrong: str) -> None:
    assert any(wrong in said for said in misfits(method, params))
