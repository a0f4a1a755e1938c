"""The integrator's page names what there is: its settings load, every setting and every right is on it."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.amocrm import AmoConnector, checks, client
from connectors.amocrm.writes import REQUESTS

PAGE = Path(client.__file__).with_name("README.md").read_text("utf-8")


def example(*, oauth: bool) -> dict[str, Any]:
    """The page's example, by a long-lived token or by OAuth, secrets filled in as the plugin would."""
    section = PAGE.split("## plugin.toml")[1].split("\n## ")[0]
    block = textwrap.dedent("\n".join(line for line in section.splitlines() if line.startswith("    ")))
    if oauth:
        block = re.sub(r"^# (client_\w+|redirect_uri|code) =", r"\1 =", block, flags=re.MULTILINE)
        block = re.sub(r"^token = .*$", "", block, flags=re.MULTILINE)
    block = re.sub(r"^# (requests_per_second|burst) =", r"\1 =", block, flags=re.MULTILINE)
    account: dict[str, Any] = tomllib.loads(block)["crm"]["amocrm"]
    filled = {"env": "a-secret-of-some-length"}
    return {
        name: filled["env"] if isinstance(value, dict) and "env" in value else value for name, value in account.items()
    }


@pytest.mark.parametrize("oauth", [False, True])
def test_the_example_loads(oauth: bool) -> None:
    loaded = AmoConnector.Settings().load(example(oauth=oauth))
    assert bool(loaded["code"]) is oauth
    assert loaded["facts"].facts()
    AmoConnector(loaded).close()


def test_every_setting_is_named() -> None:
    assert {name for name in AmoConnector.Settings().fields if name not in PAGE} == set()


def test_every_event_that_the_doctor_asks_for_is_named() -> None:
    assert {event for event in checks._TOLD if f"`{event}`" not in PAGE} == set()


def test_the_number_of_requests_is_the_real_one() -> None:
    assert f"at most {REQUESTS} requests" in PAGE


def test_it_tells_how_to_remove_it_again() -> None:
    page = PAGE.split("## Removing it again")[1]
    for what in ("plugin.toml", "webhook", "integration", "user", "fields"):
        assert what in page
