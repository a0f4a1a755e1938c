"""The address that a request comes from, by the proxies that the deployment trusts."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from flask import Request

from plugin.auth.throttle import UNKNOWN_CLIENT

_WITH_PORT = re.compile(r"\[(?P<bracketed>[^\[\]]+)\](:\d{1,5})?|(?P<plain>[^:\[\]]+)(:\d{1,5})?")


def client_address(request: Request, trusted_proxies: int) -> str:
    """The client's address; an IPv6 one as its network of 64 bits, which one client has all of.

    Each of the ``trusted_proxies`` has added whom it was asked by to X-Forwarded-For, so that the entry so far from
    the end is the client's; the entries before it may be forged.
    """
    nearest = request.remote_addr or ""
    if trusted_proxies == 0:
        return _network(nearest)
    hops = [hop.strip() for header in request.headers.getlist("X-Forwarded-For") for hop in header.split(",")]
    # Fewer than there are proxies: it did not come through all of them.
    return _network(hops[-trusted_proxies] if len(hops) >= trusted_proxies else nearest)


def _network(text: str) -> str:
    try:
        address = ip_address(_without_port(text))
    except ValueError:
        return UNKNOWN_CLIENT
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


def _without_port(text: str) -> str:
    """Some proxies write the port too: ``192.0.2.1:5555``, ``[2001:db8::1]:443``."""
    found = _WITH_PORT.fullmatch(text.strip().strip('"'))
    return text.strip() if found is None else found["bracketed"] or found["plain"]
