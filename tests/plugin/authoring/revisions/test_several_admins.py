"""Several admins, one history: nothing that anybody published is taken back without having been shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from plugin.authoring.revisions.archive import stored_files
from plugin.authoring.revisions.copy_base import REVISION_FILE
from tests.plugin.authoring.revisions.conftest import Home, Rules

pytestmark = pytest.mark.slow

ANNA = ("--by", "Анна", "--reason", "тема")
BORIS = ("--by", "Борис", "--reason", "срок")
SCRIPT = "survey_opt_out/script.toml"
SUBJECT = 'subject = "ИСКЛЮЧИТЬ"'
UNFINISHED = 'subject = "Разговор не завершён: решить вручную"'


@pytest.fixture
def boris(home: Home, tmp_path: Path) -> Path:
    """Another admin's copy of the folder, made before anybody changed anything; the first one is Anna's."""
    home.activate()
    shutil.copytree(home.rules, tmp_path / "boris")
    return tmp_path / "boris"


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def change_subject(folder: Path, subject: str) -> None:
    edit(folder, SCRIPT, SUBJECT, f'subject = "{subject}"')
    for path in folder.glob("survey_opt_out/cases.toml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text.replace('"ИСКЛЮЧИТЬ"', f'"{subject}"').replace("ОТМЕНА: ИСКЛЮЧИТЬ", f"ОТМЕНА: {subject}"),
            encoding="utf-8",
        )


def active_text(home: Home, file: str) -> str:
    with home.ledger.read() as connection:
        return str(stored_files(connection, home.activated()[-1][0])[file])


def widest(text: str) -> int:
    return max(len(line) for line in text.splitlines())


# --- what is refused -------------------------------------------------------------------------------


def test_a_field_that_both_changed_is_not_published_and_both_values_are_shown(
    home: Home, rules: Rules, boris: Path
) -> None:
    change_subject(home.rules, "ИСКЛЮЧИТЬ!")
    assert rules("publish", *ANNA).status == 0
    change_subject(boris, "Исключить срочно")
    said = rules("publish", str(boris), *BORIS)
    assert said.status == 2
    assert "Эти поля изменили и Вы, и Анна" in said.err
    assert "survey_opt_out/script.toml: reminder.subject" in said.err
    assert "у Вас: Исключить срочно" in " ".join(said.err.split())
    assert "у них: ИСКЛЮЧИТЬ!" in " ".join(said.err.split())
    assert "Не опубликовано: активной остаётся редакция" in said.err
    assert widest(said.err) <= 80
    assert len(home.activated()) == 2


def test_ones_own_values_are_kept_over_the_revision_that_was_seen_and_over_no_other(
    home: Home, rules: Rules, boris: Path
) -> None:
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "anna"')
    rules("publish", *ANNA)
    edit(boris, "roles.toml", 'crm_user = "coordinator"', 'crm_user = "boris"')
    assert rules("publish", str(boris), "--over", "ffffffff", *BORIS).status == 2
    said = rules("publish", str(boris), "--over", home.activated()[-1][0], *BORIS)
    assert said.status == 0
    assert "оставлены значения папки" in said.out
    assert "anna" in said.out
    assert 'crm_user = "boris"' in active_text(home, "roles.toml")


def test_a_folder_that_does_not_say_what_it_began_with_needs_a_yes_and_shows_what_it_takes_back(
    home: Home, rules: Rules, boris: Path
) -> None:
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "anna"')
    rules("publish", *ANNA)
    (boris / REVISION_FILE).unlink()
    said = rules("publish", str(boris), *BORIS)
    assert said.status == 2
    assert "не говорит, с какой редакции" in said.out
    assert "было: anna" in " ".join(said.out.split())
    assert "--yes" in said.err
    assert len(home.activated()) == 2
    assert rules("publish", str(boris), "--yes", *BORIS).status == 0
    assert (boris / REVISION_FILE).exists()


def test_a_damaged_note_is_told(home: Home, rules: Rules) -> None:
    (home.rules / REVISION_FILE).write_text("[]")
    said = rules("publish", *ANNA)
    assert said.status == 2
    assert REVISION_FILE in said.err


def test_a_revert_of_what_was_changed_again_shows_both_values(home: Home, rules: Rules, boris: Path) -> None:
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "anna"')
    rules("publish", *ANNA)
    first = home.activated()[-1][0]
    home.edit("roles.toml", 'crm_user = "anna"', 'crm_user = "vera"')
    rules("publish", *ANNA)
    said = rules("revert", first, *BORIS)
    assert said.status == 2
    assert "сейчас: vera" in " ".join(said.err.split())
    assert "до неё: coordinator" in " ".join(said.err.split())
    assert len(home.activated()) == 3


def test_the_first_revision_and_what_is_gone_already_cannot_be_reverted(home: Home, rules: Rules, boris: Path) -> None:
    first = home.activated()[0][0]
    assert "первая" in rules("revert", first, *ANNA).err
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "anna"')
    rules("publish", *ANNA)
    second = home.activated()[-1][0]
    assert rules("revert", second, *BORIS).status == 0
    said = rules("revert", second, *BORIS)
    assert (said.status, "ничего не осталось" in said.err) == (2, True)


# --- what is merged --------------------------------------------------------------------------------


def test_different_fields_are_merged_and_the_folder_comes_along(home: Home, rules: Rules, boris: Path) -> None:
    change_subject(home.rules, "ИСКЛЮЧИТЬ!")
    rules("publish", *ANNA)
    edit(boris, "roles.toml", "# Кто исполняет", "# Моё примечание\n# Кто исполняет")
    edit(boris, "roles.toml", 'crm_user = "coordinator"', 'crm_user = "boris"')
    said = rules("publish", str(boris), *BORIS)
    assert said.status == 0
    assert "Объединено с редакцией" in said.out
    assert "(Анна)" in said.out
    assert "reminder.subject" in said.out
    assert widest(said.out) <= 80
    assert 'subject = "ИСКЛЮЧИТЬ!"' in active_text(home, SCRIPT)
    assert (boris / SCRIPT).read_text(encoding="utf-8") == (home.rules / SCRIPT).read_text(encoding="utf-8")
    assert "# Моё примечание" in active_text(home, "roles.toml")
    assert home.activated()[-1][0] in (boris / REVISION_FILE).read_text()


def test_a_folder_without_changes_of_its_own_takes_nothing_back(home: Home, rules: Rules, boris: Path) -> None:
    change_subject(home.rules, "ИСКЛЮЧИТЬ!")
    rules("publish", *ANNA)
    said = rules("publish", str(boris), *BORIS)
    assert said.status == 0
    assert "Своих изменений в папке нет" in said.out
    assert len(home.activated()) == 2


def test_a_wrong_recipient_that_was_rolled_back_stays_so_when_the_folder_is_published_next(
    home: Home, rules: Rules
) -> None:
    home.activate()
    home.edit("roles.toml", "coordinator@example.org", "wrong@example.org")
    rules("publish", *ANNA)
    assert rules("rollback", "--people-too", *ANNA).status == 0
    home.edit(SCRIPT, "Номер: {call.phone}\nОтветивший", "Телефон: {call.phone}\nОтветивший")
    (home.rules / "survey_opt_out/cases.toml").unlink()
    assert rules("publish", *ANNA).status == 0
    assert "coordinator@example.org" in active_text(home, "roles.toml")
    assert "Телефон: {call.phone}" in active_text(home, SCRIPT)
    assert "coordinator@example.org" in (home.rules / "roles.toml").read_text(encoding="utf-8")


def test_a_copy_and_a_backup_in_the_folder_are_told_also_where_rules_are_merged(
    home: Home, rules: Rules, boris: Path
) -> None:
    change_subject(home.rules, "ИСКЛЮЧИТЬ!")
    rules("publish", *ANNA)
    shutil.copytree(boris / "survey_opt_out", boris / "survey_opt_out — копия")
    shutil.copy(boris / "roles.toml", boris / "roles.toml~")
    edit(boris, "roles.toml", 'crm_user = "coordinator"', 'crm_user = "boris"')
    said = rules("publish", str(boris), *BORIS)
    assert said.status == 0
    assert "survey_opt_out — копия/" in said.out
    assert "roles.toml~" in said.out


def test_what_others_published_comes_into_the_folder_without_being_published(
    home: Home, rules: Rules, boris: Path
) -> None:
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "anna"')
    rules("publish", *ANNA)
    edit(boris, "roles.toml", 'crm_user = "sms.manager"', 'crm_user = "boris"')
    said = rules("merge", str(boris))
    assert said.status == 0
    assert "стало: anna" in " ".join(said.out.split())
    text = (boris / "roles.toml").read_text(encoding="utf-8")
    assert ('"anna"' in text, '"boris"' in text, len(home.activated())) == (True, True, 2)
    edit(boris, "roles.toml", '"anna"', '"x"')
    home.edit("roles.toml", '"anna"', '"y"')
    rules("publish", *ANNA)
    refused = rules("merge", str(boris))
    assert (refused.status, "optout rules merge --over" in refused.err) == (2, True)
    assert '"x"' in (boris / "roles.toml").read_text(encoding="utf-8")


def test_merged_rules_that_are_at_fault_are_told_with_the_way_to_mend_them(
    home: Home, rules: Rules, boris: Path
) -> None:
    (home.rules / "survey_opt_out/cases.toml").unlink()
    home.edit("survey_opt_out/rules.toml", 'id = "2.3"', 'id = "2.3-new"')
    rules("publish", *ANNA)
    case = '\n[[case]]\nname = "новый"\nfacts = { related_to_car = true, survey_type = "calls" }\noutcome = "none"\n'
    path = boris / "survey_opt_in/cases.toml"
    path.write_text(path.read_text(encoding="utf-8") + case, encoding="utf-8")
    said = rules("publish", str(boris), *BORIS)
    assert said.status == 2
    assert "объединённых с редакцией" in said.err
    assert "optout rules merge" in said.err


# --- what is taken back ----------------------------------------------------------------------------


def test_one_publication_is_taken_out_and_the_later_one_stays(home: Home, rules: Rules, boris: Path) -> None:
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "anna"')
    rules("publish", *ANNA)
    first = home.activated()[-1][0]
    home.edit("roles.toml", 'crm_user = "sms.manager"', 'crm_user = "sms"')
    rules("publish", *BORIS)
    said = rules("revert", first[:8], "--folder", *ANNA)
    assert said.status == 0
    assert "Изменения сняты" in said.out
    text = active_text(home, "roles.toml")
    assert ('crm_user = "coordinator"' in text, 'crm_user = "sms"' in text) == (True, True)
    assert (home.rules / "roles.toml").read_text(encoding="utf-8") == text
    assert "отмена одной" in " ".join(rules("history").out.split())


def test_a_rollback_keeps_todays_people_and_names_them(home: Home, rules: Rules) -> None:
    first = home.activate()
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "petrova"')
    home.activate()
    change_subject(home.rules, "ИСКЛЮЧИТЬ!")
    home.activate()
    said = rules("rollback", first, *ANNA)
    assert said.status == 0
    assert "Люди остаются сегодняшние" in said.out
    assert "стало: petrova" in " ".join(said.out.split())
    assert "Тема напоминания" in said.out
    assert widest(said.out) <= 80
    assert 'crm_user = "petrova"' in active_text(home, "roles.toml")
    assert SUBJECT in active_text(home, SCRIPT)
    assert "# Кто исполняет роли" in active_text(home, "roles.toml")
    assert rules("rollback", first, "--people-too", *ANNA).status == 0
    assert home.activated()[-1][0] == first


def test_a_rollback_that_would_differ_in_people_only_says_so(home: Home, rules: Rules) -> None:
    first = home.activate()
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "petrova"')
    home.activate()
    said = rules("rollback", first, *ANNA)
    assert said.status == 2
    assert "--people-too" in said.err
    assert len(home.activated()) == 2


def test_a_rollback_is_shown_without_being_done(home: Home, rules: Rules) -> None:
    first = home.activate()
    change_subject(home.rules, "ИСКЛЮЧИТЬ!")
    home.activate()
    said = rules("rollback", "--dry-run")
    assert (said.status, "Тема напоминания" in said.out) == (0, True)
    assert home.activated()[-1][0] != first


def test_actions_that_vanish_want_a_yes(home: Home, rules: Rules) -> None:
    home.activate()
    (home.rules / "survey_opt_out/cases.toml").unlink()
    text = (home.rules / "survey_opt_out/outcomes.toml").read_text(encoding="utf-8")
    action = text.partition("[[outcome.exclude_calls.action]]")[2].partition("[[outcome.exclude_calls.action]]")[0]
    home.edit("survey_opt_out/outcomes.toml", "[[outcome.exclude_calls.action]]" + action, "")
    said = rules("publish", *ANNA)
    assert said.status == 2
    assert "Пропадёт: комментарий в карточку" in " ".join(said.out.split())
    assert widest(said.out) <= 80
    assert rules("publish", "--yes", *ANNA).status == 0


# --- another person's word -------------------------------------------------------------------------


@pytest.fixture
def reviewed(home: Home) -> Home:
    """A home in which another person has to agree."""
    home.activate()
    path = home.folder / "plugin.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("approvals = 0", "approvals = 1"), encoding="utf-8")
    home.edit("roles.toml", 'crm_user = "coordinator"', 'crm_user = "anna"')
    return home


def test_nothing_is_published_until_another_person_has_agreed_to_just_that(reviewed: Home, rules: Rules) -> None:
    said = rules("publish", *ANNA)
    assert said.status == 2
    assert "ждёт согласия другого человека" in said.err
    revision = said.err.split("optout rules approve ")[1].split()[0]
    assert len(reviewed.activated()) == 1
    assert revision in rules("approve").out
    assert "своё изменение" in rules("approve", revision, "--by", " АННА ", "--reason", "всё верно").err
    assert rules("rollback", revision, *BORIS).status == 2
    agreed = rules("approve", revision, *BORIS)
    assert agreed.status == 0
    assert "crm_user" in agreed.out or "пользователь CRM" in agreed.out
    assert rules("publish", *ANNA).status == 0
    assert reviewed.activated()[-1][0] == revision
    assert "согласовано: Борис" in " ".join(rules("history").out.split())


def test_an_edit_and_another_publication_revoke_an_agreement(reviewed: Home, rules: Rules, tmp_path: Path) -> None:
    revision = rules("publish", *ANNA).err.split("optout rules approve ")[1].split()[0]
    rules("approve", revision, *BORIS)
    reviewed.edit("roles.toml", 'crm_user = "anna"', 'crm_user = "vera"')
    assert rules("publish", *ANNA).status == 2
    reviewed.edit("roles.toml", 'crm_user = "vera"', 'crm_user = "anna"')
    active = reviewed.activated()[-1][0]
    assert rules("export", active, str(tmp_path / "other")).status == 0
    edit(tmp_path / "other", "roles.toml", "sms.manager@", "sms@")
    assert rules("publish", str(tmp_path / "other"), "--emergency", *BORIS).status == 0
    assert rules("publish", *ANNA).status == 2
    assert rules("approve", revision, *BORIS).status == 2


def test_an_emergency_needs_nobody_and_is_marked_and_told_to_the_admins(reviewed: Home, rules: Rules) -> None:
    said = rules("publish", "--emergency", *ANNA)
    assert said.status == 0
    assert "ЭКСТРЕННО" in rules("history").out
    with reviewed.ledger.read() as connection:
        rows = connection.exec_driver_sql("SELECT kind, cause FROM alerts").all()
    assert rows == [("rules_emergency", f"rules_emergency:{len(reviewed.activated())}")]
