"""A draft that decides live calls beside the active rules: begun, stopped, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from plugin.authoring.drafts.compiled import CompiledDraft
from plugin.authoring.revisions.activate import store
from plugin.authoring.revisions.archive import stored_content
from plugin.authoring.shadow.records import (
    Shadow,
    ShadowReport,
    begin_shadow,
    end_shadow,
    newest_shadows,
    report_of,
    running_shadow,
)
from plugin.authoring.shadow.words import DIFFERENCE_WORDS, change_words, outcome_labels
from plugin.console.rules_desk import RulesDesk
from plugin.deciding.ruleset.schema import CASES_FILE
from plugin.errors import InputError
from plugin.ledger.audit import Actor, record

_SHOWN = 30
#: Of the newest shadows, those that may have been of these rules.
_LOOKED_AT = 5


@dataclass(frozen=True, slots=True)
class ShadowChange:
    """Decisions that would come out alike: what differs, from what to what, how many, and the newest call of them."""

    kind: str
    what: str
    decisions: int
    call: int


@dataclass(frozen=True, slots=True)
class DraftShadow:
    """What is known of a draft beside the active rules.

    ``report``: what exactly these rules came to, where they were tried so; ``running``: what decides beside now, be it
    these rules or others.
    """

    report: ShadowReport | None = None
    running: Shadow | None = None
    changes: Sequence[ShadowChange] = ()

    @property
    def is_running(self) -> bool:
        """Whether these very rules decide beside the active ones now."""
        return bool(self.running and self.report and self.running.id == self.report.shadow.id)

    @property
    def differing(self) -> int:
        """Decisions that would have come out otherwise."""
        return sum(self.report.by_kind.values()) if self.report else 0


def draft_shadow(desk: RulesDesk, compiled: CompiledDraft, page_source: str) -> DraftShadow:
    """What these rules came to; ``page_source``: the source of the operators' page. Raises LedgerUnavailable."""
    active, decides = desk.active().revision, _decides(compiled.rulebook.content)
    with desk.ledger.read() as connection:
        running = running_shadow(connection)
        own = next(
            (
                one
                for one in newest_shadows(connection, _LOOKED_AT)
                if _decides(stored_content(connection, one.revision)) == decides
            ),
            None,
        )
        if own is None:
            return DraftShadow(running=running)
        report = report_of(connection, own, page_source)
        contents = [stored_content(connection, one) for one in (active, own.revision)]
    labels = outcome_labels(contents)
    changes = [
        ShadowChange(DIFFERENCE_WORDS[group.kind], change_words(group, labels), group.decisions, group.call)
        for group in report.groups[:_SHOWN]
    ]
    return DraftShadow(report, running, changes)


def _decides(content: Mapping[str, Any]) -> dict[str, Any]:
    """All of some rules that decides calls: their cases do not."""
    return {name: file for name, file in content.items() if not name.endswith(CASES_FILE)}


def let_beside(desk: RulesDesk, compiled: CompiledDraft, by: str) -> None:
    """From now on these rules decide beside the active ones. Raises InputError where others do, or nothing differs."""
    book, now = compiled.rulebook, desk.now()
    if desk.active().revision == book.revision:
        raise InputError("Сравнивать не с чем", hint="В черновике нет изменений")
    with desk.ledger.write(alone=True) as connection:
        if running_shadow(connection) is not None:
            raise InputError("Рядом уже решают другие правила", hint="Сначала остановите их")
        store(connection, book, now)
        begin_shadow(connection, book.revision, by, now)
        _note(connection, by, "пущены рядом с действующими", book.revision, now)


def stop_beside(desk: RulesDesk, by: str) -> None:
    """End what decides beside the active rules; what it came to stays. Raises InputError where nothing does."""
    with desk.ledger.write(alone=True) as connection:
        running = running_shadow(connection)
        if running is None:
            raise InputError("Рядом с действующими правилами ничего не решает", hint="Обновите страницу")
        end_shadow(connection, running, desk.now())
        _note(connection, by, "остановлены рядом с действующими", running.revision, desk.now())


def _note(connection: Connection, by: str, what: str, revision: str, at: datetime) -> None:
    record(connection, "shadow", Actor(by, f"правила {what}"), at, [{"details": {"revision": revision}}])
