"""One portal's REST API: single calls, batches, and REST 3 calls, with the token renewed where it has expired.

Sources: https://apidocs.bitrix24.ru/settings/how-to-call-rest-api/general-principles.html,
/settings/oauth/auto-renewal.html, /settings/performance/limits.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Quota, Store, Unknown
from connectors.bitrix24.commands import MOST_COMMANDS, BatchAnswer, Command, answered
from connectors.bitrix24.errors import (
    LONGEST_HOLD,
    OPERATION_TIME_LIMIT,
    discreet,
    explained,
    has_error,
    is_gone,
    not_read,
    not_written,
    seconds_until_reset,
)
from connectors.bitrix24.settings import way_of
from connectors.http.client import Complaint, HttpAnswer, HttpClient
from connectors.http.oauth import Grant, TokenKeeper, Tokens, tokens_of
from connectors.http.rate_limit import RateLimiter

Now = Callable[[], datetime]
_TOKEN_PATH = "oauth/token/"
_NOT_FOUND = 404
#: How long a person's request waits for its turn, in seconds.
PEOPLE_WAIT = 0.5


class Bitrix24Client:
    """``settings`` are loaded by ``Bitrix24Settings``; ``limiter`` stands in for the one they ask for. Thread-safe."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        limits: Limits,
        now: Now = lambda: datetime.now(UTC),
        limiter: RateLimiter | None = None,
    ) -> None:
        self._settings = settings
        self._way = way_of(settings)
        self._now = now
        limiter = limiter or RateLimiter(limits.requests_per_second, limits.burst)
        self._http = self._client(limits, limiter)
        # For people who wait before their screens: the same quota, with little patience.
        self._for_people = self._client(limits, limiter, longest_wait=PEOPLE_WAIT)
        secrets = [*filter(None, (settings["client_secret"], settings["refresh_token"]))]
        self._tokens = HttpClient(
            settings["oauth_server"], limits, secrets=secrets, connections=1, ca_file=settings["ca_file"]
        )
        self._keeper = None if self._way.webhook_user else self._token_keeper()
        self._holds = _Holds(now)

    def __repr__(self) -> str:
        return f"Portal({self.host})"

    @property
    def address(self) -> str:
        """Where the portal's pages are, without a slash at the end."""
        return self._http.base_url

    @property
    def host(self) -> str:
        return self._http.host

    @property
    def webhook_user(self) -> str | None:
        """Whose webhook it is; None where an application comes in."""
        return self._way.webhook_user

    def _client(self, limits: Limits, limiter: RateLimiter, longest_wait: float = 10.0) -> HttpClient:
        return HttpClient(
            self._way.portal,
            limits,
            secrets=self._way.secrets,
            connections=self._settings["connections"],
            ca_file=self._settings["ca_file"],
            explain=self._explained,
            limiter=limiter,
            longest_wait=longest_wait,
            now=self._now,
        )

    def share_quota(self, quota: Quota) -> None:
        self._http.share_quota(quota)
        self._for_people.share_quota(quota)

    def keep_in(self, store: Store) -> None:
        if self._keeper is not None:
            self._keeper.keep_in(store)

    def sign_in(self) -> None:
        """Have a token at hand, where one is needed. Raises CrmUnavailable, with 401 where a human has to help."""
        if self._keeper is not None:
            self._keeper.access()

    def close(self) -> None:
        """Close the idle connections."""
        self._http.close()
        self._for_people.close()
        self._tokens.close()

    # --- reading -----------------------------------------------------------------------------------

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """What a method answers, without the envelope. Raises CrmUnavailable, CrmRefused."""
        return self.envelope(method, params)["result"]

    def envelope(self, method: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The same with ``time``, ``total`` and ``next``."""
        envelope: Mapping[str, Any] = self._read(f"{self._way.v2}/{method}", params or {}, method).data
        return envelope

    def call_v3(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """What a method of REST 3 answers. Raises CrmUnavailable, CrmRefused."""
        return self._read(f"{self._way.v3}/{method}", params or {}, method).data["result"]

    def ask(self, commands: Mapping[str, Command]) -> BatchAnswer:
        """Several reads in one request; what each was refused with stands in the answer. Raises as reads do."""
        payload = {"halt": 0, "cmd": {key: command.written for key, command in commands.items()}}
        answer = _each(self._read(f"{self._way.v2}/batch", payload, "batch"))
        if answer is None:
            raise CrmUnavailable(f"{self.host} answered a batch with something else")
        self._holds.learn(commands, answer)
        return answer

    def ask_as(self, token: str, commands: Mapping[str, Command]) -> BatchAnswer:
        """The same, as the user whom the portal gave this token to; waits less long for a turn. Raises as ``ask``."""
        cmd = {key: command.written for key, command in commands.items()}
        payload = {"halt": 0, "cmd": cmd, "auth": token}
        whole = self._for_people.read("rest/batch", method="POST", payload=payload)
        if has_error(whole.data):
            raise not_read(discreet(whole.data, whole.sent), "batch")
        answer = _each(whole)
        if answer is None:
            raise CrmUnavailable(f"{self.host} answered a batch with something else")
        return answer

    def refusal(self, answer: BatchAnswer, key: str, method: str) -> CrmUnavailable | CrmRefused | None:
        """Why a command of ``ask`` was not answered; None where it was."""
        if key in answer.errors:
            return not_read(answer.errors[key], f"{self.host}: {method}", after=self._holds.left(method))
        if key not in answer.results:
            return CrmUnavailable(f"{self.host} left {method} out of its answer")
        return None

    def _read(self, path: str, payload: Mapping[str, Any], method: str) -> HttpAnswer:
        held = self._holds.left(method)
        if held is not None:
            raise CrmUnavailable(self._held(method), after=held, status=429, code=OPERATION_TIME_LIMIT)
        try:
            answer = self._read_with_token(path, payload)
        except CrmRefused as error:
            if error.status == _NOT_FOUND and error.code is None:
                # The address itself, not a record: nobody is to look for a card elsewhere because of it.
                raise CrmRefused(f"{error}: no REST API at this address", code=error.code) from None
            raise
        except CrmUnavailable as error:
            if error.code == OPERATION_TIME_LIMIT:
                raise self._blocked_method(method, error) from None
            raise
        data = answer.data
        if has_error(data):
            raise not_read(discreet(data, answer.sent), f"{self.host}: {method}")
        if not isinstance(data, Mapping) or "result" not in data:
            raise CrmUnavailable(f"{self.host} answered {method} with something that is no answer of Bitrix24")
        self._holds.learn_one(method, data.get("time"))
        return answer

    def _read_with_token(self, path: str, payload: Mapping[str, Any]) -> HttpAnswer:
        if self._keeper is None:
            return self._http.read(path, method="POST", payload=payload)
        return self._keeper.read(lambda token: self._http.read(path, method="POST", payload={**payload, "auth": token}))

    def _blocked_method(self, method: str, error: CrmUnavailable) -> CrmUnavailable:
        after = self._holds.hold(method, error.after)
        return CrmUnavailable(str(error), after=after, status=error.status, code=error.code)

    # --- writing -----------------------------------------------------------------------------------

    def write(self, commands: Mapping[str, Command]) -> BatchAnswer | NotDone | Unknown:
        """Writes and reads in one request, each settled on its own. What befell all of them is returned instead."""
        if len(commands) > MOST_COMMANDS:
            raise ValueError(f"{len(commands)} commands, allowed: {MOST_COMMANDS}")
        payload = {"halt": 0, "cmd": {key: command.written for key, command in commands.items()}}
        result = self._written(f"{self._way.v2}/batch", payload)
        if not isinstance(result, HttpAnswer):
            return result
        answer = _each(result)
        if answer is None:
            return Unknown(f"{self.host} answered a batch with something else", status=result.status)
        self._holds.learn(commands, answer)
        return answer

    def write_v3(self, method: str, params: Mapping[str, Any], key: str) -> HttpAnswer | NotDone | Unknown:
        """One write of REST 3. A repeat with the same key within 24 h is answered without being executed again."""
        held = self._holds.left(method)
        if held is not None:
            return NotDone(self._held(method), after=held, status=429, code=OPERATION_TIME_LIMIT)
        result = self._written(f"{self._way.v3}/{method}", params, headers={"Idempotency-Key": key})
        if isinstance(result, NotDone) and result.code == OPERATION_TIME_LIMIT:
            return replace(result, after=self._holds.hold(method, result.after))
        return result

    def outcome(self, answer: BatchAnswer, key: str, method: str) -> NotDone | Unknown | None:
        """How the command ended that was not answered with a result; None where it was."""
        if key in answer.errors:
            return not_written(answer.errors[key], f"{self.host}: {method}", after=self._holds.left(method))
        if key not in answer.results:
            return Unknown(f"{self.host} left {method} out of its answer")
        return None

    def held(self, method: str) -> NotDone | None:
        """Why this method is not to be called just now: it used up its time a while ago."""
        left = self._holds.left(method)
        if left is None:
            return None
        return NotDone(self._held(method), after=left, status=429, code=OPERATION_TIME_LIMIT)

    def _written(
        self, path: str, payload: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> HttpAnswer | NotDone | Unknown:
        if self._keeper is None:
            result = self._http.write("POST", path, payload=payload, headers=headers)
        else:
            result = self._keeper.write(
                lambda token: self._http.write("POST", path, payload={**payload, "auth": token}, headers=headers)
            )
        if isinstance(result, HttpAnswer) and has_error(result.data):
            return _told_in_200(result, self.host)
        if isinstance(result, NotDone) and result.status == _NOT_FOUND and not is_gone_by_code(result):
            return replace(result, status=None)
        return result

    # --- details -----------------------------------------------------------------------------------

    def _explained(self, _status: int, data: Any, _headers: Mapping[str, str]) -> Complaint:
        return explained(data, self._now())

    def _held(self, method: str) -> str:
        return f"{self.host}: {method} has used up its time on the portal's servers and is not called before it is free"

    def _token_keeper(self) -> TokenKeeper:
        settings, server = self._settings, self._tokens

        def exchange(grant: Grant) -> Tokens:
            asked = {
                "grant_type": grant.type,
                "client_id": settings["client_id"],
                "client_secret": settings["client_secret"],
                grant.parameter: grant.secret or "",
            }
            return tokens_of(server.write("GET", _TOKEN_PATH, params=asked), self._now())

        first = Grant("refresh_token", settings["refresh_token"])
        return TokenKeeper(exchange, first, expired=_is_expired, now=self._now)


def is_gone_by_code(result: NotDone) -> bool:
    """Whether a refusal names a record that is not there, and not an address that does not exist."""
    return result.code is not None and is_gone(replace(result, status=None))


def _is_expired(status: int | None, code: str | None) -> bool:
    """Only then may a token be renewed: whoever renews without need gets blocked."""
    return status == 401 and "expired" in (code or "").lower()


def _each(answer: HttpAnswer) -> BatchAnswer | None:
    """What became of each command of a batch; None for what is no answer to one."""
    found = answered(answer.data)
    if found is None or not found.errors:
        return found
    return replace(found, errors={key: discreet(error, answer.sent) for key, error in found.errors.items()})


def _told_in_200(result: HttpAnswer, host: str) -> NotDone | Unknown:
    outcome = not_written(discreet(cast(Mapping[str, Any], result.data), result.sent), f"{host}: the request")
    if isinstance(outcome, NotDone) and outcome.permanent and outcome.code is None:
        return Unknown(f"{host} answered {result.status} with an error that it does not name", status=result.status)
    return outcome


class _Holds:
    """Methods that have used up their time on the portal's servers, and until when they are not called."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._resets: dict[str, float] = {}
        self._until: dict[str, float] = {}

    def left(self, method: str) -> float | None:
        """Seconds that this method is still held; None where it is free."""
        with self._lock:
            left = self._until.get(method, 0.0) - self._now().timestamp()
        return left if left > 0 else None

    def hold(self, method: str, after: float | None) -> float:
        """Hold a method that was just refused, as long as the CRM said here or in its last answer."""
        with self._lock:
            now = self._now().timestamp()
            left = self._resets.get(method, 0.0) - now
            seconds = after if after is not None else left if left > 0 else LONGEST_HOLD
            self._until[method] = now + seconds
            return seconds

    def learn(self, commands: Mapping[str, Command], answer: BatchAnswer) -> None:
        """What a batch tells of the time of its methods, those that were refused included."""
        for key, command in commands.items():
            self.learn_one(command.method, answer.times.get(key))
        for key, error in answer.errors.items():
            if key in commands and error.get("error") == OPERATION_TIME_LIMIT:
                self.hold(commands[key].method, None)

    def learn_one(self, method: str, times: Any) -> None:
        seconds = seconds_until_reset(times, self._now()) if isinstance(times, Mapping) else None
        if seconds is not None:
            with self._lock:
                self._resets[method] = self._now().timestamp() + seconds
