"""How large a request's body may be, by its path."""

from __future__ import annotations

from dataclasses import dataclass

from plugin.config.settings import WebSettings

_EVENTS = "/events/"
_OWN_EVENTS = ("/events/call-result", "/events/call-started")
_NUMBERS = ("/suppression/check", "/console/suppression/import")
#: Ten thousand numbers with room for their notes.
_NUMBERS_BYTES = 2_097_152
#: A rules folder that is brought into a draft.
_RULES, _IMPORT, _FOLDER_BYTES = "/console/rules/", "/import", 4_194_304


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """In bytes: ``usual``, and for ``crm_events``, since a CRM reports a mass change in one event."""

    usual: int
    crm_events: int

    @classmethod
    def of(cls, web: WebSettings) -> BodyLimits:
        """The limits that are set."""
        return cls(web.max_body_bytes, web.max_crm_event_bytes)

    def at(self, path: str) -> int:
        """The limit of this path."""
        if path.startswith(_RULES) and path.endswith(_IMPORT):
            return max(self.usual, _FOLDER_BYTES)
        if path in _NUMBERS:
            return max(self.usual, _NUMBERS_BYTES)
        return self.usual if connector_in(path) is None else self.crm_events


def is_for_events(path: str) -> bool:
    """Whether events come in at this path."""
    return path.startswith(_EVENTS)


def connector_in(path: str) -> str | None:
    """The connector whose events come in at this path; None for any other path."""
    is_crm_event = path.startswith(_EVENTS) and path.rstrip("/") not in _OWN_EVENTS
    return path.removeprefix(_EVENTS).partition("/")[0] if is_crm_event else None
