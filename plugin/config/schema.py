"""The tables and keys of plugin.toml, with the words that tell an integrator what each of them takes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import time
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import Schema, ValidationError, fields, validate

from connectors.http.address import check_base_url, split_address
from connectors.smtp.ehlo_name import is_greeting_name
from plugin.common.mail_address import UnusableAddress, mail_address
from plugin.common.translate import LANGUAGES
from plugin.common.zones import newest_zone

SECRET_FORM = '{ env = "NAME" } or { file = "path" }'
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_LEDGER_URL = re.compile(r"sqlite:///\S+|postgresql(\+\w+)?://\S+")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
#: In the order of ``date.weekday()``.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: As browsers write one: no path, no final slash.
_ORIGIN = r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?"
#: What a reverse proxy may put the plugin below: a path that none of its own begins with, which could be either.
_BELOW = (
    r"(?!/(?:operator|events|docs|healthz|readyz|metrics|openapi\.json)(?:/|$))(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+"
)
#: In Content-Security-Policy the host may begin with a wildcard.
_ANCESTOR = r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?"
_PASSWORD_IN_URL = re.compile(r"://[^/@]*:[^/@]+@")


@dataclasses.dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is to be found: the name of an environment variable or the path of a file."""

    env: str | None = None
    file: str | None = None


class SecretField(fields.Field[SecretRef]):
    """A reference to a secret. A secret itself is refused, and never shown."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"allowed": SECRET_FORM}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> SecretRef:
        return secret_ref(value)


def secret_ref(value: object) -> SecretRef:
    """Read ``{ env = "NAME" }`` or ``{ file = "path" }``. Raises ValidationError without showing the value."""
    if isinstance(value, str):
        raise ValidationError("a secret must not be written into this file")
    if not isinstance(value, Mapping) or len(value) != 1 or not set(value) <= {"env", "file"}:
        raise ValidationError("not a reference to a secret")
    (kind, target), *_ = value.items()
    if not isinstance(target, str) or not target.strip():
        raise ValidationError(f"{kind} is empty or not text")
    if kind == "env" and not _VARIABLE.fullmatch(target):
        raise ValidationError("env is not the name of an environment variable")
    return SecretRef(**{kind: target})


class MailAddressField(fields.Field[str]):
    """One e-mail address, read as it is read when a mail is sent; ``named``: also ``Name <a@b>``."""

    def __init__(self, *, named: bool = False, required: bool = False) -> None:
        self._named = named
        allowed = "an e-mail address" + (", also with a name: Name <a@b>" if named else "")
        super().__init__(required=required, metadata={"allowed": allowed})

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            mail_address(value, named=self._named)
        except UnusableAddress as error:
            raise ValidationError(f"no mail can go there: {value[:60]!r} {error}") from None
        return value.strip()


class WebhookField(fields.Field[str]):
    """The address that signed requests go to; others on the way must not read them."""

    _check: Callable[[str], object] = staticmethod(split_address)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            self._check(value)
        except ValueError as error:
            raise ValidationError(f"no request can go there: it {error}") from None
        return value


class StampAddressField(WebhookField):
    """Others on the way may read what goes there: it is no secret, and the answer is signed."""

    _check = staticmethod(check_base_url)


class LedgerUrlField(fields.Field[str | SecretRef]):
    """The database's URL; one with a password in it is a secret."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str | SecretRef:
        if isinstance(value, Mapping):
            return secret_ref(value)
        if not isinstance(value, str) or not is_ledger_url(value):
            raise ValidationError("not the URL of a ledger")
        if _PASSWORD_IN_URL.search(value):
            raise ValidationError("a secret must not be written into this file")
        return value


def is_ledger_url(url: str) -> bool:
    """Whether the ledger can live there: a SQLite file, not memory, or PostgreSQL."""
    return _LEDGER_URL.fullmatch(url) is not None and ":memory:" not in url


def is_trustworthy(origin: str) -> bool:
    """Whether browsers keep Secure cookies of this origin: https, or this machine itself."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    return parts.scheme == "https" or host == "localhost" or host.endswith(".localhost") or host.startswith("127.")


class ZoneField(fields.Field[ZoneInfo]):
    """A time zone by its IANA name."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> ZoneInfo:
        try:
            return newest_zone(value).zone
        # Names that are no path of the zone database end in one of several errors.
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
            raise ValidationError("no such time zone") from error


def _text(allowed: str, pattern: str = r"(?s).*\S.*", *, required: bool = False) -> fields.String:
    return fields.String(required=required, validate=validate.Regexp(pattern + r"\Z"), metadata={"allowed": allowed})


