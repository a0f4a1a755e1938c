"""``optout suppression``: whom not to call and not to write to; changed by hand, read from files, written to files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import (
    by_option,
    full_option,
    json_lines_option,
    limit_option,
    print_json_lines,
    reason_option,
    yes_option,
)
from plugin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCOPES = ["calls", "mailings"]
_scopes_option = click.option(
    "--scope", "scopes", type=click.Choice(_SCOPES), multiple=True, required=True, help="From what; may be repeated."
)
_who_option = click.option("--by", metavar="NAME", required=True, help="Who says so.")
_why_option = click.option("--reason", metavar="TEXT", required=True, help="Why, in a phrase.")
_file_argument = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
_numbers_argument = click.argument("given", metavar="NUMBER...", nargs=-1, required=True)


@click.group(short_help="Whom not to call: list, check, add, remove, import, export, push; calls.")
def suppression() -> None:
    """Whom not to call and not to write to. Numbers may be given in any notation."""


@suppression.command("list")
@click.option("--scope", type=click.Choice(_SCOPES), help="Only what is excluded from this.")
@click.option("--since", metavar="WHEN", help="Only what changed at or after: 2026-11-22, 24h; released ones too.")
@limit_option(20, 100_000)
@full_option
@json_lines_option
@click.pass_obj
def list_(
    config: Path | None, /, *, scope: str | None, since: str | None, limit: int, full: bool, as_json: bool
) -> None:
    """Print the excluded numbers, in their order."""
    from plugin.cli.format import suppression as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.common.moments import moment_of
    from plugin.promise.suppression_list import suppression_page

    settings = settings_of(config)
    start = moment_of(since, settings.timezone, utc_now())
    with ledger_of(settings) as ledger, ledger.read() as connection:
        page = suppression_page(connection, scope=scope, since=start, after="", limit=limit)
    if as_json:
        print_json_lines(text.entry_json(entry, full) for entry in page.entries)
    else:
        click.echo(text.table(page.entries, settings.timezone, full, more=page.next is not None))


@suppression.command()
@_numbers_argument
@json_lines_option
@click.pass_obj
def check(config: Path | None, /, *, given: Sequence[str], as_json: bool) -> None:
    """Print what is said of each NUMBER: what it is excluded from, since when, and who or which call says so."""
    from plugin.cli.format import suppression as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.promise.suppression_list import entries_of, said_of

    settings, numbers = settings_of(config), _numbers(given)
    with ledger_of(settings) as ledger, ledger.read() as connection:
        entries = entries_of(connection, numbers)
        said = {number: said_of(connection, number) for number in numbers}
    if as_json:
        print_json_lines(text.number_json(number, entries.get(number, ()), said[number]) for number in numbers)
    else:
        click.echo(
            "\n\n".join(
                text.number_page(number, entries.get(number, ()), said[number], settings.timezone) for number in numbers
            )
        )


@suppression.command()
@_numbers_argument
@_scopes_option
@_who_option
@_why_option
@click.pass_obj
def add(config: Path | None, /, *, given: Sequence[str], scopes: Sequence[str], by: str, reason: str) -> None:
    """Exclude each NUMBER from now on."""
    changed = _say(config, _numbers(given), scopes, (by, reason), suppresses=True)
    click.echo(f"Добавлено записей: {changed}." if changed else "Эти номера уже исключены.")


@suppression.command()
@_numbers_argument
@_scopes_option
@_who_option
@_why_option
@click.pass_obj
def remove(config: Path | None, /, *, given: Sequence[str], scopes: Sequence[str], by: str, reason: str) -> None:
    """Let each NUMBER be called or written to again. What was said of it before stays on record."""
    changed = _say(config, _numbers(given), scopes, (by, reason), suppresses=False)
    click.echo(f"Снято записей: {changed}." if changed else "Эти номера и так не исключены.")


@suppression.command("import")
@_file_argument
@_scopes_option
@by_option
@reason_option
@yes_option
@click.pass_obj
def import_(config: Path | None, /, *, file: Path, scopes: Sequence[str], by: str, reason: str, yes: bool) -> None:
    """Exclude the numbers in FILE: one a line, CSV, AstDB commands or JSON, in any notation."""
    from plugin.cli.format import suppression as text
    from plugin.ledger.audit import Actor
    from plugin.promise.suppression_files import read_file

    if yes:
        Actor.signed(by, reason)
    numbers: dict[str, None] = {}
    unread: list[int] = []
    for line in read_file(file):
        numbers |= dict.fromkeys(line.numbers)
        if not line.numbers:
            unread.append(line.line)
    click.echo(text.import_plan(len(numbers), unread))
    if not yes:
        click.echo("Это план. Исполнить: --yes --by ИМЯ --reason ЗАЧЕМ")
    elif numbers:
        click.echo(f"Добавлено записей: {_say(config, list(numbers), scopes, (by, reason), suppresses=True)}.")


@suppression.command()
@click.option("--since", metavar="WHEN", help="Only those noticed at or after: 2026-11-22, 24h, 7d.")
@limit_option(20)
@full_option
@json_lines_option
@click.pass_obj
def calls(config: Path | None, /, *, since: str | None, limit: int, full: bool, as_json: bool) -> None:
    """Print the calls that went to excluded numbers all the same, the newest first."""
    from plugin.cli.format import suppression as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.common.moments import moment_of
    from plugin.promise.refused_calls import list_refused_calls

    settings = settings_of(config)
    start = moment_of(since, settings.timezone, utc_now())
    with ledger_of(settings) as ledger, ledger.read() as connection:
        found = list_refused_calls(connection, start, limit)
    if as_json:
        print_json_lines(text.call_json(row, full) for row in found)
    else:
        click.echo(text.calls_table(found, settings.timezone, full))


@suppression.command()
@_file_argument
@click.option("--scope", type=click.Choice(_SCOPES), default="calls", show_default=True, help="Excluded from what.")
@click.option(
    "--format", "format_", type=click.Choice(["lines", "csv", "astdb", "json"]), default="lines", show_default=True
)
@click.option(
    "--number",
    "notation",
    type=click.Choice(["e164", "7", "8"]),
    default="e164",
    show_default=True,
    help="How numbers are written: +79161234567, 79161234567 or 89161234567.",
)
@click.option("--emails", is_flag=True, help="The e-mail addresses that are excluded from mailings instead.")
@click.pass_obj
def export(config: Path | None, /, *, file: Path, scope: str, format_: str, notation: str, emails: bool) -> None:
    """Write the excluded numbers into FILE, or to standard output for `-`. The file is replaced as a whole."""
    if emails:
        _export_emails(config, file, format_)
        return
    from connectors.kit.notation import NumberNotation
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.promise.suppression_files import ListFormat, write_file, write_list
    from plugin.promise.suppression_list import suppressed_entries

    chosen = ListFormat(format_), NumberNotation(notation), scope
    with ledger_of(settings_of(config)) as ledger, ledger.read() as connection:
        entries = suppressed_entries(connection, scope)
        if str(file) == "-":
            write_list(entries, sys.stdout, *chosen)
            return
        count = write_file(file, lambda out: write_list(entries, out, *chosen))
    click.echo(f"Записано номеров: {count}.")


@suppression.command()
@click.argument("name", metavar="DIALLER")
@click.option("--again", is_flag=True, help="Also look once more at what it held already, or refused.")
@by_option
@reason_option
@yes_option
@click.pass_obj
def push(config: Path | None, /, *, name: str, again: bool, by: str, reason: str, yes: bool) -> None:
    """Print how far DIALLER's list is, and with --yes have the whole list pushed to it by the running service."""
    from plugin.cli.format import suppression as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.ledger.audit import Actor
    from plugin.promise.push_list import plan_push, push_all, push_counts, push_reasons

    settings = settings_of(config)
    dialler = settings.dialler(name)
    if dialler is None:
        known = ", ".join(one.name for one in settings.diallers) or "ни одного"
        raise InputError(f"В plugin.toml нет [suppression.push.{name[:24]}]", hint=f"Есть: {known}")
    with ledger_of(settings) as ledger:
        if yes:
            changed = push_all(ledger, utc_now, dialler, Actor.signed(by, reason), again=again)
            click.echo(f"Поставлено в очередь номеров: {changed}. Передаёт их служба: optout serve или deliver.")
        with ledger.read() as connection:
            counts, plan = push_counts(connection, name), plan_push(connection, dialler)
            reasons = push_reasons(connection, name)
        click.echo(text.push_page(dialler, counts, plan, reasons, settings.timezone, again=again and not yes))


