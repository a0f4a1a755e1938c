"""One try at a password, counted by account, address and browser, and refused unseen if it has waited too long."""

from __future__ import annotations

import structlog
from flask import request

from plugin.auth.passwords import LONGEST_WAIT
from plugin.auth.sign_in import Busy, TooOften, Wrong
from plugin.auth.users import User
from plugin.auth.visitor import normal_login
from plugin.web.auth.address import client_address
from plugin.web.auth.guards import access
from plugin.web.connection import WAITED

_LOG = structlog.get_logger(__name__)

BUSY = "Сейчас входят многие. Подождите несколько секунд и повторите."


WRONG_CODE = "Код не подошёл."


def check_password(login: str, password: str) -> tuple[User | Wrong | TooOften | Busy, str]:
    """Whose they are, or why not; and the client's address. Raises LedgerUnavailable."""
    own = access()
    address, device = _client(normal_login(login))
    # Whoever waited too long for a thread is sent away before anything is counted or hashed.
    if request.environ.get(WAITED, 0.0) > LONGEST_WAIT:
        found: User | Wrong | TooOften | Busy = Busy()
    else:
        found = own.sign_in.check(login, password, address, device)
    if isinstance(found, Busy):
        _LOG.warning("page.sign_in_busy", client=address)
    return found, address


def check_code(user: User, code: str) -> bool | TooOften:
    """Whether it is a code of the user's second factor. Raises LedgerUnavailable."""
    address, device = _client(user.login)
    return access().sign_in.check_code(user, code, address, device)


def _client(login: str) -> tuple[str, str | None]:
    """The client's address, and the browser where it is known for this login."""
    own = access()
    known = own.cookies.get("device", own.devices.name(login))
    return client_address(request, own.page.trusted_proxies), own.devices.read(login, known)


def too_often(found: TooOften) -> str:
    """What somebody is told who has to wait."""
    seconds = found.seconds
    wait = f"{seconds} с" if seconds < 90 else f"{-(-seconds // 60)} мин"
    return f"Слишком много неудачных попыток. Подождите {wait}."
