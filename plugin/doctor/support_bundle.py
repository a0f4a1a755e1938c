"""What a helper needs to see of a deployment, in one archive, without personal data and secrets."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from plugin import VERSION
from plugin.common.clock import Now
from plugin.config.load import find_home
from plugin.doctor.bundle_redaction import Redaction, redacted_settings, texts_that_may_be_secret
from plugin.doctor.examine import Examination
from plugin.errors import InputError, OptoutError
from plugin.ledger import Ledger
from plugin.ledger.connected import kept_references
from plugin.ledger.schema import alerts, calls, deliveries
from plugin.ledger.versions import HEAD
from plugin.web.metrics import Metrics

#: So much of the end of the log.
LOG_BYTES = 1_000_000
_ABOUT = """\
What `optout support-bundle` has put together. It holds no secret, phone number, name or mail address that the plugin
knows of; texts that are not English are left out (‹…›). Look through it before you hand it on.

versions.json  the plugin, Python, the system, every installed package
settings.json  plugin.toml: keys, numbers and choices
doctor.json    what `optout doctor` answers
ledger.json    the version of the tables, and how many rows are in which state
metrics.txt    what GET /metrics answers, of the ledger
log.jsonl      the end of the log, where one was named
"""


@dataclass(frozen=True, slots=True)
class BundleParts:
    """The files of a bundle: name → text, in the order in which they are to be read."""

    files: Mapping[str, str]

    def write(self, file: Path) -> None:
        """Write the archive; only its owner may read it. Raises InputError where it is there, or cannot be written."""
        try:
            descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError as error:
            raise InputError(f"{file} exists already", hint="Choose another name; nothing was written") from error
        except OSError as error:
            raise InputError(f"{file} cannot be written: {error.strerror}", hint="Choose another place") from error
        with os.fdopen(descriptor, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.files.items():
                archive.writestr(name, text)


def collect(config: Path | None, environ: Mapping[str, str], now: Now, log: Path | None = None) -> BundleParts:
    """Look at everything and write nothing; the CRM and the mail server are asked as the doctor asks them.

    Whatever cannot be looked at is told in its file. Raises InputError for a ``log`` that cannot be read, ConfigError
    where there is no plugin.toml.
    """
    home = find_home(config, environ)
    tail = _tail(log) if log else []
    with ExitStack() as stack:
        examination = Examination(now, stack)
        examination.run(config, environ)
        data = settings_tables(home.file)
        redaction = Redaction(_known(examination, data))
        files = {
            "README.txt": _ABOUT,
            "versions.json": _json(_versions()),
            "settings.json": _json(redacted_settings(data, environ) if data else {"fault": "not to be read as TOML"}),
            "doctor.json": _json(redaction.value(examination.report.to_json())),
            **{name: redaction.text(text) for name, text in _of_ledger(examination, now)},
        }
        if log:
            files["log.jsonl"] = "\n".join(redaction.log(tail)) + "\n"
    return BundleParts(files)


def _versions() -> dict[str, Any]:
    packages = {one.name: one.version for one in distributions() if one.name}
    return {
        "plugin": VERSION,
        "ledger": HEAD,
        "python": sys.version,
        "system": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "packages": dict(sorted(packages.items(), key=lambda one: one[0].lower())),
    }


def settings_tables(file: Path) -> dict[str, Any]:
    """The tables of plugin.toml; none where it cannot be read as TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}


def _known(examination: Examination, data: Mapping[str, Any]) -> Iterator[str | None]:
    """Whatever texts could be secret or personal: all of plugin.toml's that may be, and those of the roles."""
    yield from examination.report.secrets
    yield from texts_that_may_be_secret(data)
    settings = examination.settings
    if settings is not None:
        yield from (settings.page.secret, settings.page.old_secret, _password(settings.ledger_url))
        yield from settings.alerts.to
        yield from (value for value in settings.crm.settings.values() if isinstance(value, str) and "@" in value)
    if settings is not None and settings.smtp is not None:
        yield from (settings.smtp.user, settings.smtp.sender, settings.smtp.reply_to)
    if examination.rulebook is not None:
        for role in examination.rulebook.roles.values():
            yield from (role.address, role.label, role.crm_user)


def _password(url: str) -> str | None:
    with suppress(ArgumentError):
        password = make_url(url).password
        return str(password) if password else None
    return None


def _of_ledger(examination: Examination, now: Now) -> Iterator[tuple[str, str]]:
    settings = examination.settings
    if settings is None:
        return
    try:
        with closing(Ledger(settings.ledger_url)) as ledger:
            state = ledger.schema()
            told: dict[str, Any] = {"database": ledger.kind, "tables": state.current, "pending": list(state.pending)}
            if state.current == HEAD:
                told |= _counts(ledger)
                yield "metrics.txt", Metrics(ledger, settings, now).exposition()
            yield "ledger.json", _json(told)
    except OptoutError as error:
        yield "ledger.json", _json({"fault": error.message})


def _counts(ledger: Ledger) -> dict[str, Any]:
    standing = alerts.c.closed_at.is_(None)
    queries = {
        "calls": select(calls.c.outcome, func.count()).group_by(calls.c.outcome),
        "deliveries": select(deliveries.c.state, deliveries.c.kind, func.count()).group_by(
            deliveries.c.state, deliveries.c.kind
        ),
        "events of the CRM": select(kept_references.c.state, func.count()).group_by(kept_references.c.state),
        "alerts that stand": select(alerts.c.kind, func.count()).where(standing).group_by(alerts.c.kind),
    }
    with ledger.read() as connection:
        return {
            name: {" ".join(str(part) for part in row[:-1]): row[-1] for row in connection.execute(query)}
            for name, query in queries.items()
        }


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise InputError(f"--log: {log} cannot be read: {error.strerror}", hint="Name the file of the log") from error
    return lines[1:] if size > LOG_BYTES else lines


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"
