"""The name by which the plugin greets a mail server (RFC 5321 §4.1.1.1, §4.1.3)."""

from __future__ import annotations

import ipaddress
import re
import socket

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_FULL = re.compile(rf"({_LABEL}\.)+(?=[A-Za-z0-9-]*[A-Za-z]){_LABEL}")
_LITERAL = re.compile(r"\[(IPv6:)?(?P<address>[0-9A-Fa-f:.]+)\]")


def is_greeting_name(given: str) -> bool:
    """Whether a server can be greeted by it: a full name such as ``plugin.example.org``, or ``[192.0.2.7]``."""
    literal = _LITERAL.fullmatch(given)
    if literal is None:
        return len(given) <= 255 and _FULL.fullmatch(given) is not None
    try:
        return ipaddress.ip_address(literal["address"]).version == (6 if literal[1] else 4)
    except ValueError:
        return False


def greeting_name(host_name: str, own_address: str) -> str:
    """The machine's name where it is a full one, else the address from which this connection comes.

    Both are told by the caller: ``socket.getfqdn()`` would ask the DNS, which can hang.
    """
    if is_greeting_name(host_name) and not host_name.startswith(("[", "localhost.")):
        return host_name
    address = ipaddress.ip_address(own_address.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return f"[{mapped}]" if mapped else f"[IPv6:{address}]"
    return f"[{address}]"


def own_greeting_name(connection: socket.socket) -> str:
    """The same for this machine and this connection."""
    return greeting_name(socket.gethostname(), connection.getsockname()[0])
