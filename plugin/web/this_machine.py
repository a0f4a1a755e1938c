"""Whether a request comes from this machine itself, as far as that can be told."""

from __future__ import annotations

from ipaddress import ip_address

from flask import Request

#: Headers by which a proxy tells that it asks for another machine.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def is_from_this_machine(request: Request) -> bool:
    """Whether the sender's address is the loopback, and no proxy says that it asks for somebody else."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
