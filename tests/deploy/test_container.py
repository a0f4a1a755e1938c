"""The image is built from deploy/Dockerfile and run as compose runs it: not root, nothing to write but /data.

No registry of images is asked: the base is made from Debian's packages, and where compose has PostgreSQL and Caddy from
elsewhere the tests' own PostgreSQL and Debian's Caddy stand in their place.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.images import Image
from tests.deploy.proxies import proxy_of_compose
from tests.deploy.tools import DEPLOY, is_ready, program
from tests.end_to_end.client import CALLS
from tests.support.crm import COORDINATOR, SMS_MANAGER, TOKEN, WEBHOOK_SECRET, RunningCrm, embedded_crm
from tests.support.databases import server_of_its_own
from tests.support.home import lay_out
from tests.support.plugin import _SETTINGS, SECRET, signed_headers
from tests.support.postgres import Databases
from tests.support.processes import free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("container")]

COMPOSE = ("compose.yaml", "compose.sqlite.yaml")
HOST = "optout.example.org"
#: Where a service finds the socket of the PostgreSQL that stands for compose's.
SOCKET = "/tmp/database"


# --- what can be told without building ----------------------------------------------------------------


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_takes_the_file(name: str) -> None:
    assert services(name).keys() >= {"proxy"}
    unnamed = {name: value for name, value in os.environ.items() if name != "OPTOUT_HOST"}
    refused = config(name, unnamed)
    assert refused.returncode != 0
    assert "the name by which browsers and CRMs reach it" in refused.stderr


def config(name: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [program("docker-compose"), "-f", str(DEPLOY / name), "config"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def services(name: str) -> dict[str, Any]:
    """What compose makes of the file."""
    done = config(name, os.environ | {"OPTOUT_HOST": HOST})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


@pytest.mark.parametrize("name", COMPOSE)
def test_every_file_that_compose_mounts_from_here_is_there_or_made_by_the_integrator(name: str) -> None:
    named = re.findall(r"- (\./[\w./-]+):", (DEPLOY / name).read_text(encoding="utf-8"))
    made = {"./etc", "./secrets", "./secrets/POSTGRES_PASSWORD"}
    assert [path for path in named if path not in made and not (DEPLOY / path).exists()] == []


@pytest.mark.parametrize("name", ["Caddyfile", "compose.Caddyfile"])
def test_caddy_takes_the_file(name: str) -> None:
    environ = os.environ | {"OPTOUT_HOST": "optout.example.org", "OPTOUT_UPSTREAM": "web:8080"}
    command = [program("caddy"), "adapt", "--adapter", "caddyfile", "--config", str(DEPLOY / "caddy" / name)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "optout.example.org" in done.stdout


def test_the_proxy_of_compose_does_what_the_sample_does() -> None:
    own = (DEPLOY / "caddy" / "compose.Caddyfile").read_text(encoding="utf-8")
    sample = (DEPLOY / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    own = own.replace("{$OPTOUT_HOST}", "optout.example.org").replace("{$OPTOUT_UPSTREAM}", "127.0.0.1:8080")
    assert own.partition("\n{\n")[2] == sample.partition("\n{\n")[2]


# --- built and run ---------------------------------------------------------------------------------------


def test_the_image_is_small_in_rights_and_holds_what_it_needs_and_no_compiler(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.config["StopSignal"] == "SIGTERM"
    assert not any((image.root / "usr/bin" / name).exists() for name in ("gcc", "cc", "make"))
    assert not (image.root / "src").exists()
    assert (image.root / "usr/share/zoneinfo/Europe/Moscow").exists()
    assert list((image.root / "usr/share/doc/optout").glob("*.cdx.json"))


class Composed:
    """The services of a compose file, with the folders that it mounts."""

    def __init__(self, name: str, image: Image, folder: Path) -> None:
        self.services = services(name)
        self.port = free_port()
        self.folder = folder
        self._image = image
        self._mounts: dict[str, Path] = {}
        for one in ("etc", "secrets", "data"):
            (folder / one).mkdir(exist_ok=True)

    def lay_out(self, crm: RunningCrm, socket: Path | None) -> None:
        """What the head of the file asks for, and the secrets."""
        settings = _SETTINGS.format(crm=crm.base_url, settling=2.0)
        settings += f'\n[web]\nhost = "0.0.0.0"\nport = {self.port}\n\n[page]\ntrusted_proxies = 1\n'
        (self.folder / "etc").rmdir()
        users = (COORDINATOR["id"], SMS_MANAGER["id"])
        lay_out(self.folder / "etc", settings, users, ledger="sqlite:////data/optout.db")
        secrets = {
            "OPTOUT_CRM_TOKEN": TOKEN,
            "OPTOUT_CRM_EVENTS_SECRET": WEBHOOK_SECRET,
            "OPTOUT_WEBHOOK_SECRET": SECRET,
        }
        if socket is not None:
            secrets["OPTOUT_LEDGER_URL"] = f"postgresql://postgres@/optout?host={SOCKET}"
            file = self.folder / "etc" / "plugin.toml"
            text = file.read_text(encoding="utf-8")
            file.write_text(
                text.replace('"sqlite:////data/optout.db"', '{ env = "OPTOUT_LEDGER_URL" }'), encoding="utf-8"
            )
            self._mounts[SOCKET] = socket
        for name, secret in secrets.items():
            (self.folder / "secrets" / name).write_text(secret, encoding="utf-8")

    def command(self, name: str, *arguments: str, entrypoint: list[str] | None = None) -> list[str]:
        """A service's process, or another command in the same surroundings."""
        service = self.services[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        mounts = {}
        for volume in service["volumes"]:
            source, place, _ = volume.split(":")
            mounts[place] = self.folder / Path(source).name
        given = arguments or service["command"]
        return self._image.command(mounts | self._mounts, given, tmpfs=service["tmpfs"], entrypoint=entrypoint)

    def is_healthy(self, name: str) -> bool:
        """What Docker finds by the image's check, unless the file has it left out."""
        if self.services[name].get("healthcheck", {}).get("test") == ["NONE"]:
            return True
        command = self.command(name, *self._image.health(self.port), entrypoint=[])
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def in_order(self) -> list[str]:
        """Names of the services, none before those that it waits for."""
        order: list[str] = []
        while len(order) < len(self.services):
            order += [
                name
                for name, service in self.services.items()
                if name not in order and {*service.get("depends_on", ())} <= {*order}
            ]
        return order


@pytest.mark.parametrize("name", COMPOSE)
def test_the_services_of_compose_take_a_call_in_through_the_proxy_deliver_it_and_end_when_asked(
    name: str, image: Image, tmp_path: Path
) -> None:
    composed, running = Composed(name, image, tmp_path), dict[str, subprocess.Popen[bytes]]()
    with ExitStack() as stack:
        (tmp_path / "crm").mkdir()
        crm = stack.enter_context(embedded_crm(tmp_path / "crm"))
        socket = database(stack) if "database" in composed.services else None
        composed.lay_out(crm, socket)
        log = stack.enter_context((tmp_path / "log").open("ab"))

        def said() -> str:
            return (tmp_path / "log").read_text(encoding="utf-8")

        for service in composed.in_order():
            if "build" not in composed.services[service]:
                continue
            process = subprocess.Popen(composed.command(service), stdout=log, stderr=log)
            stack.callback(process.kill)
            if composed.services[service]["restart"].startswith("on-failure"):
                # Others wait until it has completed.
                assert process.wait(60) == 0, said()
                continue
            running[service] = process
        listening = next(one for one in running if one != "deliver")
        wait_until(lambda: is_ready(composed.port) or running[listening].poll() is not None, 30)
        assert {one: process.poll() for one, process in running.items()} == dict.fromkeys(running), said()
        assert all(composed.is_healthy(one) for one in running)
        doctor = subprocess.run(composed.command(listening, "doctor"), capture_output=True, text=True, check=False)
        assert doctor.returncode in (0, 3), doctor.stdout
        upstream = composed.services["proxy"]["environment"]["OPTOUT_UPSTREAM"]
        assert upstream == f"{listening}:8080"
        with proxy_of_compose(tmp_path, f"127.0.0.1:{composed.port}", HOST) as proxy:
            assert report(proxy.connected(HOST)) == 202
        wait_until(lambda: crm.api.comments("42"), 30)
        end(running, seconds=40)
        assert not composed.is_healthy(listening)
    assert (tmp_path / "data" / "optout.db").exists() == (socket is None)


def database(stack: ExitStack) -> Path:
    """The folder of the socket of a PostgreSQL with an empty database."""
    server = stack.enter_context(server_of_its_own())
    Databases(server.url).run("CREATE DATABASE {}", "optout")
    return server.folder


def report(connection: HTTPConnection) -> int:
    """Send the result of a call; the answer's status."""
    event = {
        "id": "call-1-1",
        "occurred_at": datetime.now(UTC).isoformat(),
        "call": {"id": "call-1", "phone": "+79161234567"},
        "card": {"type": "contact", "id": "42"},
        "facts": CALLS,
    }
    body = json.dumps(event)
    try:
        connection.request("POST", "/events/call-result", body, signed_headers("call-1-1", body) | {"Host": HOST})
        return connection.getresponse().status
    finally:
        connection.close()


def end(running: dict[str, subprocess.Popen[bytes]], seconds: float) -> None:
    """End them as Docker does: each in so many seconds, and well."""
    begun = time.monotonic()
    for process in running.values():
        # bubblewrap, their parent, passes no signal on.
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
    assert {name: process.wait(60) for name, process in running.items()} == dict.fromkeys(running, 0)
    assert time.monotonic() - begun < seconds
