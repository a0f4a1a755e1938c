"""``optout calls``: what came in, what was decided and how far it got, for operators and admins, in Russian.

At most 80 columns wide; phone numbers are masked unless ``--full`` is given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from plugin.cli.calls_replay import replay
from plugin.cli.format.moments import moment_of
from plugin.config.load import load_settings
from plugin.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from plugin.authoring.revisions.active import ActiveRules
    from plugin.ledger.history import CallHistory

_STATES = ("pending", "leased", "unknown", "waiting", "done", "parked", "cancelled")


@click.group(short_help="Calls in the ledger: what was decided and how far it got.")
def calls() -> None:
    """Calls in the ledger: what came in, what was decided, how far it got."""


@calls.command("list")
@click.option("--since", metavar="WHEN", help="Ended at or after: 2026-11-22, '2026-11-22 10:00', 24h or 7d ago.")
@click.option("--outcome", metavar="NAME", help="Only calls with this outcome, by its name in the rules.")
@click.option("--state", type=click.Choice(_STATES), help="Only calls with a delivery in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="The newest so many.")
@click.option("--full", is_flag=True, help="Show phone numbers in full.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_(
    config: Path | None,
    *,
    since: str | None,
    outcome: str | None,
    state: str | None,
    limit: int,
    full: bool,
    as_json: bool,
) -> None:
    """Print calls, the newest first."""
    from plugin.cli.format import calls as text
    from plugin.cli.format.calls_words import DeliveryWords
    from plugin.common.clock import utc_now
    from plugin.ledger.history import list_calls

    with _opened(config) as (connection, rules, zone):
        now = utc_now()
        start = moment_of(since, zone, now)
        found = (
            []
            if connection is None
            else list_calls(connection, now, since=start, outcome=outcome, state=state, limit=limit)
        )
        labels = [
            call.outcome and DeliveryWords(rules, call.script).outcome(call.outcome, call.revision) for call in found
        ]
    if as_json:
        for call, label in zip(found, labels, strict=True):
            _print_json(text.summary_json(call, label, zone, full))
    elif found:
        click.echo(text.table(found, labels, zone, full))
    else:
        click.echo(text.NOTHING_FOUND if since or outcome or state else text.EMPTY)


@calls.command()
@click.argument("id_", metavar="ID")
@click.option("--full", is_flag=True, help="Show phone numbers in full.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show(config: Path | None, id_: str, full: bool, as_json: bool) -> None:
    """Print all about one call: events, decisions, deliveries and their attempts.

    ID is the number that `optout calls list` prints, or the CRM's own id of the call.
    """
    from plugin.cli.format.calls import history_json
    from plugin.cli.format.calls_page import page
    from plugin.cli.format.calls_words import DeliveryWords

    with _opened(config) as (connection, rules, zone):
        history, others = _history(connection, id_)
        words = DeliveryWords(rules, history.summary.script)
        if as_json:
            _print_json(history_json(history, words, zone, full))
        else:
            click.echo(page(history, words, zone, full, others=others))


@calls.command()
@click.argument("id_", metavar="ID")
@click.option("--full", is_flag=True, help="Show phone numbers, and what was said in free words.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def explain(config: Path | None, id_: str, full: bool, as_json: bool) -> None:
    """Say of every rule whether it fired on one call and, if not, why.

    By the rules of that day, on the facts of the call's last decision. ID is the number that `optout calls list`
    prints, or the CRM's own id of the call.
    """
    from plugin.cli.calls_explain import explained_call, masking
    from plugin.cli.format.explain import page, wrapped

    with _opened(config) as (connection, rules, _):
        history, _others = _history(connection, id_)
        assert rules is not None
        explanation = explained_call(history, rules)
        show = (lambda _, value: value) if full else masking(explanation.decider)
        call = history.summary
        if as_json:
            _print_json({"id": call.id, "call": call.call_id} | explanation.to_json(show))
        else:
            click.echo("\n".join([*wrapped(f"Звонок № {call.id}: {call.call_id}", 0), page(explanation, show)]))


calls.add_command(replay)


def _history(connection: Connection | None, id_: str) -> tuple[CallHistory, list[int]]:
    """The call that is meant and others of the same id. Raises InputError."""
    from plugin.cli.format.calls import clean
    from plugin.common.clock import utc_now
    from plugin.ledger.history import find_calls, read_call

    found = find_calls(connection, id_) if connection is not None else []
    if connection is None or not found:
        raise InputError(f"Звонок «{clean(id_[:40])}» не найден", hint="Номера звонков печатает optout calls list")
    return read_call(connection, found[0], utc_now()), found[1:]


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Connection | None, ActiveRules | None, ZoneInfo]]:
    """A snapshot of the ledger, its rules, and the deployment's time zone; creates no ledger where there is none."""
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.common.clock import utc_now
    from plugin.ledger import Ledger

    settings = load_settings(config, os.environ, secrets=False)
    ledger = Ledger(settings.ledger_url)
    rules = ActiveRules(ledger, utc_now)
    try:
        if not ledger.exists():
            yield None, None, settings.timezone
            return
        ledger.make_ready()
        with ledger.read() as connection:
            yield connection, rules, settings.timezone
    finally:
        rules.close()
        ledger.close()


def _print_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))
