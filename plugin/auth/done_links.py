"""The links by which a person says that a reminder is done: signed, each for one mail and the reminder it is about.

A link opens a page that asks first, so that programs that follow the links of mails do nothing by it. It is valid as
long as its reminder is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugin.auth.digests import derived_key, is_same, keyed_digest
from plugin.config.settings import PageSettings

#: Where they lead: the number of the mail's delivery and the signature follow.
PATH = "/promise/done"
_PURPOSE = "promise done"


class DoneLinks:
    """Makes and checks the links of a deployment. ``keys``: the first one signs, any of them verifies."""

    def __init__(self, keys: Sequence[str], address: str) -> None:
        self._keys = [derived_key(key, _PURPOSE) for key in keys]
        self._address = address

    @classmethod
    def of(cls, page: PageSettings, path: str = "") -> DoneLinks | None:
        """The links below ``path`` of the page's host; None where the page is off, and with it its address and key."""
        keys = [key for key in (page.secret, page.old_secret) if key is not None]
        return cls(keys, f"{page.public_url}{path}{PATH}") if page.is_on else None

    def make(self, mail: int, mail_key: str, reminder_key: str) -> str:
        """The address for a mail (the id of its delivery, and its key) about the reminder of this key."""
        return f"{self._address}/{mail}/{self._signs(mail, mail_key, reminder_key)[0]}"

    def is_genuine(self, sign: str, mail: int, mail_key: str, reminder_key: str) -> bool:
        """Whether this signature is that of the mail and the reminder."""
        return is_same(sign.lower(), *self._signs(mail, mail_key, reminder_key))

    def _signs(self, mail: int, mail_key: str, reminder_key: str) -> list[str]:
        return [keyed_digest(key, f"{mail}\n{mail_key}\n{reminder_key}") for key in self._keys]
