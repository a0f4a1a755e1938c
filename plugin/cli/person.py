"""``optout person``: everything that is known of a number, for a client who asks what is kept of them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from plugin.cli.options import json_option, print_json
from plugin.errors import InputError


@click.command()
@click.argument("given", metavar="NUMBER")
@json_option
@click.pass_obj
def person(config: Path | None, /, *, given: str, as_json: bool) -> None:
    """Print everything that the ledger knows of NUMBER, in any notation: in full, since it is the person's own.

    Calls with their events, decisions and deliveries, what excludes the number, calls to it after a refusal, and how
    its calls went on the operators' page.
    """
    from connectors.kit.phones import numbers_in
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.authoring.revisions.labels import ScriptLabels
    from plugin.cli.format import person as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.promise.person import read_person

    numbers = numbers_in(given)
    if len(numbers) != 1:
        raise InputError(f"«{given[:40]}» не один номер телефона", hint="Например: +79161234567, 8 916 123-45-67")
    settings = settings_of(config)
    with ledger_of(settings) as ledger, closing(ActiveRules(ledger, utc_now)) as rules, ledger.read() as connection:
        record = read_person(connection, numbers[0], utc_now())
        words = [ScriptLabels(rules, history.summary.script) for history in record.calls]
        if as_json:
            print_json(text.to_json(record, words, settings.timezone))
        else:
            click.echo(text.page(record, words, settings.timezone))
