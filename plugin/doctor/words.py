"""The report's sentences in the language that ``[plugin] language`` names; its JSON is English, for programs."""

from __future__ import annotations

from pathlib import Path

from connectors.russian import russian_tables
from plugin.common.translate import Phrasebook
from plugin.delivery.reasons import REASONS

_OWN = Path(__file__).with_name("messages_ru.toml")


def phrasebook(language: str) -> Phrasebook:
    """By which the report is told."""
    return Phrasebook.of([_OWN, REASONS, *russian_tables()]) if language == "ru" else Phrasebook()