def _name(allowed: str = "letters, digits, _ . -", *, required: bool = False) -> fields.String:
    return _text(allowed, _NAME, required=required)


def _whole(low: int, high: int) -> fields.Integer:
    allowed = f"a whole number from {low} to {high}"
    return fields.Integer(strict=True, validate=validate.Range(low, high), metadata={"allowed": allowed})


class _Number(fields.Float):
    """A number written as a number: text that looks like one is refused."""

    def _validated(self, value: Any) -> float:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


def _number(low: float, high: float) -> fields.Float:
    return _Number(validate=validate.Range(low, high), metadata={"allowed": f"a number from {low:g} to {high:g}"})


def _switch() -> fields.Boolean:
    return _Switch(metadata={"allowed": "true or false"})


class _Switch(fields.Boolean):
    """true or false, and nothing that looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class PluginTable(Schema):
    """``[plugin]``: the manifest and what the plugin works with."""

    id = _name(required=True)
    version = _text("a version such as 1.0.0", r"\d+(\.\d+)*[A-Za-z0-9.+-]*", required=True)
    events = fields.List(
        _name(), required=True, validate=validate.Length(1), metadata={"allowed": "a list of names of events"}
    )
    default_script = _name("the name of a folder in the rules folder", required=True)
    rules = _text("the path of the rules folder")
    timezone = ZoneField(required=True, metadata={"allowed": "an IANA name such as Europe/Moscow"})
    language = fields.String(validate=validate.OneOf(LANGUAGES), metadata={"allowed": '"ru" or "en"'})


class LedgerTable(Schema):
    """``[ledger]``: where everything that must not be lost is kept."""

    url = LedgerUrlField(
        required=True,
        metadata={"allowed": f"sqlite:///FILE, postgresql+psycopg://HOST/NAME, or with a password {SECRET_FORM}"},
    )
    retention_days = _whole(1, 36_500)
    purge_daily = _switch()


class CrmTable(Schema):
    """``[crm]``: which connector; ``[crm.<connector>]`` is checked by the connector's own schema."""

    connector = _name("the name of a connector", required=True)

    class Meta:
        unknown = "include"


class SourceTable(Schema):
    """``[sources.<name>]``: a sender of events."""

    secrets = fields.List(SecretField(), validate=validate.Length(1), metadata={"allowed": f"a list of {SECRET_FORM}"})
    namespace = _name()
    silent_after_hours = _number(0.1, 1000)
    dry_run = _switch()


class DeliveryTable(Schema):
    """``[delivery]``: how deliveries are repeated; times in seconds unless the key says otherwise."""

    threads = _whole(1, 64)
    batch = _whole(1, 1000)
    poll_seconds = _number(0.01, 60)
    first_wait_seconds = _number(0.01, 3600)
    longest_wait_seconds = _number(0.01, 86_400)
    jitter = _number(0, 1)
    share_of_time_left = _number(0.001, 1)
    longest_retry_after_seconds = _number(1, 86_400)
    most_faults = _whole(1, 100)
    most_refusals = _whole(2, 1000)
    breaker_failures = _whole(1, 100)
    probe_seconds = _number(0.01, 3600)
    blocked_probe_seconds = _number(0.01, 86_400)
    lease_margin_seconds = _number(0, 3600)
    unfinished_after_minutes = _number(0.01, 1440)
    quiet_minutes = _number(0, 1440)
    mail_without_card_hours = _number(0, 24)


class ClockField(fields.Field[time]):
    """A time of the day, ``HH:MM``."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> time:
        if not isinstance(value, str) or not _CLOCK.fullmatch(value):
            raise ValidationError("no time of the day")
        return time.fromisoformat(value)


class AlertsTable(Schema):
    """``[alerts]``: what the admins are told by e-mail and by a webhook, and when."""

    to = fields.List(
        MailAddressField(),
        validate=validate.Length(1),
        metadata={"allowed": "a list of e-mail addresses"},
    )
    webhook = WebhookField(metadata={"allowed": "an https address; http on this machine only"})
    webhook_secret = SecretField()
    at_risk_hours = _number(0.01, 1000)
    away_after_minutes = _number(0, 10_080)
    gather_minutes = _number(0, 1440)
    check_seconds = _number(0.01, 3600)
    working_days = fields.List(
        fields.String(validate=validate.OneOf(WEEKDAYS)),
        validate=validate.Length(1),
        metadata={"allowed": f"a list of {', '.join(WEEKDAYS)}"},
    )
    working_from = ClockField(metadata={"allowed": 'a time such as "09:00"'})
    working_until = ClockField(metadata={"allowed": 'a time such as "18:00"'})


def _greeting_name(given: str) -> None:
    if not is_greeting_name(given):
        raise ValidationError("not a name to greet by")


class SmtpTable(Schema):
    """``[smtp]``: where the plugin's own mail goes out."""

    host = _text("the name or address of the mail server", r"\S+", required=True)
    port = _whole(1, 65_535)
    sender = MailAddressField(named=True, required=True)
    reply_to = MailAddressField(named=True)
    ehlo_name = fields.String(
        validate=_greeting_name, metadata={"allowed": "a full name such as plugin.example.org, or [192.0.2.7]"}
    )
    ca_file = _text("the path of a file of certificates")
    security = fields.String(
        validate=validate.OneOf(("none", "starttls", "tls")), metadata={"allowed": '"none", "starttls" or "tls"'}
    )
    user = _text("the name to log in with")
    password = SecretField()
    timeout_seconds = _number(0.1, 600)


