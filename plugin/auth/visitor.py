"""The visitor of a page of the operators' side, and the call they came for."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

from connectors.base import CardRef

#: What somebody may do: speak with clients; besides that see every call and act on deliveries; edit rules; everything.
Role = Literal["operator", "supervisor", "editor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
#: The roles as people read them.
ROLE_WORDS: dict[Role, str] = {
    "operator": "оператор",
    "supervisor": "старший",
    "editor": "редактор",
    "admin": "администратор",
}
#: Who sees the calls of all operators.
SEE_ALL: frozenset[Role] = frozenset(("supervisor", "admin"))


def normal_login(login: str) -> str:
    """The login as it is kept: two that look the same are the same."""
    return unicodedata.normalize("NFC", login.strip()).casefold()


@dataclass(frozen=True, slots=True)
class LinkedCall:
    """A call from the CRM's link, button or frame. Only ``id`` is always there.

    ``card_url`` is http or https, ``phone`` in the CRM's notation. Its texts are foreign: escape them where shown.
    """

    id: str
    phone: str | None = None
    card: CardRef | None = None
    name: str | None = None
    card_url: str | None = None
    script: str | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent the request, proven by a session.

    ``call``: this visit came by a link or a frame and may touch this call only; None: a signed-in person, who may
    open any call. ``known``: what the CRM told of the call that was asked for, to fill the page with; for a linked
    visit the same as ``call``, for a signed-in person what an unsigned button brought along, if anything.
    ``csrf`` goes back with every unsafe request, as header ``X-CSRF-Token`` or form field ``csrf``.
    """

    operator: str
    role: Role
    call: LinkedCall | None
    csrf: str
    known: LinkedCall | None = None

    @property
    def is_linked(self) -> bool:
        """Whether it is bound to ``call``."""
        return self.call is not None
