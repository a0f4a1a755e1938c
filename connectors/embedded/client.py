"""The embedded CRM's HTTP API: records and lists read, records written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Unknown
from connectors.http.client import HttpAnswer, HttpClient

#: The code of an answer about a record that does not exist; an address that does not exist has another.
GONE = "not_found"

_ROOT = "api/v1"
_RECORD_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_PAGES = 20


class EmbeddedClient:
    """One account's API. Reads raise CrmUnavailable and CrmRefused; writes return what became of them."""

    def __init__(self, settings: Mapping[str, Any], limits: Limits) -> None:
        self.http = HttpClient(
            settings["base_url"],
            limits,
            headers={"Authorization": f"Bearer {settings['token']}"},
            connections=settings["connections"],
            ca_file=settings["ca_file"],
        )

    def get(self, path: str, params: Mapping[str, str] | None = None) -> HttpAnswer:
        """The answer for this path below the API's root."""
        return self.http.read(f"{_ROOT}/{path}", params=params)

    def record(self, collection: str, record_id: str) -> dict[str, Any] | None:
        """The record, or None where there is none (any more)."""
        path = path_of(collection, record_id)
        if path is None:
            return None
        try:
            data = self.get(path).data
        except CrmRefused as error:
            if error.code == GONE:
                return None
            raise
        if not isinstance(data, dict) or "id" not in data:
            raise CrmUnavailable("the CRM answered with something that is no record")
        return data

    def page(self, collection: str, params: Mapping[str, str]) -> tuple[list[dict[str, Any]], str | None]:
        """One page of a list, and the record after which the next page begins (None: there is none)."""
        data = self.get(collection, params).data
        items = data.get("items") if isinstance(data, dict) else None
        if not isinstance(items, list):
            raise CrmUnavailable("the CRM answered with something that is no list")
        return items, str(data["next"]) if data.get("next") else None

    def pages(self, collection: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """A whole list. Raises CrmRefused where it has no end."""
        after: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            items, following = self.page(collection, {**params, **after})
            yield from items
            if following is None:
                return
            after = {"after": following}
        raise CrmRefused("the CRM has far too many matches for one client")

    def write(self, method: str, path: str, payload: Mapping[str, Any]) -> HttpAnswer | NotDone | Unknown:
        """Create (POST) or change (PUT) once."""
        return self.http.write(method, f"{_ROOT}/{path}", payload=payload)


def path_of(collection: str, record_id: str, *more: str) -> str | None:
    """A record's path below the API's root; None for an id that no record can have."""
    if not _RECORD_ID.fullmatch(record_id) or record_id in (".", ".."):
        return None
    return "/".join((collection, record_id, *more))
