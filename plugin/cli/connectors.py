"""``optout connectors``: which CRMs can be connected, what each connector can do, and what its account takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from plugin.errors import ConfigError, InputError

if TYPE_CHECKING:
    from connectors.base import Connector


@click.group(short_help="Which CRMs can be connected: list, describe.")
def connectors() -> None:
    """Which CRMs can be connected, what each connector can do, and what its table in plugin.toml takes."""


@connectors.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(as_json: bool) -> None:
    """Print all connectors, those of other packages too, and what each can do."""
    from connectors import registry
    from plugin.cli.format import connectors as text
    from plugin.doctor.catalogue import ability_of

    found = [ability_of(_class(name)) for name in registry.names()]
    if as_json:
        for one in found:
            click.echo(json.dumps(text.ability_json(one), ensure_ascii=False))
    else:
        click.echo(text.table(found))


@connectors.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def describe(name: str, as_json: bool) -> None:
    """Print what a connector can do, its settings, its limits and its checklist."""
    from plugin.cli.format import connectors as text

    told = text.Told.of(_class(name))
    click.echo(json.dumps(told.to_json(), ensure_ascii=False, default=str) if as_json else told.page())


def _class(name: str) -> type[Connector]:
    from connectors import registry

    try:
        return registry.connector_class(name)
    except registry.UnknownConnector as error:
        raise InputError(str(error), hint="optout connectors list") from error
    except registry.ConnectorMisfit as error:
        raise ConfigError(str(error), hint="Update or remove the package that it comes from") from error
