"""EspoCRM's REST API as its source (9.1) behaves, as far as the connector speaks to it, with faults to play."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.espocrm.search import BadSearch, Record, matches, nested
from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

API_KEY = "0f3c5b7d9e1a2c4b6d8f0a1c3e5b7d9f"
HMAC_SECRET = "4b6d8f0a1c3e5b7d9f0f3c5b7d9e1a2c"
OWN_USER = "65f0000000000a001"
SENDER = "crm@example.org"

_FIELDS = {
    "Contact": {"firstName", "lastName", "middleName", "phoneNumber", "phoneNumberNumeric", "phoneNumberData"},
    "Lead": {"firstName", "lastName", "middleName", "phoneNumber", "phoneNumberNumeric", "phoneNumberData", "status"},
    "Account": {"phoneNumber", "phoneNumberNumeric", "phoneNumberData"},
    "Opportunity": {"stage"},
    "Case": {"status"},
    "Task": {"status", "priority", "dateEnd", "description", "assignedUserId", "parentType", "parentId", "reminders"},
    "Note": {"type", "post", "parentType", "parentId", "data"},
    "Email": {"status", "from", "to", "subject", "body", "isHtml", "messageId"},
    "Call": {"status", "dateStart", "dateEnd", "description", "assignedUserId", "assignedUserName", "direction"}
    | {"parentType", "parentId", "parentName", "contactsIds", "contactsNames", "leadsIds", "leadsNames"}
    | {"phoneNumbersMap", "cRelated", "cKind", "cWho"},
    "User": {"userName", "isActive", "emailAddress", "type"},
}
_COMMON = {"id", "name", "createdAt", "modifiedAt", "createdById", "modifiedById"}
_READ_ONLY = {"id", "createdAt", "modifiedAt", "createdById", "modifiedById", "messageId"}
_STATUSES = {"Not Started", "Started", "Completed", "Canceled", "Deferred"}


class Refusal(Exception):
    """An error answer: its status, what stands in X-Status-Reason, and its body."""

    def __init__(self, status: int, reason: str | None = None, body: Any = None) -> None:
        super().__init__(reason)
        self.answer = ApiAnswer(status, body, {} if reason is None else {"X-Status-Reason": reason})


class EspoServer(FakeApi):
    """The CRM. ``mails`` are those that went out; ``role`` is what the API user may do, by entity and action."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Record]] = {entity: {} for entity in _FIELDS}
        self.mails: list[Record] = []
        self.updates: list[Record] = []
        self.role: dict[str, Any] = {
            **{entity: dict.fromkeys(("read", "stream"), "all") for entity in list(_FIELDS)[:5]},
            "Task": dict.fromkeys(("create", "read", "edit", "delete"), "all") | {"create": "yes"},
            "Email": {"create": "yes", "read": "own", "edit": "own", "delete": "no"},
            "Call": {"read": "all"},
            "User": {"read": "all"},
        }
        self.assignment_permission = "all"
        #: Fields that the role may not fill in: taken out of what comes in, without a word.
        self.not_editable: dict[str, set[str]] = {}
        self.task_fields: dict[str, Any] = {"cExternalId": {"type": "varchar", "maxLength": 100, "isCustom": True}}
        self.call_fields: dict[str, Any] = {}
        self.card_fields: dict[str, Any] = {}
        self.disabled_streams: set[str] = set()
        self.senders = [SENDER]
        self.smtp: str | None = None
        self.checks_duplicates = False
        self.hmac = False
        self.user_type = "api"
        self.maintenance = False
        self.now = datetime(2026, 3, 11, 9, 0, tzinfo=UTC)
        self._ids = itertools.count(1)

    # --- what tests put in -----------------------------------------------------------------------------

    def add(self, entity: str, **attributes: Any) -> str:
        """A record as a person would have made it; returns its id."""
        record_id = str(attributes.pop("id", None) or f"65f{next(self._ids):014x}")
        record = {"id": record_id, "createdAt": self.stamp(), "modifiedAt": self.stamp(), **attributes}
        if phones := record.pop("phones", None):
            record["phoneNumber"] = phones[0]
            record["phoneNumberData"] = [{"phoneNumber": n, "primary": i == 0} for i, n in enumerate(phones)]
        if "lastName" in record:
            parts = (record["lastName"], record.get("firstName"), record.get("middleName"))
            record["name"] = " ".join(filter(None, parts))
        self.records[entity][record_id] = record
        return record_id

    def stamp(self, later: float = 0.0) -> str:
        """The CRM's time, in seconds from now."""
        return (self.now + timedelta(seconds=later)).strftime("%Y-%m-%d %H:%M:%S")

    def all(self, entity: str) -> list[Record]:
        """All records, in the order in which they came."""
        return list(self.records[entity].values())

    # --- how it answers ----------------------------------------------------------------------------------

    def worded(self, fault: Fault) -> ApiAnswer:
        match fault:
            case Fault.THROTTLED:
                return ApiAnswer(429, b"<html>slow down</html>", {"Retry-After": "2", "Content-Type": "text/html"})
            case Fault.REFUSED:
                return ApiAnswer(403, None, {"X-Status-Reason": "No create access."})
            case Fault.TOKEN_EXPIRED:
                return ApiAnswer(401)
            case Fault.BLOCKED:
                why = "Max failed login attempts exceeded for IP address 127.0.0.1."
                return ApiAnswer(403, None, {"X-Status-Reason": why})
            case _:
                return ApiAnswer(500)

    def answer(self, request: ApiRequest) -> ApiAnswer:
        try:
            self._authenticate(request)
            return self._route(request)
        except Refusal as refusal:
            return refusal.answer
        except BadSearch as error:
            return ApiAnswer(400, None, {"X-Status-Reason": str(error)})

    def _authenticate(self, request: ApiRequest) -> None:
        path = request.path.removeprefix("/api/v1")
        digest = hmac.new(HMAC_SECRET.encode(), f"{request.method} {path}".encode(), hashlib.sha256).hexdigest()
        signed = base64.b64encode(f"{API_KEY}:{digest}".encode()).decode()
        name, expected = ("x-hmac-authorization", signed) if self.hmac else ("x-api-key", API_KEY)
        if request.headers.get(name) != expected:
            raise Refusal(401)
        if self.maintenance:
            raise Refusal(503, "Application is in maintenance mode.", {"message": "Maintenance"})

    def _route(self, request: ApiRequest) -> ApiAnswer:
        parts = request.path.removeprefix("/api/v1/").split("/")
        if request.method == "GET":
            found = self._read(parts, request.query)
        else:
            found = self._write(request.method, parts, request.data)
        if found is None:
            raise Refusal(404, f"Controller '{parts[0]}' does not exist.")
        return ApiAnswer(200, found)

    def _read(self, parts: list[str], query: Mapping[str, str]) -> Any:
        match parts:
            case ["App", "user"]:
                return self._me()
            case ["Metadata"]:
                return self._metadata(query["key"])
            case [entity, record_id, "posts" | "stream" as which] if entity in self.records:
                return self._stream(entity, record_id, which, query)
            case [entity] if entity in self.records:
                return self._list(entity, query)
            case [entity, record_id] if entity in self.records:
                self._may(entity, "read")
                return self._one(entity, record_id)
        return None

    def _write(self, method: str, parts: list[str], data: Any) -> Any:
        match method, parts:
            case "POST", [entity] if entity in self.records:
                return self._create(entity, data)
            case "PUT", [entity, record_id] if entity in self.records:
                return self._update(entity, record_id, data)
            case "DELETE", [entity, record_id] if entity in self.records:
                self._may(entity, "delete")
                del self.records[entity][self._one(entity, record_id)["id"]]
                return True
        return None

    def _may(self, entity: str, action: str) -> None:
        if entity != "Note" and self.role.get(entity, {}).get(action) in (None, "no"):
            raise Refusal(403, f"No {action} access.")

    def _one(self, entity: str, record_id: str) -> Record:
        if record_id not in self.records[entity]:
            raise Refusal(404, f"Record {record_id} does not exist.")
        return self.records[entity][record_id]

    # --- reading -----------------------------------------------------------------------------------------

    def attributes(self, entity: str) -> set[str]:
        """What can be asked for and searched by."""
        return _COMMON | _FIELDS[entity] | (set(self.task_fields) if entity == "Task" else set())

    def _list(self, entity: str, query: Mapping[str, str]) -> Record:
        self._may(entity, "read")
        asked = nested(query)
        known = self.attributes(entity)
        found = [record for record in self.all(entity) if matches(record, asked.get("where"), known)]
        if asked.get("order") == "desc":
            found.reverse()
        wanted = {"id", *filter(None, asked.get("select", "").split(","))} - {"phoneNumberData"}
        shown = [{name: record.get(name) for name in wanted & known} for record in found]
        return _page(shown, asked)

    def _stream(self, entity: str, record_id: str, which: str, query: Mapping[str, str]) -> Record:
        self._may(entity, "stream")
        self._one(entity, record_id)
        notes = self.all("Note") if which == "posts" else self.updates
        assert which == "posts" or query["filter"] == "updates"
        mine = [note for note in notes if (note["parentType"], note["parentId"]) == (entity, record_id)]
        after = query.get("after", "")
        return _page([note for note in reversed(mine) if note["createdAt"] > after], nested(query))

    def _me(self) -> Record:
        acl = {"table": self.role, "assignmentPermission": self.assignment_permission}
        user = {"id": OWN_USER, "userName": "optout", "type": self.user_type, "emailAddressList": self.senders}
        return {"user": user, "acl": acl, "settings": {"version": "9.1.9"}}

    def _metadata(self, key: str) -> Any:
        if key == "scopes":
            return {entity: {"entity": True, "stream": entity not in self.disabled_streams} for entity in _FIELDS}
        entity = key.split(".")[1]
        if entity == "Task":
            return {"parent": {"type": "linkParent", "entityList": list(_FIELDS)[:5]}, **self.task_fields}
        return self.call_fields if entity == "Call" else self.card_fields

    # --- writing -----------------------------------------------------------------------------------------

    def _create(self, entity: str, data: Any) -> Record:
        self._may(entity, "create")
        record = self._taken(entity, data)
        defaults: dict[str, Record] = {
            "Task": {"status": "Not Started", "priority": "Normal"},
            "Note": {"type": "Post"},
        }
        record = defaults.get(entity, {}) | record
        record |= {"id": f"65f{next(self._ids):014x}", "createdById": OWN_USER, "modifiedById": None}
        record |= {"createdAt": self.stamp(), "modifiedAt": self.stamp()}
        self._validate(entity, record)
        self._check_links(entity, record)
        if entity == "Task" and self.checks_duplicates:
            key = record.get("cExternalId")
            same = [task for task in self.all("Task") if key and task.get("cExternalId") == key]
            if same:
                raise Refusal(409, "duplicate", same)
        self.records[entity][record["id"]] = record
        if record.get("status") == "Sending":
            self._send(record)
        return record

    def _update(self, entity: str, record_id: str, data: Any) -> Record:
        self._may(entity, "edit")
        record = self._one(entity, record_id)
        changed = record | self._taken(entity, data)
        self._validate(entity, changed)
        record.update(changed, modifiedAt=self.stamp(), modifiedById=OWN_USER)
        if record.get("status") == "Sending":
            self._send(record)
        return record

    def _taken(self, entity: str, data: Any) -> Record:
        """What of the body is taken: ids, unknown attributes and those not for this role go without a word."""
        known = self.attributes(entity) - _READ_ONLY - self.not_editable.get(entity, set())
        return {name: value for name, value in data.items() if name in known}

    def _validate(self, entity: str, record: Record) -> None:
        required = {"Task": ("name", "assignedUserId"), "Email": ("from", "to", "subject")}.get(entity, ())
        for field in required:
            if not record.get(field):
                raise _invalid(field.removesuffix("Id"), "required")
        if entity == "Task":
            if not re.fullmatch(r"[^<>=]+", record["name"]) or len(record["name"]) > 255:
                raise _invalid("name", "pattern")
            if record["status"] not in _STATUSES or record["priority"] not in ("Low", "Normal", "High", "Urgent"):
                raise _invalid("status", "valid")

    def _check_links(self, entity: str, record: Record) -> None:
        if entity == "Note":
            if record.get("parentId") not in self.records.get(str(record.get("parentType")), {}):
                raise Refusal(403, "No create access.")
            self._may(record["parentType"], "stream")
            return
        links = [("assignedUser", "User", record.get("assignedUserId"))] if entity == "Task" else []
        links += [("parent", str(record["parentType"]), record["parentId"])] if record.get("parentId") else []
        for link, foreign, foreign_id in links:
            if foreign_id not in self.records.get(foreign, {}):
                told = {"label": "cannotRelateNonExisting", "scope": None, "data": {"foreignEntityType": foreign}}
                why = f"Can't relate with non-existing record. entity type: {entity}, link: {link}."
                raise Refusal(403, why, {"messageTranslation": told})

    def _send(self, mail: Record) -> None:
        if mail["from"] not in self.senders:
            raise Refusal(500)
        if self.smtp is not None:
            mail["status"] = "Draft"
            raise Refusal(500, "sendingFail", {"id": mail["id"], "message": self.smtp})
        mail |= {"status": "Sent", "messageId": f"<{mail['id']}@crm.example.org>"}
        self.mails.append(dict(mail))


def _invalid(field: str, kind: str) -> Refusal:
    told = {"label": "validationFailure", "scope": None, "data": {"field": field, "type": kind}}
    return Refusal(400, "Field validation failure.", {"messageTranslation": told})


def _page(found: list[Record], asked: Mapping[str, Any]) -> Record:
    most, offset = int(asked.get("maxSize", 20)), int(asked.get("offset", 0))
    if most > 200:
        raise Refusal(403, "Max size should should not exceed 200. Use offset and limit.")
    return {"total": -1, "list": found[offset : offset + most]}
