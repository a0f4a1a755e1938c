"""The admin's cases: what differs is told precisely, and what no case touches is listed."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.verification.case_texts import resolved
from plugin.authoring.verification.cases import CaseResult, CoveredAnswer, CoveredEntry, cases_of, coverage, run_cases
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.errors import RulesError
from tests.support.rules_folder import ROOT, TINY, VOCABULARY, changed, tiny_folder

HAPPY = "facts = { satisfied = true }"
UNHAPPY = 'facts = { satisfied = false, reason = "price" }'
LONG = "Спасибо, Ваши контакты переданы, в течение суток Ваш номер исключат из звонков с опросом"


def _run(folder: Path, cases: str) -> tuple[CaseResult, ...]:
    with closing(Rulebook.load(tiny_folder(folder, cases))) as rulebook:
        return run_cases(rulebook)


@pytest.mark.parametrize(
    ("case", "differences"),
    [
        (f'{HAPPY}\noutcome = "call_back"', ["ожидался итог «call_back» (перезвонить), получен «nothing» (ничего)"]),
        (
            'facts = { satisfied = false }\noutcome = "call_back"',
            ["ожидался итог «call_back» (перезвонить), получено: разговор ещё не закончен, вопрос о «reason»"],
        ),
        (
            f'{HAPPY}\nnext = "reason"',
            ["ожидался вопрос о «reason», разговор закончен итогом «nothing» (ничего)"],
        ),
        ('facts = {}\nnext = "reason"', ["ожидался вопрос о «reason», получен вопрос о «satisfied»"]),
        (
            'facts = {}\nsay = "Вы довольны?"',
            ["ожидалась фраза «Вы довольны?», получена «Довольны ли Вы ремонтом?»"],
        ),
        (
            'facts = {}\nsay = { contains = ["Довольны", "машиной"] }',
            ["ожидалась фраза со словами «машиной», получена «Довольны ли Вы ремонтом?»"],
        ),
        ('facts = {}\nsay = ""', ["фраза: ничего не ожидалось, получена «Довольны ли Вы ремонтом?»"]),
        (f'{HAPPY}\nsay = "До свидания"', ["ожидалась фраза «До свидания», а её нет"]),
        (
            'facts = { satisfied = false }\nhint = "Спросите"',
            ["ожидалась подсказка «Спросите», получена «Выясните причину»"],
        ),
        (
            'facts = { satisfied = false }\nanswers = ["price", "time"]',
            ['ожидались ответы "price", "time", получены "price", "quality"'],
        ),
        (f"{HAPPY}\nanswers = [true]", ["ожидались ответы true, а готовых нет"]),
        (f'{UNHAPPY}\ncomment = "Жалоба"', ["ожидался комментарий «Жалоба», а его нет"]),
        (f'{HAPPY}\nremind = ["manager"]', ["ожидалось напоминание: manager, получено: никому"]),
        (f"{UNHAPPY}\nremind = []", ["ожидалось напоминание: никому, получено: manager"]),
        (
            f'{UNHAPPY}\nsubject = "ЖАЛОБА"\ndue_in_hours = 8\nemail = false',
            [
                'напоминание для «manager», тема: ожидалось "ЖАЛОБА", получено "ПЕРЕЗВОНИТЬ"',
                "напоминание для «manager», срок в часах: ожидалось 8, получено 24",
                "напоминание для «manager», письмо: ожидалось false, получено true",
            ],
        ),
        (f'{HAPPY}\nsubject = "ПЕРЕЗВОНИТЬ"', ["ожидалось напоминание, его нет"]),
        (
            f'{UNHAPPY}\nreminder = "Позвонить"',
            ["напоминание для «manager»: ожидался текст «Позвонить», получен «Перезвонить: ‹номер телефона›»"],
        ),
        (f'{UNHAPPY}\ntarget = "Иванова"', ["ожидалась карточка клиента «Иванова», получена карточка звонка"]),
        (
            f'{UNHAPPY}\ntranscript = ["reason", "satisfied"]',
            ["ожидался порядок вопросов reason → satisfied, получен satisfied → reason"],
        ),
        (
            f'{HAPPY}\nrules = ["happy", "complaint"]',
            ['ожидалось, что сработает «complaint», а не выполнено: complaint = "yes"'],
        ),
        (f'{HAPPY}\nerror = "satisfied"', ["ожидалось, что «satisfied» не будет принят, а он принят"]),
        (
            'facts = { satisfied = "да" }\noutcome = "nothing"',
            ['факт satisfied = "да" не принят; допустимо: true, false'],
        ),
        (
            'facts = { satisfied = false, reason = "time" }\noutcome = "nothing"',
            ['факт reason = "time" не принят; допустимо: "price", "quality"'],
        ),
        (
            'facts = { words = " " }\nnext = "satisfied"',
            ['факт words = " " не принят; допустимо: непустой текст'],
        ),
    ],
)
def test_each_expectation_that_is_not_met_is_told(tmp_path: Path, case: str, differences: list[str]) -> None:
    (result,) = _run(tmp_path / "rules", f'\n[[case]]\nname = "Случай"\n{case}\n')

    assert list(result.differences) == differences
    assert not result.ok
    assert result.case.place == "tiny/cases.toml:2"


def test_long_texts_are_shown_where_they_differ(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    cases = f'[[case]]\nname = "а"\n{HAPPY}\nsay = "{LONG}"\n'
    tiny_folder(folder, cases)
    outcomes = folder / "tiny/outcomes.toml"
    said = LONG.replace("суток", "двух суток")
    text = outcomes.read_text(encoding="utf-8").replace('label = "ничего"', f'label = "ничего"\nsay = "{said}"')
    outcomes.write_text(text, encoding="utf-8")

    with closing(Rulebook.load(folder)) as rulebook:
        (result,) = run_cases(rulebook)

    assert result.differences == (
        "ожидалась фраза «… контакты переданы, в течение суток Ваш номер исключат из зв…», "
        "получена «… контакты переданы, в течение двух суток Ваш номер исключат из зв…»",
    )


def test_a_refused_answer_names_those_that_the_question_offers(tmp_path: Path) -> None:
    rules = """
