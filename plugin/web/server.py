"""The production web server, waitress, inside this process: nothing stays behind when the process is killed.

Stopping keeps every promise made: connections that have arrived are answered, then the port is given up for good.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from waitress import wasyncore

from plugin.errors import ConfigError
from plugin.web.connection import connection_class
from plugin.web.lanes import Lanes
from plugin.web.limits import BodyLimits
from plugin.web.listening import Listening

_LOG = structlog.get_logger(__name__)

#: A refused body is read to its end (and thrown away) up to this size: a connection closed under a sender that is still
#: sending loses the answer.
_READ_AND_DROPPED = 64 * 1024 * 1024
_HEADERS = 32 * 1024
_BACKLOG = 1024


class WebServer:
    """Serves ``app`` at a socket of ``bind``: it listens when made, and answers from ``run`` on.

    ``threads`` answer events; pages and passwords have threads of their own (``plugin.web.lanes``). ``too_large`` is
    told the path of a request whose body was over the limit, which never reaches the application. ``path`` is what the
    addresses begin with behind a reverse proxy; it may be left out, as on this machine itself. Raises ConfigError
    when another program listens there by now.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        *,
        threads: int,
        limits: BodyLimits,
        too_large: Callable[[str], None] = lambda _path: None,
        path: str = "",
    ) -> None:
        self._map: dict[int, Any] = {}
        self._stop = threading.Event()
        # Held while the trigger is pulled or closed; a signal handler may come in while its own thread holds it.
        self._trigger = threading.RLock()
        self._socket = listener
        self.host, self.port = listener.getsockname()[:2]
        with _address_errors(self.host, self.port):
            listener.listen(_BACKLOG)
        self._lanes = Lanes(threads)
        self._server = Listening(
            app,
            self._socket,
            connection_class(limits, too_large, self._stop, path),
            self._lanes,
            self._map,
            backlog=_BACKLOG,
            max_request_header_size=_HEADERS,
            max_request_body_size=_READ_AND_DROPPED,
            ident=None,
            # Nothing trusts them; that there are some tells /metrics that a proxy asks, not this machine.
            clear_untrusted_proxy_headers=False,
        )

    @property
    def url(self) -> str:
        """Where it is reached: ``http://127.0.0.1:8080``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def run(self, *, finish_within: float) -> None:
        """Serve until ``stop``, then answer what has arrived, for at most ``finish_within`` seconds, and close."""
        while not self._stop.is_set():
            self._turn(1.0)
        stopped_at = time.monotonic()
        deadline = stopped_at + finish_within
        self._accept_the_rest()
        wasyncore.dispatcher.close(self._server)
        while self._server.active_channels and time.monotonic() < deadline:
            for channel in list(self._server.active_channels.values()):
                channel.close_if_quiet(time.monotonic(), stopped_at)
            self._turn(0.05)
        if self._server.active_channels:
            _LOG.warning("web.cut_off", connections=len(self._server.active_channels))
        self.close(finish_within=max(0.1, deadline - time.monotonic()))

    def stop(self) -> None:
        """Make ``run`` end; may be called from any thread and from a signal handler."""
        with self._trigger:
            if not self._stop.is_set():
                self._stop.set()
                self._server.pull_trigger()

    def close(self, *, finish_within: float = 0.1) -> None:
        """Give everything up; ``run`` does so itself in the end."""
        self._lanes.shutdown(timeout=finish_within)
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        with self._trigger:
            # A thread that is still at work would pull the trigger, and write into whatever has its descriptor by then.
            self._server.pull_trigger = lambda: None
            wasyncore.close_all(self._map)

    def _turn(self, timeout: float) -> None:
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)

    def _accept_the_rest(self) -> None:
        """Take the connections that the system has accepted for us: their requests may be under way."""
        while select.select([self._socket], [], [], 0)[0]:
            self._server.handle_accept()


def bind(host: str, port: int) -> socket.socket:
    """A socket at the address (port 0: any free one), IPv4 where a name has both.

    Raises ConfigError when the address cannot be had, so that a program can find out before it does anything else.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"[web] port {port} does not exist", hint="Choose one from 1 to 65535, or 0 for any free one")
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(f"[web] host {host!r} is not known here", hint="127.0.0.1 is this machine alone") from error
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with _address_errors(host, port):
            listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def _address_errors(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="Choose another port with --port or [web] port, or stop the process that has it",
        ) from error
