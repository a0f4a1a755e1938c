"""``optout guide``: the guides, which travel with the program."""

from __future__ import annotations

import click

from plugin.console.guides import GUIDES, path_of


@click.command()
@click.argument("name", metavar="[NAME]", required=False, type=click.Choice(list(GUIDES)))
@click.option("--path", "as_path", is_flag=True, help="Print where the file lies, for a browser or an editor.")
def guide(name: str | None, *, as_path: bool) -> None:
    """Print a guide: admin, operator, operations, crm or page. Without NAME list them."""
    if name is None:
        width = max(map(len, GUIDES))
        lines = [f"{key:<{width}}  {path_of(key) if as_path else one.about}" for key, one in GUIDES.items()]
        click.echo("\n".join(lines))
    elif as_path:
        click.echo(path_of(name))
    else:
        click.echo(path_of(name).read_text(encoding="utf-8"), nl=False)
