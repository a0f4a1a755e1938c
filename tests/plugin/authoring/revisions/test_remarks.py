"""Who decides by the active rules hears, once, that the folder says something else; the answers stay pure JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.plugin.authoring.revisions.conftest import Home, Said
from tests.plugin.authoring.revisions.test_status import CHANGED, written_at

FACTS = '{"related_to_car": true, "survey_type": "calls"}'
Optout = Callable[..., Said]


def decided(said: Said) -> str:
    """The revision that the one answer on stdout names."""
    return str(json.loads(said.out)["ruleset"])


def test_a_folder_that_is_gone_is_remarked_on_and_the_active_rules_decide(home: Home, optout: Optout) -> None:
    active = home.activate()
    home.rules.rename(home.folder / "elsewhere")
    said = optout("decide", "--facts", FACTS)
    assert (said.status, decided(said)) == (0, active)
    assert "отличается" in said.err


def test_a_folder_that_cannot_be_read_is_remarked_on_and_the_active_rules_decide(home: Home, optout: Optout) -> None:
    active = home.activate()
    (home.rules / "roles.toml").write_text("[broken", encoding="utf-8")
    said = optout("decide", "--facts", FACTS)
    assert (said.status, decided(said)) == (0, active)
    assert "отличается" in said.err


def test_a_damaged_active_revision_is_an_error_and_not_a_remark(home: Home, optout: Optout) -> None:
    home.activate()
    with home.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE revisions SET content = '{broken'")
    said = optout("decide", "--facts", FACTS)
    assert (said.status, said.out) == (2, "")
    assert "запись повреждена" in said.err


def test_a_changed_folder_is_remarked_on_with_since_when_and_by_whom(home: Home, optout: Optout) -> None:
    active = home.activate("петрова")
    home.say("Другой")
    written_at(home.rules / "roles.toml", CHANGED)
    said = optout("decide", "--facts", FACTS)
    assert decided(said) == active
    told = " ".join(said.err.split())
    assert "последнее изменение: 23.11.2026 11:30 (МСК)) отличается от активных;" in told
    assert f"решает активная редакция {active} (с 22.11.2026 10:15 (МСК), кто: петрова)" in told
    assert max(len(line) for line in said.err.splitlines()) <= 80


def test_a_batch_is_remarked_on_once_and_its_answers_are_json_only(home: Home, optout: Optout, tmp_path: Path) -> None:
    home.activate()
    home.say("Другой")
    (tmp_path / "facts").write_text(f"{FACTS}\n" * 3, encoding="utf-8")
    said = optout("decide", "--batch", str(tmp_path / "facts"))
    assert len([json.loads(line) for line in said.out.splitlines()]) == 3
    assert said.err.count("Папка правил") == 1


@pytest.mark.parametrize("same", ["untouched", "a comment more"])
def test_a_folder_that_decides_alike_is_not_remarked_on(home: Home, optout: Optout, same: str) -> None:
    home.activate()
    if same == "a comment more":
        path = home.rules / "roles.toml"
        path.write_text("# Кто есть кто\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert optout("decide", "--facts", FACTS).err == ""


def test_without_a_ledger_or_with_rules_of_ones_own_there_is_nothing_to_remark_on(home: Home, optout: Optout) -> None:
    home.say("Другой")
    assert optout("decide", "--facts", FACTS).err == ""
    home.activate()
    home.say("Третий")
    assert optout("decide", "--facts", FACTS, "--rules", str(home.rules)).err == ""


def test_after_a_rollback_the_folder_differs_although_nobody_wrote_to_it_since(home: Home, optout: Optout) -> None:
    home.activate()
    home.say("Другой")
    written_at(home.rules / "roles.toml", datetime(2026, 11, 20, tzinfo=UTC))
    home.activate()
    assert optout("decide", "--facts", FACTS).err == ""
    assert optout("rules", "rollback", "--by", "а", "--reason", "б").status == 0
    assert "последнее изменение: 20.11.2026" in " ".join(optout("decide", "--facts", FACTS).err.split())
