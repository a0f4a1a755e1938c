"""The account's HTTP API v4: signed in, its answers read, its errors told apart.

Sources: amoCRM developers' pages «Авторизация», «Коды ответов», «Ограничения»; Kommo «HTTP status code», «Limitations».
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Quota, Store, Unknown
from connectors.http.answers import Complaint, HttpAnswer
from connectors.http.client import HttpClient
from connectors.http.oauth import FixedToken, Grant, TokenKeeper, Tokens, TokenSource, tokens_of
from connectors.http.rate_limit import RateLimiter

_API = "api/v4"
_SECRETS = ("token", "client_secret", "code", "refresh_token")
_TOKENS = "oauth2/access_token"
#: The most that one page of most lists holds.
PAGE = 250
_MOST_PAGES = 4
_LONGEST_WAIT = 86_400.0
#: An access token is renewed so long before it ends, which saves the refused request.
_EARLY = timedelta(seconds=60)

_TOO_MANY = 429
#: The code of an error answer that speaks of the whole account: nothing goes through until a human has lifted that.
BLOCKED, UNPAID = "blocked", "unpaid"


class AmoClient:
    """One account's API. Thread-safe. Paths are below ``/api/v4``."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        limits: Limits,
        now: Callable[[], datetime],
        limiter: RateLimiter | None = None,
    ) -> None:
        self._http = HttpClient(
            settings["base_url"],
            limits,
            secrets=[settings[name] for name in _SECRETS if settings.get(name)],
            connections=settings["connections"],
            ca_file=settings["ca_file"],
            explain=explain,
            limiter=limiter,
        )
        self._settings = settings
        self._now = now
        self._tokens = self._source()

    @property
    def base_url(self) -> str:
        return self._http.base_url

    def share_quota(self, quota: Quota) -> None:
        self._http.share_quota(quota)

    def keep_in(self, store: Store) -> None:
        if isinstance(self._tokens, TokenKeeper):
            self._tokens.keep_in(store)

    def close(self) -> None:
        self._http.close()

    # --- calls -------------------------------------------------------------------------------------

    def answer(self, path: str, params: Mapping[str, str] | None = None) -> HttpAnswer:
        """A read's whole answer. Raises CrmUnavailable, CrmRefused."""
        return self._tokens.read(lambda token: self._http.read(f"{_API}/{path}", params=params, headers=_bearer(token)))

    def record(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """One record, None where there is none: this API says 204, in places 404. Raises CrmUnavailable, CrmRefused."""
        try:
            data = self.answer(path, params).data
        except CrmRefused as error:
            # A 404 without the API's own words comes from elsewhere: base_url is wrong.
            if error.status == 404 and error.code is not None:
                return None
            raise
        if data is not None and not isinstance(data, dict):
            raise CrmUnavailable("the CRM answered with something that is no record")
        return data

    def listed(
        self,
        path: str,
        name: str,
        params: Mapping[str, str],
        *,
        limit: int = PAGE,
        pages: int = _MOST_PAGES,
        one_page: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Every record of a list, page by page as they are wanted; ``name`` is the list's name in the answer.

        Raises CrmUnavailable, CrmRefused, the latter also where there is more than so many pages. ``one_page``: the
        first one will do.
        """
        for page in range(1, pages + 1):
            data = self.record(path, {**params, "limit": str(limit), "page": str(page)})
            if data is None:
                return
            yield from embedded(data, name)
            links = data.get("_links")
            if one_page or not (isinstance(links, dict) and links.get("next")):
                return
        raise CrmRefused(f"the CRM has more than {pages * limit} {name} to look through")

    def write(
        self, method: str, path: str, payload: Any, accept: Collection[int] = ()
    ) -> HttpAnswer | NotDone | Unknown:
        """A write, made once; ``accept`` as of ``HttpClient.write``. Never raises for what the CRM does."""
        return self._tokens.write(
            lambda token: self._http.write(
                method, f"{_API}/{path}", payload=payload, headers=_bearer(token), accept=accept
            )
        )

    # --- signing in --------------------------------------------------------------------------------

    def _source(self) -> TokenSource:
        settings = self._settings
        if settings.get("token"):
            return FixedToken(settings["token"])
        first = None
        if settings.get("code"):
            first = Grant("authorization_code", settings["code"])
        elif settings.get("refresh_token"):
            first = Grant("refresh_token", settings["refresh_token"])
        return TokenKeeper(self._exchange, first, early=_EARLY, now=self._now)

    def _exchange(self, grant: Grant) -> Tokens:
        asked = {name: self._settings[name] for name in ("client_id", "client_secret", "redirect_uri")}
        asked |= {"grant_type": grant.type, grant.parameter: grant.secret}
        return tokens_of(self._http.write("POST", _TOKENS, payload=asked), self._now())


def explain(status: int, data: Any, _headers: Mapping[str, str]) -> Complaint:
    """What an error answer means.

    The API's own errors are JSON (``title``, ``status``, ``detail``, ``validation-errors``). A 403 that is none comes
    from the gate before the API: the account or this machine's address is shut for having asked too much, which ten 429
    within a minute come to. Of details
    only those are told that repeat nothing of the request.
    """
    if status == 402:
        return Complaint(UNPAID, "the account's paid time is over", blocked=True)
    if not isinstance(data, dict):
        if status == 403:
            return Complaint(BLOCKED, "the CRM has shut its API to this account or address", blocked=True)
        return Complaint(holds=status == _TOO_MANY)
    if status == 403 and "block" in str(data.get("detail", "")).lower():
        return Complaint(BLOCKED, "the CRM has shut its API to this account", blocked=True)
    refused = refusals(data)
    if refused:
        return Complaint(*next(iter(refused.values())))
    title = data.get("title") or data.get("hint") or data.get("error") or data.get("error_type")
    code = str(title) if isinstance(title, str) and title else None
    return Complaint(code, throttled=status == _TOO_MANY, after=_after(data), holds=status == _TOO_MANY)


def refusals(data: Any) -> dict[str, tuple[str, str]]:
    """The items of an array that a 400 names by their ``request_id``: code and path of each one's first error."""
    errors = data.get("validation-errors") if isinstance(data, dict) else None
    found: dict[str, tuple[str, str]] = {}
    for entry in [errors] if isinstance(errors, dict) else errors if isinstance(errors, list) else []:
        inner = entry.get("errors") if isinstance(entry, dict) else None
        first = inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], dict) else {}
        if isinstance(entry, dict):
            found[str(entry.get("request_id", ""))] = (
                str(first.get("code") or "Invalid"),
                str(first.get("path") or ""),
            )
    return found


def embedded(data: Any, name: str) -> list[dict[str, Any]]:
    """The records under ``_embedded``. Raises CrmUnavailable where there is no such list."""
    found = data.get("_embedded") if isinstance(data, dict) else None
    items = found.get(name) if isinstance(found, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise CrmUnavailable("the CRM answered with something that is no list")
    return items


def each(name: str, values: Collection[object]) -> dict[str, str]:
    """A filter by several values, as PHP reads lists: ``filter[id][0]=…``."""
    return {f"filter[{name}][{place}]": str(value) for place, value in enumerate(values)}


def _after(data: Mapping[str, Any]) -> float | None:
    seconds = data.get("retry_after")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0:
        return min(float(seconds), _LONGEST_WAIT)
    return None


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
