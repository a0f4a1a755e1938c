"""A fresh portal on loopback for each test, and a connector to it by webhook."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import CardRef
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24.rig import connected, with_client, with_webhook
from tests.connectors.bitrix24.server import Portal

_FIXTURES = Path(__file__).parent / "fixtures"
_keys = itertools.count(1)


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    with portal.running():
        yield portal


@pytest.fixture
def connector(portal: Portal) -> Iterator[Bitrix24Connector]:
    connector = connected(with_webhook(portal))
    yield connector
    connector.close()


@pytest.fixture
def card(portal: Portal) -> CardRef:
    return with_client(portal)


@pytest.fixture
def key() -> str:
    return f"{next(_keys):016x}".ljust(64, "f")


def fixture(name: str) -> Any:
    """A documented payload from the folder ``fixtures``."""
    return json.loads((_FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
