"""Everything that the connectors say to admins, in Russian: the tables ``messages_ru.toml`` of all their folders.

A connector of another package is told in the words that it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from connectors.registry import OWN

_SHARED = ("dialler", "kit", "http", "smtp")


def russian_tables() -> Sequence[Path]:
    """The files with English sentences and the same in Russian, for ``plugin.common.translate``."""
    files = (Path(__file__).parent / folder / "messages_ru.toml" for folder in (*OWN, *_SHARED))
    return [file for file in files if file.is_file()]
