"""The README's steps, word for word: from two secrets to a comment in the card."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.support.processes import ROOT, free_port, wait_until

pytestmark = pytest.mark.slow

README = (ROOT / "connectors" / "embedded" / "README.md").read_text(encoding="utf-8")
#: What goes on until it is told to end.
STAYING = ("python -m connectors.embedded", "optout --config trial serve")


def commands() -> list[str]:
    """The indented commands in their order, one that goes on in the next line as one."""
    joined = re.sub(r"\\\n\s*", "", README)
    return re.findall(r"^    (\S.*)$", joined, re.MULTILINE)


def fenced(language: str) -> str:
    # What follows the first one shows what else may be set.
    found, *_ = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(found)


class Terminal:
    """A shell in a folder: what was exported stays, the README's two ports are others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"8090": str(free_port()), "8080": str(free_port())}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environ = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}

    def moved(self, text: str) -> str:
        for stated, free in self.ports.items():
            text = re.sub(rf"(127\.0\.0\.1:|--port ){stated}\b", rf"\g<1>{free}", text)
        return text

    def run(self, command: str) -> str:
        if command.startswith("export "):
            name = command.removeprefix("export ").split("=")[0]
            command = f"{command}; printf %s ${name}"
        done = subprocess.run(
            ["bash", "-c", self.moved(command)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        if command.startswith("export "):
            self.environ |= {command.removeprefix("export ").split("=")[0]: done.stdout}
        return done.stdout

    @contextmanager
    def staying(self, command: str, port: str, *, also: str = "") -> Iterator[None]:
        log = (self.folder / "log").open("ab")
        running = subprocess.Popen(
            ["bash", "-c", f"exec {self.moved(command)}{also}"],
            cwd=self.folder,
            env=self.environ,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(lambda: self.answers(port) or running.poll() is not None, 30)
            assert running.poll() is None, (self.folder / "log").read_text()
            yield
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)
            log.close()

    def answers(self, port: str) -> bool:
        try:
            build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{self.ports[port]}/healthz", timeout=5).close()
        except URLError as error:
            return hasattr(error, "code")
        return True


def settings_with(text: str, tables: str) -> str:
    """plugin.toml with these tables in place of those of the same names."""
    for name in re.findall(r"^\[(.+)\]$", tables, re.MULTILINE):
        text = re.sub(rf"^\[{re.escape(name)}\]\n(?:[^\[\n].*\n|\n(?!\[))*", "", text, count=1, flags=re.MULTILINE)
    return f"{text}\n{tables}"


def test_the_steps_lead_to_a_comment_a_reminder_and_a_mail(tmp_path: Path) -> None:
    terminal, given = Terminal(tmp_path), iter(commands())
    said: dict[str, str] = {}
    with ExitStack() as stack:
        for command in given:
            if command.startswith(STAYING[0]):
                (tmp_path / "seed.json").write_text(fenced("json"), encoding="utf-8")
                stack.enter_context(terminal.staying(command, "8090"))
            elif command.startswith(STAYING[1]):
                stack.enter_context(terminal.staying(command, "8080", also=f" --port {terminal.ports['8080']}"))
            elif "comments" in command:
                comments = wait_until(lambda last=command: json.loads(terminal.run(last))["items"])
                assert comments[0]["text"].startswith("Клиент просит исключить из звонков с опросом")
            else:
                said[command] = terminal.run(command)
            if command.startswith("sed"):
                file = tmp_path / "trial" / "plugin.toml"
                text = settings_with(file.read_text(encoding="utf-8"), fenced("toml"))
                file.write_text(terminal.moved(text), encoding="utf-8")
        wait_until(lambda: list((tmp_path / "outbox").glob("*.eml")))
    assert "не в порядке: 0" in said["optout --config trial doctor"]
    assert len(said) >= 7
