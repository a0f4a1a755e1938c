"""A shadow's process as its parent sees it: each answer within a time, or the process is ended."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

#: How the process is started.
COMMAND = (sys.executable, "-P", "-m", "plugin.authoring.shadow")
#: Seconds in which it compiles its rules, and those for one decision.
START_SECONDS, DECISION_SECONDS = 60.0, 2.0

_PACKAGES = str(Path(__file__).parents[3])
_CHUNK = 65_536


class ShadowFailed(Exception):
    """It gave no answer: it hung, ended, or answered something else. The process is ended."""


class ShadowProcess:
    """One revision in a process of its own. Used by one thread."""

    def __init__(
        self,
        revision: str,
        content: Any,
        *,
        command: Sequence[str] = COMMAND,
        start_seconds: float = START_SECONDS,
        decision_seconds: float = DECISION_SECONDS,
    ) -> None:
        """Raises ShadowFailed."""
        self.revision = revision
        self._seconds = decision_seconds
        self._read = b""
        path = os.pathsep.join([_PACKAGES, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
        self._child = subprocess.Popen(
            [*command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
        )
        if "ready" not in self._asked(content, start_seconds):
            self._fail("it did not begin")

    def decide(self, script: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """``{"decision": …}``, or ``{"refused": code}``. Raises ShadowFailed."""
        return self._asked({"script": script, "facts": dict(facts)}, self._seconds)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    # What was still to be written reaches nobody.
                    continue
        self._child.wait()

    def _asked(self, question: Any, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(question).encode() + b"\n")
            self._child.stdin.flush()
            answer = json.loads(self._line(until))
        except (OSError, ValueError) as error:
            self._fail(type(error).__name__, error)
        if not isinstance(answer, dict):
            self._fail("it answered something else")
        return answer

    def _line(self, until: float) -> bytes:
        out = self._child.stdout
        assert out is not None
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            while b"\n" not in self._read:
                left = until - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise TimeoutError
                chunk = os.read(out.fileno(), _CHUNK)
                if not chunk:
                    raise BrokenPipeError
                self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return line

    def _fail(self, why: str, cause: BaseException | None = None) -> NoReturn:
        self.close()
        raise ShadowFailed(why) from cause
