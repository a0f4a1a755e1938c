"""The integrator's page tells every setting, and its examples are settings that load."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24 import Bitrix24Connector
from connectors.bitrix24 import checks as doctor

README = (Path(__file__).parents[3] / "connectors/bitrix24/README.md").read_text(encoding="utf-8")
SECRETS = {"webhook": "https://example.bitrix24.ru/rest/1/abcd/"}


def examples() -> list[dict[str, Any]]:
    blocks = re.findall(r"(?:^(?:    .*|)\n)+", README, re.MULTILINE)
    tables = [textwrap.dedent(block) for block in blocks if "[crm.bitrix24]" in block]
    return [tomllib.loads(table)["crm"]["bitrix24"] for table in tables]


@pytest.mark.parametrize("example", examples())
def test_an_example_of_settings_loads(example: dict[str, Any]) -> None:
    given = {
        name: SECRETS.get(name, "secret") if isinstance(value, dict) and "env" in value else value
        for name, value in example.items()
    }
    loaded = Bitrix24Connector.Settings().load(given)
    assert isinstance(loaded, dict)


def test_there_is_an_example_for_each_way_in() -> None:
    assert [set(example) & {"webhook", "portal"} for example in examples()] == [{"webhook"}, {"portal"}]


def test_every_setting_is_told() -> None:
    names = set(Bitrix24Connector.Settings().fields)
    assert {name for name in names if not re.search(rf"\b{name}\b", README)} == set()


def test_every_scope_that_the_doctor_asks_for_is_told() -> None:
    assert {scope for scope in doctor._METHODS if scope != "todo" and f"`{scope}`" not in README} == set()


def test_removing_it_again_is_told() -> None:
    assert "## Removing it again" in README
