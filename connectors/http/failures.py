"""Why an exchange got no answer, classified as outcomes need it: surely never sent, or possibly executed.

The libraries' own messages hold whole addresses, so none of their words are passed on.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from connectors.http.deadline import Exchange, Stage


class ExchangeFailed(Exception):
    """No whole answer came. ``sent``: the request may have been executed; else ``permanent`` or worth another try."""

    def __init__(self, why: str, *, sent: bool, permanent: bool = False, after: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent
        self.permanent = permanent
        self.after = after


def classify_failure(error: BaseException, this: Exchange, host: str, connect_seconds: float) -> ExchangeFailed:
    """The failure of an exchange in our words. In doubt it counts as sent."""
    causes = tuple(_causes(error))
    if this.stage is Stage.SENT or (this.stage is Stage.NOT_BEGUN and not _failed_to_connect(causes)):
        late = any(isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in causes)
        what = "no whole answer in time" if late else "the connection was lost before the answer"
        return ExchangeFailed(f"{host}: {what}", sent=True)
    certificate = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        why = f"{host}: its certificate is not accepted: {certificate.verify_message}"
        return ExchangeFailed(why, sent=False)
    return ExchangeFailed(f"{host}: {_why_not_connected(causes, connect_seconds)}", sent=False)


def _why_not_connected(causes: tuple[BaseException, ...], connect_seconds: float) -> str:
    if any(isinstance(cause, NameResolutionError | socket.gaierror) for cause in causes):
        return "the host's name cannot be resolved"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "the connection was refused"
    if any(isinstance(cause, TimeoutError | ConnectTimeoutError) for cause in causes):
        return f"no connection within {connect_seconds:g} s"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "no TLS connection could be agreed on"
    return "no connection could be made"


def _failed_to_connect(causes: tuple[BaseException, ...]) -> bool:
    """By the kind of error alone: for exchanges that never reached our own connections."""
    kinds = (NewConnectionError, ConnectTimeoutError, ConnectionRefusedError, socket.gaierror)
    return any(isinstance(cause, kinds) or type(cause).__name__ == "ConnectTimeout" for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all it wraps; requests and urllib3 keep the cause in ``args`` and ``reason`` too."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            queue += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
