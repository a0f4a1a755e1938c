"""One running CRM for all tests of this folder; each test has a card of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from connectors.base import CardRef
from connectors.embedded import EmbeddedConnector
from tests.support.crm import CrmApi, RunningCrm, embedded_crm

_numbers = itertools.count(9_170_000_000)
_keys = itertools.count(1)


@pytest.fixture(scope="session")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCrm]:
    with embedded_crm(tmp_path_factory.mktemp("embedded")) as crm:
        yield crm


@pytest.fixture
def api(crm: RunningCrm) -> Iterator[CrmApi]:
    yield crm.api
    crm.api.faults()


@pytest.fixture
def connector(crm: RunningCrm) -> Iterator[EmbeddedConnector]:
    connector = crm.connector(read_seconds=2.0)
    yield connector
    connector.close()


@pytest.fixture
def card(api: CrmApi) -> CardRef:
    phone = f"+7{next(_numbers)}"
    return CardRef("contact", api.send("POST", "cards", {"name": f"Клиент {phone}", "phones": [phone]})["id"])


@pytest.fixture
def key() -> str:
    return f"{next(_keys):064x}"
