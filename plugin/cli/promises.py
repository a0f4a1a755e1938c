"""``optout promises``: what was promised to clients, and how far each promise is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import full_option, json_lines_option, json_option, limit_option, print_json, print_json_lines
from plugin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATES = ["open", "written", "kept", "late", "broken", "withdrawn"]


@click.group(short_help="What was promised to clients, and whether it is kept: list, show, report.")
def promises() -> None:
    """What was promised to clients, and whether it is kept."""


@promises.command("list")
@click.option(
    "--state", "states", type=click.Choice(_STATES), multiple=True, help="Only these; otherwise all that still stand."
)
@click.option("--after", type=int, metavar="CALL", help="Go on after this call, the last one printed.")
@limit_option(20)
@full_option
@json_lines_option
@click.pass_obj
def list_(
    config: Path | None, /, *, states: Sequence[str], after: int | None, limit: int, full: bool, as_json: bool
) -> None:
    """Print promises, the nearest to their deadline first."""
    from plugin.cli.format import promises as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.promise.promise_list import list_promises

    settings = settings_of(config)
    with ledger_of(settings) as ledger, ledger.read() as connection:
        found = list_promises(connection, states, limit=limit + 1, after=after)
    more, found = len(found) > limit, found[:limit]
    if as_json:
        print_json_lines(text.promise_json(one, settings.timezone, full) for one in found)
    else:
        click.echo(text.table(found, settings.timezone, full, more=more))


@promises.command()
@click.argument("id_", metavar="ID")
@full_option
@json_option
@click.pass_obj
def show(config: Path | None, /, *, id_: str, full: bool, as_json: bool) -> None:
    """Print one call's promise: its deadline, its reminders, and by whom and when each was done.

    ID is the number that `optout calls list` prints, or the CRM's own id of the call.
    """
    from plugin.cli.format import promises as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.ledger.history import find_calls
    from plugin.promise.promise_list import read_promise

    settings = settings_of(config)
    with ledger_of(settings) as ledger, ledger.read() as connection:
        found = [one for call in find_calls(connection, id_) if (one := read_promise(connection, call)) is not None]
    if not found:
        raise InputError(f"«{id_[:40]}»: обещания по такому звонку нет", hint="Все: optout promises list")
    promise, reminders = found[0]
    if as_json:
        print_json(text.details_json(promise, reminders, settings.timezone, full))
    else:
        click.echo(text.page(promise, reminders, settings.timezone, full))


@promises.command()
@click.option("--month", metavar="YYYY-MM", required=True, help="The month in which they were promised.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write a line a promise into this file.")
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path), help="Write a page with a picture into this file."
)
@json_option
@click.pass_obj
def report(config: Path | None, /, *, month: str, csv_file: Path | None, html_file: Path | None, as_json: bool) -> None:
    """Print how a month's promises were kept: in time, late, broken; by script, source, person and operator."""
    from contextlib import closing

    from plugin.authoring.revisions.active import ActiveRules
    from plugin.cli.format import promise_report as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.console.month_report import missing_answers, recipient_and_script_labels
    from plugin.promise.report import month_of, promise_report
    from plugin.promise.report_files import report_csv, report_html
    from plugin.promise.suppression_files import write_file

    settings = settings_of(config)
    start, end = month_of(month, settings.timezone)
    with ledger_of(settings) as ledger, closing(ActiveRules(ledger, utc_now)) as rules, ledger.read() as connection:
        found = promise_report(connection, start, end)
        missing = missing_answers(connection, rules, start, end)
        roles, scripts = recipient_and_script_labels(rules)
    if csv_file is not None:
        written = report_csv(found, settings.timezone)
        write_file(csv_file, lambda out: out.write(written))
    if html_file is not None:
        page = report_html(found, settings.timezone, missing, roles, scripts)
        write_file(html_file, lambda out: out.write(page))
    if as_json:
        print_json(text.report_json(found, missing))
    else:
        click.echo(text.page(found, missing, roles, scripts))
