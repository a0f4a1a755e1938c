"""The parts of access of one application, and the sessions of the present request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Literal

from flask import g

from plugin.auth.sessions import Session, Sessions
from plugin.web.auth.cookies import Cookies

if TYPE_CHECKING:
    from connectors.base import Connector
    from plugin.auth.begun_calls import BegunCalls
    from plugin.auth.devices import Devices
    from plugin.auth.links import Links
    from plugin.auth.open_sessions import OpenSessions
    from plugin.auth.second_factor import SecondFactors
    from plugin.auth.sign_in import SignIn
    from plugin.auth.users import Users
    from plugin.config.settings import PageSettings


@dataclass(frozen=True, slots=True)
class Access:
    """Access of one application."""

    page: PageSettings
    cookies: Cookies
    sessions: Sessions
    open_sessions: OpenSessions
    users: Users
    sign_in: SignIn
    second_factors: SecondFactors
    devices: Devices
    links: Links
    begun: BegunCalls
    connector: Connector | None
    form_key: bytes
    timezone: tzinfo

    def session(self, kind: Literal["session", "visit"]) -> Session | None:
        """The request's session of this kind, if it holds; looked up once a request."""
        found: dict[str, Session | None] = g.setdefault("optout_sessions", {})
        if kind not in found:
            token = self.cookies.get(kind)
            session = self.sessions.find(token) if token else None
            # A token of the other kind in this cookie opens nothing.
            found[kind] = session if session and session.is_linked == (kind == "visit") else None
        return found[kind]

    def needs_second_factor(self, person: Session) -> bool:
        """Whether an admin has to set one up before anything else."""
        return self.page.admin_second_factor and person.role == "admin" and not person.has_second_factor
