"""This machine's settings as the rest of the plugin uses them; ``plugin.config.load`` reads them from plugin.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
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
    #: Working hours without an event after which the admins are told; None: never.
    silent_after_hours: float | None = None
    #: Only tried out: its calls are decided and recorded, and nothing of them is sent.
    dry_run: bool = False

    @property
    def recorded_as(self) -> str:
        """The name in the ledger: what was only tried out is not taken for a repeat once the source is meant."""
        return f"{self.name} (dry run)" if self.dry_run else self.name


@dataclass(frozen=True, slots=True)
class CrmAccount:
    """The CRM that is written to: the connector's name and its own settings, secrets filled in.

    ``sends_mail``: whether it can mail anybody; known once the account is connected (``plugin.service.account``).
    """

    connector: str
    settings: Mapping[str, Any] = field(repr=False)
    sends_mail: bool = True


@dataclass(frozen=True, slots=True)
class PushedDialler:
    """A dialler that the suppression list of one ``scope`` is pushed to, with its own settings, secrets filled in."""

    name: str
    scope: str
    settings: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How deliveries are repeated; times in seconds. plugin.toml explains each."""

    threads: int = 4
    batch: int = 20
    poll_seconds: float = 1.0
    first_wait_seconds: float = 5.0
    longest_wait_seconds: float = 900.0
    jitter: float = 0.2
    share_of_time_left: float = 0.1
    longest_retry_after_seconds: float = 86_400.0
    most_faults: int = 5
    most_refusals: int = 5
    breaker_failures: int = 5
    probe_seconds: float = 30.0
    blocked_probe_seconds: float = 3600.0
    lease_margin_seconds: float = 30.0
    unfinished_after_minutes: float = 30.0
    quiet_minutes: float = 5.0
    mail_without_card_hours: float = 6.0


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """When events are to be expected: ``days`` by ``date.weekday()``, from and until by the deployment's clocks."""

    days: frozenset[int] = frozenset(range(5))
    from_: time = time(9)
    until: time = time(18)


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """What the admins are told, and when: by e-mail (``to``) and by signed requests to ``webhook``.

    With neither, alerts are only recorded and logged.
    """

    to: tuple[str, ...] = ()
    webhook: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    at_risk_hours: float = 4.0
    away_after_minutes: float = 15.0
    gather_minutes: float = 15.0
    check_seconds: float = 60.0
    working: WorkingTime = field(default_factory=WorkingTime)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where the plugin's own mail goes out. ``security`` is ``none``, ``starttls`` or ``tls``.

    ``sender`` and ``reply_to`` may have a name, ``Name <a@b>``. ``ehlo_name`` is what the server is greeted by; None:
    this machine's full name, or the connection's own address. ``ca_file`` trusts a private authority.
    """

    host: str
    port: int
    sender: str
    security: str = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 20.0
    reply_to: str | None = None
    ehlo_name: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How many ``days`` a finished call keeps its personal data; ``daily``: the delivery loop sees to it by itself."""

    days: int = 365
    daily: bool = False


@dataclass(frozen=True, slots=True)
class LogSettings:
    """``format`` is ``json`` or ``console``; None: console on a terminal, else JSON. ``level`` is the least logged."""

    format: str | None = None
    level: str = "info"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The address events come in at. A larger body than ``max_body_bytes`` is answered 413.

    A CRM reports a mass change in one event, so that ``POST /events/<connector>`` takes ``max_crm_event_bytes``.

    ``path`` is what its addresses begin with behind a reverse proxy (``/optout``), empty at the host's root.

    With a ``metrics_token`` only its bearer gets ``/metrics``; without one, only this machine does. Only this machine
    gets ``/docs`` too, unless ``docs`` opens them to everybody.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    path: str = ""
    threads: int = 8
    max_body_bytes: int = 262_144
    max_crm_event_bytes: int = 4_194_304
    metrics_token: str | None = field(default=None, repr=False)
    docs: bool = False


@dataclass(frozen=True, slots=True)
class PageSettings:
    """The operators' page. ``public_url`` is the origin at which browsers reach it, ``frame_ancestors`` the origins
    whose pages may show it in a frame.

    Its calls come from ``source`` as any other sender's do. ``trusted_proxies`` reverse proxies before it, each of
    which adds to X-Forwarded-For. A link signed with ``old_secret`` holds as well, so that the key can be changed.
    """

    public_url: str = "http://127.0.0.1:8080"
    source: str = "page"
    #: None: the page is off.
    secret: str | None = field(default=None, repr=False)
    old_secret: str | None = field(default=None, repr=False)
    frame_ancestors: tuple[str, ...] = ()
    session_hours: float = 12.0
    link_minutes: float = 30.0
    trusted_proxies: int = 0
    #: Admins get nothing of the page before they have set up a second factor.
    admin_second_factor: bool = False

    @property
    def is_on(self) -> bool:
        """Whether it is served at all."""
        return self.secret is not None


@dataclass(frozen=True, slots=True)
class StampService:
    """Who stamps the chain's daily head (RFC 3161), and the file of certificates by which its stamps are believed."""

    url: str
    ca_file: Path


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
    web: WebSettings
    page: PageSettings = field(default_factory=PageSettings)
    alerts: AlertPolicy = field(default_factory=AlertPolicy)
    retention: Retention = field(default_factory=Retention)
    log: LogSettings = field(default_factory=LogSettings)
    #: What an admin reads: ``ru`` or ``en``. Logs are English.
    language: str = "ru"
    #: So many other people have to agree before rules are published.
    approvals: int = 0
    #: None: the chain's heads are not stamped.
    stamps: StampService | None = None
    diallers: tuple[PushedDialler, ...] = ()

    def source_of(self, name: str) -> Source:
        """The source of this name; where plugin.toml has none, one whose namespace is its name."""
        named = (source for source in self.sources if source.name == name)
        return next(named, Source(name, (), name))

    def dialler(self, name: str) -> PushedDialler | None:
        """The dialler of this name, if plugin.toml has one."""
        return next((one for one in self.diallers if one.name == name), None)
