"""The listening end of the web server: takes connections in, ends those that are overdue, and makes room when full."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from plugin.web.lanes import Lanes

#: Connections that are held at once; one more, and the one that has waited longest for its peer is closed.
CONNECTIONS = 500
#: How many are taken in at once before those that are open have their turn.
_AT_ONCE = 64
#: How often overdue ones are looked for, in seconds.
_LOOK = 0.5


class Listening(TcpWSGIServer):  # type: ignore[misc]
    """waitress's server at a socket that is bound already; ``channel_class`` makes its connections."""

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        channel_class: type[Any],
        lanes: Lanes,
        map_: dict[int, Any],
        **limits: Any,
    ) -> None:
        self.channel_class = channel_class
        self._next_look = 0.0
        sockinfo = (listener.family, listener.type, listener.proto, listener.getsockname())
        adj = Adjustments(sockets=[listener], **limits)
        super().__init__(app, map_, True, listener, dispatcher=lanes, adj=adj, bind_socket=False, sockinfo=sockinfo)

    def readable(self) -> bool:
        """Whether connections are to be taken in. Asked before each poll, when none is being read or written."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            for channel in list(self.active_channels.values()):
                channel.close_if_overdue(now)
        if len(self.active_channels) >= CONNECTIONS:
            self._make_room(len(self.active_channels) - CONNECTIONS + 1)
        return bool(self.accepting) and len(self.active_channels) < CONNECTIONS

    def handle_accept(self) -> None:
        """Take in the connections that have come."""
        for _ in range(_AT_ONCE):
            held = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == held:
                break

    def _make_room(self, wanted: int) -> None:
        waiting = [
            (since, fileno, channel)
            for fileno, channel in self.active_channels.items()
            if (since := channel.standing_since) is not None
        ]
        for _, _, channel in sorted(waiting)[:wanted]:
            channel.handle_close()
