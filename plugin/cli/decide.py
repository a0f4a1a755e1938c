"""``optout decide``: the decision on some facts, as JSON (design contract 3.2). Nothing is stored or sent."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from plugin.cli.options import print_json
from plugin.common.strict_json import NotJsonError, read_object
from plugin.common.text_files import NotText, decoded_lines
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.errors import InputError, OptoutError

BAD_INPUT = 2


@click.command()
@click.option("--facts", metavar="JSON", help="One JSON object of facts.")
@click.option("--batch", metavar="FILE", help="JSON lines, one object of facts each; - reads standard input.")
@click.option(
    "--rules", metavar="PATH", type=click.Path(path_type=Path), help="A rules folder, instead of the active rules."
)
@click.option("--script", metavar="NAME", help="Which script; default_script of plugin.toml otherwise.")
@click.pass_obj
def decide(config: Path | None, facts: str | None, batch: str | None, rules: Path | None, script: str | None) -> int:
    """Print what the rules decide on some facts, one JSON line for each.

    The rules are the active revision of an existing ledger, else the rules folder. Where these two differ, that is
    remarked on stderr.
    """
    if (facts is None) == (batch is None):
        raise click.UsageError("give either --facts '{…}' or --batch FILE")
    from plugin.cli.ledgers import settings_of

    settings = settings_of(config)
    if rules is None:
        _remark_on_folder(settings)
    rulebook = Rulebook.load(rules) if rules else rules_in_force(settings)
    decider = rulebook.script(script or settings.default_script)
    if facts is not None:
        print_json(_decided(decider, facts))
        return 0
    with _lines(str(batch)) as lines:
        return _decide_batch(decider, lines)


def rules_in_force(settings: Settings) -> Rulebook:
    """The active revision of an existing ledger, else the rules folder. Creates nothing."""
    from plugin.authoring.revisions.archive import newest_activation, stored_rulebook
    from plugin.cli.ledgers import ledger_if_any

    with ledger_if_any(settings) as ledger:
        if ledger is not None:
            with ledger.read() as connection:
                active = newest_activation(connection)
                if active is not None:
                    return stored_rulebook(connection, active.revision)
    return Rulebook.load(settings.rules_dir)


def _remark_on_folder(settings: Settings) -> None:
    """Tell the admin, once and not among the answers, that what decides is not what the rules folder says now."""
    from plugin.authoring.revisions.status import difference_from_active
    from plugin.cli.format.rules import signature
    from plugin.common.clock import local_time
    from plugin.common.terminal import paragraph

    found = difference_from_active(settings)
    if found is None:
        return
    written = f" (последнее изменение: {local_time(found.changed_at, settings.timezone)})" if found.changed_at else ""
    decides = f"решает активная редакция {found.active.revision} ({signature(found.active, settings.timezone)})"
    remark = f"Папка правил{written} отличается от активных; {decides}. Подробнее: optout rules status"
    click.echo("\n".join(paragraph(remark)), err=True)


def _decide_batch(decider: Decider, chunks: Iterable[bytes]) -> int:
    status = 0
    for number, line in enumerate(decoded_lines(chunks), 1):
        try:
            if isinstance(line, NotText):
                raise InputError(f"the line is {line}", hint="Save the file as UTF-8") from line
            if line.strip():
                print_json(_decided(decider, line))
        except OptoutError as error:
            status = BAD_INPUT
            print_json({"line": number, "error": error.to_json()})
    return status


def _decided(decider: Decider, text: str) -> dict[str, Any]:
    try:
        raw = read_object(text)
    except NotJsonError as error:
        raise InputError(f"the facts are not a JSON object: {error}", hint='Write {"name": value, …}') from error
    return decider.decide(decider.type_facts(raw)).to_json()


@contextmanager
def _lines(batch: str) -> Iterator[IO[bytes]]:
    if batch == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(batch, "rb")  # noqa: SIM115 - closed below; what goes wrong later is no fault of --batch
    except OSError as error:
        raise InputError(f"--batch {batch}: {error.strerror}") from error
    with file:
        yield file
