"""``optout`` commands in this process, whose modules are loaded already: their status and what they print, no more."""

from __future__ import annotations

import io
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from unittest.mock import patch

from plugin.cli.main import main
from tests.support.processes import ROOT

#: What a command prints to, and its environment, are those of the whole process.
_ALONE = threading.Lock()


def run_here(
    arguments: Sequence[str], environ: Mapping[str, str], given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``optout`` as in a process of its own in the project's folder; ``given``: its standard input."""
    out, err = _stream(), _stream()
    with _ALONE, _surroundings(environ, given or ""), redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    return subprocess.CompletedProcess(["optout", *arguments], status, _read(out), _read(err))


@contextmanager
def _surroundings(environ: Mapping[str, str], given: str) -> Iterator[None]:
    stdin = io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")
    with patch.dict(os.environ, environ, clear=True), patch("sys.stdin", stdin), chdir(ROOT):
        yield


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _read(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "replace")
