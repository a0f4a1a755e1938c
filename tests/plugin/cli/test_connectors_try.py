"""``optout connectors try`` and ``new`` on a described CRM: what goes out, what comes back, and no secret in either."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.rest import RestConnector
from connectors.rest.profiles import beginning, names, over_profile
from plugin.cli.main import main
from tests.connectors.contract.rig import PHONE
from tests.connectors.rest.rig import EVENT_SECRET, README, PolkaRig, call_record, event, rig
from tests.connectors.rest.server import CLIENT_SECRET

KEY = "0123456789abcdef" * 4
HEAD = """\
[plugin]
id = "o"
version = "1"
events = ["call-result"]
default_script = "s"
timezone = "Europe/Moscow"
[sources.rest]
[ledger]
url = "sqlite:///l.db"
"""


@pytest.fixture
def polka() -> Iterator[PolkaRig]:
    with rig() as made:
        yield made


@pytest.fixture
def home(polka: PolkaRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The README's whole description, as plugin.toml of an account at this Polka."""
    block = next(part for part in README.read_text(encoding="utf-8").split("```") if "[crm.rest.comment]" in part)
    described = block.removeprefix("toml\n").replace("https://polka.example.org", polka.api.url)
    (tmp_path / "plugin.toml").write_text(HEAD + described, encoding="utf-8")
    (tmp_path / "polka-event-secret").write_text(EVENT_SECRET, encoding="utf-8")
    monkeypatch.setenv("POLKA_CLIENT_SECRET", CLIENT_SECRET)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str, status: int = 0) -> str:
    capsys.readouterr()
    assert main(["--config", str(home), "connectors", *arguments]) == status
    heard = capsys.readouterr()
    for secret in (CLIENT_SECRET, EVENT_SECRET, "polka-token"):
        assert secret not in heard.out + heard.err
    return heard.err if status else heard.out


def test_without_send_a_request_is_shown_and_nothing_is_sent(
    capsys: pytest.CaptureFixture[str], home: Path, polka: PolkaRig
) -> None:
    page = told(capsys, home, "try", "comment", "--card", "client:7", "--key", KEY)
    assert f"POST {polka.api.url}/v2/clients/7/notes" in page
    assert "Authorization: Bearer ***" in page
    assert f'"ref": "{KEY}"' in page
    assert f"[ref:{KEY[:16]}]" in page
    assert "[ref:ffffffffffffffff]" in told(capsys, home, "try", "comment", "--key", "f" * 64)
    assert "answer" not in page
    assert polka.api.requests == []


def test_a_write_that_is_sent_shows_the_answer_and_the_id_that_is_read_from_it(
    capsys: pytest.CaptureFixture[str], home: Path, polka: PolkaRig
) -> None:
    page = told(capsys, home, "try", "comment", "--card", "client:7", "--key", KEY, "--send")
    (record,) = polka.written("comment")
    assert re.search(r"answer:\n    201\n", page)
    assert "done (by its status)" in page
    assert f"id: {record.id}" in page
    page = told(capsys, home, "try", "find.comment", "--key", KEY, "--send")
    assert "1 records at data" in page
    assert f'ref equals "{{{{ key }}}}": true (there: {KEY})' in page
    page = told(capsys, home, "try", "find.comment", "--key", "f" * 64, "--send")
    assert "0 records at data" in page


def test_a_card_and_a_look_up_show_what_is_read_of_them(
    capsys: pytest.CaptureFixture[str], home: Path, polka: PolkaRig
) -> None:
    page = told(capsys, home, "try", "card", "--card", "client:7", "--send")
    assert "name: Иванов Иван Иванович" in page
    assert "phones: 8 (916) 123-45-67" in page
    page = told(capsys, home, "try", "contact_by_phone", "--phone", PHONE, "--send")
    assert page.count("request:") == 3
    assert page.count("id: 7") == 2
    page = told(capsys, home, "try", "card", "--card", "client:404", "--send")
    assert "missing (by [[answers]])" in page
    assert "no record there" in page


