"""Reads plugin.toml into ``Settings``: where it lies, what it says, and the secrets it refers to.

Everything wrong with it is told at once, each fault with file, line, key and remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from connectors.smtp.certificates import unusable_certificates
from plugin.common.secret_text import UnusableSecret, secret_text
from plugin.common.toml.source import Place, TomlUnreadable, load_toml
from plugin.common.webhook_secret import UnusableWebhookSecret, webhook_keys
from plugin.config.diallers import read_diallers
from plugin.config.faults import FaultList, closest, unreadable
from plugin.config.schema import (
    SECRET_FORM,
    WEEKDAYS,
    SecretRef,
    SettingsFile,
    is_ledger_url,
    is_trustworthy,
    secret_ref,
)
from plugin.config.settings import (
    AlertPolicy,
    CrmAccount,
    DeliveryPolicy,
    LogSettings,
    Manifest,
    PageSettings,
    Settings,
    SmtpServer,
    Source,
    WebSettings,
    WorkingTime,
)
from plugin.config.small_tables import retention_of, stamps_of
from plugin.errors import ConfigError

FILE_NAME = "plugin.toml"
HOME_VARIABLE = "OPTOUT_HOME"
#: Standard Webhooks asks for keys of 24 to 64 bytes.
_SHORTEST_KEY = 24
#: What signs the links of the operators' page, in characters: 32 bytes are 43 in base64.
_SHORTEST_SIGNING_KEY = 32
#: systemd names the folder of a service's credentials by it (systemd.exec(5)).
_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_MAIL_PORTS = {"none": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True, slots=True)
class Home:
    """The plugin.toml in force, and the folder that its relative paths start from.

    The shipped defaults lie inside the installation: their rules are read there, while what is written (the ledger)
    and what is secret belongs to ``folder``, the current one.
    """

    file: Path
    folder: Path
    shipped: bool = False

    @property
    def rules_base(self) -> Path:
        """The folder that ``[plugin] rules`` is relative to."""
        return self.file.parent


def shipped_dir() -> Path:
    """The folder with the shipped plugin.toml and rules: inside the wheel, or the checkout itself."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent


def find_home(config: Path | None, environ: Mapping[str, str], cwd: Path | None = None) -> Home:
    """Find plugin.toml: ``--config`` or else OPTOUT_HOME, the current folder, the shipped defaults.

    ``config`` and OPTOUT_HOME name the file or its folder. Raises ConfigError where there is none at that place.
    """
    cwd = cwd or Path.cwd()
    for origin, named in (("--config", config), (HOME_VARIABLE, environ.get(HOME_VARIABLE))):
        if named:
            return _named_home(origin, cwd / Path(named).expanduser())
    if (cwd / FILE_NAME).exists():
        return Home(cwd / FILE_NAME, cwd)
    return Home(shipped_dir() / FILE_NAME, cwd, shipped=True)


def load_settings(config: Path | None, environ: Mapping[str, str], *, secrets: bool = True) -> Settings:
    """Read and check the plugin.toml in force.

    With ``secrets=False``, for commands that send nothing, no secret of a source, of the mail server or of
    the CRM is looked up and the CRM account's own settings are not read (``Settings.crm.settings`` is empty).
    Raises ConfigError with every fault of the file, one a line.
    """
    home = find_home(config, environ)
    return _Reader(home, environ, secrets).read()


def _named_home(origin: str, path: Path) -> Home:
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        missing = f"no {FILE_NAME} in {path}" if path.is_dir() else f"no such file or folder: {path}"
        raise ConfigError(f"{origin}: {missing}", hint="optout init DIR lays out a new one")
    return Home(file, file.parent)


