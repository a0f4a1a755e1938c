"""The CRM's users: the plugin's own, and those whom roles name by their id or by their login."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

from connectors.base import CrmUnavailable
from connectors.espocrm.client import WHO_AM_I, EspoClient, equals, search

#: What EspoCRM makes up as ids (``Core/Utils/Id``): hex digits, or a UUID where that is set.
_MADE_UP_ID = re.compile(r"[0-9a-f]{17,24}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class EspoUsers:
    """The users of one account, as far as they are asked for. Thread-safe. Raises CrmUnavailable, CrmRefused."""

    def __init__(self, api: EspoClient, settings: Mapping[str, Any]) -> None:
        self._api = api
        self._own: str | None = settings["own_user"]
        self._lock = threading.Lock()
        self._by_login: dict[str, str] = {}

    def own(self) -> str:
        """The API user's id, asked for once."""
        with self._lock:
            if self._own is None:
                data = self._api.get(WHO_AM_I).data
                user = data.get("user") if isinstance(data, dict) else None
                if not isinstance(user, dict) or not isinstance(user.get("id"), str):
                    raise CrmUnavailable("the CRM does not say who the API user is")
                self._own = user["id"]
            return self._own

    def id_of(self, user: str) -> str:
        """The id of the user with this id or login; a login that nobody has is returned as it is."""
        if _MADE_UP_ID.fullmatch(user):
            return user
        with self._lock:
            known = self._by_login.get(user)
        if known is not None:
            return known
        query = search([equals("userName", user)], select=("id", "userName"))
        found = [str(item["id"]) for item in self._api.page("User", query, most=2) if item.get("id")]
        if len(found) != 1:
            return user
        with self._lock:
            self._by_login[user] = found[0]
        return found[0]

    def forget(self, user: str) -> None:
        """Look this login up again the next time: what it stood for is not there any more."""
        with self._lock:
            self._by_login.pop(user, None)

    def record(self, user: str) -> dict[str, Any] | None:
        """The record of the user with this id or login, None where there is none."""
        return self._api.record("User", self.id_of(user))
