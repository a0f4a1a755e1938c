"""What the API user's role allows, held against what the plugin does: actions by their levels, fields one by one.

``Core/Acl/Map/DataBuilder.php``; a level *own* means the assigned user wherever a record has one, of mails and webhooks
also who made them (``Core/Acl/DefaultOwnershipChecker.php``, ``Classes/Acl``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Check
from connectors.espocrm.settings import CARD_FIELD, CARD_TYPES, PEOPLE, call_entities
from connectors.protocol.check import point

_ADMIN = ("admin", "super-admin")
#: The lowest level that is enough, and all levels above it.
_ENOUGH = {"yes": ("yes", "all"), "own": ("own", "team", "all"), "team": ("team", "all"), "all": ("all",)}
#: Reminders are assigned to others, so that nothing less than *all* reaches them; people of one team can be enough.
_TASK = {"create": "yes", "read": "all", "edit": "all", "delete": "all"}
_MAIL = {"create": "yes", "read": "own", "edit": "own", "delete": "own"}
_USER = {"read": "team"}
_CALL = {"read": "all"}
_CARD = {"read": "all", "stream": "all"}

#: The fields that the plugin fills in, and those that it reads. A closed one is left out without a word.
_WRITTEN = {
    "Task": ("name", "assignedUser", "parent", "dateEnd", "description", "status"),
    "Email": ("from", "to", "subject", "name", "body", "isHtml", "status"),
}
_READ_OF_CALLS = (
    *("status", "dateStart", "dateEnd", "parent", "contacts", "leads", "phoneNumbersMap"),
    *("createdAt", "modifiedAt", "createdBy", "modifiedBy"),
)


def role_points(me: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Check]:
    """The points of the role in the answer of ``App/user``."""
    if me["user"].get("type") in _ADMIN:
        remedy = "Use an API user with a role of its own: the key of an administrator can do everything"
        return [point("the key is no administrator's", False, remedy)]
    acl = me.get("acl")
    acl = acl if isinstance(acl, dict) else {}
    points = [_may(acl, entity, levels) for entity, levels in _wanted(settings).items()]
    assigns = acl.get("assignmentPermission") not in (None, "no")
    remedy = "Set the role's Assignment Permission to all (or team, with the people in the API user's team)"
    points.append(point("tasks may be given to others", assigns, remedy))
    points += [_open(acl, entity, "edit", names) for entity, names in _filled_in(settings).items()]
    return points + [_open(acl, entity, "read", names) for entity, names in _looked_at(settings).items()]


def _wanted(settings: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    wanted: dict[str, Mapping[str, str]] = {CARD_TYPES[kind]: _CARD for kind in settings["card_types"]}
    for kind in settings["search_in"]:
        wanted.setdefault(CARD_TYPES[kind], {"read": "all"})
    wanted |= {"Task": _TASK, "User": _USER}
    if settings["mail_sender"]:
        wanted["Email"] = _MAIL
    for webhook in settings["webhooks"]:
        wanted.setdefault(webhook.entity, _CALL)
    return wanted


def _may(acl: Mapping[str, Any], entity: str, levels: Mapping[str, str]) -> Check:
    table = acl.get("table")
    rights = table.get(entity) if isinstance(table, dict) else None
    if isinstance(rights, dict):
        lacking = [action for action, level in levels.items() if rights.get(action) not in _ENOUGH[level]]
    else:
        lacking = [] if rights is True else list(levels)
    name = f"the role lets {entity} be used ({', '.join(levels)})"
    needed = ", ".join(f"{action} {levels[action]}" for action in lacking)
    return point(name, not lacking, f"Set in the API user's role, {entity}: {needed}")


def _filled_in(settings: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    key = settings["external_id_field"]
    fields = {"Task": _WRITTEN["Task"] + ((key,) if key else ())}
    return fields | ({"Email": _WRITTEN["Email"]} if settings["mail_sender"] else {})


def _looked_at(settings: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    facts = settings["facts"].fields
    of_cards = tuple(item.field.removeprefix(CARD_FIELD) for item in facts if item.field.startswith(CARD_FIELD))
    looked_at = {
        CARD_TYPES[kind]: ("name", *(("phoneNumber",) if kind in PEOPLE else ()), *of_cards)
        for kind in dict.fromkeys([*settings["card_types"], *settings["search_in"]])
    }
    if settings["webhooks"]:
        of_calls = tuple(item.field for item in facts if not item.field.startswith(CARD_FIELD))
        of_calls += (settings["phone_field"],) if settings["phone_field"] else ()
        looked_at |= {entity: (*_READ_OF_CALLS, *of_calls) for entity in sorted(call_entities(settings["webhooks"]))}
    return looked_at


def _open(acl: Mapping[str, Any], entity: str, action: str, names: Sequence[str]) -> Check:
    """Whether all of these fields are open; the table names only those that are closed in some way."""
    table = acl.get("fieldTable")
    closed = table.get(entity) if isinstance(table, dict) else None
    closed = closed if isinstance(closed, dict) else {}
    shut = [
        name for name in dict.fromkeys(names) if isinstance(closed.get(name), dict) and closed[name].get(action) == "no"
    ]
    done = "filled in" if action == "edit" else "read"
    remedy = f"Let the API user's role, at field level, {action} of {entity}: {', '.join(shut)}"
    return point(f"the fields of {entity} may be {done}", not shut, remedy)
