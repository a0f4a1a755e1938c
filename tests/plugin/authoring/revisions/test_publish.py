"""Nothing wrong goes live: what has a fault, or fails a case, changes nothing and says everything at once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plugin.authoring.revisions.activate import activate
from plugin.authoring.revisions.archive import stored_files
from plugin.authoring.revisions.publish import Publication, publish
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import InputError, RulesError
from plugin.ledger import Ledger
from tests.plugin.authoring.revisions.conftest import MOMENT, Home, Rules

pytestmark = pytest.mark.slow

SIGNED = ("--by", "иванова", "--reason", "новый координатор")


def revision(folder: Path) -> str:
    with closing(Rulebook.load(folder)) as rulebook:
        return rulebook.revision


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- what does not go live -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), "--by"),
        (("--reason", "r"), "--by"),
        (("--by", "b"), "--reason"),
        (("--by", " \u00a0", "--reason", "r"), "--by"),
        (("--by", "b", "--reason", "\n\t\x1b"), "--reason"),
    ],
)
def test_who_and_why_are_wanted(home: Home, rules: Rules, arguments: tuple[str, ...], names: str) -> None:
    said = rules("publish", *arguments)
    assert (said.status, said.out) == (2, "")
    assert names in said.err
    assert not home.ledger.exists()


def test_a_new_script_without_cases_is_not_published(home: Home, rules: Rules) -> None:
    active = home.activate()
    shutil.copytree(home.rules / "survey_opt_in", home.rules / "callbacks")
    cases = home.rules / "callbacks" / "cases.toml"
    kept = cases.read_text(encoding="utf-8")
    cases.unlink()
    said = rules("publish", *SIGNED)
    assert said.status == 2
    assert "callbacks/cases.toml" in said.err
    assert "скрипт новый, а случаев нет" in said.err
    assert [entry[0] for entry in home.activated()] == [active]
    cases.write_text(kept, encoding="utf-8")
    assert rules("publish", *SIGNED).status == 0
    # What decides already may go on without.
    cases.unlink()
    assert rules("publish", *SIGNED).status == 0


def damage(home: Home, name: str, content: bytes) -> None:
    (home.rules / name).write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda home: damage(home, "roles.toml", b"[role.nobody\n"), "roles.toml:1"),
        (lambda home: damage(home, "roles.toml", "# роли".encode("cp1251")), "UTF-8"),
        (lambda home: damage(home, "roles.toml", b"\xef\xbb\xbf[role]\n"), "BOM"),
        (lambda home: (home.rules / "survey_opt_out/rules.toml").unlink(), "survey_opt_out/rules.toml"),
        (lambda home: home.edit("survey_opt_out/script.toml", "promise_hours", "promis_hours"), "promise_hours"),
    ],
)
def test_rules_that_cannot_be_read_leave_the_active_ones_untouched(
    home: Home, rules: Rules, spoil: Callable[[Home], object], says: str
) -> None:
    active = home.activate()
    spoil(home)
    said = rules("publish", *SIGNED)
    assert (said.status, said.out) == (2, "")
    assert says in said.err
    assert said.err.endswith(f"Не опубликовано: активной остаётся редакция {active}.\n")
    assert [entry[0] for entry in home.activated()] == [active]


def test_every_fault_is_told_at_once(home: Home, rules: Rules) -> None:
    home.edit("survey_opt_out/script.toml", "promise_hours", "promis_hours")
    home.edit("roles.toml", "label", "lable")
    said = rules("publish", *SIGNED)
    assert said.status == 2
    assert "survey_opt_out/script.toml:" in said.err
    assert "roles.toml:" in said.err
    assert "Не опубликовано: активных правил по-прежнему нет." in said.err


def remove_a_rule(home: Home) -> None:
    path = home.rules / "survey_opt_out/rules.toml"
    head, _, _ = path.read_text(encoding="utf-8").rpartition("[[rule]]")
    path.write_text(head, encoding="utf-8")


def test_a_conversation_without_an_end_does_not_go_live(home: Home, rules: Rules) -> None:
    active = home.activate()
    remove_a_rule(home)
    said = rules("publish", *SIGNED)
    assert said.status == 2
    assert [entry[0] for entry in home.activated()] == [active]


def test_a_case_that_fails_keeps_the_rules_from_going_live_and_is_told_with_its_line(home: Home, rules: Rules) -> None:
    active = home.activate()
    (home.rules / "survey_opt_out/cases.toml").write_text(
        '[[case]]\nname = "Только звонки"\nfacts = { related_to_car = true, survey_type = "calls" }\n'
        'outcome = "none"\n',
        encoding="utf-8",
    )
    said = rules("publish", *SIGNED)
    assert (said.status, said.out) == (2, "")
    assert "survey_opt_out/cases.toml:1: случай «Только звонки»" in said.err
    assert "exclude_calls" in said.err
    assert [entry[0] for entry in home.activated()] == [active]


def test_a_first_publication_that_fails_makes_no_ledger(home: Home, rules: Rules) -> None:
    damage(home, "roles.toml", b"[broken")
    assert rules("publish", *SIGNED).status == 2
    assert files_in(home.folder) == ["plugin.toml", "rules", "secrets"]


def test_faults_are_told_even_where_the_ledger_cannot_be_read(home: Home, rules: Rules) -> None:
    (home.folder / "optout.db").write_text("These are notes, and not a database at all. " * 100)
    damage(home, "roles.toml", b"[broken")
    said = rules("publish", *SIGNED)
    assert said.status != 0
    assert "roles.toml:1" in said.err


def test_a_folder_that_is_not_there_is_told(home: Home, rules: Rules, tmp_path: Path) -> None:
    said = rules("publish", str(tmp_path / "missing"), *SIGNED)
    assert said.status == 2
    assert "такой папки нет" in said.err


def test_a_ledger_that_cannot_commit_keeps_what_it_has(home: Home) -> None:
    active = home.activate()
    home.say("Другой")
    busy, ledger = Ledger(home.settings.ledger_url), Ledger(home.settings.ledger_url, busy_seconds=0.1)
    with busy.write(), pytest.raises(Exception, match="locked"):
        publish(ledger, home.rules, "иванова", "так надо")
    assert [entry[0] for entry in home.activated()] == [active]
    busy.close()
    ledger.close()


def test_what_is_active_already_is_not_published_once_more(home: Home, rules: Rules) -> None:
    active = home.activate()
    said = rules("publish", *SIGNED)
    assert (said.status, said.err) == (0, "")
    assert f"Редакция {active} уже активна" in said.out
    assert len(home.activated()) == 1


def test_a_trial_changes_nothing_and_needs_no_name(home: Home, rules: Rules) -> None:
    said = rules("publish", "--dry-run")
    assert (said.status, said.err) == (0, "")
    assert f"Редакция {revision(home.rules)} может быть опубликована." in said.out
    assert files_in(home.folder) == ["plugin.toml", "rules", "secrets"]


def test_a_trial_of_wrong_rules_tells_what_publishing_would(home: Home, rules: Rules) -> None:
    remove_a_rule(home)
    assert (rules("publish", "--dry-run").status, rules("publish", "--dry-run").err) == (
        2,
        rules("publish", *SIGNED).err,
    )


# --- what does -------------------------------------------------------------------------------------


def test_the_first_publication_makes_the_ledger(home: Home, rules: Rules) -> None:
    said = rules("publish", *SIGNED)
    assert (said.status, said.err) == (0, "")
    assert f"Опубликована редакция {revision(home.rules)}." in said.out
    assert home.activated() == [(revision(home.rules), "иванова", "новый координатор")]


def test_a_change_goes_live_and_the_way_back_is_told(home: Home, rules: Rules) -> None:
    before = home.activate()
    home.say("Другой")
    said = rules("publish", "--by", " Иванова \n А. ", "--reason", "новый\tкоординатор")
    assert said.status == 0
    assert before in said.out
    assert "в течение 2 секунд" in said.out
    assert "optout rules rollback" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80
    assert home.activated()[-1] == (revision(home.rules), "Иванова А.", "новый координатор")


def test_what_the_check_warns_of_is_told_and_does_not_keep_the_rules_from_going_live(home: Home, rules: Rules) -> None:
    (home.rules / "survey_opt_out/cases.toml").unlink()
    home.edit("survey_opt_out/script.toml", "due_in_hours = 24", "due_in_hours = 12")
    said = rules("publish", *SIGNED)
    assert (said.status, said.err) == (0, "")
    assert "Предупреждения: " in said.out
    assert "Опубликована редакция" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_another_folder_can_be_published_and_its_texts_are_kept(home: Home, rules: Rules, tmp_path: Path) -> None:
    home.activate()
    home.say("Другой")
    home.rules.rename(tmp_path / "candidate")
    assert rules("publish", str(tmp_path / "candidate"), *SIGNED).status == 0
    with home.ledger.read() as connection:
        texts = stored_files(connection, home.activated()[-1][0])
    assert {name: text.encode() for name, text in texts.items()} == {
        name: (tmp_path / "candidate" / name).read_bytes() for name in texts
    }
    assert "roles.toml" in texts


# --- several at once -------------------------------------------------------------------------------


def published_together(home: Home, folders: list[Path]) -> list[Publication]:
    """Publish these at the same moment, each by a ledger of its own as another machine would."""
    done: list[Publication] = []
    failures: list[BaseException] = []
    start = threading.Barrier(len(folders))

    def run(folder: Path) -> None:
        ledger = Ledger(home.settings.ledger_url)
        try:
            start.wait(30)
            done.append(publish(ledger, folder, f"из {folder.name}", "вместе"))
        except BaseException as error:
            failures.append(error)
        finally:
            ledger.close()

    threads = [threading.Thread(target=run, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    return done


#: Each folder changes another field.
FIELDS = (
    'label = "Координатор опросов"',
    'crm_user = "coordinator"',
    'label = "СМС-менеджер"',
    'crm_user = "sms.manager"',
)


def copies(home: Home, tmp_path: Path, number: int, *, alike: bool) -> list[Path]:
    found = []
    for each in range(number):
        copy = Home(tmp_path / f"copy {each}")
        if not alike:
            copy.edit("roles.toml", FIELDS[each], f'{FIELDS[each][:-1]}{each}"')
        copy.ledger.close()
        found.append(copy.rules)
    return found


def test_publications_at_once_are_merged_one_after_another_and_each_knows_what_it_replaced(
    home: Home, tmp_path: Path
) -> None:
    first = home.activate()
    done = published_together(home, copies(home, tmp_path, 4, alike=False))
    record = [entry[0] for entry in home.activated()]
    assert record[0] == first
    assert sorted(record[1:]) == sorted(publication.revision for publication in done)
    before = dict(zip(record[1:], record, strict=False))
    for publication in done:
        assert publication.change is not None
        assert publication.change.previous is not None
        assert publication.change.previous.revision == before[publication.revision]
    with home.ledger.read() as connection:
        text = stored_files(connection, record[-1])["roles.toml"]
    assert [f'{field[:-1]}{number}"' in text for number, field in enumerate(FIELDS)] == [True] * 4


def test_the_same_rules_published_at_once_become_active_once(home: Home, tmp_path: Path) -> None:
    done = published_together(home, copies(home, tmp_path, 3, alike=True))
    assert len(home.activated()) == 1
    made = [publication.change.made for publication in done if publication.change]
    assert len([one for one in made if one is not None]) == 1
    assert len(made) == 3


def test_a_change_that_was_not_to_be_made_stores_nothing(home: Home) -> None:
    home.activate()
    home.say("Другой")
    with closing(Rulebook.load(home.rules)) as rulebook:
        change = activate(home.ledger, rulebook, at=MOMENT, by="a", reason="b", unless=lambda _: True)
    assert change.made is None
    assert change.previous is not None
    with home.ledger.read() as connection:
        assert stored_files(connection, rulebook.revision) == {}


def test_the_moment_is_the_one_given(home: Home) -> None:
    moment = datetime(2027, 1, 2, 3, 4, tzinfo=UTC)
    done = publish(home.ledger, home.rules, "a", "b", now=lambda: moment)
    assert done.change is not None
    assert done.change.made is not None
    assert done.change.made.at == moment


@pytest.mark.parametrize(("by", "reason"), [("", "b"), ("a", ""), ("\u200b\t", "b")])
def test_a_blank_name_is_refused_before_anything_is_checked(home: Home, by: str, reason: str) -> None:
    with pytest.raises(InputError) as error:
        publish(home.ledger, home.folder / "missing", by, reason)
    assert not isinstance(error.value, RulesError)
