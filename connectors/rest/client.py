"""One account at the described CRM: its HTTP client, how it proves itself, and what its answers mean."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Quota, Store, Unknown
from connectors.http.client import HttpAnswer, HttpClient
from connectors.http.oauth import FixedToken, Grant, TokenKeeper, Tokens, TokenSource, tokens_of
from connectors.rest.defaults import Defaults
from connectors.rest.error_map import ErrorMap, Meaning, failed_read, meaning_of, plain, plain_read, settled
from connectors.rest.paths import as_text
from connectors.rest.request import Pages, Prepared, RecordsShape, Request

Written = HttpAnswer | NotDone | Unknown

_SECRETS = ("token", "password", "client_secret", "refresh_token")
_NOT_SIGNED_IN = 401
_ERRORS = 400
#: Answers without a body by their very status.
_BODILESS = frozenset({204, 205})


@dataclass(frozen=True, slots=True)
class PagePlace:
    """A page of a list: how many there are before it, and what the CRM said it is asked for by."""

    number: int = 0
    following: str | None = None


class RestClient:
    """Sends described requests. Writes end in an answer or an outcome, reads raise CrmUnavailable or CrmRefused.

    ``settings`` are those of ``connectors.rest.settings.RestSettings``.
    """

    def __init__(self, settings: Mapping[str, Any], limits: Limits, meanings: ErrorMap) -> None:
        self._settings = settings
        self._auth: Mapping[str, Any] = settings["auth"]
        self._meanings = meanings
        self._defaults: Defaults = settings["defaults"]
        secrets = [settings[name] for name in _SECRETS if settings.get(name)]
        options = {"connections": settings["connections"], "ca_file": settings["ca_file"], "secrets": secrets}
        self.http = HttpClient(
            settings["base_url"], limits, headers=self._fixed_headers(), explain=meanings.explain, **options
        )
        self._tokens = self._token_source(limits, options)

    def share_quota(self, quota: Quota) -> None:
        """Ask this too before every request."""
        self.http.share_quota(quota)
        if self._token_http is not None:
            self._token_http.share_quota(quota)

    def keep_in(self, store: Store) -> None:
        """Keep renewed tokens there."""
        if isinstance(self._tokens, TokenKeeper):
            self._tokens.keep_in(store)

    def close(self) -> None:
        """Close the idle connections."""
        self.http.close()
        if self._token_http is not None:
            self._token_http.close()

    @property
    def renews(self) -> bool:
        """Whether a request may need a token to be renewed first."""
        return isinstance(self._tokens, TokenKeeper)

    # --- requests ----------------------------------------------------------------------------------

    def write(self, request: Request, context: Mapping[str, Any]) -> tuple[Written, Meaning | None]:
        """Send it once: what came of it, and what the description says of that.

        Raises NotRendered before anything is sent.
        """
        prepared = self._prepared(request, context)
        result = self._tokens.write(lambda token: self._written(request, prepared, token))
        if isinstance(result, HttpAnswer):
            return result, None
        return plain(result), meaning_of(result)

    def read(self, request: Request, context: Mapping[str, Any]) -> Any:
        """The answer's JSON; None where the CRM says that there is no such record.

        Raises NotRendered, CrmUnavailable, CrmRefused.
        """
        return self._asked(request, self._prepared(request, context))

    def prepared(self, request: Request, context: Mapping[str, Any]) -> Prepared:
        """What goes out, but for how the account proves itself. Raises NotRendered."""
        return self._prepared(request, context)

    def tried(self, request: Request, prepared: Prepared) -> Written:
        """Send it once as it is: the answer, an error's too where it is JSON. Never raises."""
        accepted = [status for status in range(400, 600) if status != _NOT_SIGNED_IN or not self.renews]
        return self._tokens.write(
            lambda token: self.http.write(
                prepared.method,
                self._address(prepared.address, token),
                content=prepared.content,
                headers={**prepared.headers, **self._headers(token)},
                json_expected=False,
                accept=accepted,
            )
        )

    def meaning(self, request: Request, answer: HttpAnswer) -> str:
        """What the description says of an answer, in a word."""
        with self._meanings.of_request(request.answers):
            rule = self._meanings.of(answer.status, answer.data)
        if rule is not None:
            return f"{rule.means} (by [[answers]])"
        return f"{'done' if answer.status < _ERRORS else 'an error'} (by its status)"

    def shown_headers(self) -> dict[str, str]:
        """The headers by which the account proves itself, for showing."""
        return self._fixed_headers() or self._headers("***")

    def masked(self, text: str) -> str:
        """The text without the account's secrets."""
        secrets = [str(self._settings[name]) for name in (*_SECRETS, "event_secret") if self._settings.get(name)]
        encoded = [self._fixed_headers().get("Authorization", "").removeprefix("Basic ")]
        for secret in sorted(filter(None, [*secrets, *encoded]), key=len, reverse=True):
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text

    def records(
        self, request: Request, context: Mapping[str, Any], records: RecordsShape, pages: Pages | None
    ) -> Iterator[dict[str, Any]]:
        """The records that count, page by page as they are wanted; none where what they belong to is missing.

        Raises as ``read``; CrmRefused also where there are more than ``pages.most`` pages.
        """
        place: PagePlace | None = PagePlace()
        while place is not None:
            if pages is not None and place.number >= pages.most:
                raise CrmRefused(f"{self.http.host} has more than {pages.most} pages of matches")
            found, place = self.page(request, context, records, pages, place)
            yield from found

    def page(
        self, request: Request, context: Mapping[str, Any], records: RecordsShape, pages: Pages | None, place: PagePlace
    ) -> tuple[list[Any], PagePlace | None]:
        """The records that count on one page, and the place of the next; None: there is none. Raises as ``read``."""
        data = self._asked(request, self._prepared_page(request, context, pages, place))
        if data is None:
            return [], None
        found = records.of(data, context)
        if found is None:
            raise CrmUnavailable(f"{self.http.host} answered with something that is no list")
        return found, None if pages is None else _following(pages, data, place, len(records.all_in(data) or ()))

    # --- details -----------------------------------------------------------------------------------

    def _prepared(
        self,
        request: Request,
        context: Mapping[str, Any],
        pages: Pages | None = None,
        page: Mapping[str, str | int] | None = None,
    ) -> Prepared:
        """The request with what the description gives to all."""
        in_body = pages is not None and pages.in_body
        return self._defaults.under(request).prepared(context, page, in_body=in_body)

    def _written(self, request: Request, prepared: Prepared, token: str) -> Written:
        with self._meanings.of_request(request.answers):
            result = self.http.write(
                prepared.method,
                self._address(prepared.address, token),
                content=prepared.content,
                headers={**prepared.headers, **self._headers(token)},
                json_expected=not request.may_be_empty,
            )
            return self._write_meant(request, result)

    def _write_meant(self, request: Request, result: Written) -> Written:
        if not isinstance(result, HttpAnswer):
            return settled(result)
        empty = result.status in _BODILESS or result.headers.get("Content-Length") == "0"
        if result.data is None and request.may_be_empty and not empty:
            return Unknown(f"{self.http.host} answered {result.status} with something that is not JSON", result.status)
        return self._meanings.inside(result, self.http.host) or result

    def _asked(self, request: Request, prepared: Prepared) -> Any:
        try:
            with self._meanings.of_request(request.answers):
                return self._tokens.read(lambda token: self._read_once(prepared, token)).data
        except (CrmRefused, CrmUnavailable) as error:
            if meaning_of(error) == "missing":
                return None
            raise plain_read(error) from None

    def _read_once(self, prepared: Prepared, token: str) -> HttpAnswer:
        try:
            answer = self.http.read(
                self._address(prepared.address, token),
                method=prepared.method,
                content=prepared.content,
                headers={**prepared.headers, **self._headers(token)},
            )
        except (CrmRefused, CrmUnavailable) as error:
            raise failed_read(error) from None
        failed = self._meanings.inside(answer, self.http.host)
        if failed is None:
            return answer
        if isinstance(failed, NotDone) and failed.permanent:
            raise CrmRefused(failed.why, status=failed.status, code=failed.code)
        after, blocked = (failed.after, failed.blocked) if isinstance(failed, NotDone) else (None, False)
        raise CrmUnavailable(failed.why, after=after, status=failed.status, code=failed.code, blocked=blocked)

    def _prepared_page(
        self, request: Request, context: Mapping[str, Any], pages: Pages | None, place: PagePlace
    ) -> Prepared:
        if pages is not None and pages.by in ("number", "offset"):
            count = pages.first + place.number if pages.by == "number" else place.number * (pages.size or 1)
            return self._prepared(request, context, pages, {pages.parameter: count})
        if pages is None or place.following is None:
            return self._prepared(request, context)
        if pages.by == "cursor":
            return self._prepared(request, context, pages, {pages.parameter: place.following})
        first = self._prepared(request, context)
        return replace(first, address=self._linked(place.following, first.address))

    def _linked(self, link: str, current: str) -> str:
        """A link to the next page as an address of this account: never another host, whatever the answer says."""
        base = self.http.base_url
        parts = urlsplit(urljoin(f"{base}/{current}", link))
        root = urlsplit(base).path
        if not parts.path.startswith(f"{root}/"):
            raise CrmRefused(f"{self.http.host}: its link to the next page leads out of base_url")
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != self._auth_parameter]
        path = parts.path.removeprefix(f"{root}/")
        return f"{path}?{urlencode(query)}" if query else path

    # --- how the account proves itself ---------------------------------------------------------------

    def _fixed_headers(self) -> dict[str, str]:
        settings = self._settings
        match self._auth["kind"]:
            case "header":
                return {self._auth["name"]: f"{self._auth['prefix']}{settings['token']}"}
            case "basic":
                return {"Authorization": basic(self._auth["user"], settings["password"])}
        return {}

    @property
    def _auth_parameter(self) -> str | None:
        return str(self._auth["name"]) if self._auth["kind"] == "query" else None

    def _address(self, address: str, token: str) -> str:
        name = self._auth_parameter
        if name is None:
            return address
        return f"{address}{'&' if '?' in address else '?'}{urlencode({name: token})}"

    def _headers(self, token: str) -> dict[str, str]:
        if self._auth["kind"] != "oauth2":
            return {}
        return {self._auth["name"]: f"{self._auth['prefix']}{token}"}

    def _token_source(self, limits: Limits, options: Mapping[str, Any]) -> TokenSource:
        self._token_http: HttpClient | None = None
        if self._auth["kind"] != "oauth2":
            return FixedToken(self._settings["token"] or "")
        url, _, self._token_path = self._token_url().rpartition("/")
        self._token_http = HttpClient(url, limits, **options)
        return TokenKeeper(self._exchange, self._first_grant())

    def _first_grant(self) -> Grant:
        if self._auth["grant"] == "refresh_token":
            return Grant("refresh_token", self._settings["refresh_token"])
        return Grant("client_credentials")

    def _token_url(self) -> str:
        return urljoin(f"{self.http.base_url}/", str(self._auth["token_url"]))

    def _exchange(self, grant: Grant) -> Tokens:
        """Client credentials or a refresh token (RFC 6749, sections 4.4 and 6) by a form."""
        auth, secret = self._auth, self._settings["client_secret"]
        form = {"grant_type": grant.type} | ({"scope": auth["scope"]} if auth["scope"] else {})
        if grant.secret:
            form[grant.parameter] = grant.secret
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if auth["client_by"] == "header":
            headers["Authorization"] = basic(auth["client_id"], secret)
        else:
            form |= {"client_id": auth["client_id"], "client_secret": secret}
        assert self._token_http is not None
        result = self._token_http.write("POST", self._token_path, content=urlencode(form).encode(), headers=headers)
        return tokens_of(result, datetime.now(UTC))


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogatepass")).decode()


def _following(pages: Pages, data: Any, place: PagePlace, held: int) -> PagePlace | None:
    """The place after a page that held so many records."""
    if pages.by in ("number", "offset"):
        is_last = held == 0 or (pages.size is not None and held < pages.size)
        return None if is_last else PagePlace(place.number + 1)
    following = as_text(pages.next.get(data)) if pages.next is not None else ""
    return PagePlace(place.number + 1, following) if following else None
