"""docs/operations.md names every metric, every log event and only commands that there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from plugin.cli.main import cli
from plugin.common.clock import utc_now
from plugin.ledger import Ledger
from plugin.web.metrics import Metrics
from tests.plugin.events.support import SETTINGS
from tests.support.databases import migrate

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LEVELS = {"debug", "info", "warning", "error", "exception"}
#: What a delivery's handling can end in, where the event's name is put together.
ENDINGS = {"delivery.done", "delivery.cancelled", "delivery.waiting", "delivery.unknown"}


def logged(path: Path) -> Iterator[str]:
    """The events that a module logs: the first argument of its loggers' methods."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
            continue
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id.lower().strip("_") == "log" and node.args:
            first = node.args[0]
            texts = [text for text in ast.walk(first) if isinstance(text, ast.Constant) and isinstance(text.value, str)]
            yield from (text.value for text in texts if not isinstance(first, ast.JoinedStr))


@cache
def events() -> set[str]:
    return {event for path in (ROOT / "plugin").rglob("*.py") for event in logged(path)} | ENDINGS


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for child in group.list_commands(context):
        command = group.get_command(context, child)
        assert command is not None
        yield f"{name} {child}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {child}")


def test_there_are_events_to_look_for() -> None:
    assert {"events.taken", "delivery.parked", "rules.folder_differs"} <= events()


def test_every_log_event_is_explained() -> None:
    assert sorted(event for event in events() if f"`{event}`" not in PAGE) == []


def test_every_explained_log_event_is_logged() -> None:
    table = PAGE.split("| event | level | means |")[1].split("## Runbook")[0]
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)`", table.replace("`optout_", ""))) | {"request"}
    assert sorted(named - events()) == []


def test_every_metric_is_explained_and_every_explained_one_there(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(ledger)
    metrics = Metrics(ledger, SETTINGS, utc_now)
    there = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics._registry.collect()
        if family.name.startswith("optout_")
    }
    ledger.close()
    assert there == set(re.findall(r"^\| `(optout_\w+)`", PAGE, re.MULTILINE))


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(optout [a-z][^`]*)`", PAGE))))
def test_commands_and_their_options_are_there(named: str) -> None:
    known = dict(commands(cli, "optout"))
    words = named.split()
    path = next(" ".join(words[:count]) for count in (3, 2) if " ".join(words[:count]) in known)
    # Of some groups one command need not be named.
    path = f"{path} {known[path].default}" if hasattr(known[path], "default") else path
    options = {option for parameter in known[path].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
