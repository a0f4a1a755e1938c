"""Every test of this folder runs against every connector: on the rig in ``tests/connectors/<name>/rig.py``."""

from __future__ import annotations

import importlib
import zlib
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
        cases = [pytest.param(*pair, marks=_marks(metafunc, pair[0])) for pair in pairs]
        metafunc.parametrize(("rig", "kind"), cases, indirect=["rig"])
    elif "rig" in metafunc.fixturenames and not _chooses(metafunc):
        cases = [pytest.param(name, marks=_marks(metafunc, name)) for name in names]
        metafunc.parametrize("rig", cases, indirect=True)


def _marks(metafunc: pytest.Metafunc, name: str) -> list[pytest.MarkDecorator]:
    """Before each commit a test runs against one connector, each connector in its share of them: else it is slow."""
    names = registry.names()
    turn = zlib.crc32(metafunc.function.__name__.encode()) % len(names)
    return [] if name == names[turn] else [pytest.mark.slow]


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
