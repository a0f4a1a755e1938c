"""EspoCRM's REST API: requests signed as the API user, records and lists read, errors in the CRM's own terms.

https://docs.espocrm.com/development/api/ and https://docs.espocrm.com/development/api-search-params/; what these leave
open was read in the source of 9.1 and 9.3 (``Core/Api/ErrorOutput.php``, ``Core/Record/Service.php``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Unknown
from connectors.espocrm.settings import is_record_id
from connectors.http.client import Complaint, HttpAnswer, HttpClient

#: The codes of answers that the connector tells apart.
GONE = "notFound"
DUPLICATE = "duplicate"
SENDING_FAILED = "sendingFail"
NOT_EXISTING = "cannotRelateNonExisting"

_ROOT = "api/v1"
_PAGE = 200
_MOST_PAGES = 10
_REASON = "X-Status-Reason"
#: Refused for a minute, before anything else is looked at (``FailedAttemptsLimit``, ``authFailedAttemptsPeriod``).
_TOO_MANY_LOGINS = "Max failed login attempts exceeded"
_LOGINS_FORGOTTEN_AFTER = 60.0
#: An address that leads nowhere is no missing record.
_NO_SUCH_ADDRESS = ("Controller", "Action")
_IP_ADDRESS = re.compile(r" for IP address \S+")

#: One condition of a search, or several below ``value``.
Where = Mapping[str, Any]


class EspoClient:
    """One account's API. Reads raise CrmUnavailable and CrmRefused; writes return what became of them."""

    def __init__(self, settings: Mapping[str, Any], limits: Limits) -> None:
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
        headers = self._signed("GET", path) | {"X-No-Total": "true"}
        return self.http.read(f"{_ROOT}/{path}", params=params, headers=headers)

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
        return self.http.write(method, f"{_ROOT}/{path}", payload=payload, headers=self._signed(method, path))

    def address(self, entity: str, record_id: str) -> str:
        """Where users see the record."""
        return f"{self.http.base_url}/#{entity}/view/{record_id}"

    def _signed(self, method: str, path: str) -> dict[str, str]:
        """https://docs.espocrm.com/development/api/#hmac-authentication: over the method and the path alone."""
        if not self._hmac:
            return {}
        digest = hmac.new(self._hmac.encode(), f"{method} /{path}".encode(), hashlib.sha256).hexdigest()
        return {"X-Hmac-Authorization": base64.b64encode(f"{self._key}:{digest}".encode()).decode()}


def search(where: Sequence[Where], *, select: Sequence[str], newest_first: bool = False) -> dict[str, str]:
    """The query of a list: all of these conditions, these attributes."""
    order = {"orderBy": "createdAt", "order": "desc"} if newest_first else {}
    return {"select": ",".join(select), **order, **dict(_flat("where", where))}


def equals(attribute: str, value: str) -> Where:
    """The attribute is this."""
    return {"type": "equals", "attribute": attribute, "value": value}


def contains(attribute: str, value: str) -> Where:
    """The attribute's text holds this."""
    return {"type": "contains", "attribute": attribute, "value": value}


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


def explain(status: int, data: Any, headers: Mapping[str, str]) -> Complaint:
    """What an error of EspoCRM says: in ``X-Status-Reason``, or in a body of its own.

    The application has no rate limit. Maintenance and too many failed logins are refusals before anything was done.
    """
    reason = _IP_ADDRESS.sub("", headers.get(_REASON) or "")
    if status == 403 and reason.startswith(_TOO_MANY_LOGINS):
        return Complaint(message=reason, throttled=True, after=_LOGINS_FORGOTTEN_AFTER)
    if status == 503 and _REASON in headers:
        return Complaint(message=reason, throttled=True)
    if status == 404 and _REASON in headers and not reason.startswith(_NO_SUCH_ADDRESS):
        return Complaint(GONE, reason)
    label, of_what = _translated(data)
    if label is None and status in (409, 500) and reason in (DUPLICATE, SENDING_FAILED):
        said = data.get("message") if isinstance(data, dict) else None
        return Complaint(reason, said if isinstance(said, str) else None)
    return Complaint(label, of_what or reason or None)


def _translated(data: Any) -> tuple[str | None, str | None]:
    """The label of ``messageTranslation`` and what it speaks of; a missing record is named by its type in the label."""
    told = data.get("messageTranslation") if isinstance(data, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("label"), str):
        return None, None
    label, details = told["label"], told.get("data")
    if not isinstance(details, dict):
        return label, None
    if label == NOT_EXISTING:
        return f"{label}:{details.get('foreignEntityType')}", None
    return label, ", ".join(
        f"{name} {details[name]}" for name in ("field", "type", "link", "action") if name in details
    )


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
