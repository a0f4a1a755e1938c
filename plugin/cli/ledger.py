"""``optout ledger``: whether the ledger's records are as they were written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import json_option, print_json
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.config.settings import StampService
    from plugin.ledger import Ledger
    from plugin.ledger.chain.check import ChainFault

_HEAD_HINT = "Она в письме «Отметка цепочки журнала за сутки»: НОМЕР:ОТМЕТКА"
_LINK = 64


@click.group(short_help="Whether the ledger's records are as they were written: verify.")
def ledger() -> None:
    """Whether the ledger's records of calls are as they were written."""


@ledger.command()
@click.option("--again", is_flag=True, help="From the beginning, where a check was broken off.")
@click.option("--head", metavar="NUMBER:HEAD", help="Also whether this head, of a mail, is in the chain.")
@json_option
@click.pass_obj
def verify(config: Path | None, /, *, again: bool, head: str | None, as_json: bool) -> int:
    """Check the chain of records from end to end: nothing was changed, removed or added past the plugin.

    It may be broken off: the next one goes on from there. The exit status is 1 if anything was found.
    """
    from dataclasses import asdict

    from plugin.cli.format import ledger as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.ledger.chain.check import ChainFault
    from plugin.operations.chain_check import ChainCheck, check_whole

    wanted = _head_of(head)
    settings = settings_of(config)
    with ledger_of(settings) as opened:
        check = ChainCheck(opened, utc_now)
        goes_on = check.begin(again=again)
        shows = sys.stderr.isatty()
        progress = check_whole(check, lambda now: click.echo(f"\r{now.seq}", nl=False, err=True) if shows else None)
        if wanted is not None and not _has_head(opened, *wanted):
            progress = progress.with_faults([ChainFault("head", wanted[0])])
        if settings.stamps is not None:
            progress = progress.with_faults(_stamp_faults(opened, settings.stamps))
    if as_json:
        faults = [asdict(fault) for fault in progress.faults]
        told = {"entries": progress.seq, "head": f"{progress.seq}:{progress.link}", "fault_count": progress.fault_count}
        print_json(told | {"faults": faults})
    else:
        click.echo(text.checked(progress, goes_on=goes_on))
    return 1 if progress.fault_count else 0


def _head_of(given: str | None) -> tuple[int, str] | None:
    if given is None:
        return None
    number, _, link = given.strip().partition(":")
    if not number.isascii() or not number.isdigit() or len(link) != _LINK:
        raise InputError(f"--head: «{given[:40]}» не отметка", hint=_HEAD_HINT)
    return int(number), link.lower()


def _stamp_faults(opened: Ledger, service: StampService) -> list[ChainFault]:
    """Of the time stamps that the ledger keeps; said where they cannot be verified here."""
    from plugin.promise.stamping import stamp_faults
    from plugin.promise.time_stamps import StampPackageMissing

    try:
        with opened.read() as connection:
            return list(stamp_faults(connection, service))
    except (StampPackageMissing, OSError) as error:
        click.echo(f"Отметки времени не проверены: {error}", err=True)
        return []


def _has_head(opened: Ledger, seq: int, link: str) -> bool:
    from plugin.operations.chain_check import has_head

    with opened.read() as connection:
        return has_head(connection, seq, link)
