"""What the console shows of the set-up: the examination in the admin's words, the settings, the support bundle."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from plugin.common.clock import Now
from plugin.config.load import find_home
from plugin.console.setup_tools import SetupPoint, SetupTools, ShownSetting
from plugin.doctor.examine import Examination
from plugin.doctor.support_bundle import collect, settings_tables
from plugin.doctor.words import phrasebook

_DELICATE = re.compile(r"secret|token|password|key", re.IGNORECASE)
_HIDDEN = "скрыто"


def setup_tools(config: Path | None, environ: Mapping[str, str], now: Now) -> SetupTools:
    """Those of the configuration that this process was started with."""
    return SetupTools(
        lambda: _examined(config, environ, now),
        lambda: list(shown_settings(settings_tables(find_home(config, environ).file), environ)),
        lambda: _bundle(config, environ, now),
    )


def _examined(config: Path | None, environ: Mapping[str, str], now: Now) -> Sequence[SetupPoint]:
    with ExitStack() as stack:
        examination = Examination(now, stack)
        examination.run(config, environ)
        book = phrasebook(examination.settings.language if examination.settings else "ru")
        return [
            SetupPoint(book.told(check.area), book.told(check.name), check.state, book.told(check.remedy))
            for check in examination.report.checks
        ]


def _bundle(config: Path | None, environ: Mapping[str, str], now: Now) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in collect(config, environ, now).files.items():
            archive.writestr(name, text)
    return out.getvalue()


def shown_settings(data: Mapping[str, Any], environ: Mapping[str, str], table: str = "") -> Iterator[ShownSetting]:
    """The settings of these tables one by one; of secrets only where they come from."""
    for name, value in data.items():
        reference = _reference(value, environ)
        if reference is not None:
            yield ShownSetting(table, name, reference)
        elif isinstance(value, Mapping):
            yield from shown_settings(value, environ, f"{table}.{name}" if table else name)
        else:
            yield ShownSetting(table, name, _shown(name, value, environ))


def _reference(value: Any, environ: Mapping[str, str]) -> str | None:
    match value:
        case {"env": str() as name, **others} if not others:
            return f"из переменной {name}" + ("" if name in environ else " — она не задана")
        case {"file": str() as name, **others} if not others:
            return f"из файла {name}"
    return None


def _shown(name: str, value: Any, environ: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return "да" if value else "нет"
    if isinstance(value, list):
        return ", ".join(_reference(one, environ) or _shown(name, one, environ) for one in value) or "пусто"
    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {_shown(key, inner, environ)}" for key, inner in value.items())
    if not isinstance(value, str):
        return str(value)
    if _DELICATE.search(name):
        return _HIDDEN
    return _without_password(value)


def _without_password(text: str) -> str:
    """An address may hold who signs in, and a secret in its query or path."""
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return _HIDDEN
    if parts.scheme in ("sqlite", ""):
        return text
    host = parts.netloc.rpartition("@")[2]
    more = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{host}{more}"
