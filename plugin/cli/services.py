"""What the commands that run a service have in common: their settings, their log, and the remedy for old tables."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from plugin.config.load import load_settings

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.console.setup_tools import SetupTools


def service_settings(config: Path | None) -> Settings:
    """The settings, secrets filled in; from now on everything is logged to stderr. Raises ConfigError."""
    settings = load_settings(config, os.environ)
    from plugin.service.log_settings import log_as

    log_as(settings.log)
    return settings


def console_tools(config: Path | None) -> SetupTools:
    """What the console shows of this configuration."""
    from plugin.common.clock import utc_now
    from plugin.doctor.for_console import setup_tools

    return setup_tools(config, os.environ, utc_now)


def upgrade_command(config: Path | None) -> str:
    """What to type so that the ledger of this configuration is upgraded."""
    chosen = ["--config", str(config)] if config else []
    return shlex.join(["optout", *chosen, "db", "upgrade"])
