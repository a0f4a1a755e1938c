"""The doctor's trial against each connector on its own simulated CRM: all of it holds, and nothing is left unnamed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from connectors import registry
from plugin.common.clock import utc_now
from plugin.doctor.points import PointNotes
from plugin.doctor.write_trial import WriteTrial
from tests.connectors.contract.rig import Rig


@pytest.fixture(params=registry.names())
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with importlib.import_module(f"tests.connectors.{request.param}.rig").rig() as made:
        yield made


def test_a_trial_writes_finds_and_removes_or_names_what_stays(rig: Rig) -> None:
    notes = PointNotes(rig.secrets)
    WriteTrial(rig.connector, rig.card, rig.people[0], notes, utc_now, sleep=lambda _: None).run()
    found = notes.findings()
    assert [(point.name, point.remedy) for point in found.points if not point.ok] == []
    assert {point.name for point in found.points} >= {
        "the comment is found by its key",
        "the reminder is open",
        "it is closed then",
    }
    for kind in ("comment", "reminder"):
        removed = any(point.name == f"the {kind} is removed again" for point in found.points)
        assert removed != any(what.startswith(f"{kind} ") for what in found.left)
        if removed:
            assert rig.written(kind) == []


def test_a_card_that_does_not_exist_is_not_written_to(rig: Rig) -> None:
    notes = PointNotes(rig.secrets)
    WriteTrial(rig.connector, rig.missing, rig.people[0], notes, utc_now, sleep=lambda _: None).run()
    assert [point.name for point in notes.points if not point.ok] == ["the test card is there"]
    assert rig.written("comment") == rig.written("reminder") == []
