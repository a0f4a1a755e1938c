"""The calendar in the rules: faults with their place and remedy, one for all scripts, cases, and what a change does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plugin.authoring.inspection.diff import differences
from plugin.authoring.inspection.listing import listing
from plugin.authoring.verification import CheckReport, ProofLimits
from plugin.authoring.verification.cases import run_cases
from plugin.authoring.verification.check_folder import examine_folder
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset.read import is_file_name
from plugin.errors import RulesError
from tests.support.rules_folder import ROOT, tiny_folder

CALENDAR = '[calendar]\ndays = ["mon", "tue", "wed", "thu", "fri"]\nfrom = "09:00"\nto = "18:00"\n'
CASES = """
[[case]]
name = "Пятница"
facts = { satisfied = false, reason = "price" }
called_at = "2026-03-06 15:00"
due = "2026-03-06 18:00"
unfinished = { due = "2026-03-07 15:00" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_folder(tmp_path / "rules")


def _checked(folder: Path) -> CheckReport:
    reports: list[CheckReport] = []

    def tell(_script: str | None, report: CheckReport, _revision: str | None) -> None:
        reports.append(report)

    examine_folder(folder, ProofLimits(), tell, lambda: datetime(2026, 11, 22, tzinfo=UTC))
    return reports[-1]


def _replace(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def _by_calendar(folder: Path) -> None:
    _replace(folder, "tiny/script.toml", "[reminder]\n", '[reminder]\ndue = "working"\n')


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "hint"),
    [
        ('from = "09:00"\nto = "18:00"', 'from = "18:00"\nto = "09:00"', 4, "с 18:00 до 09:00", "в тот же день"),
        ('to = "18:00"', 'to = "09:00"', 4, "с 09:00 до 09:00", "позже начала"),
        ('to = "18:00"', 'to = "24:30"', 4, "нужно время вида", ""),
        ('to = "18:00"', "to = 18", 4, "нужно время вида", ""),
        ('"mon", "tue", "wed", "thu", "fri"', "", 2, "нет ни одного рабочего дня", "перечислите их"),
        ('"mon"', '"пн"', 2, "допустимы: mon", ""),
        ("to =", 'holidays = ["2026-02-30"]\nto =', 4, "нужны дни вида", ""),
        ("to =", 'holidays = ["2027-01-08/2027-01-01"]\nto =', 4, "последний день раньше первого", ""),
        ("to =", 'holidays = ["2027-01-01/2037-01-08"]\nto =', 4, "длиннее года", "проверьте годы"),
        (
            "to =",
            'holidays = ["2027-01-02"]\nworking = ["2027-01-01/2027-01-03"]\nto =',
            5,
            "2027-01-02 — и",
            "оставьте",
        ),
        ("days", "day", 2, "неизвестное поле", ""),
    ],
)
def test_a_wrong_calendar_is_a_fault_at_its_line(
    folder: Path, old: str, new: str, line: int, what: str, hint: str
) -> None:
    (folder / "calendar.toml").write_text(CALENDAR.replace(old, new), encoding="utf-8")

    found = [fault for fault in _checked(folder).faults if what in fault.what]

    assert [(fault.file, fault.line) for fault in found] == [("calendar.toml", line)]
    assert hint in found[0].hint
    with pytest.raises(RulesError):
        Rulebook.load(folder)


