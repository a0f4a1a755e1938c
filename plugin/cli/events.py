"""``optout events``: the CRM's own events that are yet to be resolved, tried again or given up by hand, in Russian.

At most 80 columns wide. An act shows its plan and waits for ``--yes``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plugin.cli.events_catch_up import catch_up
from plugin.cli.options import (
    by_option,
    json_lines_option,
    limit_option,
    print_json_lines,
    reason_option,
    together,
    yes_option,
)
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.events.inbox_by_hand import Does

_STATES = ("waiting", "parked", "done", "ignored", "dropped")

_acting = together(
    click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1)),
    click.option("--parked", is_flag=True, help="All that were left to a human."),
    by_option,
    reason_option,
    yes_option,
)


@click.group(short_help="The CRM's own events: list what waits, retry, drop, catch up.")
def events() -> None:
    """The CRM's own events: which wait and why; try them again or give them up; read those that were missed."""


events.add_command(catch_up)


@events.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(_STATES),
    help="Only in this state; repeatable. By default what is not over: waiting and parked.",
)
@limit_option(20)
@json_lines_option
@click.pass_obj
def list_(config: Path | None, *, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Print kept events, the newest first. What is over is remembered for a week."""
    from plugin.cli.format import events as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.events.inbox_by_hand import OPEN, newest_kept

    settings = settings_of(config)
    with ledger_of(settings) as ledger, ledger.read() as connection:
        found = newest_kept(connection, states or OPEN, limit)
    if as_json:
        print_json_lines(text.as_json(one, settings.timezone) for one in found)
    else:
        click.echo(text.page(found, settings.timezone, settings.language) if found else text.EMPTY)


@events.command()
@_acting
@click.pass_obj
def retry(config: Path | None, /, **options: Any) -> int:
    """Try events again now: by number, or all that were parked. For when their cause has been mended."""
    return _act("retry", config, **options)


@events.command()
@_acting
@click.pass_obj
def drop(config: Path | None, /, **options: Any) -> int:
    """Give events up: by number, or all that were parked. What a client asked for in them is not carried out."""
    return _act("drop", config, **options)


def _act(
    does: Does, config: Path | None, *, ids: tuple[int, ...], parked: bool, by: str, reason: str, yes: bool
) -> int:
    from plugin.cli.format import events as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.events.inbox_by_hand import act, events_at, parked_ids
    from plugin.ledger.audit import Actor

    if bool(ids) == parked:
        raise InputError("Не сказано, какие события", hint="Назовите номера или --parked")
    actor = Actor.signed(by, reason) if yes else None
    settings = settings_of(config)
    with ledger_of(settings) as ledger:
        with ledger.read() as connection:
            found = events_at(connection, ids or parked_ids(connection))
        done = act(ledger, does, [one.id for one in found], actor, utc_now) if actor and found else 0
    click.echo(text.told(does, found, settings.timezone, done if yes else None, settings.language))
    return 0
