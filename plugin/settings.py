"""This machine's settings as the rest of the plugin uses them; ``plugin.config`` reads them from plugin.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the plugin is and which events it subscribes to."""

    id: str
    version: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One sender of events. Any of its ``secrets`` verifies, so that keys can be rotated.

    Calls are told apart by ``namespace`` and call id: sources that share a namespace report the same calls.
    """

    name: str
    secrets: tuple[str, ...] = field(repr=False)
    namespace: str


@dataclass(frozen=True, slots=True)
class CrmAccount:
    """The CRM that is written to: the connector's name and its own settings, secrets filled in."""

    connector: str
    settings: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How deliveries are repeated; times in seconds."""

    threads: int = 4
    batch: int = 20
    poll_seconds: float = 1.0
    first_wait_seconds: float = 5.0
    longest_wait_seconds: float = 900.0
    jitter: float = 0.2
    lease_margin_seconds: float = 30.0
    unfinished_after_minutes: float = 30.0


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where the plugin's own mail goes out. ``security`` is ``none``, ``starttls`` or ``tls``."""

    host: str
    port: int
    sender: str
    security: str = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Web:
    """The address events come in at. A larger body than ``max_body_bytes`` is answered 413."""

    host: str = "127.0.0.1"
    port: int = 8080
    threads: int = 8
    max_body_bytes: int = 262_144


@dataclass(frozen=True, slots=True)
class Settings:
    """All of plugin.toml. ``home`` is its folder; ``ledger_url`` and ``rules_dir`` are already resolved against it."""

    home: Path
    manifest: Manifest
    rules_dir: Path
    default_script: str
    ledger_url: str = field(repr=False)
    timezone: ZoneInfo
    crm: CrmAccount
    sources: tuple[Source, ...]
    delivery: DeliveryPolicy
    smtp: SmtpServer | None
    web: Web
