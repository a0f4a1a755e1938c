"""A fresh account on loopback for each test, and the documented payloads."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.amocrm.rig import AmoRig, rig

_keys = itertools.count(1)


@pytest.fixture
def crm() -> Iterator[AmoRig]:
    with rig() as this:
        yield this


@pytest.fixture
def payload() -> Callable[[str], Any]:
    """The documented payload of this name."""
    return lambda name: json.loads((Path(__file__).parent / "fixtures" / f"{name}.json").read_text("utf-8"))


@pytest.fixture
def key() -> str:
    return f"{next(_keys):016x}" * 4
