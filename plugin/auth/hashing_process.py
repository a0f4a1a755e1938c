"""The process that hashes passwords as the service sees it: started when needed, ended when it does not answer."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog
from argon2 import PasswordHasher

from plugin.auth.hashing import costs_of

T = TypeVar("T")

_LOG = structlog.get_logger(__name__)

#: How it is started.
COMMAND = (sys.executable, "-P", "-m", "plugin.auth.hashing")
#: A machine without a processor to spare for so many seconds has none for a process that takes what is left.
SECONDS = 3.0
#: For so long it is not asked again then: others who sign in meanwhile do not wait for it too.
RESTS = 60.0

_PACKAGES = str(Path(__file__).parents[2])


class HashingProcess:
    """Hashes with the costs of ``hasher`` in a process of its own. Used by one thread at a time.

    Every answer may be None: the process did not start, died or took more than ``seconds``. It is started anew for the
    next question, a slow one for the first after a while.
    """

    def __init__(
        self,
        hasher: PasswordHasher,
        *,
        command: Sequence[str] = COMMAND,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._costs = costs_of(hasher)
        self._command = command
        self._seconds = seconds
        self._clock = clock
        self._rests_until = clock()
        self._child: subprocess.Popen[bytes] | None = None
        # Nobody has to close it: it ends with this object, and with the service.
        self._end: weakref.finalize[..., HashingProcess] | None = None

    def hash(self, password: str) -> str | None:
        """The digest to keep."""
        return self._asked({"hash": password}, "digest", str)

    def verify(self, digest: str, password: str) -> bool | None:
        """Whether the password is that of the digest."""
        return self._asked({"verify": password, "digest": digest}, "right", bool)

    @property
    def pid(self) -> int | None:
        """The process, if it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def close(self) -> None:
        """End the process."""
        if self._end is not None:
            self._end()
        self._child = self._end = None

    def _asked(self, question: dict[str, str], name: str, kind: type[T]) -> T | None:
        if self._clock() < self._rests_until:
            return None
        try:
            child = self._running()
            _write(child, question)
            answer = _answer(child, self._seconds)[name]
            if not isinstance(answer, kind):
                raise TypeError(name)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("page.hashing_process_ended", why=type(error).__name__)
            self.close()
            if isinstance(error, TimeoutError):
                self._rests_until = self._clock() + RESTS
            return None
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self.pid is not None:
            return self._child
        self.close()
        path = os.pathsep.join([_PACKAGES, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
        self._child = subprocess.Popen(
            [*self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
        )
        self._end = weakref.finalize(self, _ended, self._child)
        _write(self._child, self._costs)
        return self._child


def _ended(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        assert pipe is not None
        # What was still to be written reaches nobody.
        with suppress(OSError):
            pipe.close()
    child.wait()


def _write(child: subprocess.Popen[bytes], line: object) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps(line).encode() + b"\n")
    child.stdin.flush()


def _answer(child: subprocess.Popen[bytes], seconds: float) -> Any:
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            raise TimeoutError
    # An answer is short: it comes in one piece.
    return json.loads(child.stdout.readline())
