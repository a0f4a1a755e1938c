"""Mails that EspoCRM kept as drafts because it could not send them: sent again as they are, not written anew."""

from __future__ import annotations

import json
import threading

from connectors.base import CrmUnavailable, Store

_NAME = "espocrm.drafts"
_MOST = 200


class UnsentMails:
    """The draft of each delivery key, the newest 200. Thread-safe; shared with other processes once it has a store.

    Nothing depends on it but tidiness: a forgotten draft stays in the CRM unsent, beside the mail that replaced it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}
        self._store: Store | None = None

    def keep_in(self, store: Store) -> None:
        """Keep them in ``store`` from now on."""
        self._store = store

    def get(self, key: str) -> str | None:
        """The id of this key's draft."""
        with self._lock:
            if self._store is None:
                return self._known.get(key)
        try:
            return _read(self._store.get(_NAME)).get(key)
        except CrmUnavailable:
            return None

    def put(self, key: str, draft: str) -> None:
        """Remember this key's draft."""
        self._change(key, draft)

    def drop(self, key: str) -> None:
        """Forget it: it was sent, or is gone."""
        if self.get(key) is not None:
            self._change(key, None)

    def _change(self, key: str, draft: str | None) -> None:
        with self._lock:
            if self._store is None:
                self._known = _changed(self._known, key, draft)
                return
        try:
            self._store.change(_NAME, lambda kept: json.dumps(_changed(_read(kept), key, draft)))
        except CrmUnavailable:
            return


def _changed(known: dict[str, str], key: str, draft: str | None) -> dict[str, str]:
    others = [(name, value) for name, value in known.items() if name != key]
    return dict([*others, (key, draft)][-_MOST:]) if draft is not None else dict(others)


def _read(kept: str | None) -> dict[str, str]:
    try:
        found = json.loads(kept or "{}")
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
