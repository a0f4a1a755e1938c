"""``optout calls replay``: decide calls again, after a change of the rules or a mistake in them; plan first."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plugin.cli.format.moments import moment_of
from plugin.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from plugin.cli.format.calls_words import DeliveryWords
    from plugin.config.settings import Settings
    from plugin.operations.replay import Replayed

_RULES_OF = {"that-day": "правилами того дня", "today": "сегодняшними правилами"}
#: Calls that are told one by one; more are only counted.
_NAMED = 40


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--rules-of", type=click.Choice(tuple(_RULES_OF)), help="Whose rules decide; asked for if left out.")
@click.option("--since", metavar="WHEN", help="All that ended at or after: 2026-11-22, '2026-11-22 10:00', 24h or 7d.")
@click.option("--outcome", metavar="NAME", help="All with this outcome, by its name in the rules.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a call.")
@click.option("--yes", is_flag=True, help="Do it; without this only the plan is shown.")
@click.option("--reason", metavar="TEXT", default="", help="Why, in a phrase; required with --yes.")
@click.option("--by", metavar="NAME", default="", help="Who does it; required with --yes.")
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
    from plugin.cli.format.calls_words import DeliveryWords
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
        rules = ActiveRules(ledger, utc_now)
        try:
            work = Replay(ledger, rules, settings, utc_now, which)
            found = [work.plan(id_) if actor is None else work.carry_out(id_, actor) for id_ in chosen]
            if as_json:
                for one in found:
                    click.echo(json.dumps(_to_json(one, done=yes), ensure_ascii=False))
            else:
                click.echo("\n".join(_report(found, which.value, lambda name: DeliveryWords(rules, name), done=yes)))
        finally:
            rules.close()


def _asked() -> str:
    if not sys.stdin.isatty():
        raise InputError("Не сказано, какими правилами решать", hint="--rules-of that-day или --rules-of today")
    for name, words in _RULES_OF.items():
        click.echo(f"  {name} — решать {words}")
    answer: str = click.prompt("Какими правилами", type=click.Choice(tuple(_RULES_OF)))
    return answer


def _chosen(
    connection: Connection,
    settings: Settings,
    now: datetime,
    ids: Sequence[str],
    since: str | None,
    outcome: str | None,
) -> list[int]:
    from plugin.cli.format.calls import clean
    from plugin.ledger.history import find_calls
    from plugin.operations.replay import replayable

    if ids and (since or outcome):
        raise InputError("Номера и условия вместе не понять", hint="Назовите или номера, или --since и --outcome")
    if not ids and not since and not outcome:
        raise InputError("Не сказано, какие звонки", hint="Назовите номера или условия, например --since 24h")
    if not ids:
        return replayable(connection, since=moment_of(since, settings.timezone, now), outcome=outcome)
    found = []
    for given in ids:
        meant = find_calls(connection, given)
        if not meant:
            raise InputError(f"Звонок «{clean(given[:40])}» не найден", hint="Номера печатает optout calls list")
        found.append(meant[0])
    return list(dict.fromkeys(found))


def _report(
    found: Sequence[Replayed], which: str, words: Callable[[str], DeliveryWords], *, done: bool
) -> Iterator[str]:
    from plugin.cli.format.delivery_page import wrapped

    changed = [one for one in found if one.changed]
    problems = [one for one in found if one.problem]
    same = len(found) - len(changed) - len(problems)
    yield f"Пересчёт {_RULES_OF[which]}, звонков: {len(found)}"
    word = "изменилось" if done else "изменится"
    yield f"  {word}: {len(changed)}, без изменений: {same}, не трогать: {len(problems)}"
    for one in changed[:_NAMED]:
        yield ""
        before, after = (_outcome(name, one, words) for name in (one.before, one.after))
        yield from wrapped(f"Звонок № {one.id} ({one.call_id}): {before} → {after}", 0)
        for line in _effects(one):
            yield from wrapped(line, 2)
    if problems:
        yield from ("", "Не трогать:")
    for one in problems[:_NAMED]:
        yield from wrapped(f"звонок № {one.id} ({one.call_id}): {one.problem}", 2)
    for rest in (len(changed) - _NAMED, len(problems) - _NAMED):
        if rest > 0:
            yield f"  и ещё: {rest}"
    if changed and not done:
        yield from (
            "",
            "Это план: ничего не изменилось. Выполнить: та же команда с",
            "  --yes --by ИМЯ --reason ПРИЧИНА",
        )
    elif not changed:
        yield from ("", "Менять нечего.")


def _outcome(name: str | None, one: Replayed, words: Callable[[str], DeliveryWords]) -> str:
    from plugin.cli.format.calls import UNFINISHED

    return words(one.script).outcome(name, one.revision) if name else UNFINISHED


def _effects(one: Replayed) -> Iterator[str]:
    from plugin.cli.format.delivery_words import KINDS

    if one.added:
        kinds = (KINDS.get(kind, kind) + (f" × {count}" if count > 1 else "") for kind, count in one.added.items())
        yield f"добавить: {', '.join(kinds)}"
    if one.cancelled:
        yield f"отменить, что не ушло: {one.cancelled}"
    if one.stopped:
        yield f"остановить, что могло уйти: {one.stopped}"
    if one.unheard:
        yield f"этим правилам не понять ответы: {', '.join(one.unheard)}"


def _to_json(one: Replayed, *, done: bool) -> dict[str, Any]:
    return {
        "id": one.id,
        "call": one.call_id,
        "done": done and one.changed,
        "changed": one.changed,
        "before": one.before,
        "after": one.after,
        "ruleset": one.revision,
        "add": dict(one.added),
        "cancel": one.cancelled,
        "stop": one.stopped,
        "unheard": list(one.unheard),
        "problem": one.problem,
    }
