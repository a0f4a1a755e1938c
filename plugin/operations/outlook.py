"""What publishing rules would come to: conversations that change, past calls decided again, and what wants a yes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from plugin.authoring.inspection.diff import Differences, differences
from plugin.authoring.revisions.archive import stored_rulebook
from plugin.authoring.revisions.candidate import RulesCandidate
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from plugin.operations.backtest import Backtest, backtest
from plugin.operations.demands import calls_demands, rules_demands

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
        alike = candidate.over.revision == rulebook.revision
        past = None if alike or not calls else backtest(connection, rulebook, since=now - timedelta(days=DAYS), limit=0)
        with closing(stored_rulebook(connection, candidate.over.revision, with_files=True)) as active:
            found = differences(active, rulebook)
            return RulesOutlook(found, past, tuple(_demands(candidate, found, active, rulebook, past)))


def _demands(
    candidate: RulesCandidate, found: Differences, active: Rulebook, rulebook: Rulebook, past: Backtest | None
) -> Iterator[str]:
    if candidate.takes_back_unknown:
        yield (
            "Папка не говорит, с какой редакции она начата: изменения, которых в ней нет, будут сняты. Чем активная "
            "редакция отличается от папки, показано выше"
        )
    yield from rules_demands(found, active.roles, rulebook.roles)
    if past is not None:
        yield from calls_demands(past, f"за {DAYS} дней")
