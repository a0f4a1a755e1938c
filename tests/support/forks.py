"""The project's programs as forks of a process that has loaded their modules, which takes longer than most tests.

As a program, this is that process. For each request on its socket it forks; the fork goes on as ``python -m MODULE …``
would, under the name that this command has, and ends with whoever asked for it.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: What is started so, and what is loaded before.
PROGRAMS = {
    "plugin": ("plugin.cli.serve", "plugin.cli.web", "plugin.cli.deliver", "plugin.service.run", "psycopg"),
    "connectors.embedded": ("connectors.embedded.crm.command", "connectors.embedded"),
}
#: Room for the name of a fork among the arguments of the process that it comes from.
_ROOM = "-" * 4000
_LARGEST = 1 << 20
_PAUSE = 0.005


class Fork:
    """A process that was started so; what it has in common with ``subprocess.Popen`` is the same."""

    def __init__(self, pid: int, ended: int, stdout: int | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = None if stdout is None else os.fdopen(stdout, encoding="utf-8")
        self._ended = ended

    def poll(self) -> int | None:
        """Its exit status, negative where a signal ended it; None while it runs."""
        return self._heard(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        status = self._heard(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return status

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Wait for its end; what else it has printed."""
        self.wait(timeout)
        said = ""
        if self.stdout is not None and not self.stdout.closed:
            with self.stdout:
                said = self.stdout.read()
        return said, None

    def send_signal(self, what: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, what)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _heard(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
            said = os.read(self._ended, 20)
            os.close(self._ended)
            # Nothing is said where the process that forks was ended itself, and its forks with it.
            self.returncode = int(said) if said else -signal.SIGKILL
        return self.returncode


def can_fork(command: Sequence[str]) -> bool:
    """Whether a test starts one of those programs, by this interpreter, on a machine that has what it takes.

    Demo, chaos and benchmarks start theirs whole: they show what is installed.
    """
    if "pytest" not in sys.modules:
        return False
    return hasattr(os, "pidfd_open") and [*command[:2]] == [sys.executable, "-m"] and command[2] in PROGRAMS


def start(
    command: Sequence[str], environ: Mapping[str, str], *, stdout: int | None, stderr: int, session: bool = False
) -> Fork:
    """Start a command that ``can_fork``, in the project's folder; without ``stdout`` what it prints can be read."""
    reading, printed = os.pipe() if stdout is None else (None, os.dup(stdout))
    ended, end = os.pipe()
    request = {"command": list(command), "environ": dict(environ), "session": session}
    pid = _origin.ask(json.dumps(request).encode(), [printed, stderr, end])
    os.close(printed)
    os.close(end)
    return Fork(pid, ended, reading)


class _Origin:
    """The process that forks: started when it is first asked, and ended with this one."""

    def __init__(self) -> None:
        self._alone = threading.Lock()
        self._channel: socket.socket | None = None

    def ask(self, request: bytes, files: list[int]) -> int:
        with self._alone:
            if self._channel is None:
                self._channel = self._started()
            socket.send_fds(self._channel, [request], files)
            return int(self._channel.recv(20))

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for one in (ours, theirs):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
        command = [sys.executable, "-m", __name__, str(theirs.fileno()), _ROOM]
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=ROOT, env=environ, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        atexit.register(self._end, ours, process)
        return ours

    def _end(self, channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
        channel.close()
        process.wait()


_origin = _Origin()

# --- the process that forks --------------------------------------------------------------------------


def _fork_on_request(channel: socket.socket) -> dict[str, Any]:
    """Answer requests; returns in each fork, with what it was asked for."""
    forks: dict[int, tuple[int, int]] = {}
    while True:
        ready, _, _ = select.select([channel.fileno(), *forks], [], [])
        for handle in ready:
            if handle in forks:
                _tell_end(handle, *forks.pop(handle))
        if channel.fileno() not in ready:
            continue
        data, files, _, _ = socket.recv_fds(channel, _LARGEST, 3)
        if not data:
            for pid, _ in forks.values():
                os.kill(pid, signal.SIGKILL)
            sys.exit(0)
        pid = os.fork()
        if not pid:
            channel.close()
            for handle, (_, end) in forks.items():
                os.close(handle)
                os.close(end)
            return {**json.loads(data), "files": files}
        printed, errors, end = files
        os.close(printed)
        os.close(errors)
        forks[os.pidfd_open(pid)] = (pid, end)
        channel.send(str(pid).encode())


def _tell_end(handle: int, pid: int, end: int) -> None:
    os.close(handle)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # Nobody may wait for it any more.
    with suppress(BrokenPipeError):
        os.write(end, str(status).encode())
    os.close(end)


def _become(request: Mapping[str, Any]) -> None:
    """Take the place of the command."""
    if request["session"]:
        os.setsid()
    printed, errors, end = request["files"]
    os.dup2(printed, 1)
    os.dup2(errors, 2)
    for file in {printed, errors, end}:
        os.close(file)
    # What they stood for before may have been another kind of file.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    _, _, module, *arguments = request["command"]
    _be_called(request["command"])
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _be_called(command: Sequence[str]) -> None:
    """Be found by this command among the processes."""
    stat = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    first, behind = int(stat[45]), int(stat[46])
    name = b"\0".join(part.encode() for part in command)[: behind - first - 1]
    ctypes.memmove(first, name.ljust(behind - first, b"\0"), behind - first)


def main(channel: int) -> None:
    """Load what the programs need, then fork for whoever asks."""
    for modules in PROGRAMS.values():
        for name in modules:
            import_module(name)
    gc.freeze()
    _become(_fork_on_request(socket.socket(fileno=channel)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
