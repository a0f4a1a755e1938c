"""How the ``optout`` command ends, and what it says when it cannot go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plugin import VERSION
from plugin.cli.main import COMMANDS, main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
FACTS = '{"related_to_car": true, "survey_type": "calls"}'


def optout(*arguments: str, cwd: Path, stdin: str | None = None, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "plugin", *arguments],
        input=None if stdin is None else stdin.encode(),
        stdin=subprocess.DEVNULL if stdin is None else None,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environ,
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_a_mistake_in_plugin_toml_is_one_message_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").write_text("[plugin\n")
    done = optout("decide", "--facts", "{}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().startswith(f"optout: {tmp_path}/plugin.toml:1: not TOML")
    assert done.stderr.count(b"\n") == 1


def test_several_mistakes_are_one_a_line_each_beginning_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").write_text("[web]\nprot = 1\nport = -1\n")
    done = optout("decide", "--facts", "{}", cwd=tmp_path)
    assert done.returncode == 2
    assert all(line.startswith(f"{tmp_path}/plugin.toml") for line in done.stderr.decode().splitlines())


def test_an_unknown_command_or_option_is_told_with_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decied"]) == 2
    assert "No such command 'decied'" in capsys.readouterr().err
    assert main(["decide", "--fact", "{}"]) == 2
    assert "--facts" in capsys.readouterr().err


def test_a_configuration_that_is_not_there_is_told_with_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(tmp_path / "nowhere"), "decide", "--facts", "{}"]) == 2
    assert capsys.readouterr().err.startswith("optout: --config: no such file or folder")


def test_help_lists_every_command_and_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"optout {VERSION}\n"


def test_help_needs_none_of_the_heavy_libraries() -> None:
    script = (
        "import sys; from plugin.cli.main import main; main(['--help'])\n"
        "heavy = {'sqlalchemy', 'flask', 'requests', 'durable', 'alembic', 'phonenumbers'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    "environ", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}], ids=str
)
def test_russian_is_written_and_read_as_utf_8_whatever_the_locale(tmp_path: Path, environ: dict[str, str]) -> None:
    done = optout("decide", "--batch", "-", cwd=tmp_path, stdin=FACTS + '\n{"имя": 1}\n', **environ)
    first, second = done.stdout.decode("utf-8").splitlines()
    assert "Спасибо" in first
    assert "имя" in second
    assert done.returncode == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_batch_file_is_read_whatever_program_wrote_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "facts.jsonl").write_bytes(f"{FACTS}\r\n\r\n{FACTS}\r\n".encode(encoding))
    done = optout("decide", "--batch", "facts.jsonl", cwd=tmp_path)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)


def test_a_line_of_a_batch_that_is_no_text_is_told_with_its_encoding_and_the_rest_goes_on(tmp_path: Path) -> None:
    line = '{"client_name": "Иванов Иван Иванович"}'.encode("cp1251")
    (tmp_path / "facts.jsonl").write_bytes(f"{FACTS}\n".encode() + line + f"\n{FACTS}\n".encode())
    done = optout("decide", "--batch", "facts.jsonl", cwd=tmp_path)
    _, wrong, _ = done.stdout.decode().splitlines()
    assert done.returncode == 2
    assert "not UTF-8 at line 2" in wrong
    assert "windows-1251" in wrong


def test_a_reader_that_goes_away_is_no_error_to_talk_about(tmp_path: Path) -> None:
    (tmp_path / "facts.jsonl").write_text(f"{FACTS}\n" * 2000)
    process = subprocess.Popen(
        [sys.executable, "-m", "plugin", "decide", "--batch", "facts.jsonl"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_ctrl_c_ends_quietly_with_status_130(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "plugin", "decide", "--batch", "-"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(f"{FACTS}\n".encode())
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read().strip() == b""
