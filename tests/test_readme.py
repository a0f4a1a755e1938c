"""The README says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.registry import names
from plugin.cli.help_language import help_messages
from plugin.cli.main import COMMANDS
from plugin.cli.rules import COMMANDS as RULES_COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "place"), COMMANDS.items(), ids=COMMANDS)
def test_every_command_stands_there_with_its_own_words(name: str, place: tuple[str, str]) -> None:
    assert f"| `optout {name}` | {place[1]} |" in README


@pytest.mark.parametrize(("name", "place"), RULES_COMMANDS.items(), ids=RULES_COMMANDS)
def test_every_rules_command_stands_there_with_its_own_words(name: str, place: tuple[str, str]) -> None:
    assert f"| `optout rules {name}` | {place[1]} |" in README


def test_no_command_stands_there_twice_or_does_not_exist() -> None:
    named = [line.split("`")[1] for line in README.splitlines() if line.startswith("| `optout ")]

    assert sorted(named) == sorted(
        [f"optout {name}" for name in COMMANDS] + [f"optout rules {name}" for name in RULES_COMMANDS]
    )


def test_every_connector_stands_there_once_with_its_page() -> None:
    rows = re.findall(r"^ *\| \[`(\w+)`\]\((\S+)\) \|", README, re.MULTILINE)

    assert sorted(rows) == [(name, f"connectors/{name}/README.md") for name in names()]


def test_every_make_target_that_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in ("demo", "check", "test", "bench", "chaos"):
        assert f"make {target}" in README
        assert f"\n{target}:" in makefile


def test_every_link_into_the_project_leads_somewhere() -> None:
    links = [part.split(")")[0] for part in README.split("](")[1:]]

    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


# --- the same in Russian ---------------------------------------------------------------------------

RUSSIAN = (ROOT / "README.ru.md").read_text(encoding="utf-8")


def commands_of(page: str) -> list[str]:
    """Its indented commands without their remarks, in their order."""
    lines = re.findall(
        r"^(?: {4}| {7})((?:make|\S*/bin/\w+|python3|optout|apt-get|pip|python|docker|export|createdb)\b.*)$",
        page,
        re.MULTILINE,
    )
    return [re.split(r"\s+#", line)[0].rstrip() for line in lines]


def test_the_russian_page_has_the_same_commands_in_the_same_order() -> None:
    assert commands_of(RUSSIAN) == commands_of(README)
    assert len(commands_of(README)) >= 13


def test_the_russian_page_names_the_same_code_and_links() -> None:
    for pattern in (r"`([^`\n]+)`", r"\]\(([^)]+)\)"):
        named, russian = set(re.findall(pattern, README)), set(re.findall(pattern, RUSSIAN))
        assert sorted(named - russian - {"README.ru.md"}) == []
        assert sorted(russian - named - {"README.md"}) == []


def test_the_russian_page_has_the_same_headings_and_tables() -> None:
    shape = re.compile(r"^(#+) |^ *(\|)|^ *(\d\.) ", re.MULTILINE)
    assert [tuple(found) for found in shape.findall(RUSSIAN)] == [tuple(found) for found in shape.findall(README)]


def test_the_russian_page_tells_each_command_as_its_help_does() -> None:
    words = help_messages()
    for name, (_, about) in [*COMMANDS.items(), *((f"rules {one}", place) for one, place in RULES_COMMANDS.items())]:
        assert f"| `optout {name}` | {words[about]} |" in RUSSIAN
