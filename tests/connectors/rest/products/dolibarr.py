"""Dolibarr's REST API: contacts, agenda events and users, as its sources answer (api_contacts, api_agendaevents, api).

Ids are taken without a look at what they belong to; ref_ext is stored and not shown; texts are sanitised; a list
without entries is 404; filters are its universal search syntax, in which a value holds no parenthesis and no quote.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

KEY = "dolibarr-api-key"
USER = 3
_CRITERION = re.compile(r"\(([a-zA-Z0-9_.]+):([<>!=a-z]+):([^()]+)\)")
_COLUMNS = {"phone": "phone_pro"}
_HIDDEN = ("ref_ext", "contact_id")


class Dolibarr(FakeApi):
    """One instance with the plugin's user (3) and two people (4, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = itertools.count(31)
        self.contacts: dict[str, dict[str, Any]] = {
            "7": _contact("7", "О'Коннор-Ёлкин", "Шон (мл.)", "8 (916) 123-45-67"),
            "8": _contact("8", "Петрова", "Алёна", "+7 916 123-45-60"),
        }
        self.users = {str(number): {"id": str(number), "login": f"user{number}"} for number in (USER, 4, 5)}
        self.events: dict[str, dict[str, Any]] = {}
        self.lacks_rights = False

    def worded(self, fault: Fault) -> ApiAnswer:
        return _error(503 if fault is Fault.THROTTLED else 500, "Error creating event")

    def answer(self, request: ApiRequest) -> ApiAnswer:
        if request.headers.get("dolapikey") != KEY:
            return _error(401, "Failed to login to API. No parameter 'HTTP_DOLAPIKEY' on HTTP header")
        parts = request.path.removeprefix("/api/index.php/").split("/")
        if parts[0] == "agendaevents":
            return self._agenda(request, parts[1:])
        match (request.method, *parts):
            case ("GET", "users", number):
                return _one(self.users, str(USER) if number == "info" else number, "User not found")
            case ("GET", "contacts"):
                return self._list(request, self.contacts, "Contacts not found")
            case ("GET", "contacts", number):
                return _one(self.contacts, number, "Contact not found")
        return _error(404, "Not Found")

    def _agenda(self, request: ApiRequest, parts: list[str]) -> ApiAnswer:
        if parts:
            return self._event(request.method, parts[0], request)
        if request.method == "POST":
            return self._create(request)
        return self._list(request, self.events, "No Agenda Event found")

    def _create(self, request: ApiRequest) -> ApiAnswer:
        if self.lacks_rights:
            return _error(401, "Insufficient rights to create your Agenda Event")
        given = request.data
        if given.get("type_code") not in ("AC_OTH", "AC_TEL", "AC_RDV"):
            return _error(500, "Error creating event")
        if not isinstance(given.get("datep"), int):
            return _error(500, "Error creating event")
        number = str(next(self._ids))
        assigned = {key: {"id": key, "mandatory": "0"} for key in given.get("socpeopleassigned") or {}}
        owner = str(given.get("userownerid"))
        kept = {name: _sanitised(name, value) for name, value in given.items()}
        self.events[number] = kept | {
            "id": number,
            "percentage": given.get("percentage", 0),
            # A user that there is not owns nothing.
            "userownerid": owner if owner in self.users else "",
            "socpeopleassigned": assigned or [],
        }
        return ApiAnswer(200, int(number))

    def _event(self, method: str, number: str, request: ApiRequest) -> ApiAnswer:
        if number not in self.events:
            return _error(404, "Agenda Events not found" if method == "GET" else "Agenda Event not found")
        if method == "DELETE":
            del self.events[number]
            return ApiAnswer(200, {"success": {"code": 200, "message": "Agenda Event deleted"}})
        if method == "PUT":
            self.events[number] |= {name: _sanitised(name, value) for name, value in request.data.items()}
        return ApiAnswer(200, _shown(self.events[number]))

    def _list(self, request: ApiRequest, records: dict[str, dict[str, Any]], none: str) -> ApiAnswer:
        filters = request.query.get("sqlfilters", "")
        rest = _CRITERION.sub("()", filters)
        if re.sub(r"and|or|AND|OR|\s", "", rest).strip("()"):
            return _error(400, f"Bad syntax of the search string: {filters}")
        found = [record for record in records.values() if not filters or _fits(record, filters)]
        limit, page = int(request.query.get("limit", "100")), int(request.query.get("page", "0"))
        shown = found[limit * page : limit * (page + 1)]
        return ApiAnswer(200, [_shown(one) for one in shown]) if shown else _error(404, none)


def _contact(number: str, last: str, first: str, phone: str) -> dict[str, Any]:
    names = {"id": number, "lastname": last, "firstname": first}
    return names | {"phone_pro": "", "phone_perso": None, "phone_mobile": phone}


def _sanitised(name: str, value: Any) -> Any:
    """restricthtml lets an apostrophe that stands as an entity go; alphanohtml lets no markup through."""
    if not isinstance(value, str):
        return value
    if name == "note_private":
        return value.replace("&#x27;", ";").replace("&#39;", ";")
    return re.sub(r"<[^>]*>|\"|'", "", value)


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in _HIDDEN}


def _fits(record: dict[str, Any], filters: str) -> bool:
    """Criteria joined by one operator."""
    results = []
    for column, operator, value in _CRITERION.findall(filters):
        name = column.removeprefix("t.")
        held = str(record.get(_COLUMNS.get(name, name)) or "")
        # What comes after another colon is dropped.
        plain = re.fullmatch(r"'([^']*)'", value.split(":")[0])
        if plain is None:
            return False
        pattern = re.escape(plain[1]).replace("%", ".*").replace("_", ".")
        results.append(bool(re.fullmatch(pattern, held, re.I)) if operator == "like" else held == plain[1])
    return any(results) if " or " in filters else all(results)


def _one(records: dict[str, dict[str, Any]], number: str, none: str) -> ApiAnswer:
    return ApiAnswer(200, _shown(records[number])) if number in records else _error(404, f"Not Found: {none}")


def _error(status: int, message: str) -> ApiAnswer:
    return ApiAnswer(status, {"error": {"code": status, "message": message}})
