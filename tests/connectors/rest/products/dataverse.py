"""An OData 4 service: Dataverse's Web API, as OData 4.0 (protocol, URL conventions) and its own reference say.

What is created is answered 204 with its address in OData-EntityId; a quote in a text is doubled; a lookup is bound by
the address of its record and must be there; a PATCH without If-Match makes what is not there.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

CLIENT_ID, SECRET = "app", "dataverse-secret"
SEAN, ALYONA = "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3302"
COORDINATOR, MANAGER = "9a2504e0-4f89-11d3-9a0c-0305e82c3304", "9a2504e0-4f89-11d3-9a0c-0305e82c3305"
Record = dict[str, Any]
_IDS = {"contacts": "contactid", "annotations": "annotationid", "tasks": "activityid", "systemusers": "systemuserid"}
_PATH = re.compile(r"/api/data/v9\.2/(\w+)(?:\(([^)]*)\))?(?:/(\w+))?")
_CONTAINS = re.compile(r"contains\((\w+),'((?:[^']|'')*)'\)")
_BINDS = {
    "objectid_contact@odata.bind": ("_objectid_value", "contacts"),
    "regardingobjectid_contact_task@odata.bind": ("_regardingobjectid_value", "contacts"),
    "ownerid@odata.bind": ("_ownerid_value", "systemusers"),
}


class Dataverse(FakeApi):
    """One environment with two contacts and two system users."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[str, Record]] = {name: {} for name in _IDS}
        self._put("contacts", SEAN, fullname="О'Коннор-Ёлкин Шон (мл.)", telephone1=None, mobilephone="+79161234567")
        self._put("contacts", ALYONA, fullname="Петрова Алёна", telephone1="89161234560", mobilephone=None)
        for user in (COORDINATOR, MANAGER):
            self._put("systemusers", user, fullname="U", isdisabled=False, internalemailaddress="u@example.org")
        self.lacks_rights = False

    def is_write(self, request: ApiRequest) -> bool:
        return request.method != "GET" and request.path != "/token"

    def worded(self, fault: Fault) -> ApiAnswer:
        return _error(500, "0x80040216", "An unexpected error occurred.")

    def answer(self, request: ApiRequest) -> ApiAnswer:
        if request.path == "/token":
            return _token(request)
        if request.headers.get("authorization") != "Bearer dataverse-token" or "odata-version" not in request.headers:
            return ApiAnswer(401, b"")
        match = _PATH.fullmatch(unquote(request.path))
        if match is None or match[1] not in (*self.tables, "WhoAmI"):
            return _error(404, "0x8006088a", "Resource not found for the segment")
        if self.lacks_rights and self.is_write(request):
            return _error(403, "0x80040220", "Principal user is missing prvCreateNote privilege")
        if match[1] == "WhoAmI":
            return ApiAnswer(200, {"UserId": COORDINATOR})
        return self._one(request, *match.groups()) if match[2] is not None else self._set(request, match[1])

    def _set(self, request: ApiRequest, name: str) -> ApiAnswer:
        if request.method == "POST":
            return self._create(name, request.data)
        return _list(request, list(self.tables[name].values()))

    def _one(self, request: ApiRequest, name: str, id_: str, within: str | None) -> ApiAnswer:
        record = self.tables[name].get(id_)
        if record is None and request.method == "PATCH" and "if-match" not in request.headers:
            return self._create(name, request.data, id_)
        if record is None:
            return _error(404, "0x80040217", f"{name} With Id = {id_} Does Not Exist")
        if within is not None:
            table, field = {
                "Contact_Annotation": ("annotations", "_objectid_value"),
                "Contact_Tasks": ("tasks", "_regardingobjectid_value"),
            }[within]
            return _list(request, [one for one in self.tables[table].values() if one.get(field) == id_])
        if request.method == "GET":
            return ApiAnswer(200, _selected(request, record))
        if request.method == "DELETE":
            del self.tables[name][id_]
        else:
            record |= request.data
        return ApiAnswer(204, None, {"OData-EntityId": f"{self.url}/api/data/v9.2/{name}({id_})"})

    def _create(self, name: str, given: Record, id_: str | None = None) -> ApiAnswer:
        record: Record = {"statecode": 0, "_ownerid_value": COORDINATOR}
        for key, value in given.items():
            if key not in _BINDS:
                record[key] = value
                continue
            field, table = _BINDS[key]
            bound = re.fullmatch(rf"/{table}\(([^)]*)\)", value)
            if bound is None or bound[1] not in self.tables[table]:
                return _error(404, "0x80040217", f"{table} With Id = … Does Not Exist")
            record[field] = bound[1]
        if "scheduledend" in record:
            datetime.strptime(record["scheduledend"], "%Y-%m-%dT%H:%M:%SZ")
        id_ = id_ or str(uuid.uuid4())
        self._put(name, id_, **record)
        return ApiAnswer(204, None, {"OData-EntityId": f"{self.url}/api/data/v9.2/{name}({id_})"})

    def _put(self, name: str, id_: str, **values: Any) -> None:
        self.tables[name][id_] = {_IDS[name]: id_, **values}


def _token(request: ApiRequest) -> ApiAnswer:
    good = (request.form.get("client_id"), request.form.get("client_secret")) == (CLIENT_ID, SECRET)
    answer = {"access_token": "dataverse-token", "expires_in": 3599}
    return ApiAnswer(200, answer) if good else ApiAnswer(401, {"error": "invalid_client"})


def _list(request: ApiRequest, records: list[Record]) -> ApiAnswer:
    fits = _filter(request.query.get("$filter", ""))
    if fits is None:
        return _error(400, "0x80060888", "Syntax error in $filter")
    return ApiAnswer(200, {"value": [_selected(request, one) for one in records if fits(one)]})


def _filter(written: str) -> Callable[[Record], bool] | None:
    parts = [_CONTAINS.fullmatch(part) for part in written.split(" or ")] if written else []
    if not all(parts):
        return None
    wanted = [(part[1], part[2].replace("''", "'").casefold()) for part in parts if part]
    return lambda record: not wanted or any(text in str(record.get(name) or "").casefold() for name, text in wanted)


def _selected(request: ApiRequest, record: Record) -> Record:
    names = request.query.get("$select", "").split(",")
    key = next(name for name in record if name in _IDS.values())
    return {"@odata.etag": "W/1", key: record[key]} | {name: record.get(name) for name in names if name}


def _error(status: int, code: str, message: str) -> ApiAnswer:
    return ApiAnswer(status, {"error": {"code": code, "message": message}})
