"""A service as a process group of its own that is killed and started again, over and over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.forks import Fork, can_fork, start
from tests.support.processes import ROOT

_NOTICE = 0.05
_STOP_SECONDS = 40.0


@dataclass
class Service:
    """One program that is kept running. ``begun`` is called after each start, once ``ready`` says so.

    What it prints goes into ``log``. ``gone`` holds the exit codes of processes that ended unasked.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    begun: Callable[[], None] = lambda: None
    kills: int = 0
    gone: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | Fork | None = None
        self._down_until = 0.0
        self._killed = False
        self._ending = threading.Event()
        self.up = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"keeper-{self.name}", daemon=True)

    def faults(self) -> Counter[str]:
        """The faults of the code that it logged, each by its line's event and the last line of its exception."""
        found: Counter[str] = Counter()
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            # A kill may leave half a line.
            with suppress(ValueError, AttributeError):
                told = json.loads(line)
                if "exception" in told:
                    found[f"{told.get('event')}: {str(told['exception']).splitlines()[-1]}"] += 1
        return found

    def start(self) -> None:
        """Start it, and again whenever it has ended."""
        self._keeper.start()

    def kill(self, down_for: float) -> bool:
        """SIGKILL to its whole process group; it is started again ``down_for`` seconds later. False: it is not up."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return False
            self._down_until = time.monotonic() + down_for
            self._killed = True
            self.up.clear()
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self.kills += 1
            return True

    def stop(self) -> int | None:
        """End it as a service manager does, for good; the exit code, None where it did not run."""
        self._ending.set()
        if self._keeper.is_alive():
            self._keeper.join(_STOP_SECONDS)
        with self._lock:
            process = self._process
            if process is None:
                return None
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            return process.returncode

    def _keep(self) -> None:
        while not self._ending.wait(_NOTICE):
            with self._lock:
                if self._process is not None and self._process.poll() is None:
                    running = True
                else:
                    running = False
                    self._note_end()
                    if time.monotonic() >= self._down_until:
                        self._spawn()
            if running and not self.up.is_set() and self.ready():
                self.begun()
                self.up.set()

    def _note_end(self) -> None:
        if self._process is None:
            return
        if not self._killed:
            self.gone.append(self._process.wait())
            self.up.clear()
            self._down_until = time.monotonic() + 0.5
        self._process, self._killed = None, False

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            if can_fork(self.command):
                files = {"stdout": log.fileno(), "stderr": log.fileno()}
                self._process = start(self.command, self.environ, session=True, **files)
                return
            self._process = subprocess.Popen(
                list(self.command),
                cwd=ROOT,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
