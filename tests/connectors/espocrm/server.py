"""EspoCRM's REST API as its source (9.1) behaves, as far as the connector speaks to it, with faults to play."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.espocrm.access import API_KEY, HMAC_SECRET, OWN_USER, Access, Refusal
from tests.connectors.espocrm.mailroom import SENDER, Mailroom
from tests.connectors.espocrm.search import BadSearch, Record, matches, nested
from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

__all__ = ["API_KEY", "HMAC_SECRET", "OWN_USER", "SENDER", "EspoServer"]

_FIELDS = {
    "Contact": {"firstName", "lastName", "middleName", "phoneNumber", "phoneNumberNumeric", "phoneNumberData"},
    "Lead": {"firstName", "lastName", "middleName", "phoneNumber", "phoneNumberNumeric", "phoneNumberData", "status"},
    "Account": {"phoneNumber", "phoneNumberNumeric", "phoneNumberData"},
    "Opportunity": {"stage"},
    "Case": {"status"},
    "Task": {"status", "priority", "dateEnd", "description", "assignedUserId", "parentType", "parentId", "reminders"}
    | {"dateCompleted"},
    "Note": {"type", "post", "parentType", "parentId", "data"},
    "Email": {"status", "from", "to", "subject", "body", "isHtml", "messageId"},
    "Call": {"status", "dateStart", "dateEnd", "description", "assignedUserId", "assignedUserName", "direction"}
    | {"parentType", "parentId", "parentName", "contactsIds", "contactsNames", "leadsIds", "leadsNames"}
    | {"phoneNumbersMap", "cRelated", "cKind", "cWho"},
    "User": {"userName", "isActive", "emailAddress", "type"},
    "Webhook": {"event", "url", "isActive", "userId", "secretKey"},
}
_COMMON = {"id", "name", "createdAt", "modifiedAt", "createdById", "modifiedById"}
_READ_ONLY = {"id", "createdAt", "modifiedAt", "createdById", "modifiedById", "messageId"}
_STATUSES = {"Not Started", "Started", "Completed", "Canceled", "Deferred"}


class EspoServer(Access, Mailroom, FakeApi):
    """The CRM."""

    def __init__(self) -> None:
        Access.__init__(self, datetime(2026, 3, 11, 9, 0, tzinfo=UTC))
        Mailroom.__init__(self)
        FakeApi.__init__(self)
        self.records: dict[str, dict[str, Record]] = {entity: {} for entity in _FIELDS}
        self.updates: list[Record] = []
        self.task_fields: dict[str, Any] = {"cExternalId": {"type": "varchar", "maxLength": 100, "isCustom": True}}
        self.call_fields: dict[str, Any] = {}
        self.card_fields: dict[str, Any] = {}
        self.disabled_streams: set[str] = set()
        self.checks_duplicates = False
        self.maintenance = False
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

    def add_entity(self, name: str) -> None:
        """An entity of the admin's own making, which the API user may read."""
        self.records[name] = {}
        self.role[name] = {"read": "all"}

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
                return ApiAnswer(403)
            case _:
                return ApiAnswer(500)

    def answer(self, request: ApiRequest) -> ApiAnswer:
        try:
            self.log_in(request)
            if self.maintenance:
                raise Refusal(503, "Application is in maintenance mode.", {"message": "Maintenance"})
            return self._route(request)
        except Refusal as refusal:
            return refusal.answer
        except BadSearch as error:
            return ApiAnswer(400, None, {"X-Status-Reason": str(error)})

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
                record = self._one(entity, record_id)
                self.may(entity, "read", record)
                return self._shown(entity, record)
        return None

    def _write(self, method: str, parts: list[str], data: Any) -> Any:
        match method, parts:
            case "POST", [entity] if entity in self.records:
                return self._create(entity, data)
            case "PUT", [entity, record_id] if entity in self.records:
                return self._update(entity, record_id, data)
            case "DELETE", [entity, record_id] if entity in self.records:
                record = self._one(entity, record_id)
                self.may(entity, "delete", record)
                del self.records[entity][record["id"]]
                return True
        return None

    def _one(self, entity: str, record_id: str) -> Record:
        if record_id not in self.records[entity]:
            raise Refusal(404, f"Record {record_id} does not exist.")
        return self.records[entity][record_id]

    # --- reading -----------------------------------------------------------------------------------------

    def attributes(self, entity: str) -> set[str]:
        """What can be asked for and searched by."""
        return _COMMON | _FIELDS.get(entity, set()) | (set(self.task_fields) if entity == "Task" else set())

    def _list(self, entity: str, query: Mapping[str, str]) -> Record:
        self.may(entity, "read")
        asked = nested(query)
        known = self.attributes(entity)
        found = [
            record
            for record in self.all(entity)
            if self.allows(entity, "read", record) and matches(record, asked.get("where"), known)
        ]
        if order := asked.get("orderBy"):
            # The id is added as what decides between equals (``Core/Select/Order/Applier.php``).
            found.sort(key=lambda record: (str(record.get(order)), record["id"]), reverse=asked.get("order") == "desc")
        wanted = {"id", *filter(None, asked.get("select", "").split(","))} - {"phoneNumberData"}
        shown = [{name: record.get(name) for name in wanted & known} for record in found]
        return _page(shown, asked)

    def _shown(self, entity: str, record: Record) -> Record:
        return {name: value for name, value in record.items() if name not in self.not_readable.get(entity, set())}

    def _stream(self, entity: str, record_id: str, which: str, query: Mapping[str, str]) -> Record:
        if not self.allows(entity, "stream", self._one(entity, record_id)):
            # Without a word, like a few more of its refusals (``Tools/Stream/RecordService.php``).
            raise Refusal(403)
        notes = self.all("Note") if which == "posts" else self.updates
        assert which == "posts" or query["filter"] == "updates"
        mine = [note for note in notes if (note["parentType"], note["parentId"]) == (entity, record_id)]
        after = query.get("after", "")
        return _page([note for note in reversed(mine) if note["createdAt"] > after], nested(query))

    def _me(self) -> Record:
        user = {"id": OWN_USER, "userName": "optout", "type": self.user_type, "emailAddressList": self.address_list}
        return {"user": user, "acl": self.acl(), "settings": {"version": "9.1.9"}}

    def _metadata(self, key: str) -> Any:
        if key == "scopes":
            return {entity: {"entity": True, "stream": entity not in self.disabled_streams} for entity in _FIELDS}
        entity = key.split(".")[1]
        if entity == "Task":
            return {"parent": {"type": "linkParent", "entityList": list(_FIELDS)[:5]}, **self.task_fields}
        return self.call_fields if entity == "Call" else self.card_fields

    # --- writing -----------------------------------------------------------------------------------------

    def _create(self, entity: str, data: Any) -> Record:
        self.may(entity, "create")
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
        if entity == "Email":
            self.check_from(record)
        if entity == "Task" and self.checks_duplicates:
            key = record.get("cExternalId")
            same = [task for task in self.all("Task") if key and task.get("cExternalId") == key]
            if same:
                raise Refusal(409, "duplicate", same)
        self.records[entity][record["id"]] = record
        if entity == "Email":
            self.created(record)
        return record

    def _update(self, entity: str, record_id: str, data: Any) -> Record:
        record = self._one(entity, record_id)
        self.may(entity, "edit", record)
        before = dict(record)
        changed = record | self._taken(entity, data)
        self._validate(entity, changed)
        record.update(changed, modifiedAt=self.stamp(), modifiedById=OWN_USER)
        if entity == "Email":
            self.changed(record, before)
        return record

    def _taken(self, entity: str, data: Any) -> Record:
        """What of the body is taken: ids, unknown attributes and those not for this role go without a word."""
        known = self.attributes(entity) - _READ_ONLY - self.not_editable.get(entity, set())
        return {name: value for name, value in data.items() if name in known}

    def _validate(self, entity: str, record: Record) -> None:
        required = {"Task": ("name", "assignedUserId"), "Email": ("from", "to", "subject")}.get(entity, ())
        if entity == "Email" and record.get("status") == "Draft":
            # A draft may do without a recipient (``FieldValidators/Email/EmailAddresses.php``).
            required = ("from", "subject")
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
            self.may(record["parentType"], "stream", self.records[record["parentType"]][record["parentId"]])
            return
        links = [("assignedUser", "User", record.get("assignedUserId"))] if entity == "Task" else []
        links += [("parent", str(record["parentType"]), record["parentId"])] if record.get("parentId") else []
        for link, foreign, foreign_id in links:
            if foreign_id not in self.records.get(foreign, {}):
                told = {"label": "cannotRelateNonExisting", "scope": None, "data": {"foreignEntityType": foreign}}
                why = f"Can't relate with non-existing record. entity type: {entity}, link: {link}."
                raise Refusal(403, why, {"messageTranslation": told})
            if not self.allows(foreign, "read", self.records[foreign][foreign_id]):
                details = {"foreignEntityType": foreign, "action": "read"}
                told = {"label": "cannotRelateForbidden", "scope": None, "data": details}
                why = f"No foreign record access for link operation ({entity}:{link})."
                raise Refusal(403, why, {"messageTranslation": told})


def _invalid(field: str, kind: str) -> Refusal:
    told = {"label": "validationFailure", "scope": None, "data": {"field": field, "type": kind}}
    return Refusal(400, "Field validation failure.", {"messageTranslation": told})


def _page(found: list[Record], asked: Mapping[str, Any]) -> Record:
    most, offset = int(asked.get("maxSize", 20)), int(asked.get("offset", 0))
    if most > 200:
        raise Refusal(403, "Max size should should not exceed 200. Use offset and limit.")
    return {"total": -1, "list": found[offset : offset + most]}
