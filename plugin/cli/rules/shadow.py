"""``optout rules shadow``: a revision decides live calls beside the active one, and what that came to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import json_option, print_json

if TYPE_CHECKING:
    from plugin.ledger import Ledger


@click.command()
@click.argument("name", metavar="[PATH|REVISION]", required=False)
@click.option("--by", metavar="NAME", default="", help="Who begins it; required with a revision.")
@click.option("--stop", is_flag=True, help="End the one that goes on, and show what it came to.")
@click.option("--status", is_flag=True, help="Show what it came to up to now.")
@json_option
@click.pass_obj
def shadow(config: Path | None, name: str | None, by: str, stop: bool, status: bool, as_json: bool) -> None:
    """Have a stored revision (or a rules folder, which is checked) decide live calls beside the active one.

    It decides after each call was answered, in a process of its own, and writes nothing but how it differs. Without a
    revision: what the newest one came to.
    """
    from plugin.authoring.revisions.archive import newest_activation, stored_content
    from plugin.authoring.shadow.records import end_shadow, newest_shadow, report_of, running_shadow
    from plugin.authoring.shadow.words import outcome_labels
    from plugin.cli.format import rules_shadow as told
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import opened_ledger
    from plugin.common.clock import utc_now
    from plugin.errors import InputError

    if name and (stop or status):
        raise click.UsageError("a revision goes without --stop and --status")
    settings = settings_of(config)
    with opened_ledger(settings) as ledger:
        if name:
            _begin(ledger, name, by)
        with ledger.write() as connection:
            going_on = running_shadow(connection)
            if stop:
                if going_on is None:
                    raise InputError("Останавливать нечего: рядом с действующими правилами ничего не решает")
                end_shadow(connection, going_on, utc_now())
        with ledger.read() as connection:
            newest = newest_shadow(connection)
            if newest is None:
                hint = "Начать: optout rules shadow РЕДАКЦИЯ --by ИМЯ"
                raise InputError("Рядом с действующими правилами ещё ничего не решало", hint=hint)
            report = report_of(connection, newest, settings.source_of(settings.page.source).recorded_as)
            active = newest_activation(connection)
            contents = [stored_content(connection, one.revision) for one in (active, newest) if one is not None]
    if as_json:
        print_json(told.as_json(report, settings.timezone))
    else:
        click.echo("\n".join(told.lines(report, outcome_labels(contents), settings.timezone)))


def _begin(ledger: Ledger, name: str, by: str) -> None:
    from plugin.authoring.revisions.activate import store
    from plugin.authoring.revisions.archive import find_revision, newest_activation
    from plugin.authoring.revisions.publish import checked
    from plugin.authoring.shadow.records import begin_shadow
    from plugin.common.clock import utc_now
    from plugin.errors import InputError

    if not by.strip():
        raise InputError("Не сказано, кто начинает", hint="Допишите --by ИМЯ")
    passed = checked(Path(name)) if os.sep in name or Path(name).is_dir() else None
    try:
        with ledger.write(alone=True) as connection:
            if passed is not None:
                store(connection, passed.rulebook, utc_now())
                revision = passed.rulebook.revision
            else:
                revision = find_revision(connection, name)
            active = newest_activation(connection)
            if active is not None and active.revision == revision:
                raise InputError(f"Редакция {revision[:16]} и так решает: сравнивать не с чем")
            begin_shadow(connection, revision, by.strip(), utc_now())
    finally:
        if passed is not None:
            passed.rulebook.close()
