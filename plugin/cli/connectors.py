"""``optout connectors``: which CRMs can be connected, what each connector can do, and what its account takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from plugin.cli.options import json_lines_option, json_option, print_json, print_json_lines
from plugin.errors import ConfigError, InputError

if TYPE_CHECKING:
    from connectors.base import Connector


@click.group(short_help="Which CRMs can be connected: list, describe.")
def connectors() -> None:
    """Which CRMs can be connected, what each connector can do, and what its table in plugin.toml takes."""


@connectors.command("list")
@json_lines_option
def list_(as_json: bool) -> None:
    """Print all connectors, those of other packages too, and what each can do."""
    from connectors import registry
    from plugin.cli.format import connectors as text
    from plugin.doctor.catalogue import ability_of

    found = [ability_of(_class(name)) for name in registry.names()]
    if as_json:
        print_json_lines(map(text.ability_json, found))
    else:
        click.echo(text.table(found))


@connectors.command()
@click.argument("name")
@json_option
def describe(name: str, as_json: bool) -> None:
    """Print what a connector can do, its settings, its limits and its checklist."""
    from plugin.cli.format import connectors as text

    told = text.ConnectorDescription.of(_class(name))
    if as_json:
        print_json(told.to_json(), default=str)
    else:
        click.echo(told.page())


def _class(name: str) -> type[Connector]:
    from connectors import registry

    try:
        return registry.connector_class(name)
    except registry.UnknownConnector as error:
        raise InputError(str(error), hint="optout connectors list") from error
    except registry.ConnectorMisfit as error:
        raise ConfigError(str(error), hint="Update or remove the package that it comes from") from error
