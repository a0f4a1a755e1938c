"""Connectors to a portal that ``responses`` plays, and a word for each way a write can end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.base import CardRef, Done, NotDone, Outcome, Unknown
from connectors.bitrix24 import Bitrix24Connector

SECRET = "wh00kwh00kwh00k1"
REST = f"https://portal.example.org/rest/1/{SECRET}"
REST_3 = f"https://portal.example.org/rest/api/1/{SECRET}"
TOKENS = "https://oauth.bitrix24.tech/oauth/token/"
NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
CARD = CardRef("contact", "42")
KEY = "0000000000000001".ljust(64, "f")

DONE, LATER, BLOCKED, NEVER, UNKNOWN = "done", "later", "blocked", "never", "unknown"


def connector(**settings: Any) -> Bitrix24Connector:
    given = {"webhook": f"{REST}/"} if "portal" not in settings else {}
    return Bitrix24Connector(Bitrix24Connector.Settings().load(given | settings), now=lambda: NOW)


def application(**settings: Any) -> Bitrix24Connector:
    return connector(
        portal="https://portal.example.org",
        client_id="local.1",
        client_secret="s3cret",
        refresh_token="first",
        **settings,
    )


def kind_of(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return DONE
        case NotDone(blocked=True):
            return BLOCKED
        case NotDone(permanent=True):
            return NEVER
        case NotDone():
            return LATER
        case Unknown():
            return UNKNOWN