class _Reader:
    """One reading of one plugin.toml."""

    def __init__(self, home: Home, environ: Mapping[str, str], secrets: bool) -> None:
        self._home = home
        self._environ = environ
        self._with_secrets = secrets
        try:
            self._source = load_toml(home.file)
        except TomlUnreadable as error:
            raise unreadable(home.file, error) from error
        self._faults = FaultList(home.file, self._source)

    def read(self) -> Settings:
        data = self._load()
        plugin, ledger = data.get("plugin", {}), data.get("ledger", {})
        ledger_url = self._ledger_url(ledger.get("url", "sqlite:///optout.db"))
        sources = self._sources(data)
        crm = self._crm(data.get("crm", {}))
        smtp = self._smtp(data.get("smtp"))
        delivery = self._delivery(data.get("delivery", {}))
        web = self._web(data.get("web", {}))
        page = self._page(data.get("page", {}), web, crm.connector, {source.name for source in sources})
        alerts = self._alerts(data.get("alerts", {}), mailed="smtp" in data)
        account = self._account if self._with_secrets else None
        diallers = read_diallers(data.get("suppression", {}).get("push", {}), self._faults, account)
        stamps = stamps_of(data, self._source.data, self._home.folder, self._faults, reads=self._with_secrets)
        self._faults.raise_if_any()
        return Settings(
            home=self._home.folder,
            manifest=Manifest(plugin["id"], plugin["version"], tuple(plugin["events"])),
            rules_dir=self._home.rules_base / Path(plugin.get("rules", "rules")).expanduser(),
            default_script=plugin["default_script"],
            ledger_url=ledger_url,
            timezone=plugin["timezone"],
            crm=crm,
            sources=sources,
            delivery=delivery,
            smtp=smtp,
            web=web,
            page=page,
            alerts=alerts,
            retention=retention_of(ledger),
            log=LogSettings(**data.get("log", {})),
            language=plugin.get("language", "ru"),
            approvals=data.get("rules", {}).get("approvals", 0),
            stamps=stamps,
            diallers=diallers,
        )

    def _load(self) -> dict[str, Any]:
        schema = SettingsFile()
        try:
            return dict(schema.load(self._source.data))
        except ValidationError as error:
            self._faults.add_schema_errors(schema, error)
            # What did load is looked at as well, so that secrets and the CRM's settings are told in the same go.
            return error.valid_data if isinstance(error.valid_data, dict) else {}

    def _ledger_url(self, url: str | SecretRef) -> str:
        if isinstance(url, SecretRef):
            url = self._secret(("ledger", "url"), url) or "sqlite:///optout.db"
            if not is_ledger_url(url):
                self._faults.add(
                    ("ledger", "url"),
                    "what it refers to is not the URL of a ledger",
                    "allowed: sqlite:/// or postgresql",
                )
        scheme, separator, path = url.partition("sqlite:///")
        if not scheme and separator:
            return f"sqlite:///{self._home.folder / Path(path).expanduser()}"
        return url

    def _sources(self, data: Mapping[str, Any]) -> tuple[Source, ...]:
        connector = data.get("crm", {}).get("connector")
        found = []
        for name, table in data.get("sources", {}).items():
            place: Place = ("sources", name)
            refs = table.get("secrets", [])
            # A CRM's own events are proven genuine by its connector; everyone else needs a secret.
            written = self._source.data["sources"][name]
            if isinstance(written, dict) and "secrets" not in written and name != connector:
                self._faults.add(place, "secrets is missing", f"allowed: a list of {SECRET_FORM}")
            secrets = [self._webhook_secret((*place, "secrets", i), ref) for i, ref in enumerate(refs)]
            namespace, silent = table.get("namespace", name), table.get("silent_after_hours")
            dry_run = table.get("dry_run", False)
            found.append(Source(name, tuple(filter(None, secrets)), namespace, silent, dry_run))
        return tuple(found)

    def _webhook_secret(self, place: Place, ref: SecretRef) -> str | None:
        secret = self._secret(place, ref) if self._with_secrets else None
        if secret is None:
            return None
        try:
            shortest = min(map(len, webhook_keys(secret)))
            why = "is too short" if shortest < _SHORTEST_KEY else None
        except UnusableWebhookSecret as error:
            why = str(error)
        if why is not None:
            self._faults.add(
                place,
                f"{_origin(ref)} does not hold a secret of Standard Webhooks: it {why}",
                f"allowed: base64 of at least {_SHORTEST_KEY} bytes, as openssl rand -base64 32 prints it",
            )
        return secret

    def _crm(self, table: Mapping[str, Any]) -> CrmAccount:
        name = table.get("connector")
        if name is None or not self._with_secrets:
            return CrmAccount(name or "", {})
        # Connectors bring the HTTP library with them, which a command that sends nothing does not need.
        from connectors import registry  # noqa: PLC0415

        try:
            known = registry.names()
            kind = registry.connector_class(name) if name in known else None
        except registry.ConnectorMisfit as error:
            self._faults.add(("crm",), str(error), "update or remove the package that it comes from")
            return CrmAccount(name, {})
        for key in table:
            if key not in (*known, "connector"):
                self._faults.add(("crm", key), "unknown key", closest(key, {*known, "connector"}))
        if kind is None:
            self._faults.add(("crm", "connector"), f"unknown connector {name!r}", closest(name, known))
            return CrmAccount(name, {})
        return CrmAccount(name, self._account(("crm", name), table.get(name, {}), kind.Settings()))

    def _account(self, place: Place, table: object, schema: Any) -> dict[str, Any]:
        if not isinstance(table, Mapping):
            self._faults.add(place, "not a table", f"allowed: a table [{'.'.join(map(str, place))}]")
            return {}
        values, unresolved = dict(table), []
        for attribute, field in schema.fields.items():
            key = field.data_key or attribute
            if field.metadata.get("secret") and key in values:
                values[key] = self._account_secret((*place, key), values[key])
                if values[key] is None:
                    del values[key]
                    unresolved.append(attribute)
        try:
            return dict(schema.load(values, partial=tuple(unresolved)))
        except ValidationError as error:
            self._faults.add_schema_errors(schema, error, place)
            return {}

    def _account_secret(self, place: Place, value: object) -> str | None:
        try:
            return self._secret(place, secret_ref(value))
        except ValidationError as error:
            self._faults.add(place, str(error.messages[0]), f"allowed: {SECRET_FORM}")
            return None

    def _delivery(self, table: Mapping[str, Any]) -> DeliveryPolicy:
        policy = DeliveryPolicy(**table)
        if policy.longest_wait_seconds < policy.first_wait_seconds:
            self._faults.add(
                ("delivery", "longest_wait_seconds"),
                f"given {policy.longest_wait_seconds}",
                f"allowed: at least first_wait_seconds ({policy.first_wait_seconds:g})",
            )
        return policy

    def _web(self, table: Mapping[str, Any]) -> WebSettings:
        values = dict(table)
        token = values.pop("metrics_token", None)
        if token is not None and self._with_secrets:
            values["metrics_token"] = self._secret(("web", "metrics_token"), token)
        return WebSettings(**values)

    def _page(self, table: Mapping[str, Any], web: WebSettings, connector: str, sources: set[str]) -> PageSettings:
        host = f"[{web.host}]" if ":" in web.host else web.host
        values: dict[str, Any] = {"public_url": f"http://{host}:{web.port}", "source": connector} | dict(table)
        for key in ("secret", "old_secret"):
            if key in table:
                values[key] = self._signing_key(("page", key), table[key])
        if "old_secret" in table and "secret" not in self._source.data["page"]:
            self._faults.add(("page", "old_secret"), "given without secret", "add secret, the key that signs now")
        if values["source"] not in sources | {connector}:
            known = closest(values["source"], sources | {connector})
            self._faults.add(("page", "source"), f"no source {values['source']!r}", known)
        if "frame_ancestors" in table:
            values["frame_ancestors"] = tuple(dict.fromkeys(table["frame_ancestors"]))
            if not is_trustworthy(values["public_url"]):
                what = f"given while public_url is {values['public_url']}"
                self._faults.add(
                    ("page", "frame_ancestors"),
                    what,
                    "set an https public_url: browsers keep no cookie in a frame else",
                )
        return PageSettings(**values)

    def _signing_key(self, place: Place, ref: SecretRef) -> str | None:
        secret = self._secret(place, ref) if self._with_secrets else None
        if secret is not None and len(secret) < _SHORTEST_SIGNING_KEY:
            what = f"{_origin(ref)} holds less than {_SHORTEST_SIGNING_KEY} characters"
            self._faults.add(place, what, "make a new one: openssl rand -base64 32")
        return secret

    def _alerts(self, table: Mapping[str, Any], mailed: bool) -> AlertPolicy:
        values, usual = dict(table), WorkingTime()
        days = values.pop("working_days", None)
        working = WorkingTime(
            usual.days if days is None else frozenset(map(WEEKDAYS.index, days)),
            values.pop("working_from", usual.from_),
            values.pop("working_until", usual.until),
        )
        if working.until <= working.from_:
            place: Place = ("alerts", "working_until" if "working_until" in table else "working_from")
            what = f"working hours from {working.from_:%H:%M} until {working.until:%H:%M}"
            self._faults.add(place, what, "allowed: working_from before working_until, on the same day")
        if ("webhook" in table) != ("webhook_secret" in table):
            present, absent = ("webhook", "webhook_secret") if "webhook" in table else ("webhook_secret", "webhook")
            written = self._source.data["alerts"]
            if absent not in written:
                self._faults.add(("alerts", present), f"given without {absent}", "give both or neither")
        if "webhook_secret" in table:
            values["webhook_secret"] = self._webhook_secret(("alerts", "webhook_secret"), table["webhook_secret"])
        if "to" in values:
            values["to"] = tuple(dict.fromkeys(values["to"]))
            if not mailed:
                self._faults.add(("alerts", "to"), "given without [smtp]", "add [smtp], the mail server to send by")
        return AlertPolicy(**values, working=working)

    def _smtp(self, table: Mapping[str, Any] | None) -> SmtpServer | None:
        if table is None or not {"host", "sender"} <= set(table):
            return None
        values = {"port": _MAIL_PORTS[table.get("security", "none")], **table}
        written = self._source.data["smtp"]
        if ("user" in written) != ("password" in written):
            present, absent = ("user", "password") if "user" in written else ("password", "user")
            self._faults.add(
                ("smtp", present), f"given without {absent}", f"give both or neither; password is {SECRET_FORM}"
            )
        if "ca_file" in table:
            values["ca_file"] = self._certificates(table)
        if "password" in table:
            ref = table["password"]
            values["password"] = self._secret(("smtp", "password"), ref) if self._with_secrets else None
        return SmtpServer(**values)

    def _certificates(self, table: Mapping[str, Any]) -> str:
        place: Place = ("smtp", "ca_file")
        path = self._home.folder / Path(table["ca_file"]).expanduser()
        if table.get("security", "none") == "none":
            self._faults.add(place, 'given with security = "none"', 'set security to "starttls" or "tls"')
        elif self._with_secrets and (why := unusable_certificates(path)):
            self._faults.add(place, f"the file {path} {why}", "name a file of certificates in PEM form")
        return str(path)

    def _secret(self, place: Place, ref: SecretRef) -> str | None:
        """The secret itself, or None after noting why it cannot be had."""
        if ref.env is not None and ref.env in self._environ:
            return self._secret_in(place, ref, self._environ[ref.env], "set it to the secret")
        if ref.env is not None:
            credential = self._credential(ref.env)
            if credential is None:
                self._faults.add(place, f"the environment variable {ref.env} is not set", "set it to the secret")
                return None
            ref = SecretRef(file=str(credential))
        path = self._home.folder / Path(ref.file or "").expanduser()
        try:
            data = path.read_bytes()
        except OSError as error:
            self._faults.add(place, f"the file {path} cannot be read ({error.strerror})", "write the secret into it")
            return None
        return self._secret_in(place, SecretRef(file=str(path)), data, "write the secret into it")

    def _credential(self, name: str) -> Path | None:
        """The file in which a service manager hands over what else is in a variable: systemd's LoadCredential=."""
        folder = self._environ.get(_CREDENTIALS)
        path = Path(folder, name) if folder else None
        return path if path is not None and path.exists() else None

    def _secret_in(self, place: Place, ref: SecretRef, data: bytes | str, remedy: str) -> str | None:
        try:
            return secret_text(data)
        except UnusableSecret as error:
            remedies = {"not_text": f"{remedy} as text", "several_lines": f"{remedy}, alone and on one line"}
            self._faults.add(place, f"{_origin(ref)} {error}", remedies.get(error.why, remedy))
            return None


def _origin(ref: SecretRef) -> str:
    return f"the environment variable {ref.env}" if ref.env else f"the file {ref.file}"
