"""``optout calls replay``: decide calls again, after a change of the rules or a mistake in them; plan first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import by_option, print_json_lines, reason_option, together, yes_option
from plugin.common.moments import moment_of
from plugin.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from plugin.config.settings import Settings

#: Whose rules decide, in words.
RULES_OF = {"that-day": "правилами того дня", "today": "сегодняшними правилами"}


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--rules-of", type=click.Choice(tuple(RULES_OF)), help="Whose rules decide; asked for if left out.")
@click.option("--since", metavar="WHEN", help="All that ended at or after: 2026-11-22, '2026-11-22 10:00', 24h or 7d.")
@click.option("--outcome", metavar="NAME", help="All with this outcome, by its name in the rules.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a call.")
@together(yes_option, reason_option, by_option)
@click.pass_obj
def replay(
    config: Path | None,
    /,
    ids: tuple[str, ...],
    *,
    rules_of: str | None,
    since: str | None,
    outcome: str | None,
    as_json: bool,
    yes: bool,
    by: str,
    reason: str,
) -> None:
    """Decide calls again from their events: by number (or the CRM's id), or all that the options choose.

    The same outcome changes nothing. Another one is a correction: what was written is taken back and written anew.
    """
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.authoring.revisions.labels import ScriptLabels
    from plugin.cli.format import calls_replay as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.ledger.audit import Actor
    from plugin.operations.replay import Replay, RulesOf
    from plugin.resilience.noted import with_account

    actor = Actor.signed(by, reason) if yes else None
    which = RulesOf(rules_of or _asked())
    settings = settings_of(config)
    with ledger_of(settings) as ledger:
        with ledger.read() as connection:
            chosen = _chosen(connection, settings, utc_now(), ids, since, outcome)
        settings = with_account(settings, ledger)
        with closing(ActiveRules(ledger, utc_now)) as rules:
            work = Replay(ledger, rules, settings, utc_now, which)
            found = [work.plan(id_) if actor is None else work.carry_out(id_, actor) for id_ in chosen]
            if as_json:
                print_json_lines(text.to_json(one, done=yes) for one in found)
            else:
                click.echo(text.page(found, RULES_OF[which], lambda name: ScriptLabels(rules, name), done=yes))


def _asked() -> str:
    if not sys.stdin.isatty():
        raise InputError("Не сказано, какими правилами решать", hint="--rules-of that-day или --rules-of today")
    for name, words in RULES_OF.items():
        click.echo(f"  {name} — решать {words}")
    answer: str = click.prompt("Какими правилами", type=click.Choice(tuple(RULES_OF)))
    return answer


def _chosen(
    connection: Connection,
    settings: Settings,
    now: datetime,
    ids: Sequence[str],
    since: str | None,
    outcome: str | None,
) -> list[int]:
    from plugin.cli.ledgers import calls_named
    from plugin.operations.replay import replayable

    if ids and (since or outcome):
        raise InputError("Номера и условия вместе не понять", hint="Назовите или номера, или --since и --outcome")
    if not ids and not since and not outcome:
        raise InputError("Не сказано, какие звонки", hint="Назовите номера или условия, например --since 24h")
    if not ids:
        return replayable(connection, since=moment_of(since, settings.timezone, now), outcome=outcome)
    return list(dict.fromkeys(calls_named(connection, given)[0] for given in ids))
