"""The one HTTP seam: every connector speaks to its CRM through ``HttpClient``, and only this module imports requests.

Nothing is ever repeated or redirected on its own; each write ends as an answer, as surely not done, or as unknown.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Quota, Unknown
from connectors.http.address import check_base_url, origin, segment
from connectors.http.answers import Complaint, Explain, HttpAnswer, done, explain_json, log_safe, parsed, retry_after
from connectors.http.deadline import BoundedHTTPPool, BoundedHTTPSPool, Stage, exchange
from connectors.http.failures import ExchangeFailed, classify_failure
from connectors.http.json_body import encoded_json
from connectors.http.rate_limit import RateLimiter
from connectors.http.redaction import SentRequest
from connectors.protocol.limits import AccountShut, HeldQuota
from plugin.common.text import sendable

__all__ = ["Complaint", "HttpAnswer", "HttpClient", "check_base_url", "done", "explain_json", "segment"]

# urllib3 writes whole addresses into its log, and with them phone numbers and, for some CRMs, the account's secret.
logging.getLogger("urllib3").setLevel(logging.ERROR)

#: No proxies, netrc, cookies or certificates of the environment: they would change whom the token is sent to, and an
#: account is known by its token alone.
_OWN_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "optout",
    "Connection": "keep-alive",
}
#: An address in which nothing is to be quoted, resolved or written otherwise: to find that out takes long.
_AS_IT_IS = re.compile(r"https?://[a-z0-9.:-]+(?:/(?!\.)[A-Za-z0-9._~-]+)+")
_WITHOUT_BODY = frozenset({"GET", "HEAD"})
_REDIRECTS_OF_A_READ = 3
_NO_CONTENT = 204
_TOO_MANY = 429
_UNAVAILABLE = 503
#: Not signed in, request time-out, too early: refused before they were executed. A token can be renewed, and a promise
#: should not be given up because one has expired.
_REJECTED_EARLY = frozenset({401, 408, 425})


class HttpClient:
    """One account's connections, shared by all threads.

    An exchange takes at most ``connect_seconds + read_seconds`` of ``limits`` in all (name resolution aside), after at
    most ``longest_wait`` seconds for its turn; an answer is at most ``max_answer_bytes`` long. The account's secrets,
    those in ``headers`` and the other ``secrets``, appear nowhere else, also where an answer repeats them. ``ca_file``
    trusts a private certificate authority. Raises ValueError for an unusable address or header, without repeating it.
    """

    def __init__(
        self,
        base_url: str,
        limits: Limits,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Collection[str] = (),
        connections: int = 16,
        max_answer_bytes: int = 4_000_000,
        longest_wait: float = 10.0,
        ca_file: str | None = None,
        explain: Explain = explain_json,
        limiter: RateLimiter | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.base_url = check_base_url(base_url)
        self.host = urlsplit(self.base_url).netloc
        self._limits = limits
        self._total = limits.connect_seconds + limits.read_seconds
        self._max_bytes = max_answer_bytes
        self._longest_wait = longest_wait
        self._explain = explain
        self._limiter = limiter or RateLimiter(limits.requests_per_second, limits.burst)
        self._quota: Quota | None = None
        self._now = now
        self._secrets = tuple(secrets)
        self._headers = _checked_headers(headers)
        self._all_headers = _OWN_HEADERS | self._headers
        self._adapter = _Adapter(pool_connections=1, pool_maxsize=connections, max_retries=Retry(0, read=False))
        self._verify: bool | str = ca_file or True

    def __repr__(self) -> str:
        return f"HttpClient({self.host})"

    def share_quota(self, quota: Quota) -> None:
        """Take a turn of ``quota`` too before every request; the client's own limiter stays the second line."""
        self._quota = quota

    def hold(self) -> None:
        """Too much was asked for: let nothing go out for a while, by any thread or process."""
        seconds = self._limiter.hold()
        if isinstance(self._quota, HeldQuota):
            self._quota.hold(seconds)

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def read(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        method: str = "GET",
        payload: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """Ask for something; ``content`` is sent as it is, else ``payload`` as JSON. Redirects: on the same host only.

        A 204 is an answer whose data is None. Raises CrmUnavailable, CrmRefused.
        """
        body = _encoded(payload) if content is None else content
        request = _Request(method, self._address(path), _mended(params), body, headers or {})
        try:
            answer = self._followed(request)
        except ExchangeFailed as failure:
            if failure.permanent:
                raise CrmRefused(failure.why) from None
            raise CrmUnavailable(failure.why, after=failure.after) from None
        if not answer.ok:
            raise self._failed_read(answer)
        if not answer.readable and answer.status != _NO_CONTENT:
            raise CrmUnavailable(self._unreadable(answer), status=answer.status)
        return HttpAnswer(answer.status, answer.data, answer.headers, answer.sent)

    def post_bytes(self, content: bytes, headers: Mapping[str, str]) -> bytes:
        """Post to the address itself and return the body of its 2xx answer as it came: for what does not speak JSON.

        Raises CrmUnavailable, CrmRefused.
        """
        try:
            answer = self._exchange(_Request("POST", self._address(""), None, content, headers))
        except ExchangeFailed as failure:
            raise CrmUnavailable(failure.why, after=failure.after) from None
        if not answer.ok:
            raise self._failed_read(answer)
        return answer.body

    def write(
        self,
        method: str,
        path: str,
        *,
        payload: Any = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json_expected: bool = True,
        accept: Collection[int] = (),
    ) -> HttpAnswer | NotDone | Unknown:
        """Send a write once. ``content`` goes out as it is, else ``payload`` as JSON.

        Without ``json_expected`` any 2xx counts, whatever its body. ``accept`` are error statuses whose JSON the caller
        reads itself. Never raises for what the network or the CRM does.
        """
        try:
            body = _encoded(payload) if content is None else content
        except ValueError:
            return NotDone("the values cannot be sent: JSON has no such number", permanent=True)
        try:
            answer = self._exchange(_Request(method, self._address(path), _mended(params), body, headers or {}))
        except ExchangeFailed as failure:
            if failure.sent:
                return Unknown(failure.why)
            return NotDone(failure.why, permanent=failure.permanent, after=failure.after)
        if not answer.ok and not (answer.readable and answer.status in accept):
            return self._failed_write(answer)
        if json_expected and not answer.readable:
            return Unknown(self._unreadable(answer), status=answer.status)
        return HttpAnswer(answer.status, answer.data, answer.headers, answer.sent)

    # --- what an error answer means ----------------------------------------------------------------

    def _failed_write(self, answer: _Answer) -> NotDone | Unknown:
        if answer.status < 400:
            return NotDone(self._redirected(answer), permanent=True, status=answer.status)
        complaint = self._complaint(answer)
        why = self._complained(answer.status, complaint)
        if complaint.blocked or self._rejected(answer, complaint):
            after, blocked = self._after(answer, complaint), complaint.blocked
            return NotDone(why, after=after, status=answer.status, code=complaint.code, blocked=blocked)
        if answer.status >= 500:
            return Unknown(why, status=answer.status, code=complaint.code)
        return NotDone(why, permanent=True, status=answer.status, code=complaint.code)

    def _failed_read(self, answer: _Answer) -> CrmUnavailable | CrmRefused:
        if answer.status < 400:
            return CrmRefused(self._redirected(answer), status=answer.status)
        complaint = self._complaint(answer)
        why = self._complained(answer.status, complaint)
        if complaint.blocked or answer.status >= 500 or self._rejected(answer, complaint):
            after, blocked = self._after(answer, complaint), complaint.blocked
            return CrmUnavailable(why, after=after, status=answer.status, code=complaint.code, blocked=blocked)
        return CrmRefused(why, status=answer.status, code=complaint.code)

    @staticmethod
    def _rejected(answer: _Answer, complaint: Complaint) -> bool:
        """Surely not executed, and worth another try."""
        throttled = answer.status == _TOO_MANY or (answer.status == _UNAVAILABLE and "Retry-After" in answer.headers)
        return throttled or complaint.throttled or answer.status in _REJECTED_EARLY

    def _after(self, answer: _Answer, complaint: Complaint) -> float | None:
        if complaint.after is not None:
            return complaint.after
        return retry_after(answer.headers.get("Retry-After"), self._now())

    def _complaint(self, answer: _Answer) -> Complaint:
        """What the CRM says, in words that are fit for a log."""
        complaint = self._explain(answer.status, answer.data, answer.headers)
        if complaint.holds:
            self.hold()
        code, message = (part and log_safe(answer.sent.redacted(part)) for part in (complaint.code, complaint.message))
        # A code may know more than its text, so a code without private data is kept as it is.
        return replace(complaint, code=complaint.code if code == complaint.code else code, message=message)

    def _complained(self, status: int, complaint: Complaint) -> str:
        said = ": ".join(part for part in (complaint.code, complaint.message) if part)
        return f"{self.host} answered {status}" + (f" ({said})" if said else "")

    def _unreadable(self, answer: _Answer) -> str:
        return f"{self.host} answered {answer.status} with something that is not JSON"

    def _redirected(self, answer: _Answer) -> str:
        target = origin(urljoin(answer.url, answer.headers.get("Location", "")))
        where = "another path of the same host" if target == origin(answer.url) else target
        return f"{self.host} answered {answer.status}, a redirect to {where}; base_url must be the CRM's final address"

    # --- one exchange ------------------------------------------------------------------------------

    def _address(self, path: str) -> str:
        return f"{self.base_url}/{path.lstrip('/')}" if path else self.base_url

    def _followed(self, request: _Request) -> _Answer:
        answer = self._exchange(request)
        for _ in range(_REDIRECTS_OF_A_READ):
            target = urljoin(answer.url, answer.headers.get("Location", answer.url))
            if not 300 <= answer.status < 400 or target == answer.url or origin(target) != origin(answer.url):
                break
            answer = self._exchange(_Request(request.method, target, None, request.body, request.headers))
        return answer

    def _exchange(self, request: _Request) -> _Answer:
        try:
            wait = self._wait_for_turn()
        except AccountShut as shut:
            why = f"{self.host}: the CRM has shut the account; only probes go out, the next one in {shut.after:.0f} s"
            raise ExchangeFailed(why, sent=False, after=shut.after) from None
        if wait:
            why = f"{self.host}: the account's own rate limit; the next turn is {wait:.0f} s away"
            raise ExchangeFailed(why, sent=False, after=wait)
        with exchange(self._total) as this:
            try:
                with self._sent(request) as response:
                    body = self._body(response)
                data, readable = parsed(body)
                sent = self._sent_request(request)
                return _Answer(response.status_code, response.headers, str(response.url), body, data, readable, sent)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                if this.stage is Stage.NOT_BEGUN and isinstance(error, ValueError):
                    why = f"{self.host}: the request cannot be put together"
                    raise ExchangeFailed(why, sent=False, permanent=True) from None
                raise classify_failure(error, this, self.host, self._limits.connect_seconds) from None

    def _sent(self, request: _Request) -> requests.Response:
        """The answer as it begins, its body still to be read.

        Without what a session does besides: it would ask the environment and its cookie jar, and take twice the time.
        """
        prepared = requests.PreparedRequest()
        prepared.prepare_method(request.method)
        if request.params is None and _AS_IT_IS.fullmatch(request.address):
            prepared.url = request.address
        else:
            prepared.prepare_url(request.address, request.params)
        prepared.prepare_headers({**self._base_headers(request), **request.headers})
        prepared.prepare_cookies({})
        prepared.prepare_hooks({})
        prepared.body = request.body
        return self._adapter.send(
            prepared,
            stream=True,
            timeout=(self._limits.connect_seconds, self._limits.read_seconds),
            verify=self._verify,
        )

    def _base_headers(self, request: _Request) -> dict[str, str]:
        if request.body is not None:
            return self._all_headers | {"Content-Type": "application/json", "Content-Length": str(len(request.body))}
        return self._all_headers if request.method in _WITHOUT_BODY else self._all_headers | {"Content-Length": "0"}

    def _sent_request(self, request: _Request) -> SentRequest:
        # A redirect that was followed has its query in the address.
        query = dict(parse_qsl(urlsplit(request.address).query)) | dict(request.params or {})
        return SentRequest(self._secrets, self._headers | dict(request.headers), query, request.body)

    def _wait_for_turn(self) -> float:
        """0.0 once it is this request's turn; else how far away that is, in seconds. Raises AccountShut."""
        started = time.monotonic()
        wait = self._limiter.acquire(self._longest_wait)
        if wait or self._quota is None:
            return wait
        # Both together no longer than agreed: leases are reckoned by it.
        return self._quota.acquire(max(0.0, self._longest_wait - (time.monotonic() - started)))

    def _body(self, response: requests.Response) -> bytes:
        """The body, no longer than allowed, taken as it comes: a full read would wait past the deadline."""
        body = bytearray()
        while chunk := response.raw.read1(65_536, decode_content=True):
            body += chunk
            if len(body) > self._max_bytes:
                raise ExchangeFailed(f"{self.host} answered with more than {self._max_bytes} bytes", sent=True)
        if response.raw.length_remaining:
            raise ExchangeFailed(f"{self.host} broke off in the middle of its answer", sent=True)
        return bytes(body)


# --- details ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    address: str
    params: Mapping[str, str] | None
    body: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes
    data: Any
    readable: bool
    sent: SentRequest

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class _Adapter(HTTPAdapter):
    """requests' adapter on connections that keep a deadline, repeating nothing."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": BoundedHTTPPool, "https": BoundedHTTPSPool}


def _checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    for name, value in (headers or {}).items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise ValueError(f"{name}: the secret holds a character that cannot stand in a header (a line end?)")
    return dict(headers or {})


def _encoded(payload: Any) -> bytes | None:
    """JSON in UTF-8, its texts mended. Raises ValueError for a number that JSON does not have."""
    return None if payload is None else encoded_json(payload)


def _mended(params: Mapping[str, str] | None) -> Mapping[str, str] | None:
    return None if params is None else {sendable(name): sendable(value) for name, value in params.items()}
