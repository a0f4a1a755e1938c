"""EspoCRM's REST API: requests signed as the API user, records and lists read, refused log-ins not repeated.

https://docs.espocrm.com/development/api/ and https://docs.espocrm.com/development/api-search-params/; what these leave
open was read in the source of 9.1 and 9.3 (``Core/Record/Service.php``, ``Core/Select``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Unknown
from connectors.espocrm.admission import Admission
from connectors.espocrm.errors import GONE, SHUT_OUT, UNEXPLAINED, explain
from connectors.espocrm.settings import is_record_id
from connectors.http.client import HttpAnswer, HttpClient
from connectors.protocol.outcomes import not_done_because

#: Says who the API user is; refused to nobody who is let in.
WHO_AM_I = "App/user"

_ROOT = "api/v1"
_PAGE = 200
_MOST_PAGES = 10

#: One condition of a search, or several below ``value``.
Where = Mapping[str, Any]


class EspoClient:
    """One account's API. Reads raise CrmUnavailable and CrmRefused; writes return what became of them."""

    def __init__(
        self, settings: Mapping[str, Any], limits: Limits, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._admission = Admission(monotonic)
        self._key = settings["api_key"]
        self._hmac = settings["hmac_secret_key"]
        self.http = HttpClient(
            settings["base_url"],
            limits,
            headers={} if self._hmac else {"X-Api-Key": self._key},
            connections=settings["connections"],
            ca_file=settings["ca_file"],
            explain=explain,
        )

    def get(self, path: str, params: Mapping[str, str] | None = None) -> HttpAnswer:
        """Whatever lies at this path below the API's root."""
        self._admission.check()
        try:
            return self._read(path, params)
        except (CrmUnavailable, CrmRefused) as error:
            turned_away = self._turned_away(path, error)
            if turned_away is None:
                raise
            raise turned_away from None

    def record(self, entity: str, record_id: str) -> dict[str, Any] | None:
        """The record with all that the API user may see of it, or None where there is none (any more)."""
        if not is_record_id(record_id):
            return None
        try:
            data = self.get(f"{entity}/{record_id}").data
        except CrmRefused as error:
            if error.code == GONE:
                return None
            raise
        if not isinstance(data, dict) or data.get("id") != record_id:
            raise CrmUnavailable("the CRM answered with something that is not the record")
        return data

    def page(self, path: str, params: Mapping[str, str], *, most: int, offset: int = 0) -> list[dict[str, Any]]:
        """One page of a list."""
        data = self.get(path, {**params, "maxSize": str(most), "offset": str(offset)}).data
        items = data.get("list") if isinstance(data, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise CrmUnavailable("the CRM answered with something that is no list")
        return items

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """A whole list. Raises CrmRefused where it has no end."""
        for number in range(_MOST_PAGES):
            items = self.page(path, params, most=_PAGE, offset=number * _PAGE)
            yield from items
            if len(items) < _PAGE:
                return
        raise CrmRefused(f"the CRM has more than {_PAGE * _MOST_PAGES} matches")

    def write(self, method: str, path: str, payload: Any = None) -> HttpAnswer | NotDone | Unknown:
        """Create (POST), change (PUT) or delete (DELETE) once."""
        try:
            self._admission.check()
        except CrmUnavailable as error:
            return not_done_because(error)
        result = self.http.write(method, f"{_ROOT}/{path}", payload=payload, headers=self._signed(method, path))
        turned_away = self._turned_away(path, result) if isinstance(result, NotDone) else None
        return result if turned_away is None else not_done_because(turned_away)

    def address(self, entity: str, record_id: str) -> str:
        """Where users see the record."""
        return f"{self.http.base_url}/#{entity}/view/{record_id}"

    def _read(self, path: str, params: Mapping[str, str] | None = None) -> HttpAnswer:
        headers = self._signed("GET", path) | {"X-No-Total": "true"}
        return self.http.read(f"{_ROOT}/{path}", params=params, headers=headers)

    def _turned_away(self, path: str, refused: CrmUnavailable | CrmRefused | NotDone) -> CrmUnavailable | None:
        """What the account as a whole met, None where the refusal is about this request alone."""
        why = refused.why if isinstance(refused, NotDone) else str(refused)
        if refused.status == 401:
            return self._admission.reject(why)
        if refused.code == SHUT_OUT or (refused.code == UNEXPLAINED and path == WHO_AM_I):
            return self._admission.shut_out(self.http.host)
        if refused.code != UNEXPLAINED:
            return None
        # Too many failed log-ins are refused without a word, and so are a few requests of an account that is let in.
        try:
            self._read(WHO_AM_I)
        except (CrmUnavailable, CrmRefused) as error:
            if isinstance(error, CrmUnavailable) and error.status != 401:
                return error
            return self._turned_away(WHO_AM_I, error)
        return None

    def _signed(self, method: str, path: str) -> dict[str, str]:
        """https://docs.espocrm.com/development/api/#hmac-authentication: over the method and the path alone."""
        if not self._hmac:
            return {}
        digest = hmac.new(self._hmac.encode(), f"{method} /{path}".encode(), hashlib.sha256).hexdigest()
        return {"X-Hmac-Authorization": base64.b64encode(f"{self._key}:{digest}".encode()).decode()}


def search(
    where: Sequence[Where], *, select: Sequence[str], newest_first: bool = False, oldest_change_first: bool = False
) -> dict[str, str]:
    """The query of a list: all of these conditions, these attributes. Of equals, the CRM puts the lower id first."""
    order = {"orderBy": "createdAt", "order": "desc"} if newest_first else {}
    order |= {"orderBy": "modifiedAt", "order": "asc"} if oldest_change_first else {}
    return {"select": ",".join(select), **order, **dict(_flat("where", where))}


def equals(attribute: str, value: str) -> Where:
    """The attribute is this."""
    return {"type": "equals", "attribute": attribute, "value": value}


def one_of(attribute: str, values: Sequence[str]) -> Where:
    """That an attribute is one of these."""
    return {"type": "in", "attribute": attribute, "value": list(values)}


def contains(attribute: str, value: str) -> Where:
    """The attribute's text holds this."""
    return {"type": "contains", "attribute": attribute, "value": value}


def after(attribute: str, value: str) -> Where:
    """The attribute is later than this, or for texts further on in the alphabet."""
    return {"type": "greaterThan", "attribute": attribute, "value": value}


def all_of(*conditions: Where) -> Where:
    """Every one of them."""
    return {"type": "and", "value": list(conditions)}


def any_of(*conditions: Where) -> Where:
    """At least one of them."""
    return {"type": "or", "value": list(conditions)}


def moment(value: object) -> datetime | None:
    """A date and time of the API, which are in UTC; None for anything else."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def stamp(value: datetime) -> str:
    """An aware moment as the API takes it."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """PHP's way of putting lists and objects into a query."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}[{key}]", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for place, inner in enumerate(value):
            yield from _flat(f"{name}[{place}]", inner)
    else:
        yield name, str(value)
