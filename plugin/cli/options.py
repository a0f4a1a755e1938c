"""Options that several commands have, and how each of them prints JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
json_lines_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
full_option = click.option("--full", is_flag=True, help="Show phone numbers in full.")
by_option = click.option("--by", metavar="NAME", default="", help="Who does it; required with --yes.")
reason_option = click.option("--reason", metavar="TEXT", default="", help="Why, in a phrase; required with --yes.")
yes_option = click.option("--yes", is_flag=True, help="Do it; without this only the plan is shown.")


def limit_option(default: int, most: int = 10_000) -> Callable[[F], F]:
    """``--limit``: how many of the newest are listed."""
    return click.option(
        "--limit", type=click.IntRange(1, most), default=default, show_default=True, help="The newest so many."
    )


def together(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which ``--help`` lists them."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def print_json(value: Mapping[str, Any], **how: Any) -> None:
    """Print one JSON object on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, **how))


def print_json_lines(values: Iterable[Mapping[str, Any]]) -> None:
    """Print one JSON object a line."""
    for value in values:
        print_json(value)