[[question]]
id = "again"
paragraph = "3"
when = { satisfied = true }
fact = "reason"
hint = "А за что хвалит"
answers = [{ value = "quality", label = "Качество" }]
"""
    cases = '[[case]]\nname = "а"\nfacts = { satisfied = true, reason = "price" }\nnext = "reason"\n'
    with closing(Rulebook.load(tiny_folder(tmp_path / "rules", cases, rules=rules))) as rulebook:
        (result,) = run_cases(rulebook)

    assert result.differences == ('ответ reason = "price" на этом пути не предлагается; допустимы: quality',)


def test_a_gap_and_a_conflict_of_the_rules_are_told_as_such(tmp_path: Path) -> None:
    rules = '\n[[rule]]\nid = "also"\nparagraph = "2"\nwhen = { reason = "price" }\noutcome = "nothing"\n'
    cases = f'[[case]]\nname = "а"\n{UNHAPPY}\noutcome = "call_back"\n'
    folder = tiny_folder(tmp_path / "rules", cases, rules=rules)
    with closing(Rulebook.load(folder)) as rulebook:
        (conflict,) = run_cases(rulebook)
    text = (folder / "tiny/rules.toml").read_text(encoding="utf-8")
    gap_rules = text.replace('when = { complaint = "yes" }', "when = { satisfied = true }").replace(
        'when = { reason = "price" }\noutcome = "nothing"', 'when = { satisfied = true }\noutcome = "nothing"'
    )
    (folder / "tiny/rules.toml").write_text(gap_rules, encoding="utf-8")
    with closing(Rulebook.load(folder)) as rulebook:
        (gap,) = run_cases(rulebook)

    assert conflict.differences == ("правила спорят между собой: «complaint» → call_back, «also» → nothing",)
    assert gap.differences == ("ни одно правило не завершает этот разговор",)


def test_a_gap_names_the_rule_that_came_closest() -> None:
    def without_agreement(content: dict[str, Any]) -> None:
        rules = content["survey_opt_out/rules.toml"]["rule"]
        rules[:] = [rule for rule in rules if rule["id"] != "2-agreed"]
        for case in content["survey_opt_out/cases.toml"]["case"]:
            case.pop("rules", None)

    with closing(changed(ROOT / "rules", without_agreement)) as rulebook:
        failed = {r.case.name: r.differences for r in run_cases(rulebook) if not r.ok}

    assert failed["Имеет отношение: отказ от рассылок, после предупреждения согласен"] == (
        "ни одно правило не завершает этот разговор; ближе всех «2.2-agreed», "
        "не выполнено: agreed_after_explanation = true",
    )
    assert len(failed) == 5


def test_bounds_are_named_for_a_number_outside_them(tmp_path: Path) -> None:
    rules = '\n[[question]]\nid = "mark"\nparagraph = "3"\nwhen = { satisfied = true }\nfact = "mark"\nhint = "?"\n'
    cases = '[[case]]\nname = "а"\nfacts = { mark = 11 }\noutcome = "nothing"\n'
    folder = tiny_folder(tmp_path / "rules", cases, vocabulary=VOCABULARY, rules=rules)
    with closing(Rulebook.load(folder)) as rulebook:
        (result,) = run_cases(rulebook)

    assert result.differences == ("факт mark = 11 не принят; допустимо: число, не меньше 0, не больше 10",)


def test_a_case_may_expect_that_a_fact_is_refused(tmp_path: Path) -> None:
    cases = (
        '[[case]]\nname = "чужой ответ"\nfacts = { reason = "time" }\nerror = "reason"\n'
        '[[case]]\nname = "чужой факт"\nfacts = { colour = "red" }\nerror = "colour"\n'
    )

    assert [result.ok for result in _run(tmp_path / "rules", cases)] == [True, True]


def test_what_a_case_does_not_say_is_not_looked_at(tmp_path: Path) -> None:
    (result,) = _run(tmp_path / "rules", f'[[case]]\nname = "а"\n{UNHAPPY}\nremind = ["manager"]\n')

    assert result.ok


RULES_OF_FIELDS = """
[[rule]]
id = "long"
paragraph = "3"
when = { satisfied = true, duration = { at_least = 60 } }
conclude = { complaint = "yes" }
"""


def test_fields_of_the_call_are_facts_and_stand_in_the_texts(tmp_path: Path) -> None:
    cases = f"""
