"""``optout calls``: what came in, what was decided and how far it got, for operators and admins, in Russian.

At most 80 columns wide; phone numbers are masked unless ``--full`` is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plugin.cli.calls_replay import replay
from plugin.cli.calls_search import search_of, searches
from plugin.cli.options import full_option, json_lines_option, json_option, limit_option, print_json, print_json_lines
from plugin.ledger.states import DeliveryState

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from plugin.authoring.revisions.active import ActiveRules
    from plugin.config.settings import Settings
    from plugin.ledger.history import CallHistory, CallSummary

_STATES = [state.value for state in DeliveryState]
_LARGEST_ID = 2**31 - 1
_HINT = "Номера звонков печатает optout calls list"


@click.group(short_help="Calls in the ledger: what was decided and how far it got.")
def calls() -> None:
    """Calls in the ledger: what came in, what was decided, how far it got."""


@calls.command("list")
@searches
@click.option("--state", type=click.Choice(_STATES), help="Only calls with a delivery in this state.")
@click.option(
    "--after", metavar="ID", type=click.IntRange(1, _LARGEST_ID), help="Go on after this call, the last one printed."
)
@limit_option(20)
@full_option
@json_lines_option
@click.pass_obj
def list_(
    config: Path | None, /, *, state: str | None, after: int | None, limit: int, full: bool, as_json: bool, **asked: Any
) -> None:
    """Print calls, the newest first; with options only those that meet all of them.

    A page that is not the last ends with the option that prints the next one; with --json it goes on after the last
    object's id.
    """
    from plugin.authoring.revisions.labels import ScriptLabels
    from plugin.cli.format import calls as text
    from plugin.common.clock import utc_now
    from plugin.ledger.history import list_calls

    with _opened(config) as (connection, rules, settings):
        zone, now = settings.timezone, utc_now()
        search = search_of(settings, now, state=state, after=after, **asked)
        found: list[CallSummary] = []
        more = False
        if connection:
            _refuse_unknown(connection, after)
            found, more = list_calls(connection, now, search, limit=limit)
        labels = [
            call.outcome and ScriptLabels(rules, call.script).outcome(call.outcome, call.revision) for call in found
        ]
    if as_json:
        print_json_lines(text.summary_json(call, label, zone, full) for call, label in zip(found, labels, strict=True))
    elif found:
        click.echo(text.table(found, labels, zone, full))
        if more:
            click.echo(text.goes_on(found[-1]))
    else:
        click.echo(text.NOTHING_FOUND if search.narrows else text.EMPTY)


@calls.command()
@click.argument("id_", metavar="ID")
@full_option
@json_option
@click.pass_obj
def show(config: Path | None, id_: str, full: bool, as_json: bool) -> None:
    """Print all about one call: events, decisions, deliveries and their attempts.

    ID is the number that `optout calls list` prints, or the CRM's own id of the call.
    """
    from plugin.authoring.revisions.labels import ScriptLabels
    from plugin.cli.format.calls import history_json
    from plugin.cli.format.calls_page import page

    with _opened(config) as (connection, rules, settings):
        history, others = _history(connection, id_)
        words = ScriptLabels(rules, history.summary.script)
        if as_json:
            print_json(history_json(history, words, settings.timezone, full))
        else:
            shown = page(history, words, settings.timezone, full, others=others, language=settings.language)
            click.echo(shown)


@calls.command()
@click.argument("id_", metavar="ID")
@click.option("--full", is_flag=True, help="Show phone numbers, and what was said in free words.")
@json_option
@click.pass_obj
def explain(config: Path | None, id_: str, full: bool, as_json: bool) -> None:
    """Say in a sentence what came of one call, and of every rule whether it fired and, if not, why.

    By the rules of that day, on the facts of the call's last decision. ID is the number that `optout calls list`
    prints, or the CRM's own id of the call.
    """
    from plugin.authoring.inspection.explain_sentence import sentence
    from plugin.cli.format.explain import page
    from plugin.common.terminal import paragraph
    from plugin.operations.explained_call import explained_call, masking

    with _opened(config) as (connection, rules, _):
        history, _others = _history(connection, id_)
        assert rules is not None
        explanation = explained_call(history, rules)
        show = (lambda _, value: value) if full else masking(explanation.decider)
        call = history.summary
        told = sentence(explanation, show, decided=call.outcome is not None)
        if as_json:
            print_json({"id": call.id, "call": call.call_id, "sentence": told} | explanation.to_json(show))
        else:
            heading = [*paragraph(told), *paragraph(f"Звонок № {call.id}: {call.call_id}")]
            click.echo("\n".join([*heading, page(explanation, show)]))


calls.add_command(replay)


def _refuse_unknown(connection: Connection, after: int | None) -> None:
    from plugin.cli.ledgers import no_such_call
    from plugin.ledger.call_search import is_call

    if after is not None and not is_call(connection, after):
        raise no_such_call(str(after), _HINT)


def _history(connection: Connection | None, id_: str) -> tuple[CallHistory, list[int]]:
    """The call that is meant and others of the same id. Raises InputError."""
    from plugin.cli.ledgers import calls_named, no_such_call
    from plugin.common.clock import utc_now
    from plugin.ledger.history import read_call

    if connection is None:
        raise no_such_call(id_, _HINT)
    meant, *others = calls_named(connection, id_, _HINT)
    return read_call(connection, meant, utc_now()), others


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Connection | None, ActiveRules | None, Settings]]:
    """A snapshot of the ledger, its rules, and the settings; creates no ledger where there is none."""
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.cli.ledgers import ledger_if_any, settings_of
    from plugin.common.clock import utc_now

    settings = settings_of(config)
    with ledger_if_any(settings) as ledger:
        if ledger is None:
            yield None, None, settings
            return
        ledger.make_ready()
        with closing(ActiveRules(ledger, utc_now)) as rules, ledger.read() as connection:
            yield connection, rules, settings
