"""``optout deliveries``: what goes out to the CRM and by mail, retried or called off by hand, in Russian.

At most 80 columns wide, phone numbers masked. An act shows its plan and waits for ``--yes``.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plugin.cli.options import (
    by_option,
    full_option,
    json_lines_option,
    json_option,
    limit_option,
    print_json,
    print_json_lines,
    reason_option,
    together,
    yes_option,
)
from plugin.common.moments import moment_of
from plugin.errors import InputError
from plugin.ledger.states import DeliveryKind, DeliveryState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from plugin.config.settings import Settings
    from plugin.operations.deliveries import Act
    from plugin.operations.selection import Selection

BAD_INPUT = 2
_STATES = [state.value for state in DeliveryState]
_KINDS = [kind.value for kind in DeliveryKind]

#: The options by which deliveries are chosen.
_choosing = together(
    click.option(
        "--state", "states", multiple=True, type=click.Choice(_STATES), help="Only in this state; repeatable."
    ),
    click.option("--kind", "kinds", multiple=True, type=click.Choice(_KINDS), help="Only of this kind; repeatable."),
    click.option("--call", metavar="ID", help="Only of this call: its number here or its id in the CRM."),
    click.option("--since", metavar="WHEN", help="Planned at or after: 2026-11-22, '2026-11-22 10:00', 24h, 7d."),
    click.option("--late", is_flag=True, help="Only those done, or still undone, after the promised time."),
    click.option("--why", metavar="TEXT", help="Only those whose reason contains this."),
)
#: The options of an act.
_acting = together(by_option, reason_option, yes_option, json_option)


@click.group(short_help="What goes to the CRM and by mail: list, show, retry, cancel.")
def deliveries() -> None:
    """What goes to the CRM and by mail: how far it got; retry what was stopped, call off what must not go out."""


@deliveries.command("list")
@_choosing
@limit_option(20)
@json_lines_option
@click.pass_obj
def list_(config: Path | None, /, *, limit: int, as_json: bool, **choice: Any) -> None:
    """Print deliveries, the newest first."""
    from plugin.cli.format import deliveries as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.operations.selection import newest_deliveries

    settings, now = settings_of(config), utc_now()
    with ledger_of(settings) as ledger, ledger.read() as connection:
        chosen = _chosen(connection, settings, now, **choice)
        found = newest_deliveries(connection, chosen, now, limit)
    if as_json:
        print_json_lines(text.row_json(row, settings.timezone, now) for row in found)
    elif found:
        click.echo(text.table(found, settings.timezone, now, settings.language))
    else:
        click.echo("Доставок ещё не было." if chosen.is_everything else "Под эти условия доставок нет.")


@deliveries.command()
@click.argument("id_", metavar="ID", type=click.IntRange(1))
@full_option
@json_option
@click.pass_obj
def show(config: Path | None, id_: int, full: bool, as_json: bool) -> None:
    """Print all about one delivery: its text, every attempt, and what was done to it by hand."""
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.authoring.revisions.labels import ScriptLabels
    from plugin.cli.format import deliveries as text
    from plugin.cli.format.calls import UNFINISHED
    from plugin.cli.format.delivery_page import page
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.operations.deliveries import read_delivery

    settings = settings_of(config)
    with ledger_of(settings) as ledger:
        with ledger.read() as connection:
            found = read_delivery(connection, id_)
        if found is None:
            raise _missing([id_])
        if as_json:
            print_json(text.delivery_json(found, settings.timezone, full))
            return
        with closing(ActiveRules(ledger, utc_now)) as rules:
            words = ScriptLabels(rules, found["script"])
            outcome = words.outcome(found["outcome"], found["revision"]) if found["outcome"] else UNFINISHED
    click.echo(page(found, outcome, settings.timezone, full, settings.language))


@deliveries.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1))
@_choosing
@click.option(
    "--look-first", is_flag=True, help="In a restored ledger: look in the CRM also for what seems never sent."
)
@_acting
@click.pass_obj
def retry(config: Path | None, /, ids: tuple[int, ...], *, look_first: bool, **options: Any) -> int:
    """Try deliveries again that were parked, or sooner than planned: by number, or all that the options choose.

    What may have reached the CRM is looked for there first, and sent only if it is not there.
    """
    return _act("retry", config, ids, look_first=look_first, **options)


@deliveries.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1))
@_choosing
@_acting
@click.pass_obj
def cancel(config: Path | None, /, ids: tuple[int, ...], **options: Any) -> int:
    """Call deliveries off: by number, or all that the options choose. Says which promises are broken by it.

    What is on its way is stopped if it can be; a look-up in the CRM then tells whether it had arrived already.
    """
    return _act("cancel", config, ids, **options)


def _act(
    act: Act,
    config: Path | None,
    ids: tuple[int, ...],
    *,
    by: str,
    reason: str,
    yes: bool,
    as_json: bool,
    look_first: bool = False,
    **choice: Any,
) -> int:
    from plugin.cli.format import deliveries as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.ledger.audit import Actor
    from plugin.operations.deliveries import Operation

    actor = Actor.signed(by, reason) if yes else None
    settings, now = settings_of(config), utc_now()
    with ledger_of(settings) as ledger:
        with ledger.read() as connection:
            chosen = _chosen(connection, settings, now, ids, **choice)
        if chosen.is_everything:
            hint = "Например: --state parked; все доставки печатает optout deliveries list"
            raise InputError("Не сказано, какие доставки", hint=f"Назовите номера или условия. {hint}")
        operation = Operation(ledger, act, chosen, utc_now, look_first)
        plan = operation.plan() if actor is None else operation.carry_out(actor)
    if as_json:
        print_json(text.plan_json(plan, done=yes, zone=settings.timezone))
    else:
        click.echo(text.plan_told(plan, done=yes, zone=settings.timezone))
    return BAD_INPUT if ids and not plan.count else 0


def _chosen(
    connection: Connection,
    settings: Settings,
    now: datetime,
    ids: tuple[int, ...] = (),
    *,
    states: tuple[str, ...],
    kinds: tuple[str, ...],
    call: str | None,
    since: str | None,
    late: bool,
    why: str | None,
) -> Selection:
    """What the options choose. Raises InputError, also for a number that no delivery has."""
    from plugin.cli.ledgers import calls_named
    from plugin.operations.selection import Selection, chosen_ids

    meant = None if call is None else tuple(calls_named(connection, call))
    if ids:
        known = set(chosen_ids(connection, Selection(ids=ids), now))
        if unknown := [id_ for id_ in ids if id_ not in known]:
            raise _missing(unknown)
    return Selection(ids, states, kinds, meant, moment_of(since, settings.timezone, now), late, why or None)


def _missing(ids: list[int]) -> InputError:
    numbers = ", ".join(str(id_) for id_ in ids[:10])
    return InputError(f"Доставки нет: № {numbers}", hint="Номера печатает optout deliveries list")