def _export_emails(config: Path | None, file: Path, format_: str) -> None:
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.promise.email_list import suppressed_addresses, write_addresses
    from plugin.promise.suppression_files import write_file

    if format_ == "astdb":
        raise InputError("--emails: адреса не пишутся в AstDB", hint="--format lines, csv или json")
    with ledger_of(settings_of(config)) as ledger, ledger.read() as connection:
        entries = suppressed_addresses(connection)
        if str(file) == "-":
            write_addresses(entries, sys.stdout, format_)
            return
        count = write_file(file, lambda out: write_addresses(entries, out, format_))
    click.echo(f"Записано адресов: {count}.")


def _numbers(given: Sequence[str]) -> list[str]:
    from connectors.kit.phones import numbers_in

    found: dict[str, None] = {}
    for one in given:
        numbers = numbers_in(one)
        if not numbers:
            hint = "Нужен номер с кодом: +79161234567, 8 916 123-45-67"
            raise InputError(f"«{one[:40]}» не номер телефона", hint=hint)
        found |= dict.fromkeys(numbers)
    return list(found)


def _say(
    config: Path | None, numbers: Sequence[str], scopes: Sequence[str], signed: tuple[str, str], *, suppresses: bool
) -> int:
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.ledger.audit import Actor
    from plugin.promise.suppression_by_hand import SuppressionByHand

    actor = Actor.signed(*signed)
    with ledger_of(settings_of(config)) as ledger:
        by_hand = SuppressionByHand(ledger, utc_now, actor)
        return (by_hand.add if suppresses else by_hand.remove)(numbers, scopes)
