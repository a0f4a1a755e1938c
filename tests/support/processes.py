"""Programs as processes of their own: started until they say that they are ready, waited for, ended and looked for."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.support.forks import Fork, can_fork, start

ROOT = Path(__file__).resolve().parents[2]
#: A machine that is this many times slower than ours, or as busy, still passes.
SLOWER = 4.0
_LONGEST_PAUSE = 0.1
_GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")

T = TypeVar("T")


class NotStarted(AssertionError):
    """A program ended, or said something else, instead of being ready; the message holds its log."""


@dataclass(kw_only=True)
class ReadyProcess:
    """A program that prints one line once it is ready; what else it says goes into ``log_file``."""

    environ: Mapping[str, str]
    log_file: Path
    proc: subprocess.Popen[str] | Fork = field(init=False)

    def launch(self, command: list[str], ready: str) -> str:
        """Start it and wait for the line that begins with ``ready``; returns the rest of it. Raises NotStarted."""
        with self.log_file.open("a", encoding="utf-8") as log:
            if can_fork(command):
                self.proc = start(command, self.environ, stdout=None, stderr=log.fileno())
            else:
                self.proc = subprocess.Popen(
                    command, cwd=ROOT, env=dict(self.environ), stdout=subprocess.PIPE, stderr=log, text=True
                )
        assert self.proc.stdout is not None
        line = self.proc.stdout.readline()
        if not line.startswith(ready):
            self.stop()
            raise NotStarted(f"{' '.join(command[1:4])} did not start: {line}{self.log[-2000:]}")
        return line.removeprefix(ready).strip()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process; returns its exit code."""
        if self.proc.poll() is None:
            self.proc.send_signal(how)
        self.proc.communicate(timeout=120)
        assert self.proc.returncode is not None
        return self.proc.returncode

    @property
    def log(self) -> str:
        """All that its processes have logged."""
        return self.log_file.read_text(encoding="utf-8")


def free_port() -> int:
    """A port that nobody listens on, nor will: not one of those that the system gives to whoever asks for any."""
    first = int(_GIVEN_OUT.read_text().split()[0]) if _GIVEN_OUT.exists() else 32768
    while True:
        port = secrets.randbelow(first - 10_000) + 10_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def poll(condition: Callable[[], T], seconds: float, pause: float = 0.01) -> T:
    """What ``condition`` returns as soon as that is true, or what it returns after ``seconds``.

    It is looked at every ``pause`` seconds at first and more seldom later: to look takes time from what is waited for.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = max(pause, min(pause * 1.2, _LONGEST_PAUSE))
    return value


def wait_until(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """What ``condition`` returns once it is true: within ``seconds`` on a quiet machine. Raises AssertionError."""
    value = poll(condition, seconds * SLOWER)
    assert value, f"nothing came of it within {seconds * SLOWER:g} s"
    return value


def processes_with(word: str) -> list[str]:
    """The command lines of running processes that hold this word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found
