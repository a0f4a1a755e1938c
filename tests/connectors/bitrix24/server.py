"""A portal of Bitrix24 on loopback: webhook and OAuth, REST 2 and 3, batches with references, quota and faults."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from tests.connectors.bitrix24.records import Records, Refused
from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi, Fault

USER = "1"
WEBHOOK_SECRET = "wh00kwh00kwh00k1"
CLIENT_ID = "local.5c8bb1b0891cf2.87252039"
CLIENT_SECRET = "ClientSecretOfTheLocalApplication"
FIRST_REFRESH = "first0refresh0token0of0the0portal"
APPLICATION_TOKEN = "51856fefc120afa4b628cc82d3935cce"
MEMBER = "d897063e1ce7c5eb9f04b9751eef5915"
FRAME_AUTH = "4172bb6600705a0700005a4b00000001f0f107c42ca5bd5f"

_WRITES = re.compile(
    r"(crm\.timeline\.comment\.(add|delete)|crm\.activity\.(todo\.\w+|update|delete)|tasks\.task\.(add|update|complete|"
    r"delete)|im\.notify\.\w+(\.add)?|mail\.message\.send)\b",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$(result|error|total|next|time)(\S*)", re.IGNORECASE)
_MOST_COMMANDS = 50


class Portal(FakeApi):
    """``allowed``: requests a second and how many at once, on ``clock``; None: no quota."""

    def __init__(
        self, *, allowed: tuple[float, int] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.records = Records()
        self.throttled = 0
        self.operating: dict[str, float] = {}
        self.operating_reset_at = int(time.time()) + 120
        self.access = "access0"
        self.refresh = FIRST_REFRESH
        self.renewals = 0
        #: The next command with this method, or request of REST 3, is answered with this error.
        self.failing: dict[str, list[Mapping[str, Any]]] = {}
        #: Commands that the portal leaves out of its answer.
        self.silent: set[str] = set()
        self.idempotent: dict[str, tuple[bytes, ApiAnswer]] = {}
        self._allowed = allowed
        self._clock = clock
        self._level = 0.0
        self._leaked_at = clock()

    @property
    def webhook(self) -> str:
        return f"{self.url}/rest/{USER}/{WEBHOOK_SECRET}/"

    # --- the fake's interface --------------------------------------------------------------------------

    def is_write(self, request: ApiRequest) -> bool:
        data = request.data if isinstance(request.data, dict) else {}
        commands = data.get("cmd")
        if request.path.endswith("/batch") and isinstance(commands, dict):
            return any(_WRITES.match(command) for command in commands.values())
        return _WRITES.match(request.path.rpartition("/")[2]) is not None

    def worded(self, fault: Fault) -> ApiAnswer:
        status, code, words = {
            Fault.THROTTLED: (503, "QUERY_LIMIT_EXCEEDED", "Too many requests"),
            Fault.REFUSED: (403, "insufficient_scope", "The request requires higher privileges than provided"),
            Fault.TOKEN_EXPIRED: (401, "expired_token", "The access token provided has expired."),
            Fault.BLOCKED: (503, "OVERLOAD_LIMIT", "REST API is blocked due to overload."),
            Fault.ERROR_BEFORE: (500, "INTERNAL_SERVER_ERROR", "Internal server error"),
            Fault.ERROR_AFTER: (500, "INTERNAL_SERVER_ERROR", "Internal server error"),
        }[fault]
        return ApiAnswer(status, {"error": code, "error_description": words})

    def answer(self, request: ApiRequest) -> ApiAnswer:
        if request.path == "/oauth/token/":
            return self._token(request)
        parts, data = request.path.strip("/").split("/"), request.data
        version_3 = parts[:2] == ["rest", "api"]
        own = parts[2:] if version_3 else parts[1:]
        if not isinstance(data, dict) or parts[0] != "rest":
            return ApiAnswer(404, b"<html>404 Not Found</html>", {"Content-Type": "text/html"})
        if self._is_over_quota():
            self.throttled += 1
            return self.worded(Fault.THROTTLED)
        refused = self._unauthorised(own, data)
        if refused is not None:
            return refused
        return self._version_3(own[-1], data, request) if version_3 else self._version_2(own[-1], data)

    # --- access ------------------------------------------------------------------------------------------

    def _token(self, request: ApiRequest) -> ApiAnswer:
        query = request.query
        if (query.get("client_id"), query.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return ApiAnswer(400, {"error": "invalid_client", "error_description": "Client is wrong"})
        if query.get("refresh_token") != self.refresh:
            return ApiAnswer(400, {"error": "invalid_grant", "error_description": "Invalid grant"})
        self.renewals += 1
        self.access, self.refresh = f"access{self.renewals}", f"refresh{self.renewals}"
        given = {"access_token": self.access, "refresh_token": self.refresh, "expires_in": 3600, "member_id": MEMBER}
        return ApiAnswer(200, given)

    def _unauthorised(self, parts: list[str], data: Mapping[str, Any]) -> ApiAnswer | None:
        self.records.acting = USER
        if len(parts) == 3:
            if parts[:2] == [USER, WEBHOOK_SECRET]:
                return None
        elif data.get("auth") == self.access:
            return None
        elif data.get("auth") == FRAME_AUTH:
            self.records.acting = "7"
            return None
        elif str(data.get("auth", "")).startswith("access"):
            return self.worded(Fault.TOKEN_EXPIRED)
        return ApiAnswer(401, {"error": "NO_AUTH_FOUND", "error_description": "Wrong authorization data"})

    def _is_over_quota(self) -> bool:
        """The leaky bucket of the documentation: each request adds one, ``rate`` leak out a second."""
        if self._allowed is None:
            return False
        rate, bucket = self._allowed
        now = self._clock()
        self._level = max(0.0, self._level - (now - self._leaked_at) * rate)
        self._leaked_at = now
        if self._level + 1.0 > bucket + 1e-6:
            return True
        self._level += 1.0
        return False

    # --- methods -----------------------------------------------------------------------------------------

    def _version_2(self, method: str, data: Mapping[str, Any]) -> ApiAnswer:
        if method == "batch":
            return ApiAnswer(200, self._enveloped(self._batch(data)))
        try:
            return ApiAnswer(200, self._enveloped_list(method, data))
        except Refused as error:
            return ApiAnswer(error.status, {"error": error.code, "error_description": error.description})

    def _batch(self, data: Mapping[str, Any]) -> dict[str, Any]:
        results: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        times: dict[str, Any] = {}
        for number, (key, command) in enumerate(data["cmd"].items()):
            method, _, query = command.partition("?")
            if number >= _MOST_COMMANDS:
                errors[key] = {"error": "ERROR_BATCH_LENGTH_EXCEEDED", "error_description": "Max batch length exceeded"}
                continue
            if method == "batch":
                words = "Method is not allowed for batch usage"
                errors[key] = {"error": "ERROR_BATCH_METHOD_NOT_ALLOWED", "error_description": words}
                continue
            planned = self.failing.get(method)
            if planned:
                errors[key] = planned.pop(0)
                continue
            try:
                answered = {"result": results, "error": errors, "total": {}, "next": {}, "time": times}
                params = nested(query, answered)
                result = _first_page(method, params, self.records.run(method, params))
            except Refused as error:
                errors[key] = {"error": error.code, "error_description": error.description}
                continue
            if method in self.silent:
                continue
            times[key] = self._time(method)
            results[key] = result
        # PHP writes an empty map as a list.
        return {"result": results or [], "result_error": errors or [], "result_time": times or []}

    def _enveloped(self, result: Any, method: str = "batch", **more: Any) -> dict[str, Any]:
        return {"result": result, **more, "time": self._time(method)}

    def _enveloped_list(self, method: str, data: Mapping[str, Any]) -> dict[str, Any]:
        planned = self.failing.get(method)
        if planned:
            error = planned.pop(0)
            raise Refused(error["error"], error["error_description"], error.get("status", 400))
        params = {name: value for name, value in data.items() if name != "auth"}
        result = self.records.run(method, params)
        items = result if isinstance(result, list) else next(iter(result.values())) if method.endswith("list") else None
        if not isinstance(items, list) or not method.endswith("list"):
            return self._enveloped(result, method)
        start, total = int(params.get("start", 0)), len(items)
        page = items[start : start + 50]
        more: dict[str, Any] = {"total": total} | ({"next": start + 50} if total > start + 50 else {})
        return self._enveloped(page if isinstance(result, list) else {next(iter(result)): page}, method, **more)

    def _version_3(self, method: str, data: Mapping[str, Any], request: ApiRequest) -> ApiAnswer:
        key = request.headers.get("idempotency-key")
        before = self.idempotent.get(key) if key else None
        if before is not None:
            if before[0] == request.body:
                return before[1]
            return _error_3(422, "BITRIX_REST_V3_EXCEPTION_IDEMPOTENCYKEYREUSEDEXCEPTION", "Ключ уже использован")
        params = {name: value for name, value in data.items() if name != "auth"}
        try:
            answer = ApiAnswer(200, self._enveloped(self.records.run(method, params), method))
        except Refused as error:
            wrong = [{"message": error.code, "field": error.description}]
            code = "BITRIX_REST_V3_EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION"
            return _error_3(400, code, "Ошибка при валидации объекта запроса", wrong)
        if key:
            self.idempotent[key] = (request.body, answer)
        return answer

    def _time(self, method: str) -> dict[str, Any]:
        now = time.time()
        spent = self.operating.get(method, 0.0)
        return {"start": now, "finish": now, "operating": spent, "operating_reset_at": self.operating_reset_at}


def _first_page(method: str, params: Mapping[str, Any], result: Any) -> Any:
    """The 50 records of a list that a command of a batch gets, from ``start`` on."""
    if not method.endswith(("list", "statistic.get")):
        return result
    start = max(0, int(params.get("start", 0)))
    if isinstance(result, list):
        return result[start : start + 50]
    return {name: items[start : start + 50] if isinstance(items, list) else items for name, items in result.items()}


def _error_3(status: int, code: str, message: str, validation: Any = None) -> ApiAnswer:
    error = {"code": code, "message": message} | ({"validation": validation} if validation else {})
    return ApiAnswer(status, {"error": error})


def nested(query: str, answered: Mapping[str, Any] | None) -> dict[str, Any]:
    """A command's parameters as PHP reads them, with what earlier commands have answered put in (None: as they are)."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        head, *rest = (part.rstrip("]") for part in name.split("["))
        here = found
        for part in [head, *rest][:-1]:
            here = here.setdefault(part, {})
        here[[head, *rest][-1]] = value if answered is None else _filled_in(value, answered)
    return found


def _filled_in(value: str, answered: Mapping[str, Any]) -> Any:
    """As the portal does it: amid any text, for several maps, with what is nearest where the path leads nowhere.

    Source: CRestUtil::processBatchElement of the on-premise edition.
    """
    for found in _REFERENCE.finditer(value):
        path = re.findall(r"\[([^\]]+)\]", found[2])
        if not path:
            continue
        inner: Any = answered.get(found[1])
        for part in path:
            if isinstance(inner, list):
                inner = dict(enumerate(inner))
            nearer = inner.get(int(part) if part.isdecimal() else part) if isinstance(inner, Mapping) else None
            if nearer is None:
                break
            inner = nearer
        if found[0] == value:
            return inner
        if isinstance(inner, str):
            value = value.replace(found[0], inner)
    return value
