"""What publishing rules would come to: conversations that change, past calls decided again, and what wants a yes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from plugin.authoring.inspection.compare import ConversationChange
from plugin.authoring.inspection.diff import BehaviourChange, Differences, differences
from plugin.authoring.revisions.archive import stored_rulebook
from plugin.authoring.revisions.candidate import RulesCandidate
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from plugin.operations.backtest import UNFINISHED, Backtest, backtest

#: Of past calls, so many days are decided again.
DAYS = 30


@dataclass(frozen=True, slots=True)
class RulesOutlook:
    """What would change. ``differences`` None: nothing is active yet; ``backtest`` None: no calls were asked for.

    ``demands``: why a yes is wanted before it is done, in Russian, one sentence each.
    """

    differences: Differences | None
    backtest: Backtest | None
    demands: tuple[str, ...]


def outlook(
    ledger: Ledger, candidate: RulesCandidate, rulebook: Rulebook, *, now: datetime, calls: bool = True
) -> RulesOutlook:
    """Compare the rules with the active ones; with ``calls``, decide those of the last 30 days again.

    Writes nothing. Raises EngineError, LedgerUnavailable.
    """
    if candidate.over is None:
        return RulesOutlook(None, None, ())
    with ledger.read() as connection:
        with closing(stored_rulebook(connection, candidate.over.revision, with_files=True)) as active:
            found = differences(active, rulebook)
        alike = candidate.over.revision == rulebook.revision
        past = None if alike or not calls else backtest(connection, rulebook, since=now - timedelta(days=DAYS), limit=0)
    return RulesOutlook(found, past, tuple(_demands(candidate, found, past)))


def _demands(candidate: RulesCandidate, found: Differences, past: Backtest | None) -> Iterator[str]:
    if candidate.takes_back_unknown:
        yield (
            "Папка не говорит, с какой редакции она начата: изменения, которых в ней нет, будут сняты. Чем активная "
            "редакция отличается от папки, показано выше"
        )
    for script in found.scripts:
        if script.state == "gone":
            yield f"Скрипта {script.name} больше не будет"
    vanishing = dict.fromkeys(told for script in found.scripts for change in script.changes for told in _lost(change))
    for told in vanishing:
        yield f"Пропадёт: {told}"
    if past is not None:
        yield from _calls(past)


def _lost(change: BehaviourChange) -> Iterator[str]:
    found: list[BehaviourChange | ConversationChange] = [change, *change.details]
    for one in found:
        if _vanishes(one):
            where = f" — {'; '.join(change.outcomes)}" if change.outcomes else ""
            yield f"{one.old}{where}"


def _vanishes(change: BehaviourChange | ConversationChange) -> bool:
    if change.kind == "action":
        return change.new is None
    if change.kind == "recipients":
        was, now = (set((side or "").split(", ")) for side in (change.old, change.new))
        return now < was
    return False


def _calls(past: Backtest) -> Iterator[str]:
    unfinished = sum(n for (old, new, _), n in past.groups.items() if new == UNFINISHED != old)
    if unfinished:
        yield f"Звонков за {DAYS} дней, которые стали бы «{UNFINISHED}»: {unfinished}"
    if past.refused:
        yield f"Звонков за {DAYS} дней, ответы которых новые правила не принимают: {past.refused}"
