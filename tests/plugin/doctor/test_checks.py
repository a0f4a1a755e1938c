"""What is noted shows no secret and no phone number, whoever said it."""

from __future__ import annotations

from plugin.doctor.checks import DoctorCheck, DoctorReport, secrets_in


def test_secrets_and_phone_numbers_are_taken_out_of_every_word() -> None:
    secrets = secrets_in({"token": "hunter2-long", "count": 5, "short": "ab"}, more=["hunter2", None, ""])
    assert secrets == ("hunter2-long", "hunter2")
    report = DoctorReport(secrets)
    report.fails("crm", "asked with hunter2-long", "no answer\nto hunter2 for +79161234567")
    report.leave("comment 1 (hunter2)")
    assert report.checks[0].name == "asked with ***"
    assert report.checks[0].remedy == "no answer to *** for ***4567"
    assert report.left == ["comment 1 (***)"]


def answer(report: DoctorReport) -> bool | None:
    return report.ok


def test_it_holds_only_where_every_check_does() -> None:
    report = DoctorReport()
    report.holds("a", "one")
    assert answer(report) is True
    report.fails("a", "two", "mend it")
    report.holds("a", "three")
    assert answer(report) is False
    second = report.to_json()["points"][1]
    assert second == {"area": "a", "name": "two", "ok": False, "remedy": "mend it", "state": "failed"}


def test_what_could_not_be_tried_is_neither() -> None:
    report = DoctorReport()
    report.holds("a", "one")
    report.add(DoctorCheck("a", "two", ok=None, remedy="Try again later"))
    assert answer(report) is None
    assert report.to_json()["ok"] is None
    assert [point["state"] for point in report.to_json()["points"]] == ["holds", "not_tried"]
    report.fails("a", "three", "mend it")
    assert answer(report) is False
