"""``optout proof``: one file that proves what was said, promised and done."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plugin.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from plugin.promise.proof import ProofFrame

_HINT = "Номера звонков печатает optout calls list"


class _ProofGroup(click.Group):
    """A group whose ``default`` need not be named: what is not a command's name is a call or a number."""

    default = "make"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ProofGroup, short_help="One file that proves what was said, promised and done.")
def proof() -> None:
    """One file that proves what was said, promised and done: `optout proof CALL|NUMBER --out FILE`."""


@proof.command(_ProofGroup.default)
@click.argument("given", metavar="CALL|NUMBER")
@click.option("--out", required=True, metavar="FILE", help="Where to: .html to print, .json to check.")
@click.pass_obj
def make(config: Path | None, /, *, given: str, out: str) -> None:
    """Write all that the ledger holds of a call, or of every call of a number, into FILE, which its owner may read.

    CALL is the number that `optout calls list` prints, or the CRM's own id of the call; NUMBER a phone number in any
    notation. Nothing is masked: the file is for whoever has to be shown it.
    """
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.cli.rules.saving import save
    from plugin.common.clock import utc_now
    from plugin.promise.proof import ProofFrame
    from plugin.promise.proof_file import proof_bytes

    settings = settings_of(config)
    sender = settings.smtp.sender if settings.smtp else None
    with ledger_of(settings) as ledger, closing(ActiveRules(ledger, utc_now)) as rules, ledger.read() as connection:
        frame = ProofFrame(rules, settings.timezone, sender, utc_now())
        made = _proof(connection, given, frame)
    save(out, proof_bytes(made, out), _counted(made), private=True)


@proof.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--stamp-ca",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Certificates of the time stamp service, PEM; by default [proof] stamp_ca_file.",
)
@click.pass_obj
def verify(config: Path | None, /, *, file: Path, stamp_ca: Path | None) -> int:
    """Check a proof that was written as JSON by itself: nothing in it was changed, and its records lead to a head.

    Needs no ledger and no network. Compare the head with the one that was mailed to the admins; that it was there at
    some time is proven by its time stamp, where it has one. The exit status is 1 if anything was found.
    """
    from plugin.cli.format import proof as text
    from plugin.promise.proof import FORMAT
    from plugin.promise.proof_check import check_proof, read_proof

    proof = read_proof(_bytes_of(file), FORMAT)
    authorities = stamp_ca or _configured_authorities(config)
    verdict = check_proof(proof, None if authorities is None else _bytes_of(authorities))
    click.echo(text.verdict(verdict))
    return 1 if verdict.faults else 0


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: файл не прочитать ({error.strerror})", hint="Проверьте имя и права") from error


def _configured_authorities(config: Path | None) -> Path | None:
    """The certificates that plugin.toml names; a proof can be checked without one."""
    import os

    from plugin.config.load import load_settings
    from plugin.errors import ConfigError

    try:
        stamps = load_settings(config, os.environ, secrets=False).stamps
    except ConfigError:
        return None
    return None if stamps is None else stamps.ca_file


def _proof(connection: Connection, given: str, frame: ProofFrame) -> dict[str, Any]:
    from connectors.kit.phones import numbers_in
    from plugin.cli.ledgers import no_such_call
    from plugin.ledger.history import find_calls
    from plugin.promise.proof import proof_of, proof_of_number

    found = find_calls(connection, given)
    if found:
        return proof_of(connection, found[:1], None, frame)
    numbers = numbers_in(given)
    if len(numbers) != 1:
        raise no_such_call(given, _HINT)
    made = proof_of_number(connection, numbers[0], frame)
    if not made["calls"] and not any(one["said"] for one in made["suppression"]):
        raise InputError(f"О номере {numbers[0]} в журнале ничего нет", hint=_HINT)
    return made


def _counted(made: dict[str, Any]) -> str:
    from plugin.common.russian import counted

    return counted(len(made["calls"]), "звонок", "звонка", "звонков")
