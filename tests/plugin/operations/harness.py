"""A deployment's folder with a ledger in it: events come in, deliveries stand in any state, commands are run on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping, insert, select, update

from plugin.authoring.revisions.active import ActiveRules
from plugin.cli.main import main
from plugin.ledger import Ledger
from plugin.ledger.schema import acts, attempts, calls, deliveries
from tests.plugin.events.support import RULES, SETTINGS, Clock, Office, call_result, rulebook

PHONE = "+79161234567"
BY = ("--by", "иванова", "--reason", "CRM починили")
DO = ("--yes", *BY)

PLUGIN_TOML = """
[plugin]
id = "optout"
version = "0.1.0"
events = ["call-result"]
default_script = "survey_opt_out"
rules = "%(rules)s"
timezone = "Europe/Moscow"

[ledger]
url = "%(url)s"
%(more)s

[crm]
connector = "embedded"

[crm.embedded]
base_url = "http://127.0.0.1:9"
token = { env = "NOWHERE" }

[sources.crm]
secrets = [{ env = "NOWHERE" }]
namespace = "dealership"
"""


@dataclass
class Firm:
    """One deployment. ``office`` takes events in by ``clock``, which stands at the machine's present."""

    folder: Path
    url: str
    capsys: pytest.CaptureFixture[str]
    clock: Clock = field(default_factory=lambda: Clock(datetime.now(UTC).replace(microsecond=0)))

    def __post_init__(self) -> None:
        self.configure()
        self.ledger = Ledger(self.url)
        rules = ActiveRules(self.ledger, self.clock)
        rules.activate(rulebook(), "test", "test")
        self.office = Office(self.ledger, rules, SETTINGS, self.clock)

    def configure(self, more: str = "") -> None:
        """Write plugin.toml, with these lines in [ledger]."""
        text = PLUGIN_TOML % {"rules": RULES, "url": self.url, "more": more}
        (self.folder / "plugin.toml").write_text(text, encoding="utf-8")

    # --- filling the ledger ------------------------------------------------------------------------

    def report(
        self, call: str, facts: Mapping[str, Any] | None = None, *, ago: timedelta = timedelta(0), **more: Any
    ) -> dict[str, Any]:
        """The answer to a call result that ended ``ago``; it comes in at that time."""
        self.clock.pass_(seconds=-ago.total_seconds())
        event = call_result(facts, occurred_at=self.clock().isoformat(), call={"id": call}, **more)
        try:
            return self.office.taken_body(event)
        finally:
            self.clock.pass_(seconds=ago.total_seconds())

    def change(self, delivery: int, **columns: Any) -> None:
        with self.ledger.write() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery).values(**columns))

    def change_all(self, **columns: Any) -> None:
        with self.ledger.write() as connection:
            connection.execute(update(deliveries).values(**columns))

    def change_calls(self, **columns: Any) -> None:
        with self.ledger.write() as connection:
            connection.execute(update(calls).values(**columns))

    def attempt(self, delivery: int, **columns: Any) -> None:
        row = {"delivery_ref": delivery, "at": self.clock(), "step": "send", "outcome": "unknown", "seconds": 0.5}
        with self.ledger.write() as connection:
            connection.execute(insert(attempts), row | columns)

    # --- looking -----------------------------------------------------------------------------------

    def row(self, delivery: int) -> RowMapping:
        with self.ledger.read() as connection:
            return connection.execute(select(deliveries).where(deliveries.c.id == delivery)).mappings().one()

    def states(self) -> list[str]:
        return [row["state"] for row in self.office.rows(deliveries)]

    def acts(self) -> list[RowMapping]:
        return list(self.office.rows(acts))

    # --- commands ----------------------------------------------------------------------------------

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Status, stdout and stderr of a command."""
        self.capsys.readouterr()
        status = main(["--config", str(self.folder), *arguments])
        said = self.capsys.readouterr()
        # A path is not broken, however long.
        whole = ("{", f"Копия проверена: {self.folder}", f"Прежний журнал: {self.folder}", f"Записано: {self.folder}")
        assert all(len(line) <= 80 for line in said.out.splitlines() if not line.startswith(whole)), said.out
        return status, said.out, said.err

    def out(self, *arguments: str) -> str:
        """What a command prints that must work."""
        status, out, err = self.run(*arguments)
        assert (status, err) == (0, ""), (status, out, err)
        return out

    def refused(self, *arguments: str) -> str:
        """What a command says on stderr that must not work."""
        status, out, err = self.run(*arguments)
        assert (status, out) == (2, ""), (status, out)
        return err

    def json(self, *arguments: str) -> Any:
        """The JSON that a command prints."""
        return json.loads(self.out(*arguments, "--json"))
