"""docs/deployment.md's systemd, from its own commands, on a booted machine: a Debian in a container of systemd's.

The program is what the image's wheelhouse installed. The container shares the network with the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from json import dumps
from pathlib import Path

import pytest

from tests.deploy.images import Image
from tests.deploy.tools import ROOT, is_ready, program, unable
from tests.end_to_end.client import CALLS
from tests.support.crm import COORDINATOR, SMS_MANAGER, TOKEN, WEBHOOK_SECRET, RunningCrm
from tests.support.home import lay_out
from tests.support.mail import MailSink
from tests.support.plugin import _SETTINGS, SECRET, signed_headers
from tests.support.processes import free_port, poll, wait_until

# The Debian and the image are made once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("container")]

PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SECRETS = {"OPTOUT_CRM_TOKEN": TOKEN, "OPTOUT_CRM_EVENTS_SECRET": WEBHOOK_SECRET, "OPTOUT_WEBHOOK_SECRET": SECRET}
#: Where the project lies on that machine.
SOURCE = "/src"


def blocks() -> list[list[str]]:
    """The commands of the page's section on systemd, block by block; a line that ends in \\ goes on in the next one."""
    section = PAGE.split("\n## systemd\n")[1].split("\n## ")[0]
    found = re.findall(r"(?:^ {4}\S.*\n(?: {8}.*\n)*)+", section, re.MULTILINE)
    return [re.sub(r" \\\n +", " ", block).strip().split("\n    ") for block in found]


@dataclass
class Machine:
    """A booted machine: ``port`` is its plugin's."""

    root: Path
    port: int
    first: int = 0

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there as root does."""
        inside = ["nsenter", "--target", str(self.first), "--all", "--wd=/", "sh", "-c", f"cd {SOURCE} && {command}"]
        environ = {"PATH": "/opt/optout/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(inside, env=environ, capture_output=True, text=True, timeout=120, check=False)

    def must(self, command: str) -> str:
        done = self.run(command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.journal}"
        return done.stdout.strip()

    def shown(self, unit: str, name: str) -> str:
        return self.must(f"systemctl show --property={name} --value {unit}")

    def is_up(self) -> bool:
        return self.run("systemctl is-system-running").stdout.strip() in ("running", "degraded")

    def wait_until_ready(self) -> None:
        wait_until(lambda: is_ready(self.port) or self.shown("optout-serve", "ActiveState") == "failed", 30)
        assert is_ready(self.port), self.journal

    @property
    def journal(self) -> str:
        return self.run("journalctl --no-pager --lines=60 --output=cat").stdout


@pytest.fixture(scope="module")
def machine(debian: Path, image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Booted, with the program in /opt/optout."""
    nspawn = program("systemd-nspawn", "systemd-container")
    root = tmp_path_factory.mktemp("machine") / "root"
    for source, place in ((debian, root), (image.root / "opt/optout", root / "opt/optout")):
        subprocess.run(["cp", "--archive", str(source), str(place)], check=True)
    command = [nspawn, "--quiet", "--register=no", "--keep-unit", f"--directory={root}", f"--bind-ro={ROOT}:{SOURCE}"]
    log = root.with_name("console")
    with log.open("wb") as console, subprocess.Popen([*command, "--boot"], stdout=console, stderr=console) as process:
        booted = Machine(root, free_port())
        try:
            booted.first = poll(lambda: first_of(process.pid), 15)
            if not (booted.first and poll(booted.is_up, 60)):
                unable("no machine boots here", log.read_text(encoding="utf-8", errors="replace"))
            yield booted
        finally:
            # All others end with its first process.
            os.kill(booted.first or process.pid, signal.SIGKILL)
            process.wait(60)


def first_of(pid: int) -> int:
    """The first process of the container that this one is the parent of; 0 where there is none yet."""
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return next((int(one) for one in children if os.readlink(f"/proc/{one}/exe").endswith("systemd")), 0)
    return 0


@pytest.fixture(scope="module")
def set_up(machine: Machine, crm: RunningCrm, mail: MailSink) -> Machine:
    """As the page says, to the point where the services are started."""
    for command in blocks()[0]:
        machine.must(command)
    etc = machine.root / "etc/optout"
    settings = _SETTINGS.format(crm=crm.base_url, settling=2.0) + f"\n[web]\nport = {machine.port}\n"
    own = etc.with_name("laid-out")
    users = (COORDINATOR["id"], SMS_MANAGER["id"])
    lay_out(own, settings, users, mail_port=mail.port, ledger="sqlite:////var/lib/optout/optout.db")
    # Into the files that are there, whose owner and mode the commands have set.
    for file in (path for path in own.rglob("*.toml")):
        shutil.copyfile(file, etc / file.relative_to(own))
    for name, secret in SECRETS.items():
        (etc / "secrets" / name).write_text(secret, encoding="utf-8")
        (etc / "secrets" / name).chmod(0o600)
    more = machine.root / "etc/systemd/system/optout-.service.d/20-secrets.conf"
    more.write_text("[Service]\nLoadCredential=OPTOUT_CRM_EVENTS_SECRET:/etc/optout/secrets/OPTOUT_CRM_EVENTS_SECRET\n")
    for command in blocks()[1]:
        machine.must(command)
    return machine


