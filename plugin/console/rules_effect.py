"""What a draft would change: conversations at once, past calls in the background, since those may be a million."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from time import monotonic, sleep
from zoneinfo import ZoneInfo

import structlog

from plugin.authoring.drafts.checking import digest_of
from plugin.authoring.drafts.compiled import CompiledDraft
from plugin.authoring.inspection.diff import Differences, differences
from plugin.authoring.verification.cases import run_cases
from plugin.common.russian import counted
from plugin.console.rules_desk import OpenedRules, RulesDesk
from plugin.errors import EngineError, Fault, OptoutError, RulesError
from plugin.operations.backtest import UNFINISHED, Backtest, backtest
from plugin.operations.demands import calls_demands, rules_demands

_LOG = structlog.get_logger(__name__)
#: Calls that ended so long ago are decided again.
DAYS = 90
_KEPT = 16
#: For so long conversations are compared; the pages say so where there are more.
_SECONDS = 2.5
_LISTED = 20
#: Seconds between two looks whether past calls have been decided again.
_AGAIN = 0.02
#: A ledger may be too large to wait for.
NOT_SEEN = f"Прошлые звонки ещё пересчитываются: пока не видно, не станут ли какие-то из них «{UNFINISHED}»"


@dataclass(frozen=True, slots=True)
class PastPeriod:
    """The calls that a draft is tried on: ``name`` as addresses have it, ``words`` as sentences do."""

    name: str
    words: str
    since: datetime
    until: datetime | None = None


def past_period(name: str, now: datetime, zone: ZoneInfo) -> PastPeriod:
    """Last month by its name ``month``; by any other the last days."""
    if name != "month":
        return PastPeriod("", f"за {DAYS} дней", now - timedelta(days=DAYS))
    first = now.astimezone(zone).date().replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    since, until = (datetime.combine(day, time(), zone) for day in (before, first))
    return PastPeriod("month", "за прошлый месяц", since, until)


@dataclass(frozen=True, slots=True)
class DraftEffect:
    """``faults`` keep it from being told; else what differs from the active rules, and the cases that fail.

    ``demands``: why a yes is wanted before it is published.
    """

    faults: tuple[Fault, ...] = ()
    found: Differences | None = None
    compiled: CompiledDraft | None = None
    demands: tuple[str, ...] = ()

    def demanding(self, past: Backtest | None, period: PastPeriod) -> list[str]:
        """Why a yes is wanted before it is published, as far as that is known."""
        return [*self.demands, *(calls_demands(past, period.words) if past else ())]

    def sentence(self) -> str:
        """In one sentence what becomes of conversations."""
        if self.faults:
            number = counted(len(self.faults), "ошибку", "ошибки", "ошибок")
            return f"Сначала исправьте {number}: тогда будет видно, что изменится"
        assert self.found is not None
        if self.found.alike:
            return "Ни один разговор не изменится"
        changed = [script for script in self.found.scripts if script.different]
        told = []
        for script in changed:
            few = 2 <= script.different % 10 <= 4 and not 12 <= script.different % 100 <= 14
            verb = "изменятся" if few else "изменится"
            number = counted(script.different, "разговор", "разговора", "разговоров")
            where = f" в скрипте «{script.title}»" if len(changed) > 1 else ""
            told.append(f"{verb} {number} из {script.compared}{where}")
        if not told:
            told = ["разговоры останутся прежними, изменится общее для них"]
        sentence = "; ".join(told)
        return sentence[0].upper() + sentence[1:]


class DraftEffects:
    """Tells what drafts would change, each state of one once. Thread-safe."""

    def __init__(self, desk: RulesDesk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, str], DraftEffect] = OrderedDict()
        self._past: OrderedDict[tuple[str, str, str], Backtest | None] = OrderedDict()
        #: One after the other: each takes a processor for as long as the ledger is large.
        self._turn = threading.Lock()

    def of(self, opened: OpenedRules) -> DraftEffect:
        """What these rules change in conversations beside the active ones. Raises LedgerUnavailable."""
        key = _key(opened)
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = self._tell(opened)
        if found.compiled is None and not opened.check.faults:
            # What only the engine's own process told may be the machine's fault, and other the next time.
            return found
        with self._lock:
            self._found[key] = found
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return found

    def past(self, opened: OpenedRules, period: PastPeriod) -> Backtest | None:
        """What becomes of past calls; None while that is being found out, which this begins."""
        key = (*_key(opened), period.name)
        with self._lock:
            if key in self._past:
                return self._past[key]
            self._past[key] = None
            while len(self._past) > _KEPT:
                self._past.popitem(last=False)
        effect = self.of(opened)
        if effect.compiled is not None:
            threading.Thread(target=self._look_back, args=(key, period, effect.compiled), daemon=True).start()
        return None

    def demands(self, opened: OpenedRules, period: PastPeriod, *, waits: float = _SECONDS) -> list[str]:
        """Why a yes is wanted before it is published, past calls included; faults come first.

        Past calls are waited for so many seconds.
        """
        in_time, effect = for_so_long(waits), self.of(opened)
        if effect.compiled is None:
            return []
        while (past := self.past(opened, period)) is None and in_time():
            sleep(_AGAIN)
        return effect.demanding(past, period) + [NOT_SEEN] * (past is None)

    def _tell(self, opened: OpenedRules) -> DraftEffect:
        if opened.check.faults:
            return DraftEffect(opened.check.faults)
        try:
            current = self._desk.rules.at(opened.active.revision)
            if opened.files == self._desk.files(current.revision):
                compiled = CompiledDraft(current, run_cases(current))
            else:
                compiled = self._desk.compiled.of(opened.files, current)
            found = differences(current, compiled.rulebook, go_on=for_so_long())
            demands = tuple(rules_demands(found, current.roles, compiled.rulebook.roles))
            return DraftEffect((), found, compiled, demands)
        except RulesError as error:
            return DraftEffect(error.faults)
        except EngineError as error:
            return DraftEffect((Fault("rules", 0, "движок", str(error), "повторите через минуту"),))

    def _look_back(self, key: tuple[str, str, str], period: PastPeriod, compiled: CompiledDraft) -> None:
        since, until = period.since, period.until
        with self._turn:
            try:
                with self._desk.ledger.read() as connection:
                    found = backtest(connection, compiled.rulebook, since=since, until=until, limit=_LISTED)
            except OptoutError as error:
                _LOG.warning("rules.not_looked_back", why=str(error))
                with self._lock:
                    self._past.pop(key, None)
                return
        with self._lock:
            if key in self._past:
                self._past[key] = found


def for_so_long(seconds: float = _SECONDS) -> Callable[[], bool]:
    """Whether that time is not over yet, counted from now on."""
    until = monotonic() + seconds
    return lambda: monotonic() < until


def past_sentence(found: Backtest | None, period: PastPeriod) -> str:
    """In one sentence what becomes of past calls."""
    words = period.words
    if found is None:
        return f"Считаем звонки {words}…"
    if not found.calls:
        return f"Звонков {words} не было"
    if not found.different and not found.refused:
        return f"Ни один из звонков {words} не решился бы иначе ({found.calls})"
    number = counted(found.different, "звонок", "звонка", "звонков")
    verb = "решился бы" if found.different % 10 == 1 and found.different % 100 != 11 else "решились бы"
    told = [f"{number} {words} {verb} иначе"]
    if found.unreminded:
        stay = "остался бы" if found.unreminded % 10 == 1 and found.unreminded % 100 != 11 else "остались бы"
        told.append(f"{found.unreminded} {stay} без напоминания")
    if found.refused:
        told.append(f"у {found.refused} ответы к новым правилам не подходят")
    return ", ".join(told)


def _key(opened: OpenedRules) -> tuple[str, str]:
    return opened.active.revision, digest_of(opened.files)
