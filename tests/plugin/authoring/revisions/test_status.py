"""What decides, how the working copy differs and since when, and what an upgrade of the plugin brought."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from plugin.authoring.revisions.shipped import (
    BASE_FILE,
    ShippedRules,
    compare_with_shipped,
    note_base,
    read_base,
    shipped_rules,
)
from plugin.authoring.revisions.status import rules_status
from plugin.authoring.revisions.working_copy import CopyKind, rule_texts
from plugin.cli.format.rules_status import page
from plugin.ledger.schema import revisions
from tests.plugin.authoring.revisions.conftest import Home, Rules

pytestmark = pytest.mark.slow

CHANGED = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
SCRIPT = "survey_opt_out"


def written_at(path: Path, moment: datetime) -> None:
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def as_json(rules: Rules) -> dict[str, Any]:
    return dict(json.loads(rules("status", "--json").out))


# --- what is wrong ---------------------------------------------------------------------------------


def test_without_a_ledger_it_tells_of_the_folder_and_makes_none(home: Home, rules: Rules) -> None:
    said = rules("status")
    assert (said.status, said.err) == (0, "")
    assert "Активных правил ещё нет." in said.out
    assert "проверка: пройдена" in said.out
    assert not home.ledger.exists()


def test_a_working_copy_that_cannot_be_read_is_told_with_its_first_fault(home: Home, rules: Rules) -> None:
    home.activate()
    (home.rules / "roles.toml").write_text("[role.nobody\n", encoding="utf-8")
    said = rules("status")
    assert said.status == 0
    assert "не читается, отличается от активной; последнее изменение: " in " ".join(said.out.split())
    assert "roles.toml — изменён" in said.out
    assert "roles.toml:1" in said.out
    assert "optout rules check" in said.out
    found = as_json(rules)["working_copy"]
    assert (found["revision"], found["differs"]) == (None, True)
    assert found["faults"][0]["file"] == "roles.toml"


def test_a_working_copy_that_is_gone_is_told(home: Home, rules: Rules) -> None:
    home.activate()
    home.rules.rename(home.folder / "elsewhere")
    said = rules("status")
    assert said.status == 0
    # Where a line is broken depends on how long the folder's path is.
    assert "такой папки нет" in " ".join(said.out.split())
    assert as_json(rules)["working_copy"]["files"]["roles.toml"] == "gone"


def test_a_working_copy_that_does_not_pass_the_check_is_told(home: Home, rules: Rules) -> None:
    path = home.rules / SCRIPT / "rules.toml"
    path.write_text(path.read_text(encoding="utf-8").rpartition("[[rule]]")[0], encoding="utf-8")
    said = rules("status")
    assert said.status == 0
    assert "опубликовать нельзя" in said.out
    assert "optout rules publish" not in said.out.partition("Рабочая копия")[2]


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1, "files": {}}', '{"version": "1", "files": {"a": 1}}'])
def test_a_damaged_note_of_what_was_shipped_is_one_message(home: Home, rules: Rules, text: str) -> None:
    (home.rules / BASE_FILE).write_text(text, encoding="utf-8")
    said = rules("status")
    assert said.status == 2
    assert BASE_FILE in said.err
    assert said.err.count("\n") == 1


def test_a_damaged_record_of_the_active_rules_is_told_as_such(home: Home, rules: Rules) -> None:
    home.activate()
    home.say("Другой")
    with home.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE revisions SET content = '{broken'")
    said = rules("status")
    assert said.status == 2
    assert "запись повреждена" in said.err


# --- the active rules and the working copy ---------------------------------------------------------


def test_what_is_active_since_when_and_by_whom(home: Home, rules: Rules) -> None:
    active = home.activate("иванова", "начало")
    out = rules("status").out
    assert f"Активная редакция {active}" in out
    assert "с 22.11.2026 10:15 (МСК), кто: иванова" in out
    assert "зачем: начало" in out
    assert "совпадает с активной" in out
    assert "optout rules publish" not in out


def test_a_changed_working_copy_is_told_with_its_files_and_since_when(home: Home, rules: Rules) -> None:
    home.activate()
    home.say("Другой")
    home.edit(f"{SCRIPT}/outcomes.toml", "Спасибо", "Благодарим")
    written_at(home.rules / f"{SCRIPT}/outcomes.toml", datetime(2026, 11, 23, 8, 0, tzinfo=UTC))
    written_at(home.rules / "roles.toml", CHANGED)
    out = rules("status").out
    assert "отличается от активной; последнее изменение: 23.11.2026 11:30" in " ".join(out.split())
    assert "roles.toml — изменён" in out
    assert f"{SCRIPT}/outcomes.toml — изменён" in out
    assert f"{SCRIPT}/rules.toml" not in out
    assert max(len(line) for line in out.splitlines()) <= 80


def test_comments_alone_are_no_difference_in_what_is_decided(home: Home, rules: Rules) -> None:
    home.activate()
    path = home.rules / "roles.toml"
    path.write_text("# Кто есть кто\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    found = as_json(rules)["working_copy"]
    assert (found["differs"], found["files"], found["reworded"]) == (False, {}, ["roles.toml"])
    assert "комментарии или оформление" in " ".join(rules("status").out.split())


def test_new_and_removed_files_are_told_as_what_they_are(home: Home, rules: Rules) -> None:
    cases = home.rules / SCRIPT / "cases.toml"
    cases.unlink(missing_ok=True)
    home.activate()
    cases.write_text(
        '[[case]]\nname = "Звонки"\nfacts = { related_to_car = true, survey_type = "calls" }\n'
        'outcome = "exclude_calls"\n',
        encoding="utf-8",
    )
    assert as_json(rules)["working_copy"]["files"] == {f"{SCRIPT}/cases.toml": "new"}
    home.activate()
    cases.unlink()
    written_at(cases.parent, CHANGED)
    found = as_json(rules)["working_copy"]
    assert found["files"] == {f"{SCRIPT}/cases.toml": "gone"}
    assert found["changed_at"] == "2026-11-23T11:30:00+03:00"


def test_the_differences_line_by_line(home: Home, rules: Rules) -> None:
    home.say("Прежний")
    home.activate()
    home.say("Другой")
    out = rules("status", "--diff").out
    assert "--- активная/roles.toml" in out
    assert '-label = "Прежний"' in out
    assert '+label = "Другой"' in out


def test_where_the_active_texts_were_not_kept_the_files_are_told_all_the_same(home: Home, rules: Rules) -> None:
    home.activate()
    with home.ledger.write() as connection:
        connection.execute(update(revisions).values(files=None))
    home.say("Другой")
    out = rules("status", "--diff").out
    assert "roles.toml — изменён" in out
    assert "в журнале не сохранены" in out


def test_for_programs_it_is_one_json_object(home: Home, rules: Rules) -> None:
    active = home.activate("иванова", "начало")
    found = as_json(rules)
    assert found["active"] == {
        "revision": active,
        "since": "2026-11-22T10:15:00+03:00",
        "by": "иванова",
        "reason": "начало",
    }
    assert found["working_copy"] == {
        "folder": str(home.rules),
        "base": active,
        "revision": active,
        "differs": False,
        "changed_at": None,
        "files": {},
        "reworded": [],
        "faults": [],
    }
    assert found["waiting"] == []
    version = shipped_rules().version
    assert found["shipped"] == {"version": version, "begun_with": version, "changed": {}, "own": {}, "both": []}


# --- the shipped rules -----------------------------------------------------------------------------


def older(home: Home, **texts: str | None) -> None:
    """As if the home had been laid out by an older version, whose files said this (None: there was no such file)."""
    files = dict(shipped_rules().files)
    for name, text in texts.items():
        file = {"roles": "roles.toml", "outcomes": f"{SCRIPT}/outcomes.toml", "rules": f"{SCRIPT}/rules.toml"}[name]
        if text is None:
            del files[file]
        else:
            files[file] = text
            (home.rules / file).write_text(text, encoding="utf-8")
    note_base(home.rules, ShippedRules("0.0.9", files))


def test_the_shipped_rules_are_known_from_the_beginning(home: Home) -> None:
    assert read_base(home.rules) == shipped_rules()
    assert set(shipped_rules().files) == set(rule_texts(home.rules))


def test_after_an_upgrade_what_is_new_in_the_shipped_rules_is_told_beside_ones_own(home: Home, rules: Rules) -> None:
    shipped = shipped_rules().files
    older(home, outcomes=shipped[f"{SCRIPT}/outcomes.toml"].replace("Спасибо", "Благодарю"))
    home.say("Моя роль")
    out = rules("status").out
    told = " ".join(out.split())
    assert (
        f"в поставке изменилось с тех пор, как правила начаты с поставки 0.0.9: {SCRIPT}/outcomes.toml — изменён"
        in told
    )
    assert "у вас изменено: roles.toml — изменён" in told
    assert "и там, и у вас" not in told
    diff = rules("status", "--diff").out
    assert "Поставка 0.0.9 → поставка" in diff
    assert any(line.startswith("-") and "Благодарю" in line for line in diff.splitlines())
    assert any(line.startswith("+") and "Спасибо" in line for line in diff.splitlines())
    assert "Поставка 0.0.9 → рабочая копия" in diff
    assert '+label = "Моя роль"' in diff


def test_a_file_that_both_changed_is_told_as_such_and_one_that_is_alike_by_now_is_not(home: Home) -> None:
    shipped = shipped_rules().files
    older(
        home,
        outcomes=shipped[f"{SCRIPT}/outcomes.toml"] + "# старое\n",
        rules=shipped[f"{SCRIPT}/rules.toml"] + "# старое\n",
    )
    home.edit(f"{SCRIPT}/outcomes.toml", "# старое", "# моё")
    (home.rules / SCRIPT / "rules.toml").write_text(shipped[f"{SCRIPT}/rules.toml"], encoding="utf-8")
    shipped_diff = compare_with_shipped(home.rules, rule_texts(home.rules), shipped_rules())
    assert shipped_diff.both == (f"{SCRIPT}/outcomes.toml",)
    assert shipped_diff.upstream == shipped_diff.local == {f"{SCRIPT}/outcomes.toml": CopyKind.CHANGED}
    assert "и там, и у вас" in " ".join(" ".join(page(rules_status(home.settings), home.settings.timezone)).split())


def test_a_file_that_the_upgrade_brought_is_new_in_the_shipped_rules(home: Home, rules: Rules) -> None:
    older(home, outcomes=None)
    (home.rules / SCRIPT / "outcomes.toml").unlink()
    assert as_json(rules)["shipped"]["changed"] == {f"{SCRIPT}/outcomes.toml": "new"}


def test_what_was_looked_through_is_not_told_again(home: Home, rules: Rules) -> None:
    shipped = shipped_rules().files
    older(home, outcomes=shipped[f"{SCRIPT}/outcomes.toml"] + "# старое\n")
    home.say("Моя роль")
    assert "--shipped-seen" in rules("status").out
    assert "в поставке ничего не изменилось" in rules("status", "--shipped-seen").out
    found = as_json(rules)["shipped"]
    assert (found["changed"], sorted(found["own"])) == ({}, ["roles.toml", f"{SCRIPT}/outcomes.toml"])


def test_where_nobody_noted_what_was_shipped_every_difference_is_told(home: Home, rules: Rules) -> None:
    (home.rules / BASE_FILE).unlink()
    assert "не записано" in rules("status").out
    home.say("Моя роль")
    out = rules("status", "--diff").out
    assert "у вас не так, как в поставке:" in out
    assert "Поставка → рабочая копия" in out
    assert rules("status", "--shipped-seen").status == 0
    assert as_json(rules)["shipped"]["begun_with"] == shipped_rules().version


def test_who_uses_the_shipped_rules_themselves_hears_nothing_of_them(home: Home, rules: Rules) -> None:
    shipped = Path(__file__).parents[4] / "rules"
    config = (home.folder / "plugin.toml").read_text(encoding="utf-8")
    (home.folder / "plugin.toml").write_text(config.replace('rules = "rules"', f'rules = "{shipped}"'), "utf-8")
    assert "Поставка" not in rules("status").out
    assert as_json(rules)["shipped"] is None
    assert rules("status", "--shipped-seen").status == 2
    assert not (shipped / BASE_FILE).exists()
