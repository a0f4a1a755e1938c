"""Passwords are hashed in a process of its own, and in the service where that one does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from argon2 import PasswordHasher

from plugin.auth.hashing_process import COMMAND, HashingProcess
from plugin.auth.passwords import Passwords
from tests.plugin.auth.support import PASSWORD, cheap_passwords

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
Start = Callable[..., HashingProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[HashingProcess] = []

    def make(command: Sequence[str] = COMMAND, seconds: float = 20.0) -> HashingProcess:
        started.append(HashingProcess(CHEAP, command=command, seconds=seconds))
        return started[-1]

    yield make
    for one in started:
        one.close()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["/nonexistent/python"], id="it cannot be started"),
        pytest.param([sys.executable, "-c", "raise SystemExit(1)"], id="it ends"),
        pytest.param([sys.executable, "-c", "input(); input(); print('words')"], id="it says something else"),
        pytest.param([sys.executable, "-c", "input(); input(); print('[1]')"], id="it answers another question"),
        pytest.param([sys.executable, "-c", "import time; time.sleep(60)"], id="it hangs"),
    ],
)
def test_where_it_does_not_answer_the_service_hashes_itself(
    command: list[str], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(command, 0.3)
    assert process.verify(CHEAP.hash(PASSWORD), PASSWORD) is None
    assert process.pid is None

    passwords = cheap_passwords()
    monkeypatch.setattr(passwords, "_process", process)
    kept = passwords.hash(PASSWORD)
    assert passwords.verify(kept, PASSWORD)
    assert not passwords.verify(kept, "a wrong password")


def test_its_digests_are_those_of_the_service(start: Start) -> None:
    process, password = start(), "пароль \udcff с чем угодно\n🐴"
    kept = process.hash(password)
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert CHEAP.verify(kept, password.encode("utf-8", "surrogatepass"))
    assert process.verify(kept, password) is True
    assert process.verify(kept, "a wrong password") is False
    assert process.verify("plain", "plain") is False


def test_one_that_died_is_started_anew(start: Start) -> None:
    process = start()
    kept = process.hash(PASSWORD)
    assert kept is not None
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    answers = [process.verify(kept, PASSWORD) for _ in range(2)]
    assert answers[-1] is True
    assert process.pid != first


def test_one_that_is_too_slow_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, begun = [100.0], []
    hangs = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = HashingProcess(CHEAP, command=hangs, seconds=0.2, clock=lambda: now[0])
    running = process._running
    monkeypatch.setattr(process, "_running", lambda: begun.append(now[0]) or running())
    for moment in (100.0, 101.0, 159.0, 160.0):
        now[0] = moment
        assert process.hash(PASSWORD) is None
    assert begun == [100.0, 160.0]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no such policy")
def test_it_takes_only_what_nobody_else_wants_of_the_processors(start: Start) -> None:
    process = start()
    process.hash(PASSWORD)
    assert process.pid is not None
    assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
    assert os.sched_getscheduler(0) != os.SCHED_IDLE


def test_it_ends_with_the_service_however_that_ends() -> None:
    told = (
        "from argon2 import PasswordHasher; from plugin.auth.hashing_process import HashingProcess; import time;"
        "kept = HashingProcess(PasswordHasher(1, 8, 1), seconds=60);"
        "kept.hash('x' * 12); print(kept.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", told], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        os.kill(pid, 0)
        service.kill()
    until = time.monotonic() + 20
    while _runs(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_passwords_of_the_service_are_hashed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(CHEAP, apart=True)
    process = passwords._process
    assert process is not None
    # A machine with other work may take longer than people are to wait.
    monkeypatch.setattr(process, "_seconds", 60.0)
    kept = passwords.hash(PASSWORD)
    assert process.pid is not None
    assert passwords.verify(kept, PASSWORD)
    process.close()
