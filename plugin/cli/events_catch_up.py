"""``optout events catch-up``: has it read from the CRM what changed since a moment, the plan first, in Russian."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import yes_option
from plugin.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.base import Connector
    from plugin.config.settings import Settings
    from plugin.events.catch_up import CatchUp
    from plugin.ledger import Ledger

#: More is not counted for a plan.
_MOST_PAGES = 100
_UNANSWERED = 1


@click.command("catch-up")
@click.option("--since", metavar="TIME", required=True, help="A day, a time, or so long ago: 2026-11-22, 24h, 7d.")
@click.option("--source", metavar="NAME", help="The CRM's connector; by default the one in plugin.toml.")
@yes_option
@click.pass_obj
def catch_up(config: Path | None, /, *, since: str, source: str | None, yes: bool) -> int:
    """Read what changed in the CRM since then, and take it in like its events.

    For when its events did not reach the plugin; what came in nevertheless is not taken twice. The exit status is 1
    where the CRM does not answer now: with --yes the services go on with it.
    """
    from plugin.common.clock import utc_now
    from plugin.common.moments import moment_of
    from plugin.config.load import load_settings
    from plugin.ledger import Ledger
    from plugin.resilience.connect import connect, connector_of

    settings = load_settings(config, os.environ)
    now = utc_now()
    moment = moment_of(since, settings.timezone, now)
    if moment is None or moment > now:
        raise InputError(f"--since: «{since[:40]}» ещё не наступило", hint="Например: 24h, '2026-11-22 10:00'")
    with ExitStack() as stack:
        ledger = Ledger(settings.ledger_url)
        stack.callback(ledger.close)
        if not ledger.exists():
            raise InputError("Журнала ещё нет", hint="Его заводит первый запуск optout serve")
        ledger.make_ready()
        connector = connector_of(settings)
        _check_source(connector, source)
        connect(connector, ledger)
        if not yes:
            return _plan(connector, moment, settings)
        return _do(_reader(ledger, connector, settings), moment, settings)


def _check_source(connector: Connector, source: str | None) -> None:
    if source not in (None, connector.name):
        raise InputError(f"--source: «{source}» не подключён", hint=f"Подключена CRM {connector.name}")
    if not connector.catches_up:
        raise InputError(
            f"CRM {connector.name} нельзя спросить, что изменилось",
            hint="Для этого нужны её события и соответствие полей фактам: README коннектора",
        )


def _plan(connector: Connector, since: datetime, settings: Settings) -> int:
    from connectors.base import CrmRefused, CrmUnavailable
    from plugin.cli.format import events as text
    from plugin.events.catch_up import changed_since

    records = pages = 0
    try:
        for page in changed_since(connector, since):
            pages, records = pages + 1, records + len(page.items)
            if pages == _MOST_PAGES:
                break
    except (CrmUnavailable, CrmRefused) as error:
        click.echo(text.not_read(str(error), settings.language), err=True)
        return _UNANSWERED
    click.echo(text.catch_up_plan(since, settings.timezone, records, pages, is_all=pages < _MOST_PAGES))
    return 0


def _reader(ledger: Ledger, connector: Connector, settings: Settings) -> CatchUp:
    from random import Random

    from plugin.common.clock import utc_now
    from plugin.events.catch_up import CatchUp
    from plugin.resilience.gates import AccountGates

    gates = AccountGates(ledger, connector, settings.delivery, utc_now)
    source = settings.source_of(connector.name).recorded_as
    return CatchUp(ledger, connector, source, gates, settings.delivery, utc_now, f"cli:{os.getpid()}", Random())


def _do(reader: CatchUp, since: datetime, settings: Settings) -> int:
    from plugin.cli.format import events as text

    reader.ask("by hand", since)
    records = reader.read_all()
    click.echo(text.caught_up(since, settings.timezone, records))
    return 0 if records is not None else _UNANSWERED
