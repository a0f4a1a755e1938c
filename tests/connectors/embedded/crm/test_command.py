"""Starting the CRM: mistakes are one clear line and exit 2; a good start says where it listens."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.embedded.crm.command import main
from tests.support.crm import embedded_crm
from tests.support.processes import ROOT

pytestmark = pytest.mark.slow

ENVIRON = os.environ | {"CRM_TOKEN": "t", "EMPTY": " ", "BAD": "токен", "SECRET": "s", "PYTHONPATH": str(ROOT)}


def run(*arguments: str, seconds: float = 20) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "connectors.embedded", *arguments]
    return subprocess.run(command, env=ENVIRON, capture_output=True, text=True, timeout=seconds, cwd=ROOT, check=False)


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_each_mistake_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tmp_path / "good.db"
    text = tmp_path / "text.db"
    text.write_text("this is no database, and long enough to be looked at " * 50)
    other = tmp_path / "other.db"
    import sqlite3

    with contextlib.closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE ledger (id)")
    bad_seed = tmp_path / "seed.json"
    bad_seed.write_text('{"cards": [{"name": "x"}]}')
    no_json = tmp_path / "no.json"
    no_json.write_text("{")
    token = ("--token-env", "CRM_TOKEN")
    with taken_port() as port:
        cases = {
            ("--database", str(good), "--token-env", "ABSENT"): "environment variable ABSENT is missing or empty",
            ("--database", str(good), "--token-env", "EMPTY"): "environment variable EMPTY is missing or empty",
            ("--database", str(good), "--token-env", "BAD"): "cannot stand in a header",
            ("--database", str(good), "--token-file", str(tmp_path / "none")): "cannot read the token",
            ("--database", str(text), *token): "text.db: file is not a database",
            ("--database", str(other), *token): "another program's database",
            ("--database", str(tmp_path), *token): "cannot open",
            ("--database", str(tmp_path / "no" / "crm.db"), *token): "cannot open",
            ("--database", str(good), *token, "--port", str(port)): f"cannot listen on 127.0.0.1:{port}",
            ("--database", str(good), *token, "--seed", str(bad_seed)): "seed.json: ",
            ("--database", str(good), *token, "--seed", str(no_json)): "no.json is not JSON",
            ("--database", str(good), *token, "--seed", str(tmp_path / "none")): "cannot read",
            ("--database", str(good), *token, "--smtp", "nowhere"): "expected HOST:PORT",
            ("--database", str(good), *token, "--outbox", str(text)): "as the outbox",
            ("--database", str(good), *token, "--timezone", "Mars"): "--timezone 'Mars' is unknown",
            ("--database", str(good), *token, "--webhook-url", "http://127.0.0.1:1"): "go together",
            (
                "--database", str(good), *token, "--webhook-url", "http://u:p@h", "--webhook-secret-env", "SECRET",
            ): "--webhook-url holds a user name",
        }  # fmt: skip
        for arguments, expected in cases.items():
            assert main(arguments, ENVIRON) == 2, arguments
            printed = capsys.readouterr()
            assert printed.err.startswith("crm: "), arguments
            assert expected in printed.err
            assert printed.err.count("\n") == 1
            assert printed.out == ""
    assert text.read_text().startswith("this is no database")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "--token-env"),
        (("--token-env", "CRM_TOKEN", "--port", "99999"), "argument --port: expected 0 to 65535"),
        (("--token-env", "CRM_TOKEN", "--smtp", "a:1", "--outbox", "o"), "not allowed with"),
        (("--token-env", "CRM_TOKEN", "--secret", "t"), "unrecognized arguments: --secret"),
    ],
)
def test_a_wrong_option_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--database", str(tmp_path / "crm.db"), *arguments], ENVIRON)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "crm.db").exists()


def test_two_processes_never_share_a_file(tmp_path: Path) -> None:
    with embedded_crm(tmp_path) as crm:
        result = run("--database", str(crm.database), "--token-env", "CRM_TOKEN")
    assert result.returncode == 2
    assert "another process uses it" in result.stderr


def processor_seconds() -> float:
    """What child processes that have ended took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_it_is_ready_soon_says_where_and_ends_on_sigterm(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    before = processor_seconds()
    with embedded_crm(tmp_path, arguments=("--port-file", str(port_file))) as crm:
        assert crm.base_url == f"http://127.0.0.1:{port_file.read_text().strip()}"
        assert crm.api.get("me")["crm"] == "embedded"
        assert crm.stop(signal.SIGTERM) == 0
        assert crm.log == ""
    # Not by the clock, which a busy machine lets run on; it takes about 0.5 s.
    assert processor_seconds() - before < 3


def test_ctrl_c_ends_it_as_well(tmp_path: Path) -> None:
    with embedded_crm(tmp_path) as crm:
        assert crm.stop(signal.SIGINT) == 0
        assert crm.log == ""


def test_a_token_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    with embedded_crm(tmp_path) as crm:
        crm.stop()
        place = crm.command.index("--token-env")
        crm.command[place : place + 2] = ["--token-file", str(tmp_path / "token")]
        crm.start()
        assert crm.api.request("GET", "me", headers={"Authorization": "Bearer from-file"}).status == 200
        assert crm.api.request("GET", "me").status == 401


def test_a_seed_adds_only_what_is_not_there(tmp_path: Path) -> None:
    with embedded_crm(tmp_path) as crm:
        crm.api.send("POST", "cards/42/comments", {"text": "т"})
        crm.stop()
        crm.start()
        assert len(crm.api.all("cards")) == 2
        assert len(crm.api.comments("42")) == 1
