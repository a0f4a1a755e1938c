"""Page sessions with their ledger and rules, and the requests that pages send to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import Settings
from plugin.ledger import Ledger
from plugin.ledger.schema import calls, deliveries, events
from plugin.ledger.trails import trails
from plugin.operator_page.call import PageCall, page_call
from plugin.operator_page.journal import JournalSave, read_journal_save
from plugin.operator_page.sessions import PageSessions
from tests.plugin.auth.support import HandClock

RULES = Path(__file__).parents[3] / "rules"
SCRIPT = "survey_opt_out"


@dataclass
class PageHarness:
    """The page sessions, and the ledger, rules and clock that they work with."""

    sessions: PageSessions
    ledger: Ledger
    rules: ActiveRules
    clock: HandClock
    settings: Settings

    @property
    def revision(self) -> str:
        return self.rules.current().revision

    def call(self, id_: str = "c-1", **more: Any) -> PageCall:
        given = {
            "phone": "8 916 123-45-67",
            "operator": "ivanova",
            "card": ("contact", "42"),
            "card_name": "Иванов Иван",
        }
        return page_call(id_, **(given | more))

    def entry(self, kind: str, **more: Any) -> dict[str, Any]:
        """An entry of a journal, a second after the one before."""
        self.clock.forward(seconds=1)
        return {"kind": kind, "at": self.clock().isoformat(), **more}

    def answer(self, fact: str, value: Any) -> dict[str, Any]:
        asked = self.clock().isoformat()
        return self.entry("answer", q=f"q-{fact}", fact=fact, value=value, words=str(value), asked=asked)

    def saving(self, seq: int, *entries: Any, tab: str = "one", note: str = "", revision: str = "") -> JournalSave:
        body = {"seq": seq, "tab": tab, "revision": revision or self.revision, "note": note, "entries": list(entries)}
        return read_journal_save(body)

    def confirmation(self, facts: Any, outcome: str | None, actions: Any = (), **more: Any) -> dict[str, Any]:
        self.clock.forward(seconds=1)
        return {
            "id": "confirm-1",
            "at": self.clock().isoformat(),
            "revision": self.revision,
            "facts": facts,
            "shown": {"outcome": outcome, "actions": list(actions), "target": None},
        } | more

    def rows(self, table: Any) -> list[dict[str, Any]]:
        with self.ledger.read() as connection:
            return [dict(row._mapping) for row in connection.execute(select(table).order_by(table.c.id))]

    @property
    def trails(self) -> list[dict[str, Any]]:
        return self.rows(trails)

    @property
    def calls(self) -> list[dict[str, Any]]:
        return self.rows(calls)

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.rows(events)

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        return self.rows(deliveries)
