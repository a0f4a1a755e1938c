"""Rules folders to look at: copies of the shipped ones and of the tiny script, changed by a line or two."""

from __future__ import annotations

import shutil
from pathlib import Path

from plugin.deciding.decision.compiled_rules import Rulebook
from tests.support.rules_folder import ROOT

SHIPPED = ROOT / "rules"
SCRIPT = "survey_opt_out"

PLUGIN_TOML = """
[plugin]
id = "optout"
version = "0.1.0"
events = ["call-result"]
default_script = "survey_opt_out"
timezone = "Europe/Moscow"

[ledger]
url = "sqlite:///ledger.db"

[crm]
connector = "embedded"

[crm.embedded]
base_url = "http://127.0.0.1:9"
token = { env = "NOWHERE" }
"""


def home_with_rules(folder: Path) -> Path:
    """A deployment's folder with a copy of the shipped rules and without a ledger."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    copied(folder / "rules")
    return folder


def copied(folder: Path) -> Path:
    """A copy of the shipped rules without their cases, which a change would have to follow."""
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("cases.toml"))
    return folder


def edited(folder: Path, file: str, old: str, new: str, times: int = 1) -> None:
    """Replace a piece of a file that stands there so many times."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == times, f"{file}: {old!r} stands there {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


def without_entry(folder: Path, file: str, heading: str) -> None:
    """Remove one ``[[rule]]`` or ``[[question]]``: from its heading and id to the next empty line."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    start = text.index(heading)
    end = text.find("\n\n", start)
    path.write_text(text[:start] + (text[end:] if end >= 0 else ""), encoding="utf-8")


def shipped_and(tmp_path: Path) -> tuple[Rulebook, Path]:
    """The shipped rules without cases, and a copy of them to change."""
    return Rulebook.load(copied(tmp_path / "before")), copied(tmp_path / "after")
