"""``optout sessions``: who is on the operators' page now, however they came in, and ending that; in Russian."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import json_lines_option, print_json_lines
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.auth.open_sessions import OpenSessions


@click.group(short_help="Who is on the operators' page now: list, end.")
def sessions() -> None:
    """Who is on the operators' page now: signed in, or let in by a link or a frame of the CRM."""


@sessions.command("list")
@json_lines_option
@click.pass_obj
def list_(config: Path | None, /, *, as_json: bool) -> None:
    """Print every open session."""
    from plugin.cli.format import sessions as text
    from plugin.cli.ledgers import settings_of

    zone = settings_of(config).timezone
    with _sessions(config) as found:
        every = found.all()
    if as_json:
        print_json_lines(map(text.to_json, every))
    else:
        click.echo(text.table(every, zone) if every else text.EMPTY)


@sessions.command()
@click.option("--operator", metavar="NAME", help="End those of this operator.")
@click.option("--all", "everybody", is_flag=True, help="End all of them.")
@click.pass_obj
def end(config: Path | None, /, operator: str | None, *, everybody: bool) -> None:
    """End sessions at once: their next request is refused. What was answered on the page so far is kept."""
    if (operator is None) is not everybody:
        raise InputError("Чьи сеансы завершить?", hint="--operator ИМЯ или --all")
    with _sessions(config) as found:
        number = found.end(operator)
    whose = "" if operator is None else f" оператора {operator}"
    click.echo(f"Завершено сеансов{whose}: {number}.")


@contextmanager
def _sessions(config: Path | None) -> Iterator[OpenSessions]:
    from plugin.auth.open_sessions import OpenSessions
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now

    with ledger_of(settings_of(config)) as ledger:
        yield OpenSessions(ledger, utc_now)
