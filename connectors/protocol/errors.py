"""What goes wrong when a connector reads or receives; no message holds a secret or personal data.

ConnectorError
├── CrmUnavailable      a read did not get through: worth another try
├── CrmRefused          a read was refused for good
├── EventNotAuthentic   an event without proof: 401
│   └── EventsUnverifiable  no event can have any, for the settings lack what it is checked by
├── EventMalformed      an event that cannot be read: 400
└── NotMapped           a value of the CRM without a meaning in plugin.toml
"""

from __future__ import annotations

#: The code of ``CrmUnavailable`` and ``NotDone`` that wait until an admin has mended what plugin.toml says of the CRM.
MISFIT = "misfit"


class ConnectorError(Exception):
    """Base of what a connector raises; the message holds no secret and no personal data."""


class CrmUnavailable(ConnectorError):
    """A read did not get through; worth another try after ``after`` seconds (None: the caller's own wait).

    ``blocked`` as of ``NotDone``.
    """

    def __init__(
        self,
        why: str,
        *,
        after: float | None = None,
        status: int | None = None,
        code: str | None = None,
        blocked: bool = False,
    ) -> None:
        super().__init__(why)
        self.after = after
        self.status = status
        self.code = code
        self.blocked = blocked


class CrmRefused(ConnectorError):
    """The CRM refused a read for good (no access, bad request, no such record)."""

    def __init__(self, why: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.code = code


class EventNotAuthentic(ConnectorError):
    """An event without the CRM's proof of authenticity: answered 401."""


class EventsUnverifiable(EventNotAuthentic):
    """No event can be verified: the settings lack the secret. The message names what to set."""


class EventMalformed(ConnectorError):
    """An authentic event that cannot be read: answered 400."""


class NotMapped(ConnectorError):
    """A value of the CRM that plugin.toml gives no meaning; the message names the field, the value and the remedy.

    The event waits until an admin has mended the mapping. ``field``, ``value`` and ``fact`` are shown to the admins.
    """

    def __init__(self, why: str, field: str | None = None, value: str | None = None, fact: str | None = None) -> None:
        super().__init__(why)
        self.field = field
        self.value = value
        self.fact = fact
