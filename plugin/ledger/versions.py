"""Which version a ledger's tables are of, found out without Alembic, so that a start costs no more than a look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from plugin.errors import ConfigError

_FOLDER = Path(__file__).parent / "migrations" / "versions"
#: Every migration in its order; a module is called as its revision.
STEPS: tuple[str, ...] = tuple(sorted(path.stem for path in _FOLDER.glob("ledger_*.py")))
HEAD = STEPS[-1]


@dataclass(frozen=True, slots=True)
class SchemaState:
    """``current`` is the migration that the ledger had last, None for one without tables."""

    current: str | None

    @property
    def is_known(self) -> bool:
        """Whether this version of the plugin knows the migration."""
        return self.current is None or self.current in STEPS

    @property
    def pending(self) -> tuple[str, ...]:
        """The migrations that it lacks; none can be told of a ledger of a newer version."""
        if self.current is None:
            return STEPS
        return STEPS[STEPS.index(self.current) + 1 :] if self.is_known else ()

    def refuse_unknown(self) -> None:
        """Raises ConfigError for a ledger that a newer version of the plugin has upgraded."""
        if not self.is_known:
            hint = "Use the version of the plugin that upgraded it, or a newer one"
            raise ConfigError(f"ledger: its tables are of version {self.current}, this knows {HEAD}", hint=hint)


def schema_state(connection: Connection) -> SchemaState:
    """The state of the ledger that this connection leads to."""
    if not inspect(connection).has_table("alembic_version"):
        return SchemaState(None)
    return SchemaState(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none())
