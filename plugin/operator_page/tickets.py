"""Page tickets: a page's call and operator, signed, so that what was confirmed there can be sent from anywhere.

A confirmation may have to wait for the network or for a session. By its ticket any page of the browser can send it,
whoever is signed in by then: under the operator who confirmed it, for the call that was on the page.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta

from plugin.auth.digests import derived_key, is_same, keyed_digest
from plugin.common.clock import Now
from plugin.config.settings import PageSettings
from plugin.operator_page.call import PageCall

#: As long as a session lasts at most.
_LONGEST = timedelta(days=7)
_FIELDS = frozenset(field.name for field in fields(PageCall))


class Tickets:
    """Makes and reads the tickets of a deployment. ``keys``: the first one signs, any of them verifies."""

    def __init__(self, keys: Sequence[bytes], now: Now) -> None:
        self._keys = keys
        self._now = now

    @classmethod
    def of(cls, page: PageSettings, now: Now) -> Tickets:
        """Those of ``[page]``."""
        keys = [key for key in (page.secret, page.old_secret) if key is not None]
        return cls([derived_key(key, "page tickets") for key in keys], now)

    def make(self, call: PageCall) -> str:
        """The ticket of this call, which names its operator; ASCII, fit for a header."""
        text = json.dumps({"at": self._now().isoformat(), "call": asdict(call)}, ensure_ascii=False)
        packed = base64.urlsafe_b64encode(text.encode()).decode()
        return f"{packed}.{keyed_digest(self._keys[0], packed)}"

    def read(self, ticket: str | None, call_id: str | None) -> PageCall | None:
        """The call of a genuine ticket for this id; None for anything else."""
        packed, _, digest = (ticket or "").partition(".")
        if not digest or not is_same(digest, *(keyed_digest(key, packed) for key in self._keys)):
            return None
        try:
            told = json.loads(base64.urlsafe_b64decode(packed))
            made = datetime.fromisoformat(told["at"])
            call = told["call"]
        except (ValueError, KeyError, binascii.Error):
            return None
        if call.keys() != _FIELDS or call["id"] != call_id or self._now() - made > _LONGEST:
            return None
        given = call.pop("given")
        return PageCall(**call, given=tuple(given) if given else None)
