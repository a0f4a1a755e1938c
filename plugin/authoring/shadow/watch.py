"""The loop's part: looks at decisions that were made and answered, and has the shadow decide them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from plugin.authoring.revisions.archive import stored_content
from plugin.authoring.shadow.compare import DifferenceKind, ShadowDifference, differences
from plugin.authoring.shadow.process import ShadowFailed, ShadowProcess
from plugin.authoring.shadow.records import (
    SeenDecision,
    Shadow,
    decisions_to_see,
    end_shadow,
    newest_decision,
    running_shadow,
    save_seen,
)
from plugin.common.clock import Now
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.ledger import Ledger

_LOG = structlog.get_logger(__name__)

#: Decisions looked at in one go, and the seconds between two looks.
_AT_ONCE = 50
_PAUSE = 2.0
#: Where more wait, it rests so many times as long as it worked: calls that come in need the process more.
_REST = 9.0
#: So many failures in a row end the shadow.
_MOST_FAILURES = 5
_FAILED = "не отвечает: остановлена после нескольких неудач подряд"
_UNREADABLE = "правила этой редакции не читаются"

Start = Callable[[str, object], ShadowProcess]


class ShadowWatch:
    """Any number of processes may have one; each decision is counted once. Used by one thread."""

    def __init__(self, ledger: Ledger, now: Now, start: Start = ShadowProcess) -> None:
        self._ledger = ledger
        self._now = now
        self._start = start
        self._process: ShadowProcess | None = None
        self._failures = 0
        #: The newest decision at the last look: those up to it are committed by now.
        self._settled: int | None = None

    def step(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Look at some decisions; the seconds until the next time. Raises LedgerUnavailable."""
        began = time.monotonic()
        with self._ledger.read() as connection:
            shadow = running_shadow(connection)
            newest = newest_decision(connection) if shadow else None
            settled, self._settled = self._settled, newest
            seen = [] if shadow is None or settled is None else decisions_to_see(connection, shadow, settled, _AT_ONCE)
        if shadow is None or stopped():
            self.close()
            return _PAUSE
        if settled is None or settled <= shadow.position:
            return _PAUSE
        self._look(shadow, seen, seen[-1].id if len(seen) == _AT_ONCE else settled, stopped)
        return min(_PAUSE, _REST * (time.monotonic() - began)) if len(seen) == _AT_ONCE else _PAUSE

    def close(self) -> None:
        """End the shadow's process."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _look(self, shadow: Shadow, seen: Sequence[SeenDecision], position: int, stopped: Callable[[], bool]) -> None:
        found: list[tuple[SeenDecision, ShadowDifference]] = []
        failed = 0
        for one in seen:
            if stopped():
                return
            try:
                found += [(one, difference) for difference in self._compared(shadow, one)]
                self._failures = 0
            except ShadowFailed as error:
                self._process = None
                self._failures += 1
                failed += 1
                _LOG.warning("shadow.failed", revision=shadow.revision, why=str(error))
            except LedgerUnavailable:
                raise
            except OptoutError as error:
                self._end(shadow, _UNREADABLE, str(error))
                return
            if self._failures >= _MOST_FAILURES:
                self._end(shadow, _FAILED, "failures in a row")
                return
        with self._ledger.write() as connection:
            save_seen(connection, shadow, position, found, failed)

    def _compared(self, shadow: Shadow, seen: SeenDecision) -> list[ShadowDifference]:
        answer = self._running(shadow).decide(seen.script, seen.facts)
        if "decision" not in answer:
            old = seen.decision.get("outcome") or ""
            return [ShadowDifference(DifferenceKind.REFUSED, old, str(answer.get("refused", "")))]
        return differences(seen.decision, answer["decision"])

    def _running(self, shadow: Shadow) -> ShadowProcess:
        if self._process is not None and self._process.revision != shadow.revision:
            self.close()
        if self._process is None:
            with self._ledger.read() as connection:
                content = stored_content(connection, shadow.revision)
            self._process = self._start(shadow.revision, content)
        return self._process

    def _end(self, shadow: Shadow, why: str, said: str) -> None:
        self.close()
        self._failures = 0
        with self._ledger.write() as connection:
            end_shadow(connection, shadow, self._now(), why)
        _LOG.error("shadow.ended", revision=shadow.revision, why=said)
