"""``optout rules diff``: what a change does to conversations, counted, in words; beside it the texts of the files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.inspection.diff import BehaviourChange, Differences, differences
from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Rulebook
from tests.plugin.authoring.inspection.support import SCRIPT, SHIPPED, copied, edited, shipped_and, without_entry
from tests.plugin.authoring.inspection.test_tree import MARKS
from tests.support.rules_folder import VOCABULARY, tiny_folder

RULES, OUTCOMES, SHARED = (f"{SCRIPT}/{name}.toml" for name in ("rules", "outcomes", "script"))


def _run(home: Path, *arguments: str) -> int:
    return main(["--config", str(home), "rules", "diff", *arguments])


def _after(tmp_path: Path, edit: Callable[[Path], None]) -> Differences:
    """What an edit of the shipped rules changes."""
    before, folder = shipped_and(tmp_path)
    edit(folder)
    return differences(before, Rulebook.load(folder))


def _changes(found: Differences, script: str = SCRIPT) -> list[BehaviourChange]:
    (changed,) = [one for one in found.scripts if one.name == script]
    return changed.changes


def _only(found: Differences) -> BehaviourChange:
    (change,) = _changes(found)
    return change


# --- bad input -------------------------------------------------------------------------------------


def test_before_anything_was_published_the_folder_differs_in_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(home) == 0
    assert "Различий нет" in capsys.readouterr().out


def test_without_a_ledger_there_is_nothing_active_to_compare_with(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(home, "active", str(home / "rules")) == 2
    assert "Журнала ещё нет" in capsys.readouterr().err


def test_an_unknown_side_is_bad_input(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home, "0123abcd", "rules") == 2
    assert _run(home, str(home / "rules"), str(home / "nowhere")) == 2
    assert "nowhere" in capsys.readouterr().err


# --- nothing different -----------------------------------------------------------------------------


def test_the_same_rules_are_said_to_be_the_same(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home, str(home / "rules"), str(home / "rules")) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Различий нет."


def test_a_comment_in_a_file_changes_no_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = copied(tmp_path / "a"), copied(tmp_path / "b")
    edited(after, RULES, "# Скрипт разговора, абзац за абзацем.", "# Скрипт.")

    assert main(["rules", "diff", str(before), str(after)]) == 0

    out = capsys.readouterr().out
    assert "Правила те же: различаются только примечания и оформление файлов." in out
    assert "-# Скрипт разговора, абзац за абзацем." in out


def test_a_rule_under_another_name_changes_no_conversation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = copied(tmp_path / "a"), copied(tmp_path / "b")
    edited(after, RULES, 'id = "1-chosen"', 'id = "1-picked"')

    assert main(["rules", "diff", str(before), str(after)]) == 0

    assert "Ни один разговор не изменится" in capsys.readouterr().out


# --- ends ------------------------------------------------------------------------------------------


def test_another_outcome_is_told_with_all_that_follows_from_it(tmp_path: Path) -> None:
    found = _after(
        tmp_path,
        lambda folder: edited(
            folder,
            RULES,
            'when = { point = "2.1" }\noutcome = "exclude_mailings"',
            'when = { point = "2.1" }\noutcome = "exclude_all"',
        ),
    )

    change = next(change for change in _changes(found) if change.kind == "outcome")
    assert (change.old, change.new) == ("исключить из рассылок", "исключить из звонков с опросом и рассылок")
    assert change.conversations == 4
    assert {detail.kind for detail in change.details} == {"say", "text", "number"}
    number = next(detail for detail in change.details if detail.kind == "number")
    assert (number.old, number.new) == ("номер исключается: рассылки", "номер исключается: звонки, рассылки")


def test_a_removed_rule_is_told_as_conversations_without_an_outcome(tmp_path: Path) -> None:
    change = _only(_after(tmp_path, lambda folder: without_entry(folder, RULES, '[[rule]]\nid = "3.3"')))

    assert (change.kind, change.old, change.conversations) == ("fault", "исключать не требуется", 2)
    assert change.new == "Ни одно правило не заканчивает этот разговор"


def test_a_closing_phrase_is_one_change_however_many_conversations_end_with_it(tmp_path: Path) -> None:
    old, new = 'Ваш номер исключат из рассылок"', 'Ваш номер уберут из рассылок"'

    change = _only(_after(tmp_path, lambda folder: edited(folder, OUTCOMES, old, new)))

    assert (change.kind, change.conversations, list(change.outcomes)) == ("say", 4, ["исключить из рассылок"])
    assert change.new == "Спасибо, Ваши контакты переданы, в течение суток Ваш номер уберут из рассылок"


def test_a_line_that_all_reminders_share_is_one_change_under_all_their_outcomes(tmp_path: Path) -> None:
    found = _after(tmp_path, lambda folder: edited(folder, SHARED, "Исключить до: {deadline}", "Срок: {deadline}"))

    change = next(change for change in _changes(found) if change.kind == "text")
    assert (change.old, change.new) == ("Исключить до: ‹срок›", "Срок: ‹срок›")
    assert change.conversations == 15
    assert len(change.outcomes) == 4


@pytest.mark.parametrize(
    ("file", "old", "new", "kind", "sides", "count"),
    [
        (
            OUTCOMES,
            'text = "Клиент просит исключить из звонков с опросом"',
            'text = "Просит"',
            "text",
            ("Клиент просит исключить из звонков с опросом", "Просит"),
            6,
        ),
        (SHARED, "due_in_hours = 24", "due_in_hours = 12", "term", ("24 ч", "12 ч"), 15),
        (SHARED, 'subject = "ИСКЛЮЧИТЬ"', 'subject = "УБРАТЬ"', "subject", ("ИСКЛЮЧИТЬ", "УБРАТЬ"), 15),
        (SHARED, "email = true", "email = false", "mail", ("с письмом", "без письма"), 15),
        (
            OUTCOMES,
            'roles = ["survey_coordinator"]',
            'roles = ["sms_manager"]',
            "recipients",
            ("Координатор опросов", "СМС-менеджер"),
            6,
        ),
        (
            OUTCOMES,
            'label = "исключить из рассылок"',
            'label = "убрать"',
            "label",
            ("исключить из рассылок", "убрать"),
            4,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_each_part_of_what_is_written_is_compared(
    tmp_path: Path, file: str, old: str, new: str, kind: str, sides: tuple[str, str], count: int
) -> None:
    change = _only(_after(tmp_path, lambda folder: edited(folder, file, old, new)))

    assert (change.kind, (change.old, change.new), change.conversations) == (kind, sides, count)


def test_an_action_more_or_less_is_told(tmp_path: Path) -> None:
    def add(folder: Path) -> None:
        with (folder / OUTCOMES).open("a", encoding="utf-8") as file:
            file.write('\n[[outcome.none.action]]\nid = "note"\nkind = "comment"\ntext = "Передумал"\n')

    change = _only(_after(tmp_path, add))

    assert (change.kind, change.old, change.new) == ("action", None, "комментарий в карточку: Передумал")
    assert change.conversations == 6


def test_another_card_is_told(tmp_path: Path) -> None:
    target = 'target = { name = "{fact.client_name}", phone = "{call.phone}" }'

    change = _only(_after(tmp_path, lambda folder: edited(folder, RULES, target, "")))

    assert (change.kind, change.new, change.conversations) == ("card", "карточка звонка", 7)
    assert change.old == "‹ФИО ответившего клиента›, ‹номер телефона›"


# --- questions -------------------------------------------------------------------------------------


def test_a_phrase_of_a_question_counts_in_every_conversation_that_asks_it(tmp_path: Path) -> None:
    old, new = "являетесь ли Вы клиентом нашей Компании?", "Вы наш клиент?"

    change = _only(_after(tmp_path, lambda folder: edited(folder, RULES, old, new)))

    assert (change.kind, change.conversations) == ("phrase", 11)
    assert change.new == "«Уточните, пожалуйста, Вы наш клиент?»"
    assert change.example is not None
    assert change.example.startswith("Нет, не имеет отношения → Является клиентом → ‹ФИО ответившего клиента›")


def test_a_hint_below_a_phrase_is_told(tmp_path: Path) -> None:
    fact = 'fact = "survey_type"'

    change = _only(_after(tmp_path, lambda folder: edited(folder, RULES, fact, f'{fact}\nhint = "Не спешите"')))

    assert (change.kind, change.old, change.new) == ("hint", None, "Не спешите")


def test_another_label_of_an_answer_is_told(tmp_path: Path) -> None:
    change = _only(
        _after(tmp_path, lambda folder: edited(folder, RULES, 'label = "От всех видов опросов"', 'label = "От всех"'))
    )

    assert (change.kind, change.old, change.new, change.conversations) == (
        "answer_label",
        "От всех видов опросов",
        "От всех",
        20,
    )


def test_an_answer_taken_away_leaves_conversations_on_one_side_only(tmp_path: Path) -> None:
    answer = '    { value = "calls_only", label = "Рассылки оставить, звонки исключить" },\n'

    change = _only(_after(tmp_path, lambda folder: edited(folder, RULES, answer, "")))

    assert (change.kind, change.conversations) == ("only_old", 2)
    assert change.what.endswith("Рассылки оставить, звонки исключить")
    assert list(change.outcomes) == ["исключить из звонков с опросом"]


def test_an_answer_more_makes_conversations_on_the_other_side_only(tmp_path: Path) -> None:
    before, folder = shipped_and(tmp_path)
    edited(folder, RULES, '    { value = "calls_only", label = "Рассылки оставить, звонки исключить" },\n', "")

    change = _only(differences(Rulebook.load(folder), before))

    assert (change.kind, change.conversations) == ("only_new", 2)


def test_a_question_more_is_told_where_it_is_asked(tmp_path: Path) -> None:
    book = Rulebook.load(tiny_folder(tmp_path / "a"))
    folder = tiny_folder(tmp_path / "b", vocabulary=VOCABULARY, rules=MARKS)
    without_entry(folder / "tiny", "rules.toml", '[[rule]]\nid = "happy"')

    changes = {change.kind: change for change in _changes(differences(book, Rulebook.load(folder)), "tiny")}

    assert changes["asked_more"].new == "«Ваша оценка?»"
    assert (changes["outcome"].old, changes["outcome"].new) == ("ничего", "перезвонить")
    assert changes["outcome"].example == "Да → Оценка: 5"


def test_another_bound_of_a_condition_changes_the_conversations_between(tmp_path: Path) -> None:
    books = []
    for name, bound in (("a", "6"), ("b", "8")):
        folder = tiny_folder(tmp_path / name, vocabulary=VOCABULARY, rules=MARKS.replace(" 6 }", f" {bound} }}"))
        without_entry(folder / "tiny", "rules.toml", '[[rule]]\nid = "happy"')
        books.append(Rulebook.load(folder))

    (change,) = _changes(differences(*books), "tiny")

    # Above 6 and below 8, and 8 itself.
    assert (change.old, change.new, change.conversations) == ("ничего", "перезвонить", 2)


def test_questions_in_another_order_are_told(tmp_path: Path) -> None:
    def swap(folder: Path) -> None:
        text = (folder / RULES).read_text(encoding="utf-8")
        start = text.index('[[question]]\nid = "section-2-name"')
        end = text.index("# «…и далее см. РАЗДЕЛ 1»")
        piece = text[start:end]
        moved = piece.replace("{ is_client = true }", '{ section = "2" }')
        place = text.index('[[question]]\nid = "section-2-client"')
        (folder / RULES).write_text(text[:place] + moved + text[place:start] + text[end:], encoding="utf-8")

    kinds = {change.kind for change in _changes(_after(tmp_path, swap))}

    assert {"order", "asked_more"} <= kinds


# --- scripts, roles, files -------------------------------------------------------------------------


def test_what_belongs_to_no_conversation_is_told_of_the_script(tmp_path: Path) -> None:
    def edit(folder: Path) -> None:
        edited(folder, SHARED, "promise_hours = 24", "promise_hours = 48")
        edited(folder, SHARED, 'отменена."', 'снята."')

    changes = _changes(_after(tmp_path, edit))

    assert [(change.kind, change.what, change.new) for change in changes] == [
        ("script", "Срок обещания, ч", "48"),
        ("script", "Строка исправления", "Исправление: прежняя запись по этому звонку («‹прежний итог›») снята."),
    ]


def test_a_script_on_one_side_only_is_told(tmp_path: Path) -> None:
    before = Rulebook.load(copied(tmp_path / "before"))
    other = tiny_folder(tmp_path / "tiny")

    states = {script.name: script.state for script in differences(before, Rulebook.load(other)).scripts}

    assert states == {"tiny": "new"} | dict.fromkeys(before.scripts, "gone")


def test_recipients_of_a_role_are_compared(tmp_path: Path) -> None:
    def edit(folder: Path) -> None:
        edited(folder, "roles.toml", 'address = "sms.manager@example.org"', 'address = "new@example.org"')
        edited(folder, "roles.toml", 'crm_user = "coordinator"', 'crm_user = "head"')
        with (folder / "roles.toml").open("a", encoding="utf-8") as file:
            file.write('\n[role.head]\nlabel = "Руководитель"\ncrm_user = "head"\nemail = "crm"\n')

    found = _after(tmp_path, edit)

    assert found.scripts == ()
    assert [(change.kind, change.what, change.old, change.new) for change in found.roles] == [
        ("role", "Координатор опросов: пользователь CRM", "coordinator", "head"),
        ("role", "СМС-менеджер: адрес", "sms.manager@example.org", "new@example.org"),
        ("role_new", "Руководитель", None, "head: head"),
    ]


def test_days_away_and_another_deputy_are_told(tmp_path: Path) -> None:
    def with_away(name: str, away: str, deputy: str) -> Rulebook:
        folder = Path(shutil.copytree(SHIPPED, tmp_path / name))
        whole = 'crm_user = "coordinator"\naddress = "coordinator@example.org"\nemail = "smtp"\n'
        person = '\n[[role.survey_coordinator.person]]\nname = "А"\ncrm_user = "a"\naddress = "a@example.org"\n'
        person += f'away = ["{away}"]\ndeputy = {{ name = "{deputy}", crm_user = "d", address = "d@example.org" }}\n'
        edited(folder, "roles.toml", whole, person)
        return Rulebook.load(folder)

    with (
        closing(with_away("old", "2026-12-24", "Б")) as old,
        closing(with_away("new", "2026-12-24/2027-01-08", "В")) as new,
    ):
        told = [(change.what, change.old, change.new) for change in differences(old, new).roles]

    who = "Координатор опросов: А"
    assert told == [
        (f"{who}: дни отсутствия", "2026-12-24", "2026-12-24/2027-01-08"),
        (f"{who}: заместитель", *(f"Координатор опросов: {name}, d, d@example.org" for name in "БВ")),
    ]


def test_texts_of_the_files_stand_beside_it(tmp_path: Path) -> None:
    found = _after(tmp_path, lambda folder: edited(folder, SHARED, "promise_hours = 24", "promise_hours = 48"))

    assert list(found.files) == [SHARED]
    assert "-promise_hours = 24\n+promise_hours = 48" in found.files[SHARED]


def test_a_revision_without_its_texts_is_compared_as_plain_toml(tmp_path: Path) -> None:
    before, folder = shipped_and(tmp_path)
    edited(folder, SHARED, "promise_hours = 24", "promise_hours = 48")

    found = differences(Rulebook.from_content(before.content), Rulebook.load(folder))

    assert list(found.files) == [SHARED]
    assert "-promise_hours = 24\n+promise_hours = 48" in found.files[SHARED]


def test_a_script_too_large_is_compared_as_far_as_the_limit_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, folder = shipped_and(tmp_path)
    edited(folder, RULES, 'label = "От всех видов опросов"', 'label = "От всех"')

    (script,) = differences(before, Rulebook.load(folder), most=4).scripts

    assert (script.compared, script.cut) == (4, True)


# --- the command -----------------------------------------------------------------------------------


def test_the_page_counts_and_shows_both_sides_within_80_columns(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = copied(tmp_path / "before")
    edited(home / "rules", OUTCOMES, 'Ваш номер исключат из рассылок"', 'Ваш номер уберут из рассылок"')

    assert _run(home, str(before)) == 0

    out = capsys.readouterr().out
    told, _, files = out.partition("Тексты файлов")
    assert max(map(len, told.splitlines())) <= 80
    words = " ".join(told.split())
    assert "Стало: рабочая копия, редакция" in words
    assert "Пойдут или закончатся иначе: 4 из 21 разговора" in words
    assert "Фраза в конце разговора — 4 разговора" in words
    assert '+say = "Спасибо, Ваши контакты переданы, в течение суток Ваш номер уберут из рассылок"' in files


def test_json_has_all_of_it(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = copied(tmp_path / "before")
    edited(home / "rules", OUTCOMES, 'Ваш номер исключат из рассылок"', 'Ваш номер уберут из рассылок"')

    assert _run(home, str(before), "--json") == 0

    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    (script,) = answer["scripts"]
    assert (script["script"], script["compared"], script["different"]) == (SCRIPT, 21, 4)
    (change,) = script["changes"]
    assert (change["kind"], change["conversations"]) == ("say", 4)
    assert answer["old"]["ruleset"] != answer["new"]["ruleset"]
    assert not answer["alike"]
    assert list(answer["files"]) == [OUTCOMES] or OUTCOMES in answer["files"]
