"""Polka, a small CRM that nobody sells: what the README of the connector describes in TOML, on loopback."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from tests.connectors.contract.rig import NAME
from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

CLIENT_ID = "optout"
CLIENT_SECRET = "polka-client-secret"
PAGE = 2

Record = dict[str, Any]


class Polka(FakeApi):
    """Clients, notes, to-dos, mails and calls; tokens by client credentials, each good until ``expire_tokens``."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = itertools.count(100)
        self.clients: dict[str, Record] = {
            "7": {"id": 7, "full_name": NAME, "numbers": [{"value": "8 (916) 123-45-67"}]},
            "8": {"id": 8, "full_name": "Петрова Алёна Игоревна", "numbers": [{"value": "+7 916 123-45-60"}]},
            "9": {"id": 9, "full_name": "Сидоров Пётр", "numbers": []},
        }
        self.people = {"p1": "coordinator@example.org", "p2": "sms.manager@example.org"}
        self.notes: dict[str, Record] = {}
        self.todos: dict[str, Record] = {}
        self.mails: dict[str, Record] = {}
        self.calls: dict[str, Record] = {}
        self.tokens: set[str] = set()
        #: Each is good for one exchange, which brings the next.
        self.refresh_tokens: set[str] = set()
        #: A to-do for somebody unknown, or for a client unknown, is taken without them.
        self.cuts: set[str] = set()
        #: It has no foreign keys: a note or a to-do for any client is taken as it comes.
        self.takes_any_client = False
        #: Reads of these paths are answered 500.
        self.ailing: set[str] = set()

    def expire_tokens(self) -> None:
        """Whoever has a token needs a new one."""
        self.tokens.clear()

    # --- what FakeApi asks -----------------------------------------------------------------------------

    def is_write(self, request: ApiRequest) -> bool:
        return request.method != "GET" and request.path != "/oauth/token"

    def worded(self, fault: Fault) -> ApiAnswer:
        match fault:
            case Fault.THROTTLED:
                return _error(400, "slow_down", retry_in=3)
            case Fault.TOKEN_EXPIRED:
                self.expire_tokens()
                return _error(401, "token_expired")
            case Fault.BLOCKED:
                return _error(403, "account_suspended")
            case Fault.REFUSED:
                return _error(422, "invalid")
        return _error(500, "oops")

    def answer(self, request: ApiRequest) -> ApiAnswer:
        if request.path == "/oauth/token":
            return self._token(request.form)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error(401, "token_expired")
        if request.method == "GET" and request.path in self.ailing:
            return _error(500, "oops")
        _, _, *parts = request.path.split("/")
        parts = [unquote(part) for part in parts]
        handler: Callable[[list[str], ApiRequest], ApiAnswer] | None = getattr(self, f"_{parts[0]}", None)
        return _error(404, "no_such_path") if handler is None else handler(parts[1:], request)

    # --- its API -----------------------------------------------------------------------------------------

    def _token(self, form: Mapping[str, str]) -> ApiAnswer:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return ApiAnswer(401, {"error": "invalid_client"})
        token = f"polka-token-{next(self._ids)}"
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self.refresh_tokens:
                return ApiAnswer(400, {"error": "invalid_grant"})
            self.refresh_tokens = {f"polka-refresh-{next(self._ids)}"}
            answer["refresh_token"] = next(iter(self.refresh_tokens))
        self.tokens.add(token)
        return ApiAnswer(200, answer)

    def _clients(self, parts: list[str], request: ApiRequest) -> ApiAnswer:
        if not parts:
            return self._list(request, self.clients, self._looks_like(request.query))
        client = self.clients.get(parts[0])
        writes_note = parts[1:] == ["notes"] and request.method == "POST"
        if client is None and not (writes_note and self.takes_any_client):
            return _error(404, "no_such_record")
        if writes_note:
            return self._add(self.notes, {**request.data, "client": parts[0]})
        return ApiAnswer(200, {"data": client | {"link": f"{self.url}/clients/{client['id']}"}})

    @staticmethod
    def _looks_like(query: Mapping[str, str]) -> Callable[[Record], bool]:
        """By any part of a number as it is written, and any part of a name."""
        number, name = query.get("number"), query.get("name")

        def fits(client: Record) -> bool:
            digits = ["".join(char for char in one["value"] if char.isdigit()) for one in client["numbers"]]
            by_number = number is None or any(number in one for one in digits)
            return by_number and (name is None or name.lower() in client["full_name"].lower())

        return fits

    def _notes(self, parts: list[str], request: ApiRequest) -> ApiAnswer:
        return self._collection(self.notes, parts, request)

    def _todos(self, parts: list[str], request: ApiRequest) -> ApiAnswer:
        if request.method == "POST":
            given = request.form
            if given["person"] not in self.people:
                given["person"] = ""
            if given["client"] not in self.clients and not self.takes_any_client:
                given["client"] = ""
            given |= dict.fromkeys(self.cuts, "")
            return self._add(self.todos, {**given, "state": "open"})
        if request.method == "PATCH" and parts[0] in self.todos:
            self.todos[parts[0]].update(request.data)
        if request.method == "GET" and "ids" in request.query:
            ids = request.query["ids"].split(",")
            return ApiAnswer(200, {"data": [record for id_, record in self.todos.items() if id_ in ids]})
        return self._collection(self.todos, parts, request)

    def _mails(self, parts: list[str], request: ApiRequest) -> ApiAnswer:
        if request.method == "POST":
            return self._add(self.mails, dict(request.data))
        return self._collection(self.mails, parts, request)

    def _people(self, parts: list[str], request: ApiRequest) -> ApiAnswer:
        found = [{"login": login, "mail": mail} for login, mail in self.people.items()]
        return ApiAnswer(200, {"data": found})

    def _calls(self, parts: list[str], request: ApiRequest) -> ApiAnswer:
        if not parts:
            after = float(request.query["changed_after"])
            return self._list(request, self.calls, lambda record: touched(record) >= after)
        return self._collection(self.calls, parts, request)

    def _me(self, parts: list[str], request: ApiRequest) -> ApiAnswer:
        return ApiAnswer(200, {"data": {"rights": ["clients", "notes", "todos"]}})

    # --- details -----------------------------------------------------------------------------------------

    def _add(self, collection: dict[str, Record], record: Record) -> ApiAnswer:
        if not record.get("ref"):
            return _error(422, "invalid")
        number = next(self._ids)
        collection[str(number)] = {"id": number, **record}
        return ApiAnswer(201, {"data": {"id": number}})

    def _collection(self, collection: dict[str, Record], parts: list[str], request: ApiRequest) -> ApiAnswer:
        if not parts:
            ref = request.query.get("ref")
            return self._list(request, collection, lambda record: record["ref"] == ref)
        if parts[0] not in collection:
            return _error(404, "no_such_record")
        if request.method == "DELETE":
            del collection[parts[0]]
            return ApiAnswer(204)
        return ApiAnswer(200, {"data": collection[parts[0]]})

    def _list(self, request: ApiRequest, collection: dict[str, Record], fits: Callable[[Record], bool]) -> ApiAnswer:
        found = [record for record in collection.values() if fits(record)]
        start = int(request.query.get("from", "0"))
        shown, rest = found[start : start + PAGE], found[start + PAGE :]
        return ApiAnswer(200, {"data": shown, "next": str(start + PAGE) if rest else None})


def touched(call: Record) -> float:
    """When a call was changed last."""
    return datetime.fromisoformat(call.get("touched") or call["ended"]).timestamp()


def _error(status: int, code: str, **more: Any) -> ApiAnswer:
    return ApiAnswer(status, {"error": {"code": code, **more}})
