"""Addresses of CRM accounts: checked once, joined safely, and shown without the secrets that some CRMs keep in them."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlsplit

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def check_base_url(url: str) -> str:
    """The address of an account without a trailing slash. Raises ValueError saying what is wrong, without secrets."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("is not an http(s) address; expected e.g. https://crm.example.com")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or password; give the token in its own setting instead")
    if parts.query or parts.fragment or any(char.isspace() for char in url):
        raise ValueError("holds a query, a fragment or a space; expected e.g. https://crm.example.com")
    return url.rstrip("/")


def split_address(url: str) -> tuple[str, dict[str, str]]:
    """An address of a webhook as what comes before its query, and the query.

    Raises ValueError saying what is wrong, as a predicate, without the address: its path may be a secret.
    """
    bare, _, query = url.partition("?")
    base = check_base_url(bare)
    if not is_private(base):
        raise ValueError("is not https, so that others could read what is sent there")
    if not query:
        return base, {}
    pairs = parse_qsl(query, keep_blank_values=True)
    if not pairs or len(dict(pairs)) < len(pairs) or "#" in query or any(char.isspace() for char in query):
        raise ValueError("has a query that cannot be sent as it is")
    return base, dict(pairs)


def segment(value: str) -> str:
    """One part of a path, quoted. Raises ValueError for '', '.' and '..', which would name another path."""
    if value in ("", ".", ".."):
        raise ValueError("an id that cannot stand in an address")
    return quote(value, safe="")


def origin(url: str) -> str:
    """Scheme, host and port of an address and nothing else: paths and queries may hold an account's secret."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        return f"{parts.scheme}://{parts.hostname}:{port}"
    except ValueError:
        return "an unreadable address"


def is_private(url: str) -> bool:
    """Whether others on the way cannot read what is sent there: https, or this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOCAL_HOSTS
