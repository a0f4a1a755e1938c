"""``optout rules table``: every conversation with its outcome and what is then written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from plugin.errors import InputError

_SEPARATORS = (";", ",")


@click.command()
@click.argument("name", metavar="[PATH|REVISION]", required=False)
@click.option("--script", metavar="NAME", help="Only this script; otherwise all of them.")
@click.option("--csv", "csv_file", metavar="FILE", help="Write CSV for a spreadsheet; - is standard output.")
@click.option("--html", "html_file", metavar="FILE", help="Write one HTML page; - is standard output.")
@click.option(
    "--separator",
    type=click.Choice(_SEPARATORS),
    default=";",
    show_default=True,
    help="Between the cells of CSV. Excel with Russian settings opens the semicolon with a double click.",
)
@click.pass_obj
def table(
    config: Path | None,
    name: str | None,
    script: str | None,
    csv_file: str | None,
    html_file: str | None,
    separator: str,
) -> None:
    """Show every conversation with its outcome and actions: on the terminal, as CSV or as a web page.

    Of the rules folder, or of `active`, a stored revision or another folder. CSV is UTF-8 with a byte order mark,
    quoted as RFC 4180 says; cells that a spreadsheet would calculate begin with an apostrophe.
    """
    from plugin.authoring.inspection import table_csv, table_html, table_text
    from plugin.authoring.inspection.listing import listings
    from plugin.authoring.inspection.wording import conversations_counted
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.saving import STDOUT, save
    from plugin.cli.rules.scripts import all_or
    from plugin.cli.rules.sources import rulebook_named

    if csv_file == html_file == STDOUT:
        raise InputError("--csv - и --html - вместе не выводятся", hint="Назовите файл для одного из них")
    with closing(rulebook_named(settings_of(config), name)) as rulebook:
        listed = listings(rulebook, all_or(rulebook, script))
    told = conversations_counted(sum(len(listing.lines) for listing in listed))
    if csv_file:
        save(csv_file, table_csv.encoded(listed, separator), told)
    if html_file:
        save(html_file, table_html.page(listed), told)
    if not csv_file and not html_file:
        click.echo(table_text.page(listed))
