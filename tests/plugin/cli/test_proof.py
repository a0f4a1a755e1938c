"""``optout proof``: one file with all of a call or of a number, to print or to check."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from plugin.errors import InputError
from plugin.ledger.chain import Change, note
from plugin.ledger.chain.append import take_in
from plugin.ledger.schema import attempts, deliveries
from plugin.ledger.trails import trails
from plugin.operations.chain_check import ChainCheck
from plugin.promise.proof_check import check_proof
from tests.plugin.events.support import ALL, CALLS, ONLINE
from tests.plugin.operations.harness import PHONE, Firm

OTHER = "+74951234567"
NASTY = '<script>alert("1")</script>'


def written(firm: Firm, given: str, name: str = "proof.json") -> Any:
    status, out, err = firm.run("proof", given, "--out", str(firm.folder / name))
    assert (status, err) == (0, ""), (out, err)
    text = (firm.folder / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith("json") else text


def delivered(firm: Firm) -> None:
    done = {"state": "done", "sent_at": firm.clock(), "finished_at": firm.clock(), "remote_id": "u-77"}
    firm.change_all(assignee={"user": "petrova", "address": "petrova@dealer.example"}, **done)
    row = {"delivery_ref": 1, "at": firm.clock(), "step": "send", "outcome": "unknown", "seconds": 0.5, "why": "reset"}
    with firm.ledger.write() as connection:
        connection.execute(insert(attempts), [row, row | {"step": "look_up", "outcome": "found", "why": None}])


def trail(firm: Firm, *entries: Mapping[str, Any]) -> None:
    at = firm.clock()
    row = {
        "namespace": "dealership",
        "call_id": "c-1",
        "generation": 1,
        "script": "survey_opt_out",
        "revision": firm.office.rules.current().revision,
        "operator": "ivanova",
        "about": {"phone": PHONE},
        "seq": 1,
        "entries": [{"at": (at + timedelta(seconds=n)).isoformat(), **entry} for n, entry in enumerate(entries)],
        "state": "confirmed",
        "started_at": at,
        "updated_at": at,
    }
    with firm.ledger.write() as connection:
        connection.execute(insert(trails), row)


def answer(firm: Firm, fact: str, value: Any) -> dict[str, Any]:
    script = firm.office.rules.current().script("survey_opt_out").script
    question = next(one.id for one in script.questions if one.fact == fact)
    return {"kind": "answer", "q": question, "fact": fact, "value": value, "asked": firm.clock().isoformat()}


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["nobody", "+7 495 123-45-67", "77"])
def test_what_the_ledger_does_not_know_is_refused(firm: Firm, given: str) -> None:
    firm.report("c-1", CALLS)
    assert "optout calls list" in firm.refused("proof", given, "--out", str(firm.folder / "p.json"))
    assert not (firm.folder / "p.json").exists()


def test_a_file_of_no_known_kind_is_refused(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    assert ".html (для печати) или .json" in firm.refused("proof", "c-1", "--out", str(firm.folder / "p.pdf"))


# --- what it holds ---------------------------------------------------------------------------------


def test_the_file_is_for_its_owner_only(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    path = firm.folder / "proof.json"
    path.write_text("before", encoding="utf-8")
    path.chmod(0o644)
    written(firm, "c-1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_all_of_a_call_is_in_it(either_firm: Firm) -> None:
    firm = either_firm
    firm.report("c-1", ALL, note="позвонить сыну")
    delivered(firm)
    told = written(firm, "c-1")
    (call,) = told["calls"]
    assert (call["phone"], call["operator"], call["note"]) == (PHONE, "ivanova", "позвонить сыну")
    assert call["card"]["name"] == "Анна Карточкина"
    assert call["label"]
    assert call["decisions"][0]["label"] == call["label"]
    revision = call["decisions"][0]["revision"]
    assert "Уточните" in json.dumps(told["rules"][revision], ensure_ascii=False)
    assert [step["outcome"] for step in call["deliveries"][0]["attempts"]] == ["unknown", "found"]
    assert {one["remote_id"] for one in call["deliveries"]} == {"u-77"}
    mails = [one["message_id"] for one in call["deliveries"] if one["kind"] == "smtp_email"]
    assert mails
    assert all(one.startswith("<") and "@" in one for one in mails)
    assert {one["person"]["user"] for one in call["people"]} == {"petrova"}
    assert [one["scope"] for one in told["suppression"][0]["entries"]] == ["calls", "mailings"]
    assert [step["phrase"] for step in call["conversation"]][-1]


def test_of_a_number_all_its_calls_are_in_it_and_nothing_of_another(firm: Firm) -> None:
    firm.report("c-1", CALLS, ago=timedelta(hours=2))
    firm.report("c-2", ONLINE)
    firm.report("c-3", ALL)
    firm.change_calls(phone=PHONE)
    with firm.ledger.write() as connection:
        connection.exec_driver_sql(
            "UPDATE calls SET phone = '+74951234567', operator = 'sidorova' WHERE call_id = 'c-3'"
        )
    told = written(firm, "8 (916) 123-45-67")
    assert [call["call"] for call in told["calls"]] == ["c-1", "c-2"]
    assert OTHER not in json.dumps(told["calls"])
    assert "sidorova" not in json.dumps(told)


def test_answers_have_their_times_and_those_taken_back_are_told(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    first, second = answer(firm, "related_to_car", True), answer(firm, "survey_type", "all")
    again = answer(firm, "survey_type", "calls")
    trail(firm, first, second, {"kind": "back", "fact": "survey_type"}, again)
    steps = written(firm, "c-1")["calls"][0]["conversation"]
    assert [step.get("taken_back") for step in steps] == [False, True, None, False]
    assert all(step["at"] for step in steps)
    assert steps[1]["asked_at"]
    assert "Уточните" in steps[1]["phrase"]
    assert "ответ отозван" in written(firm, "c-1", "proof.html")


def test_the_page_runs_and_loads_nothing_whatever_was_said(firm: Firm) -> None:
    firm.report("c-1", CALLS, note=NASTY, card={"name": NASTY, "url": "javascript:alert(1)"})
    delivered(firm)
    text = written(firm, "1", "proof.html")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "href" not in text
    assert "default-src" in text
    assert "Message-ID" in text
    assert "u-77" in text


def test_a_purged_call_is_proven_by_what_is_left(firm: Firm) -> None:
    firm.report("c-1", CALLS, ago=timedelta(days=400), note="сын")
    delivered(firm)
    trail(firm, answer(firm, "related_to_car", True))
    firm.out("purge", "--older-than", "365d")
    (call,) = written(firm, "1")["calls"]
    assert call["phone"] is None
    assert call["purged_at"]
    assert call["outcome"] == "exclude_calls"
    assert "удалены" in written(firm, "1", "proof.html")


# --- checking a file -------------------------------------------------------------------------------


def chained(firm: Firm) -> None:
    with firm.ledger.write() as connection:
        while take_in(connection, firm.clock()):
            pass


def finished(firm: Firm) -> None:
    """Delivered, and told to the chain as the delivery loop does."""
    delivered(firm)
    with firm.ledger.write() as connection:
        rows = connection.execute(select(deliveries.c.id, deliveries.c.call_ref)).all()
        note(connection, [Change("delivery", row.id, row.call_ref) for row in rows])


def proven(firm: Firm) -> Any:
    firm.report("c-1", ALL, note="позвонить сыну")
    firm.report("c-0", CALLS, ago=timedelta(hours=1))
    finished(firm)
    trail(firm, answer(firm, "related_to_car", True), {"kind": "note", "fact": None, "text": "сын"})
    with firm.ledger.write() as connection:
        note(connection, [Change("trail", 1)])
    chained(firm)
    check = ChainCheck(firm.ledger, firm.clock)
    check.begin()
    assert not check.step().fault_count
    return written(firm, PHONE)


def verified(firm: Firm, proof: Any) -> tuple[int, str]:
    path = firm.folder / "given.json"
    path.write_text(json.dumps(proof, ensure_ascii=False), encoding="utf-8")
    status, out, err = firm.run("proof", "verify", str(path))
    assert err == ""
    return status, out


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "optout-proof/2"}', '{"format": "optout-proof/1"}'])
def test_what_is_no_proof_is_refused(firm: Firm, text: str) -> None:
    path = firm.folder / "given.json"
    path.write_text(text, encoding="utf-8")
    assert "optout proof" in firm.refused("proof", "verify", str(path))
    assert "не прочитать" in firm.refused("proof", "verify", str(firm.folder / "nowhere.json"))


def test_a_file_that_nobody_changed_agrees_and_names_the_head(either_firm: Firm) -> None:
    proof = proven(either_firm)
    head = proof["chain"]["heads"][0]
    assert head["checked_at"]
    status, out = verified(either_firm, proof)
    assert (status, f"{head['seq']}:{head['link']}" in out) == (0, True), out
    assert "не подтверждено" not in out
    assert "Цепочка записей" in written(either_firm, PHONE, "proof.html")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, name))
    else:
        yield path


def changed(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}1"


#: Of the readable part, what is worked out or said by the rules: it is not what was digested.
WORKED_OUT = {"label", "said", "kept", "people", "message_id", "call_id", "taken_back", "phrase", "fact", "asked_at"}
WORKED_OUT |= {"answer", "outcome", "purged_at", "sent_at", "cancel", "mend"}


def test_a_change_of_anything_that_was_written_is_found(firm: Firm) -> None:
    proof = proven(firm)
    paths = [("calls", *path) for path in leaves(proof["calls"])]
    paths = [path for path in paths if not WORKED_OUT & {name for name in path[2:] if isinstance(name, str)}]
    paths += [("chain", name, *path) for name in ("entries", "heads") for path in leaves(proof["chain"][name])]
    # The rows of a decision and of its texts are long; every seventh place of them is as good as all.
    checked = 0
    for place, path in enumerate(paths):
        if (
            path[-1] in ("columns", "checked_at", "trail")
            or path[2:5:2] == ("decisions", "card")
            or (place % 7 and "decision" in path)
        ):
            continue
        where = proof
        for name in path[:-1]:
            where = where[name]
        if "columns" in path:
            continue
        was, where[path[-1]] = where[path[-1]], changed(where[path[-1]])
        try:
            faults = check_proof(proof).faults
        except InputError:
            faults = ("refused",)
        assert faults, path
        where[path[-1]] = was
        checked += 1
    assert checked > 200
    assert check_proof(proof).faults == ()


def test_what_is_not_in_the_chain_is_told(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    status, out = verified(firm, written(firm, "c-1"))
    assert status == 0
    assert "Цепочкой не подтверждено" in out


def test_after_a_purge_the_file_still_agrees(firm: Firm) -> None:
    firm.report("c-1", CALLS, ago=timedelta(days=400), note="сын")
    finished(firm)
    chained(firm)
    firm.out("purge", "--older-than", "365d")
    chained(firm)
    status, out = verified(firm, written(firm, "c-1"))
    assert (status, "Всё сходится" in out) == (0, True), out