[[case]]
name = "по имени факта"
facts = {{ satisfied = true, duration = 90 }}
rules = ["long"]

[[case]]
name = "полем звонка"
{UNHAPPY}
call = {{ duration = 30, phone = "+79160000000" }}
reminder = "Перезвонить: +79160000000"
"""
    folder = tiny_folder(tmp_path / "rules", cases, vocabulary=VOCABULARY, rules=RULES_OF_FIELDS)
    with closing(Rulebook.load(folder)) as rulebook:
        fired, told = run_cases(rulebook)
        missed = coverage(rulebook, [told]).answers.missed

    assert told.differences == ()
    assert told.case.facts["duration"] == 30
    # The long call ends in two ways, which is what this case finds out.
    assert fired.differences == ("правила спорят между собой: «happy» → nothing, «complaint» → call_back",)
    assert [one for one in missed if isinstance(one, CoveredAnswer) and one.question is None] == [
        CoveredAnswer("tiny", None, "duration", 60),
        CoveredAnswer("tiny", None, "duration", 61),
    ]


def test_a_field_given_twice_is_a_fault(tmp_path: Path) -> None:
    cases = '[[case]]\nname = "а"\nfacts = { duration = 9 }\ncall = { duration = 8 }\nnext = "satisfied"\n'
    folder = tiny_folder(tmp_path / "rules", cases, vocabulary=VOCABULARY, rules=RULES_OF_FIELDS)

    with pytest.raises(RulesError, match="«duration» уже дано в facts как «duration»"):
        Rulebook.load(folder)


# --- a revision with cases -----------------------------------------------------------------------------


def test_faults_of_cases_are_told_together_with_those_of_the_rules(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "rules", '[[case]]\nname = "а"\noutcom = "nothing"\n', vocabulary="\n[fact.x]\n")

    with pytest.raises(RulesError) as refused:
        Rulebook.load(folder)

    assert {fault.file for fault in refused.value.faults} == {"tiny/cases.toml", "tiny/vocabulary.toml"}


def test_a_stored_revision_decides_whatever_its_cases_say(tmp_path: Path) -> None:
    with closing(Rulebook.load(TINY)) as rulebook:
        content = rulebook.content | {"tiny/cases.toml": {"case": [{"name": "по старой форме"}]}}

    with closing(Rulebook.from_content(content)) as stored:
        assert stored.script("tiny").decide({"satisfied": True}).outcome == "nothing"
        with pytest.raises(RulesError, match=r"tiny/cases\.toml: case № 1: не сказано, чего ожидать"):
            run_cases(stored)


def test_cases_are_part_of_the_revision_and_change_no_decision(tmp_path: Path) -> None:
    with (
        closing(Rulebook.load(TINY)) as without,
        closing(
            Rulebook.load(tiny_folder(tmp_path / "rules", f'[[case]]\nname = "а"\n{HAPPY}\nremind = []\n'))
        ) as with_,
        closing(Rulebook.from_content(with_.content, with_.files)) as stored,
    ):
        assert cases_of(without) == ()
        assert without.revision != with_.revision == stored.revision
        decided = [book.script("tiny").decide({"satisfied": True}) for book in (without, with_)]
        assert decided[0]._replace(ruleset="") == decided[1]._replace(ruleset="")
        assert cases_of(stored) == cases_of(with_)
        assert cases_of(stored)[0].line == 1


# --- coverage ------------------------------------------------------------------------------------------


def test_without_cases_nothing_is_touched() -> None:
    with closing(Rulebook.load(TINY)) as rulebook:
        covered = coverage(rulebook, run_cases(rulebook))

    assert covered.rules.missed == (
        CoveredEntry("tiny", "happy"),
        CoveredEntry("tiny", "unhappy"),
        CoveredEntry("tiny", "complaint"),
    )
    assert covered.questions.missed == (CoveredEntry("tiny", "satisfied"), CoveredEntry("tiny", "reason"))
    assert covered.answers.missed == (
        CoveredAnswer("tiny", "satisfied", "satisfied", True),
        CoveredAnswer("tiny", "satisfied", "satisfied", False),
        CoveredAnswer("tiny", "reason", "reason", "price"),
        CoveredAnswer("tiny", "reason", "reason", "quality"),
    )
    assert covered.outcomes.missed == (CoveredEntry("tiny", "nothing"), CoveredEntry("tiny", "call_back"))
    assert not covered.complete


def test_an_answer_nobody_asked_for_touches_nothing(tmp_path: Path) -> None:
    folder = tiny_folder(
        tmp_path / "rules", '[[case]]\nname = "а"\nfacts = { satisfied = true, reason = "price" }\nremind = []\n'
    )
    with closing(Rulebook.load(folder)) as rulebook:
        covered = coverage(rulebook, run_cases(rulebook))

    assert [str(getattr(one, "value", "")) for one in covered.answers.missed] == ["False", "price", "quality"]
    assert covered.rules.total == 3
    assert [one.name for one in covered.outcomes.missed if isinstance(one, CoveredEntry)] == ["call_back"]


@pytest.fixture(scope="module")
def shipped() -> Rulebook:
    return Rulebook.load(ROOT / "rules")


def test_the_shipped_cases_touch_everything_and_every_end(shipped: Rulebook) -> None:
    from plugin.deciding.decision.conversations import conversations

    results = run_cases(shipped)

    assert [result.differences for result in results if not result.ok] == []
    touched = coverage(shipped, results)
    # Who fills a role is each deployment's own.
    assert {entry.name for entry in touched.texts.missed} == {"persons"}
    assert [part.missed for part in (touched.rules, touched.questions, touched.answers)] == [(), (), ()]
    for name, decider in shipped.scripts.items():
        of_it = [result.case for result in results if result.case.script == name and result.case.expected.outcome]
        ended = {_path(decider, resolved(decider, case.facts)) for case in of_it}
        ends = [_path(decider, conversation.answers) for conversation in conversations(decider)]
        assert set(ends) <= ended
        assert len(set(ends)) == len(ends)
        asked = {r.case.expected.next for r in results if r.case.script == name}
        assert {question.fact for question in decider.script.questions} <= asked


def _path(decider: Decider, facts: object) -> tuple[tuple[str, str], ...]:
    """The answers of a conversation by their classes."""
    assert isinstance(facts, dict)
    return tuple((name, decider.script.classes[name].key(facts[name])) for name in decider.path(facts) if name in facts)


def test_a_file_of_cases_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(TINY, folder)
    (folder / "tiny/cases.toml").write_bytes("name = «а»".encode("cp1251"))

    with pytest.raises(RulesError, match=r"tiny/cases\.toml:1: файл: файл не в кодировке UTF-8"):
        Rulebook.load(folder)
