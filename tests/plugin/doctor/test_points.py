"""What is noted shows no secret and no phone number, whoever said it."""

from __future__ import annotations

from plugin.doctor.points import PointNotes, secrets_in


def test_secrets_and_phone_numbers_are_taken_out_of_every_word() -> None:
    secrets = secrets_in({"token": "hunter2-long", "count": 5, "short": "ab"}, more=["hunter2", None, ""])
    assert secrets == ("hunter2-long", "hunter2")
    notes = PointNotes(secrets)
    notes.fails("crm", "asked with hunter2-long", "no answer\nto hunter2 for +79161234567")
    notes.leave("comment 1 (hunter2)")
    found = notes.findings()
    assert found.points[0].name == "asked with ***"
    assert found.points[0].remedy == "no answer to *** for +7916***4567"
    assert found.left == ("comment 1 (***)",)


def test_it_holds_only_where_every_point_does() -> None:
    notes = PointNotes()
    notes.holds("a", "one")
    assert notes.findings().ok
    notes.fails("a", "two", "mend it")
    notes.holds("a", "three")
    assert not notes.findings().ok
    assert notes.findings().to_json()["points"][1] == {"area": "a", "name": "two", "ok": False, "remedy": "mend it"}
