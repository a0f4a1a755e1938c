"""Odoo's JSON-2 API: POST /json/2/<model>/<method> with named arguments alone, as «External JSON-2 API» says.

An argument that a method does not have is refused, a body that is no HTML is escaped, a record set is answered as its
ids, and what is done is archived.
"""

from __future__ import annotations

import html
import itertools
import re
from typing import Any

from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

KEY = "odoo-api-key"
DATABASE = "polka"
Record = dict[str, Any]
_SEARCH = {"domain", "fields", "order", "limit", "offset", "context"}
_METHODS: dict[str, set[str]] = {
    "search_read": _SEARCH,
    "search_count": {"domain", "context"},
    "message_post": {"ids", "body", "body_is_html", "message_type", "subtype_xmlid", "context"},
    "activity_schedule": {"ids", "act_type_xmlid", "date_deadline", "summary", "note", "user_id", "context"},
    "action_feedback": {"ids", "feedback", "context"},
    "unlink": {"ids", "context"},
}


class Odoo(FakeApi):
    """One database with two partners and two users (4, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = itertools.count(31)
        partners = [(7, "О'Коннор-Ёлкин Шон (мл.)", "8 (916) 123-45-67"), (8, "Петрова Алёна", "+7 916 123-45-60")]
        self.tables: dict[str, dict[int, Record]] = {
            "res.partner": {id_: {"id": id_, "name": name, "phone": phone} for id_, name, phone in partners},
            "res.users": {id_: {"id": id_, "login": f"u{id_}", "email": f"u{id_}@example.org"} for id_ in (4, 5)},
            "mail.message": {},
            "mail.activity": {},
        }
        self.lacks_rights = False

    def is_write(self, request: ApiRequest) -> bool:
        return not request.path.endswith(("search_read", "search_count"))

    def worded(self, fault: Fault) -> ApiAnswer:
        return _error(500, "psycopg2.OperationalError", "oops")

    def answer(self, request: ApiRequest) -> ApiAnswer:
        if request.headers.get("authorization", "").lower() != f"bearer {KEY}":
            return _error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
        if request.headers.get("x-odoo-database") != DATABASE:
            return _error(404, "werkzeug.exceptions.NotFound", "No database is selected")
        _, _, _, model, method = request.path.split("/")
        given = request.data
        if request.method != "POST" or model not in self.tables or method not in _METHODS:
            return _error(404, "werkzeug.exceptions.NotFound", f"the model {model!r} does not exist")
        stray = set(given) - _METHODS[method]
        if stray:
            return _error(422, "builtins.TypeError", f"got an unexpected keyword argument {sorted(stray)[0]!r}")
        if self.lacks_rights and self.is_write(request):
            return _error(403, "odoo.exceptions.AccessError", "You are not allowed to create records")
        return self._call(model, method, given)

    def _call(self, model: str, method: str, given: Record) -> ApiAnswer:
        table = self.tables[model]
        if method in ("search_read", "search_count"):
            found = [record for record in table.values() if _matches(record, given)]
            if method == "search_count":
                return ApiAnswer(200, len(found))
            start = given.get("offset", 0)
            shown = found[start : start + given.get("limit", len(found))]
            return ApiAnswer(200, [{name: one.get(name, False) for name in ("id", *given["fields"])} for one in shown])
        if not all(isinstance(id_, int) and id_ in table for id_ in given["ids"]):
            return _error(404, "odoo.exceptions.MissingError", "Record does not exist or has been deleted.")
        return ApiAnswer(200, getattr(self, f"_{method}")(table, given))

    def _message_post(self, _table: Any, given: Record) -> list[int]:
        body = given["body"] if given.get("body_is_html") else html.escape(given["body"])
        return self._add("mail.message", model="res.partner", res_id=given["ids"][0], body=body)

    def _activity_schedule(self, _table: Any, given: Record) -> list[int]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", given["date_deadline"])
        user = [given["user_id"], "User"] if given["user_id"] in self.tables["res.users"] else False
        values = {name: given[name] for name in ("summary", "note", "date_deadline")}
        return self._add(
            "mail.activity", res_model="res.partner", res_id=given["ids"][0], active=True, user_id=user, **values
        )

    def _action_feedback(self, table: dict[int, Record], given: Record) -> list[int]:
        for id_ in given["ids"]:
            table[id_]["active"] = False
        return self._add("mail.message", model="res.partner", res_id=7, body=html.escape(given["feedback"]))

    def _unlink(self, table: dict[int, Record], given: Record) -> bool:
        for id_ in given["ids"]:
            del table[id_]
        return True

    def _add(self, into: str, /, **values: Any) -> list[int]:
        id_ = next(self._ids)
        self.tables[into][id_] = {"id": id_, **values}
        return [id_]


def _matches(record: Record, given: Record) -> bool:
    if record.get("active") is False and (given.get("context") or {}).get("active_test", True):
        return False
    return all(_holds(record, *criterion) for criterion in given["domain"])


def _holds(record: Record, name: str, operator: str, value: Any) -> bool:
    held = record.get(name)
    if operator == "=":
        return type(held) is type(value) and held == value
    if operator == "in":
        return held in value
    assert operator == "ilike"
    pattern = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in value)
    return re.search(pattern, str(held or ""), re.IGNORECASE | re.DOTALL) is not None


def _error(status: int, name: str, message: str) -> ApiAnswer:
    told = {"name": name, "message": message, "arguments": [message], "context": {}, "debug": "Traceback …"}
    return ApiAnswer(status, told)
