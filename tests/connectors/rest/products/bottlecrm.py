"""BottleCRM (django-crm 1.35) as the real one answers in ``tests/real_crm``, for machines where that is not there.

A created task is answered without its id; unknown contacts, users and custom fields are dropped without a word; all
comments of a contact come back, the newest anywhere; a wrong token has no organisation.
"""

from __future__ import annotations

import uuid
from typing import Any

from connectors.kit.phones import same_number
from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

TOKEN = "bcrm_pat_token"
SEAN, ALYONA = "11111111-4f89-11d3-9a0c-0305e82c3301", "11111111-4f89-11d3-9a0c-0305e82c3302"
COORDINATOR, MANAGER = "22222222-4f89-11d3-9a0c-0305e82c3304", "22222222-4f89-11d3-9a0c-0305e82c3305"
_PAGE = 10
Record = dict[str, Any]


class BottleCrm(FakeApi):
    """One organisation with two contacts and two profiles."""

    def __init__(self) -> None:
        super().__init__()
        self.contacts: dict[str, Record] = {
            SEAN: _contact(SEAN, "О'Коннор-Ёлкин", "Шон (мл.)", "+79161234567"),
            ALYONA: _contact(ALYONA, "Петрова", "Алёна", "+79161234560"),
        }
        self.users = {COORDINATOR: "coordinator@example.org", MANAGER: "manager@example.org"}
        self.comments: dict[str, Record] = {}
        self.tasks: dict[str, Record] = {}
        self.fields = {"ext_ref"}
        self.lacks_rights = False

    def is_write(self, request: ApiRequest) -> bool:
        return request.method != "GET" and not request.path.endswith("duplicates/")

    def worded(self, fault: Fault) -> ApiAnswer:
        return ApiAnswer(500, {"detail": "oops"})

    def answer(self, request: ApiRequest) -> ApiAnswer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refused(403, "Organization context is required")
        if not request.path.endswith("/"):
            return ApiAnswer(301, None, {"Location": f"{request.path}/"})
        if self.lacks_rights and self.is_write(request):
            return _refused(403, "This token is not scoped for contacts:write")
        _, _, part, *rest = request.path.rstrip("/").split("/")
        if part == "custom-fields":
            return ApiAnswer(200, {"definitions": [{"key": key} for key in sorted(self.fields)]})
        return self._tasks(request, rest) if part == "tasks" else self._contacts(request, rest)

    def _contacts(self, request: ApiRequest, rest: list[str]) -> ApiAnswer:
        if not rest:
            word = request.query.get("name", "").casefold()
            found = [
                one for one in self.contacts.values() if word in f"{one['first_name']} {one['last_name']}".casefold()
            ]
            start = int(request.query.get("offset", "0"))
            return ApiAnswer(200, {"count": len(found), "results": found[start : start + _PAGE]})
        if rest == ["duplicates"]:
            found = [one for one in self.contacts.values() if same_number(one["phone"], request.data["phone"])]
            shown = [{"id": one["id"], "name": f"{one['first_name']} {one['last_name']}"} for one in found]
            return ApiAnswer(200, {"duplicates": [one | {"phone": self.contacts[one["id"]]["phone"]} for one in shown]})
        if rest[0] == "comment":
            gone = self.comments.pop(rest[1], None)
            return ApiAnswer(200, {"error": False}) if gone else _refused(404, "No Comment matches the given query.")
        if rest[0] not in self.contacts:
            return _refused(404, "No Contact matches the given query.")
        if request.method == "POST":
            id_ = str(uuid.uuid4())
            self.comments = {id_: {"id": id_, "contact": rest[0], "comment": request.data["comment"]}, **self.comments}
        comments = [one for one in self.comments.values() if one["contact"] == rest[0]]
        return ApiAnswer(200, {"contact_obj": self.contacts[rest[0]], "comments": comments})

    def _tasks(self, request: ApiRequest, rest: list[str]) -> ApiAnswer:
        if not rest and request.method == "POST":
            id_ = str(uuid.uuid4())
            self.tasks[id_] = {"id": id_, **self._kept(request.data)}
            return ApiAnswer(200, {"error": False, "message": "Task Created Successfully"})
        if not rest:
            ref = request.query.get("cf_ext_ref")
            found = [one for one in self.tasks.values() if ref in (None, one["custom_fields"].get("ext_ref"))]
            users = [{"id": id_, "user__email": mail} for id_, mail in self.users.items()]
            return ApiAnswer(200, {"tasks": found, "tasks_count": len(found), "users": users})
        if rest[0] not in self.tasks:
            return _refused(404, "No such task")
        if request.method == "DELETE":
            del self.tasks[rest[0]]
            return ApiAnswer(200, {"error": False})
        if request.method == "PATCH":
            self.tasks[rest[0]] |= request.data
        return ApiAnswer(200, {"task_obj": self.tasks[rest[0]]})

    def _kept(self, given: Record) -> Record:
        kept = {name: given[name] for name in ("title", "description", "status", "priority", "due_date")}
        kept["contacts"] = [{"id": id_} for id_ in given["contacts"] if id_ in self.contacts]
        kept["assigned_to"] = [{"id": id_} for id_ in given["assigned_to"] if id_ in self.users]
        fields = given.get("custom_fields", {})
        return kept | {"custom_fields": {name: value for name, value in fields.items() if name in self.fields}}


def _contact(id_: str, last: str, first: str, phone: str) -> Record:
    return {"id": id_, "last_name": last, "first_name": first, "phone": phone}


def _refused(status: int, detail: str) -> ApiAnswer:
    return ApiAnswer(status, {"detail": detail})
