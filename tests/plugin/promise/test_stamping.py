"""Heads of the chain are stamped by a real RFC 3161 service; what does not verify is refused, and nothing waits."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from plugin.doctor.stamps import time_stamps
from plugin.ledger.chain.append import take_in
from plugin.ledger.chain.check import CheckProgress, check_on
from plugin.ledger.chain.tables import chain_stamps
from plugin.operations.chain_check import ChainCheck
from plugin.promise import time_stamps as package
from plugin.promise.proof_check import ProofVerdict, check_proof
from plugin.promise.stamping import HeadStamps, stamp_faults
from plugin.promise.time_stamps import StampUnusable, head_text, stamp_request, stamped_at
from tests.plugin.events.support import ALL, CALLS, SETTINGS, Office
from tests.plugin.operations.harness import Firm
from tests.support.stamp_service import Mood, StampingServer, stamping_server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StampingServer]:
    with stamping_server(tmp_path_factory.mktemp("stamps")) as server:
        yield server


@pytest.fixture
def stamping(running: StampingServer) -> StampingServer:
    running.mood, running.first = "well", b""
    running.asked.clear()
    return running


def checked(office: Office) -> tuple[int, str]:
    """Take all in and check it: a new head."""
    while True:
        with office.ledger.write() as connection:
            if not take_in(connection, office.clock()):
                break
    check = ChainCheck(office.ledger, office.clock)
    check.begin()
    while not check.step().ended:
        pass
    assert check.progress.fault_count == 0
    return check.progress.seq, check.progress.link


def rows(office: Office) -> list[Any]:
    with office.ledger.read() as connection:
        return list(connection.execute(select(chain_stamps).order_by(chain_stamps.c.id)))


def loop(office: Office, stamping: StampingServer) -> HeadStamps:
    return HeadStamps(office.ledger, stamping.service, office.clock)


def faults(office: Office) -> list[str]:
    with office.ledger.read() as connection:
        return [fault.what for fault in check_on(connection, CheckProgress(), 1000).faults]


# --- what does not hold ------------------------------------------------------------------------------


@pytest.mark.parametrize("mood", ["away", "refuses", "strangers", "old", "garbage"])
def test_what_does_not_verify_is_not_kept_and_asked_for_again(
    office: Office, stamping: StampingServer, mood: Mood
) -> None:
    stamping.answer(stamp_request(b"another text").body)
    office.taken(CALLS)
    checked(office)
    stamping.mood, stamps = mood, loop(office, stamping)
    assert stamps.step() > 0
    (row,) = rows(office)
    assert (row.answer, row.stamped_at, row.tries) == (None, None, 1)
    assert row.why
    assert stamps.step() > 0
    assert len(stamping.asked) == 1
    stamping.mood = "well"
    office.clock.pass_(minutes=5)
    assert stamps.step() == 0
    (row,) = rows(office)
    assert row.answer is not None
    assert (row.next_try_at, row.why) == (None, None)
    assert stamps.step() > 0
    assert len(stamping.asked) == 2


def test_waits_grow_to_an_hour(office: Office, stamping: StampingServer) -> None:
    checked(office)
    stamping.mood, stamps = "away", loop(office, stamping)
    waits = []
    for _ in range(6):
        stamps.step()
        (row,) = rows(office)
        waits.append((row.next_try_at - office.clock()) // timedelta(minutes=1))
        office.clock.pass_(seconds=(row.next_try_at - office.clock()).total_seconds())
    assert waits == [5, 10, 20, 40, 60, 60]


def test_without_the_package_it_is_said_how_to_get_it(
    office: Office, stamping: StampingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(office)
    monkeypatch.setattr(package, "has_package", lambda: False)
    assert loop(office, stamping).step() > 0
    assert 'pip install "optout-plugin[stamps]"' in rows(office)[0].why
    assert stamping.asked == []


def test_a_changed_answer_or_another_text_is_refused(stamping: StampingServer) -> None:
    request, authority = stamp_request(b"7:abc"), stamping.authority.read_bytes()
    answer = stamping.answer(request.body)
    assert abs(stamped_at(answer, b"7:abc", authority, request.nonce) - datetime.now(UTC)) < timedelta(minutes=1)
    for changed in (answer[:-1], answer[:-40] + bytes([answer[-40] ^ 1]) + answer[-39:], b""):
        with pytest.raises(StampUnusable):
            stamped_at(changed, b"7:abc", authority)
    for stamped, certificates in ((b"8:abc", authority), (b"7:abc", stamping.stranger.read_bytes()), (b"7:abc", b"")):
        with pytest.raises(StampUnusable):
            stamped_at(answer, stamped, certificates)


# --- what is stamped ---------------------------------------------------------------------------------


def test_each_head_is_stamped_once_whoever_asks(office: Office, stamping: StampingServer) -> None:
    office.taken(CALLS)
    head = checked(office)
    first, second = loop(office, stamping), loop(office, stamping)
    assert (first.step(), second.step() > 0) == (0, True)
    assert checked(office) == head
    assert second.step() > 0
    office.taken(ALL)
    later = checked(office)
    assert second.step() == 0
    assert [(row.seq, row.link) for row in rows(office)] == [head, later]
    assert len(stamping.asked) == 2


def test_after_an_outage_the_last_head_alone_is_asked_for(office: Office, stamping: StampingServer) -> None:
    stamping.mood, stamps = "away", loop(office, stamping)
    for facts in (CALLS, ALL):
        office.taken(facts)
        checked(office)
        stamps.step()
        office.clock.pass_(days=1)
    stamping.mood = "well"
    assert (stamps.step(), stamps.step() > 0) == (0, True)
    assert [row.answer is not None for row in rows(office)] == [False, True]


def test_a_process_that_was_killed_while_it_asked_holds_nobody_up_for_long(
    office: Office, stamping: StampingServer
) -> None:
    checked(office)
    killed, other = loop(office, stamping), loop(office, stamping)
    assert killed._claimed() is not None
    assert other.step() > 0
    office.clock.pass_(minutes=5)
    assert other.step() == 0


def test_where_no_service_is_set_nothing_is_kept(office: Office) -> None:
    checked(office)
    assert HeadStamps(office.ledger, None, office.clock).step() > 0
    assert rows(office) == []


# --- tampering with the ledger -----------------------------------------------------------------------


def test_a_chain_that_was_written_anew_lacks_the_head_that_was_stamped(
    office: Office, stamping: StampingServer
) -> None:
    office.taken(CALLS)
    checked(office)
    loop(office, stamping).step()
    assert faults(office) == []
    with office.ledger.write() as connection:
        connection.execute(text("DELETE FROM chain_checks"))
        connection.execute(text(f"UPDATE chain_stamps SET link = '{'0' * 64}'"))
    assert faults(office) == ["mark"]
    with office.ledger.read() as connection:
        assert [fault.what for fault in stamp_faults(connection, stamping.service)] == ["stamp"]


# --- proofs ------------------------------------------------------------------------------------------


def proven(firm: Firm, stamping: StampingServer) -> Any:
    """The proof of a stamped call, and plugin.toml with the service."""
    firm.report("c-1", CALLS)
    checked(firm.office)
    assert loop(firm.office, stamping).step() == 0
    path = firm.folder / "proof.json"
    firm.out("proof", "c-1", "--out", str(path))
    return json.loads(path.read_text(encoding="utf-8"))


def verdict(proof: Any, stamping: StampingServer) -> ProofVerdict:
    return check_proof(proof, stamping.authority.read_bytes())


def test_a_proof_holds_the_stamp_and_is_verified_without_ledger_and_network(
    firm: Firm, stamping: StampingServer, tmp_path: Path
) -> None:
    proof = proven(firm, stamping)
    (head,) = proof["chain"]["heads"]
    found = verdict(proof, stamping)
    assert (found.faults, found.unproven) == ((), ())
    assert list(found.stamped) == [head["seq"]]
    asked = len(stamping.asked)
    told = firm.out("proof", "verify", str(firm.folder / "proof.json"), "--stamp-ca", str(stamping.authority))
    assert "заверена службой времени" in told
    assert len(stamping.asked) == asked
    bare = firm.out("proof", "verify", str(firm.folder / "proof.json"))
    assert "Всё сходится" in bare
    assert "Не проверено: отметка времени" in bare
    page = tmp_path / "proof.html"
    firm.out("proof", "c-1", "--out", str(page))
    assert "заверена службой времени" in page.read_text(encoding="utf-8")


def test_the_next_stamped_head_is_taken_though_a_nearer_one_was_checked(firm: Firm, stamping: StampingServer) -> None:
    firm.report("c-0", ALL)
    checked(firm.office)
    firm.report("c-2", ALL)
    assert verdict(proven(firm, stamping), stamping).stamped


def test_a_stamp_that_was_changed_or_is_another_ones_is_found(firm: Firm, stamping: StampingServer) -> None:
    proof = proven(firm, stamping)
    stamp = proof["chain"]["heads"][0]["stamp"]
    whole = dict(stamp)
    for changed in ({"answer": whole["answer"][:-8]}, {"answer": "?"}, {"at": "2020-01-01T00:00:00+00:00"}):
        stamp.update(whole | changed)
        (fault,) = verdict(proof, stamping).faults
        assert "отметка времени" in fault
    stamp.update(whole)
    assert verdict(proof, stamping).faults == ()
    assert check_proof(proof, stamping.stranger.read_bytes()).faults
    status, out, _ = firm.run("proof", "verify", str(firm.folder / "proof.json"), "--stamp-ca", str(stamping.stranger))
    assert (status, "Расхождений: 1" in out) == (1, True)


def test_without_the_package_a_proof_is_verified_all_the_same(
    firm: Firm, stamping: StampingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = proven(firm, stamping)
    monkeypatch.setattr(package, "has_package", lambda: False)
    found = verdict(proof, stamping)
    assert found.faults == ()
    assert "optout-plugin[stamps]" in found.unproven[0]


def test_the_ledgers_stamps_are_verified_by_the_settings(firm: Firm, stamping: StampingServer) -> None:
    firm.configure(f'[proof]\nstamp_url = "{stamping.url}"\nstamp_ca_file = "{stamping.authority}"')
    proven(firm, stamping)
    assert "заверена службой времени" in firm.out("proof", "verify", str(firm.folder / "proof.json"))
    assert "Всё сходится" in firm.out("ledger", "verify")
    with firm.ledger.write() as connection:
        connection.execute(text("UPDATE chain_stamps SET seq = seq - 1"))
        connection.execute(text("DELETE FROM chain_checks"))
    status, out, _ = firm.run("ledger", "verify")
    assert status == 1
    assert "отметка времени не подтверждает отметку" in out


def test_openssl_verifies_the_same_stamp(firm: Firm, stamping: StampingServer) -> None:
    (head,) = proven(firm, stamping)["chain"]["heads"]
    (firm.folder / "head.txt").write_bytes(head_text(head["seq"], head["link"]))
    (firm.folder / "head.tsr").write_bytes(b64decode(head["stamp"]["answer"]))
    command = ("openssl", "ts", "-verify", "-data", "head.txt", "-in", "head.tsr", "-CAfile", stamping.authority)
    subprocess.run(command, cwd=firm.folder, check=True, capture_output=True)


# --- the doctor --------------------------------------------------------------------------------------


def test_the_doctor_tries_the_service(stamping: StampingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(time_stamps(SETTINGS)) == []
    settings = replace(SETTINGS, stamps=stamping.service)
    (point,) = time_stamps(settings)
    assert point.ok is True
    stamping.mood = "strangers"
    (point,) = time_stamps(settings)
    assert (point.ok, "does not verify" in point.remedy) == (False, True)
    monkeypatch.setattr("plugin.doctor.stamps.has_package", lambda: False)
    (point,) = time_stamps(settings)
    assert (point.ok, "optout-plugin[stamps]" in point.remedy) == (False, True)
