"""What the templates say things with: times by the deployment's clocks, reasons and states in the admin's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from plugin.common import moments
from plugin.console.spans import offset, span
from plugin.delivery.reasons import reason_in
from plugin.ledger.states import DeliveryState
from plugin.operations.deliveries import text_of
from plugin.operations.words import KINDS, STATES

_TONES: Mapping[str, str] = {
    DeliveryState.DONE: "good",
    DeliveryState.PARKED: "bad",
    DeliveryState.WAITING: "warn",
    DeliveryState.UNKNOWN: "warn",
}


def page_words(language: str, zone: ZoneInfo) -> dict[str, Any]:
    """By the names that the templates use."""

    def clock(moment: datetime | None, *, seconds: bool = False) -> str:
        return moments.clock(moment, zone, seconds=seconds) if moment else "—"

    return {
        "clock": clock,
        "offset": offset,
        "span": span,
        "zone": zone,
        "why_words": lambda why: reason_in(language, why or ""),
        "text_of": text_of,
        "kind_words": KINDS,
        "state_words": STATES,
        "state_tone": state_tone,
        "safe_url": safe_url,
    }


def state_tone(state: str) -> str:
    """How a state is coloured."""
    return _TONES.get(state, "plain")


def safe_url(url: str | None) -> bool:
    """Whether this address of the CRM may be a link."""
    try:
        return bool(url) and urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False
