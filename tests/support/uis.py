"""The black list of UIS's data API on loopback, as its documentation says: JSON-RPC 2.0, errors with status 200."""

from __future__ import annotations

import itertools
from typing import Any

from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

TOKEN = "uis-permanent-key"
_CODES = {
    "access_token_invalid": -32001,
    "ip_not_whitelisted": -32003,
    "account_inactive": -32009,
    "limit_exceeded": -32029,
    "internal_error": -32603,
}


class Uis(FakeApi):
    """Entries by id. ``refuses``: numbers that it answers ``invalid_parameter_value``."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = itertools.count(501)
        self.black_list: dict[int, str] = {}
        self.refuses: set[str] = set()
        #: It takes a number that it has already: a second entry.
        self.takes_twice = False
        #: The mnemonic that every request is answered with.
        self.complains: str | None = None

    @property
    def numbers(self) -> list[str]:
        return sorted(self.black_list.values())

    def called(self, verb: str) -> int:
        """How many requests with this verb came in."""
        return sum(request.data["method"].startswith(f"{verb}.") for request in self.requests)

    def is_write(self, request: ApiRequest) -> bool:
        return not (request.data or {}).get("method", "").startswith("get.")

    def worded(self, fault: Fault) -> ApiAnswer:
        match fault:
            case Fault.THROTTLED:
                return _error("limit_exceeded")
            case Fault.TOKEN_EXPIRED:
                return _error("access_token_invalid")
            case Fault.BLOCKED:
                return _error("account_inactive")
            case Fault.REFUSED:
                return _error("invalid_parameter_value")
        return _error("internal_error")

    def answer(self, request: ApiRequest) -> ApiAnswer:
        data = request.data
        if request.method != "POST" or request.path != "/v2.0":
            return ApiAnswer(404, b"<html></html>", {"Content-Type": "text/html"})
        if request.headers.get("content-type") != "application/json; charset=UTF-8" or data.get("jsonrpc") != "2.0":
            return _error("invalid_request", data)
        if "id" not in data:
            return _error("notifications_not_supported", data)
        if data["params"].get("access_token") != TOKEN:
            return _error("access_token_invalid", data)
        if self.complains is not None:
            return _error(self.complains, data)
        methods = {
            "get.blacklist_phone_numbers": self._get,
            "create.phone_number_to_blacklist": self._create,
            "delete.phone_number_from_blacklist": self._delete,
        }
        method = methods.get(data["method"])
        return _error("method_not_found", data) if method is None else method(data)

    def _get(self, data: dict[str, Any]) -> ApiAnswer:
        params = data["params"]
        asked = params.get("filter") or {}
        if asked and (asked["field"], asked["operator"]) != ("phone_number", "in"):
            return _error("filter_prohibited", data)
        found = [
            {"id": id_, "phone_number": number, "add_comment": None}
            for id_, number in self.black_list.items()
            if not asked or number in asked["value"]
        ]
        shown = [{key: one[key] for key in params.get("fields", one)} for one in found]
        return _result(data, shown[: params.get("limit", 1000)], total_items=len(found))

    def _create(self, data: dict[str, Any]) -> ApiAnswer:
        number = data["params"]["phone_number"]
        if not isinstance(number, str) or number in self.refuses:
            return _error("invalid_parameter_value", data)
        if number in self.black_list.values() and not self.takes_twice:
            return _error("duplicate_entity", data)
        id_ = next(self._ids)
        self.black_list[id_] = number
        return _result(data, {"id": id_, "phone_number": number})

    def _delete(self, data: dict[str, Any]) -> ApiAnswer:
        id_ = data["params"]["id"]
        if not isinstance(id_, int):
            return _error("data_type_error", data)
        if self.black_list.pop(id_, None) is None:
            return _error("entity_not_found", data)
        return _result(data, {})


def _result(data: dict[str, Any], found: Any, **metadata: Any) -> ApiAnswer:
    limits = {"day_limit": 5000, "day_remaining": 4000, "minute_limit": 100, "minute_remaining": 99, "minute_reset": 20}
    result = {"data": found, "metadata": {"limits": limits, **metadata}}
    return ApiAnswer(200, {"jsonrpc": "2.0", "id": data["id"], "result": result})


def _error(mnemonic: str, data: dict[str, Any] | None = None) -> ApiAnswer:
    details = {"mnemonic": mnemonic, "metadata": {"limits": {"minute_reset": 20}}}
    error = {"code": _CODES.get(mnemonic, -32602), "message": f"{mnemonic}: 79161234567", "data": details}
    return ApiAnswer(200, {"jsonrpc": "2.0", "id": (data or {}).get("id"), "error": error})
