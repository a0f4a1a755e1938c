"""The plugin at work with no more than the units of deploy/systemd leave it: a read-only machine, few system calls."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.deploy.restricted import allowed_calls, numbers
from tests.deploy.tools import DEPLOY, ROOT, lacking, program
from tests.end_to_end.client import CALLS, Client
from tests.support.crm import COORDINATOR, SMS_MANAGER, TOKEN, WEBHOOK_SECRET, RunningCrm
from tests.support.home import lay_out
from tests.support.mail import MailSink
from tests.support.plugin import _SETTINGS, SECRET, RunningPlugin

pytestmark = pytest.mark.slow

COMMON = (DEPLOY / "systemd" / "optout-.service.d" / "10-common.conf").read_text(encoding="utf-8")


@dataclass
class Confined(RunningPlugin):
    """A plugin under the restrictions."""

    before: list[str] = field(default_factory=list)

    @property
    def command(self) -> list[str]:
        return [*self.before, *super().command]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the plugin itself: bubblewrap, its parent, passes no signal on and ends with its exit code."""
        own = Path(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children")
        for child in own.read_text().split() if self.proc.poll() is None else ():
            os.kill(int(child), how)
        self.proc.communicate(timeout=120)
        return self.proc.returncode


@pytest.fixture(scope="module")
def confinement() -> list[str]:
    """The command before a command: folders are added to it."""
    if platform.machine() != "x86_64":
        lacking("the filter of system calls is written for x86-64 here")
    program("systemd-analyze", "systemd")
    lists = re.findall(r"^SystemCallFilter=(\S+)$", COMMON, re.MULTILINE)
    # RestrictNamespaces= refuses these beside the lists.
    calls = ",".join(map(str, numbers(allowed_calls(*lists) - {"unshare", "setns"})))
    bwrap = [
        program("bwrap", "bubblewrap"),
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
        "--tmpfs",
        "/home",
    ]
    bwrap += ["--unshare-user", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL", "--uid", "990", "--gid", "990"]
    for folder in (ROOT, Path(sys.prefix), Path(sys.base_prefix)):
        bwrap += ["--ro-bind", str(folder), str(folder)]
    return [*bwrap, "FOLDERS", sys.executable, str(ROOT / "tests/deploy/restricted.py"), calls]


def confined(confinement: list[str], read: Path, written: Path) -> list[str]:
    at = confinement.index("FOLDERS")
    folders = ["--ro-bind", str(read), str(read), "--bind", str(written), str(written), "--chdir", str(ROOT)]
    return confinement[:at] + folders + confinement[at + 1 :]


@pytest.fixture
def plugin(tmp_path: Path, crm: RunningCrm, mail: MailSink, confinement: list[str]) -> Iterator[Confined]:
    """Settings and secrets to be read, a state folder to be written, and nothing else."""
    home, state = tmp_path / "etc", tmp_path / "state"
    state.mkdir()
    settings = _SETTINGS.format(crm=crm.base_url, settling=2.0)
    lay_out(
        home,
        settings,
        (COORDINATOR["id"], SMS_MANAGER["id"]),
        mail_port=mail.port,
        ledger=f"sqlite:///{state / 'optout.db'}",
    )
    (home / "credentials").mkdir()
    secrets = {"OPTOUT_CRM_TOKEN": TOKEN, "OPTOUT_CRM_EVENTS_SECRET": WEBHOOK_SECRET, "OPTOUT_WEBHOOK_SECRET": SECRET}
    for name, secret in secrets.items():
        (home / "credentials" / name).write_text(secret, encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CREDENTIALS_DIRECTORY": str(home / "credentials")}
    running = Confined(home, environ=environ, log_file=tmp_path / "log", before=confined(confinement, home, state))
    running.start()
    yield running
    running.stop()


def test_what_the_units_withhold_is_withheld_here(tmp_path: Path, confinement: list[str]) -> None:
    tried = (
        "import ctypes, os, mmap\n"
        "def refused(what):\n"
        "    try: what()\n"
        "    except OSError as error: return error.errno in (1, 13, 30)\n"
        "    return False\n"
        f"assert refused(lambda: open({str(ROOT / 'x')!r}, 'w')), 'a file'\n"
        "assert refused(lambda: mmap.mmap(-1, 4096, prot=7)), 'memory to be written and executed'\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "assert libc.unshare(0x10000000) == -1 and libc.mount(b'a', b'/tmp', b'tmpfs', 0, None) == -1\n"
        "assert os.getuid() == 990\n"
    )
    command = [*confined(confinement, tmp_path, tmp_path), sys.executable, "-c", tried]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_call_is_taken_in_and_delivered_and_the_service_ends_when_asked(
    plugin: Confined, crm: RunningCrm, mail: MailSink
) -> None:
    client = Client(crm, mail, plugin)
    client.report(CALLS)
    client.settle()
    assert len(client.comments) == 1
    assert {state for states in plugin.states(client.call).values() for state in states} == {"done"}
    assert plugin.stop() == 0
    assert '"level": "error"' not in plugin.log


def test_rules_are_tried_and_the_ledger_is_copied_beside_it(plugin: Confined) -> None:
    checked = plugin.run("rules", "check", str(plugin.home / "rules"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    copied = plugin.run("backup", str(plugin.home.parent / "state" / "copy.db"))
    assert copied.returncode == 0, copied.stderr
    purged = plugin.run("purge", "--yes")
    assert purged.returncode == 0, purged.stderr
