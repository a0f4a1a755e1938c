"""A connector whose CRM is played by ``responses``, and a rig with a CRM that behaves as the source says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import settings
from tests.connectors.espocrm.points import FIELDS, Points, failed
from tests.connectors.espocrm.rig import EspoRig, rig

#: What the connectors' clock says.
NOW = datetime(2026, 3, 11, 9, 0, tzinfo=UTC)


@pytest.fixture
def crm() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def make() -> Iterator[Callable[..., EspoConnector]]:
    made: list[EspoConnector] = []

    def connector(**overrides: Any) -> EspoConnector:
        made.append(EspoConnector(settings(**overrides), now=lambda: NOW))
        return made[-1]

    yield connector
    for item in made:
        item.close()


@pytest.fixture
def connector(make: Callable[..., EspoConnector]) -> EspoConnector:
    return make()


@pytest.fixture
def sound(espo: EspoRig) -> EspoRig:
    """An account that has all it needs."""
    espo.server.call_fields = {name: dict(field) for name, field in FIELDS.items()}
    return espo


@pytest.fixture
def points() -> Points:
    return failed


@pytest.fixture
def espo() -> Iterator[EspoRig]:
    with rig() as made:
        yield made
