"""The doctor's trial against each connector on its own simulated CRM: all of it holds, and nothing is left unnamed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from connectors import registry
from plugin.common.clock import utc_now
from plugin.doctor.checks import DoctorReport
from plugin.doctor.write_trial import WriteTrial
from tests.connectors.contract.rig import Rig


@pytest.fixture(params=registry.names())
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with importlib.import_module(f"tests.connectors.{request.param}.rig").rig() as made:
        yield made


def test_a_trial_writes_finds_and_removes_or_names_what_stays(rig: Rig) -> None:
    report = DoctorReport(rig.secrets)
    WriteTrial(rig.connector, rig.card, rig.people[0], report, utc_now, sleep=lambda _: None).run()
    assert [(check.name, check.remedy) for check in report.checks if not check.ok] == []
    assert {check.name for check in report.checks} >= {
        "the comment is found by its key",
        "the reminder is open",
        "it is closed then",
    }
    for kind in ("comment", "reminder"):
        removed = any(check.name == f"the {kind} is removed again" for check in report.checks)
        assert removed != any(what.startswith(f"{kind} ") for what in report.left)
        if removed:
            assert rig.written(kind) == []


def test_a_card_that_does_not_exist_is_not_written_to(rig: Rig) -> None:
    report = DoctorReport(rig.secrets)
    WriteTrial(rig.connector, rig.missing, rig.people[0], report, utc_now, sleep=lambda _: None).run()
    assert [check.name for check in report.checks if not check.ok] == ["the test card is there"]
    assert rig.written("comment") == rig.written("reminder") == []