def test_a_wrong_calendar_of_a_script_is_told_with_its_file(folder: Path) -> None:
    with (folder / "tiny/script.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + CALENDAR.replace('"18:00"', '"08:00"'))

    (fault,) = _checked(folder).faults

    assert fault.where.endswith("calendar, to")
    assert (fault.file, fault.line > 20) == ("tiny/script.toml", True)


@pytest.mark.parametrize("table", ["reminder", "unfinished"])
def test_a_due_time_by_a_calendar_that_there_is_not_is_a_fault(folder: Path, table: str) -> None:
    _replace(folder, "tiny/script.toml", f"[{table}]\n", f'[{table}]\ndue = "working"\n')

    (fault,) = _checked(folder).faults

    assert fault.file == "tiny/script.toml"
    assert fault.where.endswith(f"{table}, due")
    assert "calendar.toml" in fault.hint
    (folder / "calendar.toml").write_text(CALENDAR, encoding="utf-8")
    assert _checked(folder).ok


def test_an_action_may_be_due_by_the_calendar_alone_and_a_comment_may_not(folder: Path) -> None:
    (folder / "calendar.toml").write_text(CALENDAR, encoding="utf-8")
    _replace(folder, "tiny/outcomes.toml", 'kind = "reminder"', 'kind = "reminder"\ndue = "working"')
    with closing(Rulebook.load(folder)) as book:
        actions = [a for o in book.script("tiny").script.outcomes.values() for a in o.actions if a.role]
        assert [a.working for a in actions].count(True) == 1
    _replace(folder, "tiny/outcomes.toml", 'kind = "reminder"', 'kind = "comment"')
    _replace(folder, "tiny/outcomes.toml", 'roles = ["manager"]\n', "")
    assert [fault.what for fault in _checked(folder).faults] == ["у комментария не бывает due"]


def test_holidays_that_are_all_over_are_a_warning(folder: Path) -> None:
    for holidays, told in (('["2026-11-20/2026-11-21"]', 1), ('["2026-11-20", "2026-11-22"]', 0)):
        (folder / "calendar.toml").write_text(CALENDAR + f"holidays = {holidays}\n", encoding="utf-8")
        report = _checked(folder)
        warned = [(w.file, w.line) for w in report.warnings if w.what == "все праздники уже прошли"]
        assert warned == [("calendar.toml", 5)] * told
        assert report.ok


def test_a_script_of_ones_own_calendar_replaces_that_of_all(folder: Path) -> None:
    (folder / "calendar.toml").write_text(CALENDAR, encoding="utf-8")
    with closing(Rulebook.load(folder)) as book:
        common = book.script("tiny").script.calendar
    with (folder / "tiny/script.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + CALENDAR.replace("09:00", "10:00"))
    with closing(Rulebook.load(folder)) as book:
        own = book.script("tiny").script.calendar
        with closing(Rulebook.from_content(book.content)) as stored:
            assert stored.revision == book.revision
            assert stored.script("tiny").script.calendar == own

    assert common is not None
    assert own is not None
    assert (common.start.hour, own.start.hour) == (9, 10)
    assert is_file_name("calendar.toml")


def test_a_case_expects_the_due_time_of_reminders_and_of_an_unfinished_call(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "rules", CASES)
    (folder / "calendar.toml").write_text(CALENDAR, encoding="utf-8")

    def told() -> list[str]:
        with closing(Rulebook.load(folder)) as book:
            return [difference for result in run_cases(book) for difference in result.differences]

    (late,) = told()
    assert "ожидался срок 2026-03-06 18:00, получен 2026-03-07 15:00" in late
    _by_calendar(folder)
    assert told() == []
    _replace(folder, "tiny/script.toml", "[unfinished]\n", '[unfinished]\ndue = "working"\n')
    assert told() == ["о незавершённом разговоре: ожидался срок 2026-03-07 15:00, получен 2026-03-06 18:00"]


def test_a_due_time_without_the_time_of_the_call_is_a_fault_of_the_case(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "rules", CASES.replace('called_at = "2026-03-06 15:00"\n', ""))

    (fault,) = _checked(folder).faults

    assert (fault.what, fault.hint) == ("не сказано, когда кончился звонок", "задайте called_at")


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (_by_calendar, ("Срок напоминания", "24 ч", "24 ч, в рабочее время")),
        (
            lambda folder: _replace(folder, "calendar.toml", '"18:00"', '"17:00"'),
            ("Рабочее время", "mon, tue, wed, thu, fri 09:00–18:00", "mon, tue, wed, thu, fri 09:00–17:00"),
        ),
        (
            lambda folder: _replace(folder, "tiny/script.toml", "[unfinished]\n", '[unfinished]\ndue = "working"\n'),
            ("Срок о незавершённом разговоре", "обещанный клиенту", "обещанный клиенту, в рабочее время"),
        ),
    ],
)
def test_the_behaviours_diff_tells_a_change(
    folder: Path, edit: Callable[[Path], None], told: tuple[str, str, str]
) -> None:
    (folder / "calendar.toml").write_text(CALENDAR, encoding="utf-8")
    with closing(Rulebook.load(folder)) as before:
        edit(folder)
        with closing(Rulebook.load(folder)) as after:
            (script,) = differences(before, after).scripts
            assert told in [(change.what, change.old, change.new) for change in script.changes]


def test_the_table_tells_what_is_due_by_the_calendar(folder: Path) -> None:
    (folder / "calendar.toml").write_text(CALENDAR, encoding="utf-8")
    _by_calendar(folder)
    with closing(Rulebook.load(folder)) as book:
        actions = [action for line in listing(book, "tiny").lines for action in line.actions if action.is_reminder]

    assert actions
    assert all("срок 24 ч, в рабочее время, " in action.terms() for action in actions)


def test_the_shipped_rules_have_no_calendar() -> None:
    with closing(Rulebook.load(ROOT / "rules")) as book:
        assert [decider.script.calendar for decider in book.scripts.values()] == [None, None]
        assert not any(
            action.working for d in book.scripts.values() for o in d.script.outcomes.values() for action in o.actions
        )
