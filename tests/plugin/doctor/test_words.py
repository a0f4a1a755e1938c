"""Everything that the doctor and parked deliveries tell an admin is there in Russian, for each connector."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import registry
from connectors.base import Check
from plugin.common.translate import Phrasebook
from plugin.delivery.reasons import russian_reason
from plugin.doctor.words import phrasebook
from tests.connectors.contract.rig import Rig
from tests.support.fake_api import Fault

ROOT = Path(__file__).resolve().parents[3]
CYRILLIC = re.compile("[А-Яа-яЁё]")
#: More than parts that are put together, each of which is a sentence of its own.
WORDS = re.compile("[A-Za-z]{2}")
#: Calls whose texts an admin reads, as names and remedies of points or as reasons of deliveries.
CHECKERS = {"point", "untried", "read_failed", "Check", "DoctorCheck", "_failed", "holds", "fails", "_holds", "_fails"}
REASONS = {"_parked", "_open_ending", "UnsendableError", "NotDone", "Unknown", "CrmUnavailable", "CrmRefused"}
CHECKING = [*(ROOT / "connectors").glob("*/checks.py"), *(ROOT / "plugin/doctor").glob("*.py")]
DELIVERING = [*(ROOT / "plugin/delivery").glob("*.py"), *(ROOT / "connectors/http").glob("*.py")]
TABLES = sorted([*ROOT.glob("connectors/*/messages_ru.toml"), *ROOT.glob("plugin/*/messages_ru.toml")])


def template(node: ast.expr) -> str | None:
    """A text of the code as it may be told, ``§`` where something is filled in; None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "§" for part in node.values)
    return None


def said_in(path: Path, calls: set[str]) -> Iterator[str]:
    """The sentences that are written out as arguments of these calls."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in calls:
                texts = (template(one) for one in (*node.args, *(key.value for key in node.keywords)))
                yield from (text for text in texts if text and " " in text.strip() and WORDS.search(text))


def untold(texts: Iterator[str] | list[str], book: Phrasebook) -> list[str]:
    return [text for text in texts if not CYRILLIC.search(book.told(text))]


@pytest.fixture(params=registry.names())
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with importlib.import_module(f"tests.connectors.{request.param}.rig").rig() as made:
        yield made


@pytest.mark.parametrize("fault", [None, Fault.THROTTLED, Fault.REFUSED, Fault.TOKEN_EXPIRED, Fault.ERROR_BEFORE])
def test_no_point_of_a_connector_is_told_in_english(rig: Rig, fault: Fault | None) -> None:
    if fault is not None:
        rig.fault(*[fault] * 200)
    points: list[Check] = [*rig.connector.check()]
    points += [point for person in rig.people for point in rig.connector.check_assignee(person, mailed=True)]
    assert points
    own = in_own_words(rig)
    texts = [text for point in points for text in (point.name, point.remedy) if text]
    assert [text for text in untold(texts, phrasebook("ru")) if not any(part in text for part in own)] == []


def in_own_words(rig: Rig) -> list[str]:
    """What the description of a CRM says for itself: whoever wrote it chose its language."""
    described = [*rig.connector.settings.get("check", ()), rig.connector.settings.get("person")]
    return [text for one in described if one for text in (getattr(one, "name", ""), one.remedy) if text]


@pytest.mark.parametrize("path", CHECKING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_point_that_the_code_writes_out_is_in_a_table(path: Path) -> None:
    assert untold(said_in(path, CHECKERS), phrasebook("ru")) == []


@pytest.mark.parametrize("path", DELIVERING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_reason_that_the_code_writes_out_is_in_a_table(path: Path) -> None:
    assert [text for text in said_in(path, REASONS) if not CYRILLIC.search(russian_reason(text))] == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.parent.name)
def test_a_table_keeps_every_part_of_a_sentence(table: Path) -> None:
    for english, russian in tomllib.loads(table.read_text(encoding="utf-8")).items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", russian)), english
        assert CYRILLIC.search(russian) or not re.search(r"[a-z]{4,}", russian), english


def test_what_a_crm_said_stays_in_its_own_words() -> None:
    told = russian_reason("crm.example answered 403 (Access denied: Оператор)")
    assert told == "crm.example ответил 403 (Access denied: Оператор)"


def test_a_reason_within_a_reason_is_told_too() -> None:
    told = russian_reason("given up after 5 faults: fault in the code: KeyError")
    assert told == "оставлено после сбоев (5): сбой в программе: KeyError"