def test_conditions_are_told_true_or_false_with_what_is_there(
    capsys: pytest.CaptureFixture[str], home: Path, polka: PolkaRig
) -> None:
    polka.api.todos["5"] = {"id": 5, "state": "open", "person": "p2", "client": "7", "ref": KEY}
    page = told(capsys, home, "try", "reminder_state", "--id", "5", "--send")
    assert 'state one_of ["done", "cancelled"]: false (there: open)' in page
    page = told(capsys, home, "try", "reminder.verify", "--id", "5", "--card", "client:7", "--user", "p1", "--send")
    assert "person equals" in page
    assert "false (there: p2)" in page
    page = told(capsys, home, "try", "check.0", "--send")
    assert "true (there: " in page


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("try", "coment"), "did you mean comment?"),
        (("try", "comment", "--card", "client"), "TYPE:ID"),
        (("try", "event"), "FILE"),
        (("new", "rest", "--like", "dolibar"), "dolibarr"),
        (("new", "embedded", "--like", "x"), "nothing to begin with"),
        (("new", "rset", "--like", "x"), "did you mean 'rest'?"),
    ],
)
def test_what_cannot_be_tried_is_said(
    capsys: pytest.CaptureFixture[str], home: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    assert complaint in told(capsys, home, *arguments, status=2)


@pytest.mark.parametrize(
    ("arguments", "lacks"),
    [
        (("comment",), "--card"),
        (("reminder", "--card", "client:7"), "--user"),
        (("withdraw",), "--id"),
        (("remove.comment",), "--id"),
        (("reminder", "--user", "p1"), "--card"),
    ],
)
def test_nothing_is_sent_with_a_samples_card_id_or_person(
    capsys: pytest.CaptureFixture[str], home: Path, polka: PolkaRig, arguments: tuple[str, ...], lacks: str
) -> None:
    assert lacks in told(capsys, home, "try", *arguments, "--send", status=2)
    assert polka.writes() == 0
    assert "request:" in told(capsys, home, "try", *arguments)


def test_what_is_withdrawn_keeps_its_own_text(capsys: pytest.CaptureFixture[str], home: Path, polka: PolkaRig) -> None:
    polka.api.todos["5"] = {"id": 5, "state": "open", "person": "p2", "client": "7", "ref": KEY, "body": "текст"}
    told(capsys, home, "try", "withdraw", "--id", "5", "--send")
    assert polka.api.todos["5"]["state"] == "cancelled"
    assert polka.api.todos["5"]["body"].startswith("текст\n\n")


# --- events ------------------------------------------------------------------------------------------


def kept(home: Path, content: Any) -> tuple[str, list[str]]:
    genuine = event(content)
    (home / "event.json").write_bytes(genuine.body)
    headers = [part for name, value in genuine.headers.items() for part in ("--header", f"{name}: {value}")]
    return str(home / "event.json"), headers


def test_an_event_shows_its_proof_its_conditions_and_its_calls(
    capsys: pytest.CaptureFixture[str], home: Path, polka: PolkaRig
) -> None:
    file, headers = kept(home, {"type": "call.ended", "call": "c-1", "by": "p1"})
    page = told(capsys, home, "try", "event", file)
    assert "not tried: give the event's headers" in page
    assert 'type equals "call.ended": true' in page
    assert "false (there: p1)" in page
    assert "id: c-1" in page
    polka.api.calls["c-1"] = call_record()
    page = told(capsys, home, "try", "event", file, *headers, "--send")
    assert "proof:\n    holds" in page
    assert '"survey_type": "calls"' in page
    page = told(capsys, home, "try", "event", file, "--header", "X-Polka-Signature: sha256=00")
    assert "does not hold" in page


@pytest.mark.parametrize("content", [{"type": "call.ended"}, {"type": "call.started", "call": "c-1"}])
def test_an_event_that_names_no_call_says_what_becomes_of_it(
    capsys: pytest.CaptureFixture[str], home: Path, content: Any
) -> None:
    file, _ = kept(home, content)
    page = told(capsys, home, "try", "event", file)
    assert ("would be kept" if content["type"] == "call.ended" else "left alone") in page


def test_what_is_no_json_says_so(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    (home / "event.json").write_bytes(b"<xml>\xff")
    assert "not JSON" in told(capsys, home, "try", "event", str(home / "event.json"))


# --- new ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_a_profile_can_be_begun_with_and_says_the_same(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["connectors", "new", "rest", "--like", name]) == 0
    printed = capsys.readouterr().out
    assert printed == beginning(name)
    begun = tomllib.loads(printed)["crm"]
    assert begun["connector"] == "rest"
    given = begun["rest"]
    secrets = {key: "s" for key, value in given.items() if isinstance(value, dict) and set(value) == {"env"}}
    assert secrets
    assert RestConnector.Settings().load(given | secrets)
    profile = over_profile(name, {})
    for table in profile.keys() - {"auth", "constants"}:
        assert json.dumps(given[table]) == json.dumps(profile[table])
