"""``optout link``: a signed link that opens the operators' page for one call, as a CRM's button makes them."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.errors import ConfigError, InputError

if TYPE_CHECKING:
    from connectors.base import CardRef


@click.command()
@click.option(
    "--call", "call_id", metavar="ID", required=True, help="The call's id, as the CRM or telephony reports it."
)
@click.option("--operator", metavar="NAME", required=True, help="Who is on the phone, as the CRM knows them.")
@click.option("--phone", metavar="NUMBER", help="The number that was called.")
@click.option("--card", metavar="TYPE:ID", help="The client's card, such as contact:42.")
@click.option("--name", metavar="NAME", help="The client's name in the card.")
@click.option("--url", metavar="URL", help="The card's address, to be opened from the page.")
@click.option("--script", metavar="NAME", help="The script's folder; by default the one in plugin.toml.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="How long it holds; at most link_minutes.")
@click.pass_obj
def link(
    config: Path | None,
    /,
    *,
    call_id: str,
    operator: str,
    phone: str | None,
    card: str | None,
    name: str | None,
    url: str | None,
    script: str | None,
    minutes: float | None,
) -> None:
    """Print a signed link to the operators' page for one call. docs/operators-page.md: how a CRM makes them itself."""
    from plugin.auth.links import Links
    from plugin.auth.visitor import LinkedCall
    from plugin.common.clock import utc_now
    from plugin.config.load import load_settings

    settings = load_settings(config, os.environ)
    page = settings.page
    if page.secret is None:
        hint = "Name where it is: [page] secret in plugin.toml (openssl rand -base64 32)"
        raise ConfigError("the operators' page is off: nothing can be signed without a secret", hint=hint)
    links = Links.of(page, utc_now, settings.web.path)
    call = LinkedCall(call_id, phone, _card(card), name, url, script)
    click.echo(links.make(operator, call, timedelta(minutes=minutes) if minutes is not None else None))


def _card(text: str | None) -> CardRef | None:
    from connectors.base import CardRef

    if text is None:
        return None
    type_, _, id_ = text.partition(":")
    if not (type_ and id_):
        raise InputError(f"--card: given {text!r}", hint="Allowed: TYPE:ID, such as contact:42")
    return CardRef(type_, id_)
