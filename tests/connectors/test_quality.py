"""Each connector's checklist is kept true, and its page tells the integrator what there is to know."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from connectors import registry
from connectors.http.settings import HttpAccount

ROOT = Path(__file__).parents[2]
CONNECTORS = sorted(path.parent for path in (ROOT / "connectors").glob("*/connector.py"))
EACH = pytest.mark.parametrize("folder", CONNECTORS, ids=lambda folder: folder.name)

ITEMS = {
    *("comment", "reminder", "mail", "find", "reminder_state", "withdraw", "remove"),
    *("contact_by_phone", "contact_by_name"),
    *("events_authentic", "events_reread", "own_events_ignored", "mapping"),
    *("quota_shared", "throttling", "token_renewed", "blocked_account", "batch", "read_back"),
    *("check", "check_people", "frame", "escaping", "readme", "fixtures", "contract_suite", "removal"),
}
#: A reason is a sentence, not a word.
_SHORTEST_REASON = 20


def checklist(folder: Path) -> dict[str, Any]:
    return dict(tomllib.loads((folder / "quality.toml").read_text(encoding="utf-8")))


def readme(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def test_every_folder_is_a_connector_and_every_connector_has_a_folder() -> None:
    assert {folder.name for folder in CONNECTORS} == set(registry.names())


def test_the_connectors_come_from_their_folders() -> None:
    for name in registry.names():
        assert registry.connector_class(name).__module__.startswith(f"connectors.{name}.")


# --- the checklist ---------------------------------------------------------------------------------


@EACH
def test_every_item_is_there_and_no_other(folder: Path) -> None:
    found = checklist(folder)
    assert set(found) == {"item"}
    assert set(found["item"]) == ITEMS


@EACH
def test_every_item_is_shown_by_a_test_or_exempt_with_the_reason(folder: Path) -> None:
    wrong = {name: item for name, item in checklist(folder)["item"].items() if not _kept(item)}
    assert wrong == {}


def _kept(item: Any) -> bool:
    if set(item) == {"done", "by"}:
        test = ROOT / item["by"]
        # Not only there: it has tests in it.
        return item["done"] is True and test.is_file() and "\ndef test_" in test.read_text(encoding="utf-8")
    return set(item) == {"exempt"} and isinstance(item["exempt"], str) and len(item["exempt"]) >= _SHORTEST_REASON


@EACH
def test_what_a_connector_has_is_not_exempt(folder: Path) -> None:
    item, connector = checklist(folder)["item"], registry.connector_class(folder.name)
    if connector.sends_mail:
        assert "exempt" not in item["mail"]
    if connector.most_writes > 1:
        assert "exempt" not in item["batch"]
    if connector.removes:
        assert "exempt" not in item["remove"]
    for name in ("comment", "reminder", "find", "reminder_state", "withdraw", "contact_by_phone", "contact_by_name"):
        assert "exempt" not in item[name]
    for name in ("check", "quota_shared", "throttling", "escaping", "readme", "contract_suite", "removal"):
        assert "exempt" not in item[name]


@EACH
def test_what_is_said_to_be_fixtures_is_there_and_named_by_event_and_variant(folder: Path) -> None:
    fixtures = sorted((ROOT / "tests/connectors" / folder.name / "fixtures").glob("*"))
    if "exempt" in checklist(folder)["item"]["fixtures"]:
        assert fixtures == []
        return
    assert fixtures
    assert [path.name for path in fixtures if not re.fullmatch(r"[a-z0-9_]+?__[a-z0-9_]+\.\w+", path.name)] == []


@EACH
def test_the_contract_suite_runs_on_it(folder: Path) -> None:
    assert (ROOT / "tests/connectors" / folder.name / "rig.py").is_file()


# --- the integrator's page -------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("about", [r"cannot do", r"remov(e|ing) it again", r"create|account", r"right|check"])
def test_the_page_has_a_heading_about(folder: Path, about: str) -> None:
    headings = re.findall(r"^#+ (.+)$", readme(folder), re.MULTILINE)
    assert any(re.search(about, heading, re.IGNORECASE) for heading in headings)


@EACH
def test_the_page_shows_settings_that_the_connector_takes(folder: Path) -> None:
    tables = [example.get("crm", {}).get(folder.name) for example in examples(readme(folder))]
    shown = [table for table in tables if table]
    assert shown
    known = set(registry.connector_class(folder.name).Settings().fields)
    assert [name for table in shown for name in table if name not in known] == []


def examples(text: str) -> list[dict[str, Any]]:
    """The page's blocks of TOML, fenced or indented, read."""
    fenced = re.findall(r"^ *```toml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    \[crm.*\n(?:(?:    .*)?\n)*", text, re.MULTILINE)
    return [tomllib.loads(dedent(block)) for block in fenced + indented]


@EACH
def test_the_page_names_every_setting_of_its_own(folder: Path) -> None:
    own = set(registry.connector_class(folder.name).Settings().fields) - set(HttpAccount().fields)
    text = readme(folder)
    assert [name for name in sorted(own) if not re.search(rf"\b{re.escape(name)}\b", text)] == []


@EACH
def test_the_page_holds_no_secret(folder: Path) -> None:
    fields = registry.connector_class(folder.name).Settings().fields
    secret = [name for name, field in fields.items() if field.metadata.get("secret")]
    for name in secret:
        given = re.findall(rf"^\s*#?\s*{re.escape(name)} = (.+)$", readme(folder), re.MULTILINE)
        assert all(value.startswith("{") for value in given), name