class WebTable(Schema):
    """``[web]``: the address events come in at."""

    host = _text("the name or address to listen on", r"\S+")
    port = _whole(0, 65_535)
    path = _text("a path such as /optout, without a slash at its end, and no path of the plugin's own", _BELOW)
    threads = _whole(1, 256)
    max_body_bytes = _whole(1024, 16_777_216)
    max_crm_event_bytes = _whole(1024, 67_108_864)
    metrics_token = SecretField()
    docs = _switch()


class PageTable(Schema):
    """``[page]``: the operators' page, and who may open it."""

    secret = SecretField()
    old_secret = SecretField()
    public_url = _text("an origin such as https://optout.example.org, without a path ([web] path is for that)", _ORIGIN)
    frame_ancestors = fields.List(
        _text("an origin", _ANCESTOR),
        validate=validate.Length(1),
        metadata={"allowed": "a list of origins such as https://crm.example.org or https://*.example.org"},
    )
    session_hours = _number(0.1, 168)
    link_minutes = _number(1, 1440)
    source = _name("the name of one of [sources.…], or the connector's")
    trusted_proxies = _whole(0, 10)
    admin_second_factor = _switch()


class SuppressionTable(Schema):
    """``[suppression]``: ``[suppression.push.<name>]`` is checked by the dialler's own schema, but for ``scope``."""

    push = fields.Dict(
        keys=_text("a name of up to 24 letters, digits, _ . -", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,23}"),
        values=fields.Dict(),
        metadata={"allowed": "tables [suppression.push.<name>]"},
    )


class RulesTable(Schema):
    """``[rules]``: how the rules are changed."""

    approvals = _whole(0, 9)


class ProofTable(Schema):
    """``[proof]``: who stamps the daily head of the chain of records."""

    stamp_url = StampAddressField(metadata={"allowed": "an http(s) address such as https://tsa.example.org/tsr"})
    stamp_ca_file = _text("the path of a file of certificates")


class LogTable(Schema):
    """``[log]``: what is logged to stderr, and how."""

    format = fields.String(validate=validate.OneOf(("json", "console")), metadata={"allowed": '"json" or "console"'})
    level = fields.String(
        validate=validate.OneOf(("debug", "info", "warning", "error")),
        metadata={"allowed": '"debug", "info", "warning" or "error"'},
    )


class SettingsFile(Schema):
    """The whole of plugin.toml."""

    plugin = fields.Nested(PluginTable, required=True, metadata={"allowed": "a table [plugin]"})
    ledger = fields.Nested(LedgerTable, metadata={"allowed": "a table [ledger]"})
    crm = fields.Nested(CrmTable, required=True, metadata={"allowed": "a table [crm]"})
    sources = fields.Dict(
        keys=_name(), values=fields.Nested(SourceTable), metadata={"allowed": "tables [sources.<name>]"}
    )
    delivery = fields.Nested(DeliveryTable, metadata={"allowed": "a table [delivery]"})
    smtp = fields.Nested(SmtpTable, metadata={"allowed": "a table [smtp]"})
    alerts = fields.Nested(AlertsTable, metadata={"allowed": "a table [alerts]"})
    web = fields.Nested(WebTable, metadata={"allowed": "a table [web]"})
    page = fields.Nested(PageTable, metadata={"allowed": "a table [page]"})
    log = fields.Nested(LogTable, metadata={"allowed": "a table [log]"})
    rules = fields.Nested(RulesTable, metadata={"allowed": "a table [rules]"})
    proof = fields.Nested(ProofTable, metadata={"allowed": "a table [proof]"})
    suppression = fields.Nested(SuppressionTable, metadata={"allowed": "a table [suppression]"})
