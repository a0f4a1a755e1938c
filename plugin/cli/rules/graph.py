"""``optout rules graph``: the conversation tree of a script as an SVG picture."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click


@click.command()
@click.argument("name", metavar="[PATH|REVISION]", required=False)
@click.option("--out", required=True, metavar="FILE.svg", help="Where to draw it; - is standard output.")
@click.option("--script", metavar="NAME", help="Which script; default_script of plugin.toml otherwise.")
@click.pass_obj
def graph(config: Path | None, name: str | None, out: str, script: str | None) -> None:
    """Draw the conversation tree: questions, answers and outcomes. Any browser shows and prints it.

    Of the rules folder, or of `active`, a stored revision or another folder.
    """
    from plugin.authoring.inspection.drawing.svg import draw
    from plugin.authoring.inspection.table_text import notes
    from plugin.authoring.inspection.wording import conversations_counted
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.saving import STDOUT, save
    from plugin.cli.rules.scripts import one_of
    from plugin.cli.rules.sources import rulebook_named

    settings = settings_of(config)
    with closing(rulebook_named(settings, name)) as rulebook:
        picture, shown = draw(rulebook, one_of(rulebook, script, settings.default_script))
    save(out, f"{picture}\n".encode(), f"{shown.title}, {conversations_counted(len(shown.lines))}")
    for note in notes(shown):
        click.echo(note, err=out == STDOUT)
