"""How a change of the active rules is told before it is made: one page, Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from plugin.authoring.inspection.diff_text import behaviour
from plugin.authoring.revisions.candidate import RulesCandidate
from plugin.cli.format.rules_merge import merged_told
from plugin.common.russian import counted
from plugin.common.terminal import wrapped
from plugin.operations.backtest import Backtest
from plugin.operations.outlook import DAYS, RulesOutlook

#: Changes and groups of calls that are shown; `optout rules diff` and `optout rules backtest` show all.
_SHOWN = 12


def page(candidate: RulesCandidate, found: RulesOutlook) -> Iterator[str]:
    """What others changed, what conversations will change, and what past calls would have come to."""
    yield from merged_told(candidate)
    if found.differences is not None:
        yield from _behaviour(found)
    if found.backtest is not None:
        yield from _calls(found.backtest)
    if found.demands:
        yield "Нужно подтверждение:"
        for demand in found.demands:
            yield from wrapped(demand, 2, first="! ")


def _behaviour(found: RulesOutlook) -> Iterator[str]:
    assert found.differences is not None
    if found.differences.old == found.differences.new:
        return
    if found.differences.alike:
        yield from wrapped("Ни один разговор не изменится: те же вопросы, итоги, тексты и получатели.")
        return
    yield "Что изменится:"
    yield from behaviour(found.differences, _SHOWN)
    yield from wrapped("Подробно: optout rules diff", 2)


def _calls(past: Backtest) -> Iterator[str]:
    changed = past.different + past.refused
    if not past.calls:
        yield f"Звонков за {DAYS} дней в журнале нет: проверить на них нечего."
        return
    calls = counted(past.calls, "звонок", "звонка", "звонков")
    verdict = f"решились бы иначе: {changed}" if changed else "ни один не решился бы иначе"
    yield from wrapped(f"За {DAYS} дней этими правилами решено заново: {calls}; {verdict}.")
    for (old, new, what), number in past.groups.most_common(_SHOWN):
        told = f"{old}: {what}" if old == new else f"{old} → {new}" + (f" ({what})" if what else "")
        yield from wrapped(told, 2, first=f"{number}: ")
    if changed:
        yield from wrapped("Какие звонки: optout rules backtest --since 30d", 2)
