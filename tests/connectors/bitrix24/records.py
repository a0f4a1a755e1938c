"""What a portal holds, and its methods as the documentation describes them: the part of the fake that knows the CRM."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

TYPES = {"lead": 1, "deal": 2, "contact": 3, "company": 4}
#: How the portal's methods are called here: crm.item.get is crm__item__get, scope is scope__.
_METHOD = re.compile(r"[a-z]+__")


class Refused(Exception):
    """A method's own error."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status


class Records:
    """The portal's data. ``acting`` is the user as whom methods run."""

    def __init__(self) -> None:
        self.acting = "1"
        self.items: dict[int, dict[str, dict[str, Any]]] = {number: {} for number in (*TYPES.values(), 1220)}
        self.fields: dict[int, dict[str, Any]] = {number: {} for number in self.items}
        self.comments: dict[str, dict[str, Any]] = {}
        self.activities: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.notifications: dict[str, dict[str, Any]] = {}
        self.mails: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.senders: list[str] = []
        self.scopes = ["crm", "im", "task", "user_basic", "telephony", "mail"]
        self.users: dict[str, dict[str, Any]] = {
            number: {"ID": number, "ACTIVE": True, "EMAIL": f"user{number}@example.org", "USER_TYPE": "employee"}
            for number in ("1", "5", "7")
        }
        self.application = {"ID": 5, "CODE": "local.5c8bb1b0891cf2.87252039", "STATUS": "L", "INSTALLED": True}
        #: What this portal quietly does to a record after a create; tests set it.
        self.cut: Callable[[str, dict[str, Any]], None] = lambda _method, _record: None
        self.missing_methods: set[str] = set()
        self._ids = itertools.count(1001)
        self._methods: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            name.replace("__", ".").rstrip("."): getattr(self, name) for name in dir(self) if _METHOD.match(name)
        }

    def run(self, method: str, params: Mapping[str, Any]) -> Any:
        """The method's result. Raises Refused."""
        known = {name.lower(): run for name, run in self._methods.items()}
        if method.lower() not in known:
            raise Refused("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
        return known[method.lower()](params)

    def add_item(self, kind: str | int, number: str, **values: Any) -> None:
        """Put a card there; ``phones`` become its ``fm``."""
        type_id = TYPES[kind] if isinstance(kind, str) else kind
        phones = values.pop("phones", ())
        fm = [{"id": i, "valueType": "WORK", "value": v, "typeId": "PHONE"} for i, v in enumerate(phones, 101)]
        self.items[type_id][number] = {"id": int(number), "fm": fm, "updatedBy": 5, **values}

    # --- comments ------------------------------------------------------------------------------------

    def crm__timeline__comment__add(self, params: Mapping[str, Any]) -> Any:
        fields = params.get("fields")
        if not isinstance(fields, Mapping) or not all(fields.get(name) for name in ("ENTITY_ID", "ENTITY_TYPE")):
            raise Refused("100", "Could not find value for parameter {fields}")
        if not fields.get("COMMENT"):
            raise Refused("INVALID_ARG_VALUE", "Comment message is empty.")
        self._card(TYPES.get(str(fields["ENTITY_TYPE"]), 0), fields["ENTITY_ID"], "OWNER_NOT_FOUND")
        record = {name: str(fields[name]) for name in ("ENTITY_ID", "ENTITY_TYPE", "COMMENT")}
        record |= {"ID": self._id(), "CREATED": _now(), "AUTHOR_ID": self.acting}
        self.cut("crm.timeline.comment.add", record)
        self.comments[record["ID"]] = record
        return int(record["ID"])

    def crm__timeline__comment__get(self, params: Mapping[str, Any]) -> Any:
        return self._one(self.comments, params.get("id"), "", "Not found.")

    def crm__timeline__comment__list(self, params: Mapping[str, Any]) -> Any:
        wanted = params["filter"]
        self._card(TYPES[wanted["ENTITY_TYPE"]], wanted["ENTITY_ID"], "", "Access denied.")
        return _matching(self.comments, wanted, ("ENTITY_ID", "ENTITY_TYPE"))

    def crm__timeline__comment__delete(self, params: Mapping[str, Any]) -> Any:
        self._one(self.comments, params.get("id"), "NOT_FOUND", "Not found.")
        del self.comments[str(params["id"])]

    # --- activities ----------------------------------------------------------------------------------

    def crm__activity__todo__add(self, params: Mapping[str, Any]) -> Any:
        if not all(params.get(name) for name in ("ownerTypeId", "ownerId", "deadline")):
            raise Refused("100", "Could not find value for parameter {deadline}")
        self._card(int(params["ownerTypeId"]), params["ownerId"], "OWNER_NOT_FOUND", "Owner not found.")
        user = str(params.get("responsibleId", self.acting))
        record = {
            "ID": self._id(),
            "OWNER_TYPE_ID": str(params["ownerTypeId"]),
            "OWNER_ID": str(params["ownerId"]),
            "TYPE_ID": "6",
            "PROVIDER_ID": "CRM_TODO",
            "SUBJECT": params.get("title", ""),
            "DESCRIPTION": params.get("description", ""),
            "DEADLINE": params["deadline"],
            # Any number is taken for a user.
            "RESPONSIBLE_ID": user,
            "COMPLETED": "N",
            "CREATED": _now(),
            "AUTHOR_ID": self.acting,
            "EDITOR_ID": self.acting,
        }
        self.cut("crm.activity.todo.add", record)
        self.activities[record["ID"]] = record
        return {"id": int(record["ID"])}

    def crm__activity__todo__updateDescription(self, params: Mapping[str, Any]) -> Any:  # noqa: N802
        record = self._one(self.activities, params.get("id"), "NOT_FOUND", "Not found.")
        if (record["OWNER_TYPE_ID"], record["OWNER_ID"]) != (str(params["ownerTypeId"]), str(params["ownerId"])):
            raise Refused("OWNER_NOT_FOUND", "Owner not found.")
        if record["COMPLETED"] == "Y":
            raise Refused("CAN_NOT_UPDATE_COMPLETED_TODO", "Can not update completed todo.")
        record["DESCRIPTION"] = params["value"]
        return {"id": int(record["ID"])}

    def crm__activity__get(self, params: Mapping[str, Any]) -> Any:
        return self._one(self.activities, params.get("id"), "", "Activity is not found.")

    def crm__activity__list(self, params: Mapping[str, Any]) -> Any:
        wanted = dict(params.get("filter") or {})
        for owner in wanted.get("BINDINGS") or ():
            wanted |= owner
        found = _matching(self.activities, wanted, ("PROVIDER_ID", "OWNER_TYPE_ID", "OWNER_ID", "TYPE_ID"))
        found = [one for one in found if _beyond(one, wanted, ("LAST_UPDATED", "ID"))]
        return _in_order(found, "ID") if (params.get("order") or {}).get("ID") == "ASC" else found

    def crm__activity__update(self, params: Mapping[str, Any]) -> Any:
        record = self._one(self.activities, params.get("id"), "", "Activity is not found.")
        record |= dict(params["fields"])
        return True

    def crm__activity__delete(self, params: Mapping[str, Any]) -> Any:
        self._one(self.activities, params.get("id"), "", "Activity is not found.")
        del self.activities[str(params["id"])]
        return True

    # --- tasks ---------------------------------------------------------------------------------------

    def tasks__task__add(self, params: Mapping[str, Any]) -> Any:
        fields = params["fields"]
        if str(fields.get("RESPONSIBLE_ID")) not in self.users:
            raise Refused("ERROR_CORE", 'Пользователь указанный в поле "Исполнитель" не найден<br>')
        record = {
            "id": self._id(),
            "title": fields["TITLE"],
            "description": fields.get("DESCRIPTION", ""),
            "responsibleId": str(fields["RESPONSIBLE_ID"]),
            "deadline": fields.get("DEADLINE"),
            "xmlId": fields.get("XML_ID"),
            "ufCrmTask": _listed(fields.get("UF_CRM_TASK")),
            "status": "2",
            "createdDate": _now(),
        }
        self.cut("tasks.task.add", record)
        self.tasks[record["id"]] = record
        # As documented, without the fields that have to be asked for.
        return {"task": {name: value for name, value in record.items() if name != "ufCrmTask"}}

    def tasks__task__get(self, params: Mapping[str, Any]) -> Any:
        record = self.tasks.get(str(params.get("taskId")))
        return [] if record is None else {"task": record}

    def tasks__task__list(self, params: Mapping[str, Any]) -> Any:
        links = set(_listed((params.get("filter") or {}).get("UF_CRM_TASK")))
        found = [record for record in self.tasks.values() if not links or links & set(record["ufCrmTask"])]
        return {"tasks": found[::-1]}

    def tasks__task__update(self, params: Mapping[str, Any]) -> Any:
        record = self._task(params)
        record["description"] = params["fields"].get("DESCRIPTION", record["description"])
        return {"task": record}

    def tasks__task__complete(self, params: Mapping[str, Any]) -> Any:
        self._task(params)["status"] = "5"
        return {"task": True}

    def tasks__task__delete(self, params: Mapping[str, Any]) -> Any:
        self._task(params)
        del self.tasks[str(params["taskId"])]
        return {"task": True}

    # --- notifications and mails -----------------------------------------------------------------------

    def im__notify__personal__add(self, params: Mapping[str, Any]) -> Any:
        if not str(params.get("USER_ID") or "").isdecimal():
            raise Refused("USER_ID_EMPTY", "User ID can't be empty")
        if not params.get("MESSAGE"):
            raise Refused("MESSAGE_EMPTY", "Message can't be empty")
        if str(params["USER_ID"]) not in self.users:
            return False
        tag = params.get("TAG")
        self.notifications = {number: one for number, one in self.notifications.items() if one.get("TAG") != tag}
        number = self._id()
        self.notifications[number] = dict(params) | {"ID": number}
        return int(number)

    def im__notify__delete(self, params: Mapping[str, Any]) -> Any:
        return self.notifications.pop(str(params["ID"]), None) is not None

    def mail__message__send(self, params: Mapping[str, Any]) -> Any:
        if params["from"] not in self.senders:
            raise Refused("MESSAGE_SEND_FAILED", "from")
        self.mails.append(dict(params))
        return {"success": True, "to": params["to"]}

    def mail__mailbox__senders(self, _params: Mapping[str, Any]) -> Any:
        return {"items": [{"email": one, "name": "Ящик", "sender": f"Ящик <{one}>"} for one in self.senders]}

    # --- cards ---------------------------------------------------------------------------------------

    def crm__item__get(self, params: Mapping[str, Any]) -> Any:
        return {"item": self._card(int(params["entityTypeId"]), params.get("id"), "NOT_FOUND", "Элемент не найден")}

    def crm__item__list(self, params: Mapping[str, Any]) -> Any:
        number, wanted = int(params["entityTypeId"]), dict(params.get("filter") or {})
        filtered = {"id", "updatedTime", "createdTime", *self.fields.get(number, {})}
        compared = {name: wanted.pop(name) for name in [*wanted] if name.startswith(">")}
        for name in compared:
            if name.lstrip(">=") not in filtered:
                raise Refused("INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter")
        items = [one for one in self.items[number].values() if _fits(one, wanted) and _beyond(one, compared, filtered)]
        return {"items": _in_order(items, "id") if (params.get("order") or {}).get("id") == "ASC" else items}

    def crm__item__fields(self, params: Mapping[str, Any]) -> Any:
        number = int(params["entityTypeId"])
        if number not in self.fields:
            raise Refused("NOT_FOUND", "Смарт-процесс не найден")
        return {"fields": {"id": {"type": "integer"}, **self.fields[number]}}

    def crm__duplicate__findbycomm(self, params: Mapping[str, Any]) -> Any:
        wanted = set(_listed(params["values"]))
        found = [
            int(number)
            for number, item in self.items[TYPES["contact"]].items()
            # The portal compares texts, whatever it does to make them alike.
            if any(wanted & {value["value"], _bare(value["value"])} for value in item["fm"])
        ]
        return {"CONTACT": found} if found else []

    # --- the portal itself -----------------------------------------------------------------------------

    def user__get(self, params: Mapping[str, Any]) -> Any:
        wanted = (params.get("FILTER") or {}).get("ID")
        numbers = _listed(wanted) or [str(wanted)]
        return [self.users[number] for number in numbers if number in self.users]

    def profile__(self, _params: Mapping[str, Any]) -> Any:
        return {"ID": self.acting, "ADMIN": True, "NAME": "Мария", "LAST_NAME": "Иванова", "TIME_ZONE": ""}

    def app__info(self, _params: Mapping[str, Any]) -> Any:
        return self.application

    def scope__(self, _params: Mapping[str, Any]) -> Any:
        return self.scopes

    def method__get(self, params: Mapping[str, Any]) -> Any:
        known = {name.lower() for name in self._methods} - self.missing_methods
        there = str(params["name"]).lower() in known
        return {"isExisting": there, "isAvailable": there}

    def voximplant__statistic__get(self, params: Mapping[str, Any]) -> Any:
        wanted = dict(params.get("FILTER") or {})
        equal = {name: value for name, value in wanted.items() if not name.startswith(">")}
        found = [line for line in self.lines if all(str(line.get(name)) == str(v) for name, v in equal.items())]
        found = [line for line in found if _beyond(line, wanted, ("CALL_START_DATE", "ID"))]
        return _in_order(found, "ID") if params.get("SORT") == "ID" and params.get("ORDER") == "ASC" else found

    # --- details ---------------------------------------------------------------------------------------

    def _id(self) -> str:
        return str(next(self._ids))

    def _card(self, type_id: int, number: object, code: str, words: str = "Not found.") -> dict[str, Any]:
        item = self.items.get(type_id, {}).get(_number(number))
        if item is None:
            raise Refused(code, words)
        return item

    def _one(self, records: Mapping[str, dict[str, Any]], number: object, code: str, words: str) -> dict[str, Any]:
        if _number(number) not in records:
            raise Refused(code, words)
        return records[_number(number)]

    def _task(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._one(self.tasks, params.get("taskId"), "0", "Действие над задачей не разрешено")


def _number(given: object) -> str:
    """As PHP makes a number of it: of a map or a list that is not empty, 1."""
    return str(int(bool(given))) if isinstance(given, Mapping | list) else str(given)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _bare(phone: str) -> str:
    return "".join(char for char in phone if char.isdigit() or char == "+")


def _listed(value: Any) -> list[str]:
    """A list as PHP reads it: JSON's own, or a map with the keys 0, 1, …"""
    if isinstance(value, Mapping):
        return [str(one) for one in value.values()]
    return [str(one) for one in value] if isinstance(value, list) else []


def _matching(
    records: Mapping[str, dict[str, Any]], wanted: Mapping[str, Any], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    asked = {name: str(wanted[name]) for name in names if name in wanted}
    found = [one for one in records.values() if all(str(one.get(name)) == value for name, value in asked.items())]
    return found[::-1]


def _beyond(record: Mapping[str, Any], wanted: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether what these fields hold is as late, or later, as the filter's ``>=`` and ``>`` want it."""
    for name in names:
        held = record.get(name)
        for sign, is_enough in ((">=", operator.ge), (">", operator.gt)):
            if f"{sign}{name}" in wanted and not (
                held and is_enough(_ordered(held), _ordered(wanted[f"{sign}{name}"]))
            ):
                return False
    return True


def _ordered(value: Any) -> float:
    """A number, or a moment in seconds."""
    text = str(value)
    return float(text) if text.isdecimal() else datetime.fromisoformat(text).timestamp()


def _in_order(records: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return sorted(records, key=lambda one: int(one[name]))


def _fits(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if str(wanted.get("logic", "")).upper() == "OR":
        return any(_fits(item, one) for name, one in wanted.items() if name != "logic")
    for name, value in wanted.items():
        if isinstance(value, Mapping) and name.isdigit():
            if not _fits(item, value):
                return False
        elif name.startswith("@"):
            given = str(item.get(name[1:]) or "").casefold()
            if given not in {one.casefold() for one in _listed(value)}:
                return False
        else:
            raise Refused("INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter")
    return True
