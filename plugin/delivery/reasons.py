"""Why a delivery or an event stands as it does, as an admin reads it: the ledger and the logs hold it in English."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from connectors.russian import russian_tables
from plugin.common.translate import Phrasebook

#: What delivering itself says.
REASONS = Path(__file__).with_name("messages_ru.toml")


def russian_reason(why: str) -> str:
    """The reason in Russian; what it quotes of a CRM or a mail server stays as that said it."""
    return _phrasebook().told(why) if why else why


def reason_in(language: str, why: str) -> str:
    """The reason in the language that ``[plugin] language`` names."""
    return russian_reason(why) if language == "ru" else why


@cache
def _phrasebook() -> Phrasebook:
    return Phrasebook.of([REASONS, *russian_tables()])
