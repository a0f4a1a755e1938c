"""The image is built from deploy/Dockerfile and run as compose runs it: not root, nothing to write but /data.

No registry of images is asked: the base is made from Debian's packages. That takes minutes, so it is done where
``OPTOUT_TEST_CONTAINER=1`` asks for it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.tools import DEPLOY, ROOT, program
from tests.support.crm import COORDINATOR, SMS_MANAGER, TOKEN, WEBHOOK_SECRET, embedded_crm
from tests.support.home import lay_out
from tests.support.plugin import _SETTINGS, SECRET
from tests.support.processes import free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("container")]

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = ("compose.yaml", "compose.sqlite.yaml")


# --- what can be told without building ----------------------------------------------------------------


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_takes_the_file(name: str) -> None:
    command = [program("docker-compose"), "-f", str(DEPLOY / name), "config"]
    done = subprocess.run(
        command, env=os.environ | {"OPTOUT_HOST": "optout.example.org"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    unnamed = {name: value for name, value in os.environ.items() if name != "OPTOUT_HOST"}
    refused = subprocess.run(command, env=unnamed, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "the name by which browsers and CRMs reach it" in refused.stderr


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


@dataclass
class Image:
    """An image's root folder and what it says of how it is run."""

    root: Path
    config: dict[str, Any]

    def command(self, folder: Path, *arguments: str) -> list[str]:
        """Run it as compose does, ``folder`` holding etc, secrets and data; bubblewrap withholds what Docker would."""
        binds = ["--ro-bind", str(self.root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
        for name, where in (("etc", "/etc/optout"), ("secrets", "/run/secrets")):
            binds += ["--ro-bind", str(folder / name), where]
        binds += ["--bind", str(folder / "data"), "/data", "--chdir", self.config["WorkingDir"], "--cap-drop", "ALL"]
        user, _, group = self.config["User"].partition(":")
        environ = [part for pair in self.config["Env"] for part in ("--setenv", *pair.split("=", 1))]
        bwrap = [program("bwrap", "bubblewrap"), *binds, "--unshare-user", "--uid", user, "--gid", group, "--clearenv"]
        return [*bwrap, *environ, *self.config["Entrypoint"], *(arguments or self.config["Cmd"])]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if os.environ.get("OPTOUT_TEST_CONTAINER") != "1":
        pytest.skip("takes minutes: OPTOUT_TEST_CONTAINER=1 asks for it")
    folder = tmp_path_factory.mktemp("image")
    stores = ["--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
    environ = os.environ | {"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(folder)}

    def buildah(*arguments: str) -> str:
        command = [program("buildah"), *stores, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    scratch = buildah("from", "scratch")
    buildah("add", "--quiet", scratch, str(_base(folder)), "/")
    buildah("commit", "--quiet", "--rm", scratch, "base")
    given = ["--pull-never", "--format", "docker", "--network", "host", "--build-arg", "BASE=localhost/base"]
    buildah("bud", *given, "-f", "deploy/Dockerfile", "-t", "optout", ".")
    container = buildah("from", "--pull-never", "localhost/optout")
    config = json.loads(buildah("inspect", "--type", "image", "localhost/optout"))["Docker"]["config"]
    yield Image(Path(buildah("mount", container)), config)
    buildah("rm", "--all")


def _base(folder: Path) -> Path:
    """A Debian of this machine's release, with its package sources, and whom this machine's pip trusts."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    assert release is not None
    # What both stages install is there already; the compiler is not.
    *_, last = re.findall(r"--no-install-recommends ([^&\n]+)", DOCKERFILE)
    include = ",".join(word for word in last.split() if word != "\\")
    command = [program("mmdebstrap"), "--variant=minbase", f"--include={include}", release[1], str(folder / "base")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    trusted = Path("/etc/ssl/certs/ca-certificates.crt")
    if trusted.exists():
        (folder / "base" / "etc/ssl/certs/ca-certificates.crt").write_bytes(trusted.read_bytes())
    pip = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    kept = [line.split(".", 1)[1] for line in pip.splitlines() if line.startswith("global.")]
    text = "\n".join(["[global]", f"cert = {trusted}", *(line.replace("'", "") for line in kept if "index" in line)])
    (folder / "base" / "etc/pip.conf").write_text(f"{text}\n", encoding="utf-8")
    return folder / "base"


def test_the_image_is_small_in_rights_and_holds_what_it_needs_and_no_compiler(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.config["StopSignal"] == "SIGTERM"
    assert not any((image.root / "usr/bin" / name).exists() for name in ("gcc", "cc", "make"))
    assert not (image.root / "src").exists()
    assert (image.root / "usr/share/zoneinfo/Europe/Moscow").exists()
    assert list((image.root / "usr/share/doc/optout").glob("*.cdx.json"))


def test_the_image_serves_with_a_read_only_root_is_found_healthy_and_ends_when_asked(
    image: Image, tmp_path: Path
) -> None:
    port = free_port()
    with ExitStack() as stack:
        (tmp_path / "crm").mkdir()
        crm = stack.enter_context(embedded_crm(tmp_path / "crm"))
        settings = _SETTINGS.format(crm=crm.base_url, settling=2.0) + f'\n[web]\nhost = "0.0.0.0"\nport = {port}\n'
        users = (COORDINATOR["id"], SMS_MANAGER["id"])
        lay_out(tmp_path / "etc", settings, users, ledger="sqlite:////data/optout.db")
        secrets = {
            "OPTOUT_CRM_TOKEN": TOKEN,
            "OPTOUT_CRM_EVENTS_SECRET": WEBHOOK_SECRET,
            "OPTOUT_WEBHOOK_SECRET": SECRET,
        }
        (tmp_path / "secrets").mkdir()
        for name, secret in secrets.items():
            (tmp_path / "secrets" / name).write_text(secret, encoding="utf-8")
        (tmp_path / "data").mkdir()
        log = stack.enter_context((tmp_path / "log").open("w"))
        running = subprocess.Popen(image.command(tmp_path), stdout=log, stderr=log)
        stack.callback(running.kill)
        wait_until(lambda: _is_ready(port) or running.poll() is not None, 30)
        assert running.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
        health = [part.replace(":8080", f":{port}") for part in image.config["Healthcheck"]["Test"][1:]]
        bare = Image(image.root, image.config | {"Entrypoint": []})
        assert subprocess.run(bare.command(tmp_path, *health), check=False).returncode == 0
        doctor = subprocess.run(image.command(tmp_path, "doctor"), capture_output=True, text=True, check=False)
        assert doctor.returncode in (0, 3), doctor.stdout
        begun = time.monotonic()
        for child in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
        assert running.wait(60) == 0
        assert time.monotonic() - begun < 40
        dead = subprocess.run(bare.command(tmp_path, *health), capture_output=True, check=False)
        assert dead.returncode != 0
    assert (tmp_path / "data" / "optout.db").exists()


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
