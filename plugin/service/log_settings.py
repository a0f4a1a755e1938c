"""Logging as plugin.toml says, for processes that serve."""

from __future__ import annotations

import logging

from plugin.common.log import set_up_logging
from plugin.config.settings import LogSettings


def log_as(log: LogSettings) -> None:
    """Log as plugin.toml says; for processes that serve."""
    json_lines = None if log.format is None else log.format == "json"
    set_up_logging(json_lines=json_lines, level=logging.getLevelNamesMapping()[log.level.upper()])
