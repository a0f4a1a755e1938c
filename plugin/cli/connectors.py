"""``optout connectors``: which CRMs can be connected, what their accounts take, and a description tried by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plugin.cli.options import json_lines_option, json_option, print_json, print_json_lines
from plugin.errors import ConfigError, InputError

if TYPE_CHECKING:
    from connectors.base import Connector, TryStep
    from connectors.dialler import DiallerAccount


@click.group(short_help="Which CRMs can be connected: list, describe, new, try.")
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


@connectors.command()
@click.argument("name")
@click.option("--like", metavar="PRODUCT", required=True, help="What to begin with; an unknown name lists all.")
def new(name: str, like: str) -> None:
    """Print a piece of plugin.toml to begin a connector's settings with: every table, to be changed."""
    found = _class(name).beginnings()
    if like not in found:
        known = f"There are: {', '.join(sorted(found))}" if found else f"optout connectors describe {name}"
        raise InputError(f"--like: {name} has nothing to begin with called {like[:40]!r}", hint=known)
    click.echo(found[like], nl=False)


@connectors.command("try")
@click.argument("what", metavar="TABLE|event")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--card", metavar="TYPE:ID", help="The card, such as contact:42.")
@click.option("--id", "id_", help="The id of a record, for tables that read, withdraw or remove one.")
@click.option("--key", help="The key that a record was written with, 64 hex digits.")
@click.option("--phone", help="The number to look up.")
@click.option("--name", help="The full name to look up.")
@click.option("--user", help="The CRM's user, as crm_user in roles.toml.")
@click.option("--address", help="That person's mail address.")
@click.option("--dialler", metavar="NAME", help="Of [suppression.push.NAME] instead of the CRM: has, add, remove.")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header of the event; repeatable.")
@click.option("--send", is_flag=True, help="Send the request: a table that writes does write.")
@click.pass_obj
def try_(
    config: Path | None, /, what: str, file: Path | None, *, dialler: str | None, send: bool, **given: Any
) -> None:
    """Try one TABLE of the account's description, or an event kept in FILE.

    Shows the request as it goes out, without secrets; with --send the raw answer, what is read from it, and which of
    the description's conditions hold. Answers hold what the CRM shows of the card, so take a test card.
    """
    from connectors.base import ConnectorError
    from plugin.cli.format import trying as text

    if (what == "event") != (file is not None):
        raise InputError("A FILE is given for an event and for nothing else", hint="optout connectors try event FILE")
    if dialler is not None and file is not None:
        raise InputError("--dialler: a dialler has no events")
    with _account(config) if dialler is None else _dialler(config, dialler) as account:
        try:
            for step in _steps(account, what, file, send=send, **given):
                click.echo(text.step(step))
        except ConnectorError as error:
            raise InputError(str(error), hint="optout connectors try --help") from error


def _steps(
    account: Connector | DiallerAccount,
    what: str,
    file: Path | None,
    *,
    send: bool,
    headers: tuple[str, ...],
    **given: Any,
) -> Iterator[TryStep]:
    from connectors.base import Assignee, CardRef, TryValues
    from connectors.dialler import DiallerAccount

    if file is not None:
        assert not isinstance(account, DiallerAccount)
        named = dict(_split(one, "--header", "NAME:VALUE") for one in headers)
        return account.try_event({name.lower(): value for name, value in named.items()}, file.read_bytes(), send=send)
    card = CardRef(*_split(given["card"], "--card", "TYPE:ID, such as contact:42")) if given["card"] else None
    assignee = Assignee(given["user"], given["address"])
    values = TryValues(card, given["id_"], given["key"], given["phone"], given["name"], assignee)
    return account.try_table(what, values, send=send)


def _split(given: str, option: str, form: str) -> tuple[str, str]:
    name, _, value = given.partition(":")
    if not name or not value.strip():
        raise InputError(f"{option}: {given[:40]!r} is not written as {form}")
    return name.strip(), value.strip()


@contextmanager
def _account(config: Path | None) -> Iterator[Connector]:
    """The account of plugin.toml; where there is a ledger, with its tokens and its share of the quota."""
    from plugin.cli.ledgers import ledger_if_any
    from plugin.config.load import load_settings
    from plugin.resilience.connect import connect, connector_of

    settings = load_settings(config, os.environ)
    connector = connector_of(settings)
    with ledger_if_any(settings) as ledger:
        if ledger is not None and not ledger.schema().pending:
            connect(connector, ledger)
        yield connector


@contextmanager
def _dialler(config: Path | None, name: str) -> Iterator[DiallerAccount]:
    """A dialler of plugin.toml; where there is a ledger, with its tokens and its share of the quota."""
    from connectors.dialler import DiallerAccount
    from plugin.cli.ledgers import ledger_if_any
    from plugin.config.load import load_settings
    from plugin.resilience.connect import connect_dialler

    settings = load_settings(config, os.environ)
    found = settings.dialler(name)
    if found is None:
        known = ", ".join(one.name for one in settings.diallers) or "none"
        raise InputError(f"--dialler: no [suppression.push.{name[:24]}] in plugin.toml", hint=f"There are: {known}")
    with closing(DiallerAccount(found.settings)) as account, ledger_if_any(settings) as ledger:
        if ledger is not None and not ledger.schema().pending:
            connect_dialler(account, name, ledger)
        yield account


def _class(name: str) -> type[Connector]:
    from connectors import registry

    try:
        return registry.connector_class(name)
    except registry.UnknownConnector as error:
        raise InputError(str(error), hint="optout connectors list") from error
    except registry.ConnectorMisfit as error:
        raise ConfigError(str(error), hint="Update or remove the package that it comes from") from error
