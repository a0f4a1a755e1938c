"""``optout token``: by which tokens other programs ask the plugin. A token is printed once, when it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import json_lines_option, print_json_lines

if TYPE_CHECKING:
    from plugin.auth.api_tokens import ApiTokens


@click.group(short_help="By which tokens other programs ask the plugin: add, list, revoke.")
def token() -> None:
    """By which tokens other programs ask the plugin, such as a dialler that asks whom not to call."""


@token.command()
@click.argument("name")
@click.option("--scope", "scopes", metavar="SCOPE", multiple=True, help="What it is for: suppression.")
@click.pass_obj
def add(config: Path | None, /, name: str, scopes: tuple[str, ...]) -> None:
    """Make a token for the program NAME and print it: it is shown this once, and stored as a digest only."""
    with _tokens(config) as tokens:
        made = tokens.add(name, scopes)
    click.echo(made)
    click.echo("Сохраните токен сейчас: больше он не показывается.", err=True)


@token.command("list")
@json_lines_option
@click.pass_obj
def list_(config: Path | None, /, *, as_json: bool) -> None:
    """Print every token's name, what it is for and when it was last used; revoked ones too."""
    from plugin.cli.format import token as text
    from plugin.cli.ledgers import settings_of

    zone = settings_of(config).timezone
    with _tokens(config) as tokens:
        found = tokens.all()
    if as_json:
        print_json_lines(map(text.to_json, found))
    else:
        click.echo(text.table(found, zone) if found else text.EMPTY)


@token.command()
@click.argument("name")
@click.pass_obj
def revoke(config: Path | None, /, name: str) -> None:
    """Refuse the token NAME from the next request on."""
    with _tokens(config) as tokens:
        one = tokens.revoke(name)
    click.echo(f"Токен {one.name} отозван: следующий же запрос с ним отклоняется.")


@contextmanager
def _tokens(config: Path | None) -> Iterator[ApiTokens]:
    from plugin.auth.api_tokens import ApiTokens
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now

    with ledger_of(settings_of(config)) as ledger:
        yield ApiTokens(ledger, utc_now)
