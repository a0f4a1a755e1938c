"""A month's report: how promises were kept, by whom, and who asked again; as text, CSV and a page with a picture."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from plugin.errors import InputError
from plugin.promise.bookkeeping import PromiseBook
from plugin.promise.report import PromiseReport, month_of, promise_report
from plugin.promise.report_files import MissingAnswersCount, report_csv, report_html
from tests.plugin.events.support import ALL, CALLS, Office, at
from tests.plugin.operations.harness import Firm
from tests.plugin.promise.test_promises import done, written

ZONE = ZoneInfo("Europe/Moscow")


def month(office: Office, given: str = "2026-11") -> PromiseReport:
    with office.ledger.read() as connection:
        return promise_report(connection, *month_of(given, ZONE))


def filled(office: Office) -> PromiseReport:
    """One promise kept, one late by another operator, one broken by the first caller."""
    office.taken(CALLS, call={"id": "kept"})
    written(office)
    office.clock.pass_(hours=2)
    done(office)
    office.taken(ALL, call={"id": "late", "operator": "=petrov", "phone": "+79160000001"}, occurred_at=at(120))
    written(office)
    office.clock.pass_(hours=30)
    PromiseBook(office.ledger, office.clock).step()
    done(office)
    office.taken(CALLS, call={"id": "broken"}, occurred_at=at(32 * 60))
    written(office)
    office.clock.pass_(hours=30)
    PromiseBook(office.ledger, office.clock).step()
    return month(office)


@pytest.mark.parametrize("given", ["", "2026", "2026-13", "11.2026", "2026-11-01", "ноябрь"])
def test_what_is_no_month_is_told(given: str) -> None:
    with pytest.raises(InputError, match="--month"):
        month_of(given, ZONE)


def test_a_month_goes_by_the_deployments_clocks_and_ends_before_the_next(office: Office) -> None:
    start, end = month_of("2026-12", ZONE)
    assert (start.isoformat(), end.isoformat()) == ("2026-12-01T00:00:00+03:00", "2027-01-01T00:00:00+03:00")
    office.taken(CALLS)
    assert [month(office, given).whole.total for given in ("2026-10", "2026-11", "2026-12")] == [0, 1, 0]


def test_promises_are_counted_by_how_they_were_kept_and_by_whom(office: Office) -> None:
    report = filled(office)
    whole = report.whole
    assert (whole.total, whole.kept, whole.late, whole.broken, whole.standing) == (3, 1, 1, 1, 0)
    assert [round(one or 0, 1) for one in (whole.median_hours, whole.worst_hours)] == [16.1, 30.1]
    assert whole.worst_call == next(line.call for line in report.lines if line.call_id == "late")
    assert {one.name: (one.total, one.kept, one.late, one.broken) for one in report.operators} == {
        "ivanova": (2, 1, 0, 1),
        "=petrov": (1, 0, 1, 0),
    }
    assert {one.name: one.total for one in report.people} == {"survey_coordinator": 3, "sms_manager": 1}
    assert ([one.name for one in report.sources], [one.name for one in report.scripts]) == (
        ["dealership"],
        ["survey_opt_out"],
    )
    assert [line.call_id for line in report.repeated] == ["broken"]


def test_the_csv_has_a_line_a_promise_and_no_formula(office: Office) -> None:
    text = report_csv(filled(office), ZONE)
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    assert [row["Состояние"] for row in rows] == ["исполнено в срок", "исполнено поздно", "нарушено"]
    assert rows[0]["Время звонка"] == "22.11.2026 10:15"
    assert rows[1]["Оператор"] == "'=petrov"
    assert rows[1]["Кому"] == "survey_coordinator, sms_manager"
    assert "79161234567" not in text


def test_the_page_has_a_picture_and_loads_nothing(office: Office) -> None:
    missing = [MissingAnswersCount("survey_opt_out", "Вопрос <b>", 3)]
    roles = {"survey_coordinator": "Координатор опросов"}
    page = report_html(filled(office), ZONE, missing, roles, {"survey_opt_out": "Просьбы"})
    assert page.count("<rect") == 3
    assert "исполнено в срок 1, поздно 1, нарушено 1" in page
    assert "Координатор опросов" in page
    assert "Вопрос &lt;b&gt;" in page
    assert not re.search(r"<script|<link|<img|https?:", page)
    assert "79161234567" not in page


def test_an_empty_month_is_a_page_too(office: Office) -> None:
    page = report_html(month(office, "2020-01"), ZONE, [], {}, {})
    assert "Обещаний 0" in page
    assert "<rect" not in page


def test_the_command_prints_it_and_writes_files(firm: Firm, tmp_path: Path) -> None:
    firm.report("c-1", CALLS, ago=timedelta(minutes=1))
    given = f"{firm.clock().astimezone(ZONE):%Y-%m}"
    table, page = tmp_path / "report.csv", tmp_path / "report.html"
    printed = firm.out("promises", "report", "--month", given, "--csv", str(table), "--html", str(page))
    assert "Координатор опросов" in printed
    assert table.read_text(encoding="utf-8").count("\n") >= 2
    assert "<svg" in page.read_text(encoding="utf-8")
    told = firm.json("promises", "report", "--month", given)
    assert (told["total"], told["standing"], told["missing_answers"]) == (1, 1, [])
    assert "не похоже на месяц" in firm.refused("promises", "report", "--month", "x")
    assert "Обещания за 01.2020: 0" in firm.out("promises", "report", "--month", "2020-01")
