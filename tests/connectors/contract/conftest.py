"""Every test of this folder runs against every connector: on the rig in ``tests/connectors/<name>/rig.py``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from connectors import registry
from tests.connectors.contract.rig import Rig

KINDS = ("comment", "reminder", "email")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a ``kind`` runs for each kind of record that the connector writes."""
    names = registry.names()
    if "kind" in metafunc.fixturenames:
        pairs = [(name, kind) for name in names for kind in KINDS if kind != "email" or _sends_mail(name)]
        metafunc.parametrize(("rig", "kind"), pairs, indirect=["rig"])
    elif "rig" in metafunc.fixturenames and not _chooses(metafunc):
        metafunc.parametrize("rig", names, indirect=True)


def _chooses(metafunc: pytest.Metafunc) -> bool:
    """Whether the test itself says which rigs it is for."""
    return any("rig" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))


def _sends_mail(name: str) -> bool:
    return registry.connector_class(name).sends_mail


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    module = importlib.import_module(f"tests.connectors.{request.param}.rig")
    with module.rig() as made:
        yield made
