"""``optout rules diff``: what one state of the rules does otherwise than another."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from plugin.cli.options import json_option, print_json


@click.command()
@click.argument("old", metavar="[A]", required=False)
@click.argument("new", metavar="[B]", required=False)
@json_option
@click.pass_obj
def diff(config: Path | None, old: str | None, new: str | None, as_json: bool) -> None:
    """Compare two states of the rules by what they do: which conversations go or end otherwise, and in what.

    A and B are `active`, stored revisions or folders: A is otherwise what is active, B the rules folder. Below stand
    the differences of the files' texts. The exit status is 0 whether or not there are differences.
    """
    from plugin.authoring.inspection import diff_text
    from plugin.authoring.inspection.diff import differences
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import ACTIVE, has_active, rulebook_named

    settings = settings_of(config)
    # Where nothing was published yet, the folder is what the first start takes: it differs in nothing.
    if old is None and has_active(settings):
        old = ACTIVE
    names = (_words(old), _words(new))
    with (
        closing(rulebook_named(settings, old)) as before,
        closing(rulebook_named(settings, new)) as after,
    ):
        found = differences(before, after)
    if as_json:
        print_json(diff_text.as_json(found, *names))
    else:
        click.echo(diff_text.page(found, *names))


def _words(name: str | None) -> str:
    from plugin.cli.rules.sources import ACTIVE

    return "рабочая копия" if name is None else "действующие правила" if name == ACTIVE else name
