"""A rules folder with one large script, generated: 300 rules and 40 facts that all share one section."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

FACTS = 40
RULES = 300

_SCRIPT = """
title = "Большой скрипт"
promise_hours = 24

[reminder]
subject = "ПЕРЕЗВОНИТЬ"

[unfinished]
role = "manager"
subject = "Не завершён"
text = "Не завершён"

[correction]
line = "Было «{previous.outcome}»."
comment = "Было «{previous.outcome}», стало «{outcome}»."
withdrawal_subject = "ОТМЕНА: {reminder.subject}"
withdrawal = "Отменено."

[other_client]
comment = "Ответил другой: {target.name}"
reminder = "Решите вручную."
"""
_OUTCOMES = """
[outcome.nothing]
label = "ничего"
paragraph = "1"

[outcome.call_back]
label = "перезвонить"
paragraph = "2"

[[outcome.call_back.action]]
id = "remind"
kind = "reminder"
roles = ["manager"]
text = "Перезвонить: {call.phone}"
"""
_ROLES = """
[role.manager]
label = "Менеджер"
crm_user = "7"
address = "manager@example.org"
"""


def write(folder: Path, *, entangled: bool) -> Path:
    """Write the rules folder; every question and rule is about the one section.

    Each answer says by itself whether all is well; ``entangled``: only together with another one, nineteen questions
    later, so that hardly two conversations go on alike.
    """
    answers = _entangled_answers() if entangled else _plain_answers()
    rules = list(_entangled_rules(answers) if entangled else _plain_rules(answers))
    assert (len(answers), len(rules)) == (FACTS, RULES)
    script = folder / "large"
    script.mkdir(parents=True)
    (folder / "roles.toml").write_text(_ROLES, encoding="utf-8")
    (script / "script.toml").write_text(_SCRIPT, encoding="utf-8")
    (script / "outcomes.toml").write_text(_OUTCOMES, encoding="utf-8")
    (script / "vocabulary.toml").write_text(
        "\n".join(_vocabulary(answers, _pairs(answers) + 1 if entangled else FACTS - 1)), encoding="utf-8"
    )
    (script / "rules.toml").write_text("\n".join([*_questions(answers), *rules]), encoding="utf-8")
    return folder


def _plain_answers() -> list[int]:
    return [2, *[8] * 22, *[7] * 17]


def _entangled_answers() -> list[int]:
    half = [8] * 10 + [7] * 9
    return [2, *half, *half, 9]


def _pairs(answers: list[int]) -> int:
    """How many questions are answered together with another one: all but the first and the last."""
    return (len(answers) - 2) // 2


def _vocabulary(answers: list[int], last: int) -> Iterator[str]:
    for number, count in enumerate(answers):
        values = json.dumps([f"v{value}" for value in range(count)])
        yield f'[fact.f{number}]\ntype = "choice"\nvalues = {values}\nlabel = "Вопрос {number}"\n'
    yield '[derived.section]\nvalues = ["1"]\nlabel = "Раздел"\n'
    yield '[derived.alarm]\nvalues = ["yes"]\nlabel = "Что-то не так"\n'
    well = json.dumps([str(number) for number in (*range(last), FACTS - 1)])
    yield f'[derived.well]\nvalues = {well}\nlabel = "До этого вопроса всё хорошо"\n'


def _questions(answers: list[int]) -> Iterator[str]:
    for number, count in enumerate(answers):
        offered = ", ".join(f'{{ value = "v{value}", label = "Ответ {value}" }}' for value in range(count))
        when = 'when = { section = "1" }\n' if number else ""
        yield (
            f'[[question]]\nid = "q{number}"\nparagraph = "1"\n{when}fact = "f{number}"\n'
            f'hint = "Спросите {number}"\nanswers = [{offered}]\n'
        )


def _plain_rules(answers: list[int]) -> Iterator[str]:
    yield from _frame(len(answers) - 1)
    for number, count in list(enumerate(answers))[1:]:
        yield from _one_answer(number, number - 1, count)


def _entangled_rules(answers: list[int]) -> Iterator[str]:
    pairs = _pairs(answers)
    last = len(answers) - 1
    yield from _frame(last)
    for number in range(1, pairs + 1):
        for value in range(answers[number]):
            first, second = f'f{number} = "v{value}"', f"f{number + pairs}"
            yield _rule(f"same{number}-{value}", f'{first}, {second} = "v{value}", {_well(number - 1)}', _well(number))
            other = f'{first}, {second} = {{ not = "v{value}" }}'
            yield _rule(f"other{number}-{value}", other, 'alarm = "yes"')
    yield from _one_answer(last, pairs, answers[last])


def _frame(last: int) -> Iterator[str]:
    """How the conversation begins and how it ends."""
    yield _rule("section", "f0 = { known = true }", 'section = "1"', section=False)
    yield _rule("begins-well", 'f0 = "v0"', _well(0))
    yield _rule("begins-badly", 'f0 = "v1"', 'alarm = "yes"')
    yield _rule("ends-well", _well(last), outcome="nothing")
    yield _rule("ends-badly", 'alarm = "yes"', outcome="call_back")


def _one_answer(number: int, before: int, count: int) -> Iterator[str]:
    """The first answer keeps it well, any other does not."""
    yield _rule(f"fine{number}", f'f{number} = "v0", {_well(before)}', _well(number))
    for value in range(1, count):
        yield _rule(f"bad{number}-{value}", f'f{number} = "v{value}"', 'alarm = "yes"')


def _well(number: int) -> str:
    return f'well = "{number}"'


def _rule(name: str, when: str, conclude: str = "", *, section: bool = True, outcome: str = "") -> str:
    if section:
        when = f'section = "1", {when}'
    result = f'outcome = "{outcome}"' if outcome else f"conclude = {{ {conclude} }}"
    return f'[[rule]]\nid = "{name}"\nparagraph = "1"\nwhen = {{ {when} }}\n{result}\n'