def test_the_commands_are_those_that_the_page_names() -> None:
    first, second, doctor = blocks()
    assert [line.split()[0] for line in first] == ["install"] * 5 + ["optout", "install"]
    assert [line.split()[1] for line in second] == ["daemon-reload", "enable"]
    assert doctor[0].startswith("systemd-run ")


def test_the_service_takes_a_call_in_and_delivers_it_by_the_secrets_that_systemd_hands_it(
    set_up: Machine, crm: RunningCrm
) -> None:
    set_up.wait_until_ready()
    assert set_up.must("stat --format=%U:%a /var/lib/optout /var/lib/optout/optout.db").split() == [
        "optout:700",
        "optout:600",
    ]
    event = reported(set_up, "first")
    assert event == 202, set_up.journal
    wait_until(lambda: crm.api.comments("42"), 30)
    assert set_up.must("cat /proc/$(systemctl show --property=MainPID --value optout-serve)/environ").count(TOKEN) == 0


def reported(machine: Machine, name: str) -> int:
    """Report a call to the plugin there; the answer's status."""
    event = {
        "id": name,
        "occurred_at": datetime.now(UTC).isoformat(),
        "call": {"id": name, "phone": "+79161234567"},
        "card": {"type": "contact", "id": "42"},
        "facts": CALLS,
    }
    connection = HTTPConnection("127.0.0.1", machine.port, timeout=30)
    try:
        connection.request("POST", "/events/call-result", dumps(event), signed_headers(name, dumps(event)))
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_doctor_runs_as_the_service_does(set_up: Machine) -> None:
    (command,) = blocks()[2]
    # The tests have no terminal.
    secrets = "".join(f" --property=LoadCredential={name}:/etc/optout/secrets/{name}" for name in SECRETS)
    done = set_up.run(command.replace(" --pty", f" --pipe{secrets}"))
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert "plugin.toml" in done.stdout


def test_one_that_is_killed_is_started_again_and_one_that_cannot_start_is_not(set_up: Machine) -> None:
    before = set_up.shown("optout-serve", "MainPID")
    set_up.must("systemctl kill --signal=KILL optout-serve")
    wait_until(lambda: set_up.shown("optout-serve", "MainPID") not in (before, "0"), 20)
    set_up.wait_until_ready()
    assert set_up.shown("optout-serve", "NRestarts") == "1"

    file = set_up.root / "etc/optout/plugin.toml"
    sound = file.read_text(encoding="utf-8")
    file.write_text(f"{sound}\n[nonsense]\n", encoding="utf-8")
    set_up.must("systemctl restart optout-serve || true")
    wait_until(lambda: set_up.shown("optout-serve", "ActiveState") == "failed", 20)
    assert set_up.shown("optout-serve", "ExecMainStatus") == "2"
    file.write_text(sound, encoding="utf-8")
    set_up.must("systemctl restart optout-serve")
    set_up.wait_until_ready()


@pytest.mark.parametrize("name", ["backup", "purge", "verify"])
def test_a_timer_is_waiting_and_what_it_starts_does_its_work(set_up: Machine, name: str) -> None:
    assert set_up.shown(f"optout-{name}.timer", "ActiveState") == "active"
    assert set_up.shown(f"optout-{name}.timer", "NextElapseUSecRealtime") != ""
    set_up.must(f"systemctl start optout-{name}.service")
    assert set_up.shown(f"optout-{name}", "Result") == "success"
    if name == "backup":
        copies = set_up.must("ls /var/backups/optout").split()
        assert len(copies) == 1, set_up.journal
        assert set_up.must(f"stat --format=%U:%a /var/backups/optout/{copies[0]}") == "optout:600"


def test_a_timer_fires(set_up: Machine) -> None:
    place = "/etc/systemd/system/optout-verify.timer.d"
    set_up.must(f"mkdir -p {place} && printf '[Timer]\\nOnActiveSec=1s\\nAccuracySec=100ms\\n' > {place}/soon.conf")
    set_up.must("systemctl daemon-reload")
    before = set_up.shown("optout-verify.timer", "LastTriggerUSec")
    set_up.must("systemctl restart optout-verify.timer")
    wait_until(lambda: set_up.shown("optout-verify.timer", "LastTriggerUSec") not in (before, ""), 20)
    wait_until(lambda: set_up.shown("optout-verify", "ActiveState") == "inactive", 20)
    assert set_up.shown("optout-verify", "Result") == "success"


def test_it_ends_well_when_it_is_stopped(set_up: Machine) -> None:
    set_up.must("systemctl stop optout-serve")
    assert set_up.shown("optout-serve", "Result") == "success"
    assert set_up.shown("optout-serve", "ExecMainStatus") == "0"
