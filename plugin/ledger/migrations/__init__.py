"""The ledger's migrations, run from wherever the package is installed: no alembic.ini, no current folder."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from plugin.errors import ConfigError


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the tables to ``revision`` in the connection's transaction; the caller commits.

    Raises ConfigError for a ledger that a newer version of the plugin has upgraded.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise ConfigError(
            f"ledger: {error}", hint="Use the version of the plugin that upgraded it, or a newer one"
        ) from error
