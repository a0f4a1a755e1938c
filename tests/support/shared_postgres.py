"""One PostgreSQL for all processes of a test run: the first that asks starts it, and it ends after the last.

As a program, with a folder as its argument, this is what keeps the server: it waits for a lock that every process which
uses the server shares, and which the kernel takes from those that are killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.postgres import VARIABLE, Databases, NoPostgres, databases
from tests.support.processes import ROOT

#: A machine that is busy with everything else at once makes the server's files and migrates a ledger within this.
_PATIENCE = 120.0


@contextmanager
def shared_databases(folder: Path) -> Iterator[Databases]:
    """The server of all processes that name this folder, or the one that is named for tests. Raises NoPostgres."""
    if os.environ.get(VARIABLE):
        with databases() as named:
            yield named
        return
    with open(folder / "users", "a", encoding="utf-8") as users:
        with open(folder / "turn", "a", encoding="utf-8") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            # Waits for a server that is just being ended.
            fcntl.flock(users, fcntl.LOCK_SH)
            found = _read(folder) or _started(folder)
        if "error" in found:
            raise NoPostgres(found["error"])
        yield Databases(found["url"], template=found["template"])


def _started(folder: Path) -> dict[str, str]:
    """What the keeper says, started here, once it says it."""
    log = (os.POSIX_SPAWN_OPEN, 2, str(folder / "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # Not a child of this process alone, which may end before the others: a session of its own, and nobody waits for it.
    keeper = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", __name__, str(folder)],
        os.environ | {"PYTHONPATH": str(ROOT)},
        file_actions=[log],
        setsid=True,
    )
    deadline = time.monotonic() + _PATIENCE
    while not (found := _read(folder)):
        ended, _ = os.waitpid(keeper, os.WNOHANG)
        if ended or time.monotonic() > deadline:
            return {"error": f"its keeper gave up: {(folder / 'log').read_text(encoding='utf-8')[-2000:]}"}
        time.sleep(0.02)
    return found


def _notice(folder: Path) -> Path:
    return folder / "server.json"


def _read(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads(_notice(folder).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def _say(folder: Path, **what: Any) -> None:
    """Write the notice, all at once."""
    draft = folder / "server.draft"
    draft.write_text(json.dumps(what), encoding="utf-8")
    draft.replace(_notice(folder))


def keep(folder: Path) -> None:
    """Start the server, say where it is, and end it once nobody uses it."""
    with open(folder / "users", "a", encoding="utf-8") as users:
        try:
            with databases() as server:
                _say(folder, url=server.url, template=server.template_name())
                fcntl.flock(users, fcntl.LOCK_EX)
                _notice(folder).unlink()
        except NoPostgres as error:
            # Stays, so that the others need not try for themselves.
            _say(folder, error=str(error))


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
