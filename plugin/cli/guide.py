"""``optout guide``: the guides, which travel with the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from plugin.config.load import shipped_dir
from plugin.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Guide:
    """One guide: its file under docs, and whom it is for."""

    file: str
    about: str


#: By the word that it is asked for.
GUIDES = {
    "admin": Guide("admin-guide.ru.md", "changing phrases, recipients, terms and rules (in Russian)"),
    "operator": Guide("operator-guide.ru.md", "the script during a call (in Russian)"),
    "operations": Guide("operations.md", "running the plugin: servers, logs, copies, what to watch"),
    "crm": Guide("connecting-a-crm.md", "connecting a CRM"),
    "page": Guide("operators-page.md", "setting up the operators' page"),
}


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


def path_of(name: str) -> Path:
    """Where a guide lies. Raises ConfigError where it was left out of the installation."""
    path = shipped_dir() / "docs" / GUIDES[name].file
    if not path.is_file():
        raise ConfigError(f"the guide is not there: {path}", hint="Install the wheel again; the source has it in docs/")
    return path
