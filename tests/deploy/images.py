"""A Debian of this machine's release in a folder, made from Debian's packages, and the image that is built on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.tools import DEPLOY, ROOT, program, unable

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
#: What a booted machine has besides.
_FOR_BOOTING = ("systemd", "dbus")


@dataclass
class Image:
    """An image's root folder and what it says of how it is run."""

    root: Path
    config: dict[str, Any]

    def command(
        self,
        mounts: dict[str, Path],
        arguments: Sequence[str] = (),
        *,
        tmpfs: Sequence[str] = ("/tmp",),
        entrypoint: Sequence[str] | None = None,
    ) -> list[str]:
        """Run it as compose does, ``mounts`` by their place in it; bubblewrap withholds what Docker would."""
        binds = ["--ro-bind", str(self.root), "/", "--proc", "/proc", "--dev", "/dev"]
        binds += [part for folder in tmpfs for part in ("--tmpfs", folder)]
        for place, folder in mounts.items():
            binds += ["--bind" if place == "/data" else "--ro-bind", str(folder), place]
        binds += ["--chdir", self.config["WorkingDir"], "--cap-drop", "ALL"]
        user, _, group = self.config["User"].partition(":")
        environ = [part for pair in self.config["Env"] for part in ("--setenv", *pair.split("=", 1))]
        bwrap = [program("bwrap", "bubblewrap"), *binds, "--unshare-user", "--uid", user, "--gid", group, "--clearenv"]
        first = self.config["Entrypoint"] if entrypoint is None else entrypoint
        return [*bwrap, *environ, *first, *(arguments or (self.config["Cmd"] if entrypoint is None else ()))]

    def health(self, port: int) -> list[str]:
        """The command of its health check, where the plugin listens elsewhere."""
        return [part.replace(":8080", f":{port}") for part in self.config["Healthcheck"]["Test"][1:]]


def make_debian(root: Path) -> None:
    """A Debian with its package sources, and with whom this machine's pip trusts."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    assert release is not None
    # What both stages install is there already; the compiler is not.
    *_, last = re.findall(r"--no-install-recommends ([^&\n]+)", DOCKERFILE)
    include = ",".join([word for word in last.split() if word != "\\"] + [*_FOR_BOOTING])
    command = [program("mmdebstrap"), "--quiet", "--variant=minbase", f"--include={include}", release[1], str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        unable("no Debian could be made from packages here", done.stderr)
    trusted = Path("/etc/ssl/certs/ca-certificates.crt")
    if trusted.exists():
        (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(trusted.read_bytes())
    pip = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    kept = [line.split(".", 1)[1] for line in pip.splitlines() if line.startswith("global.")]
    text = "\n".join(["[global]", f"cert = {trusted}", *(line.replace("'", "") for line in kept if "index" in line)])
    (root / "etc/pip.conf").write_text(f"{text}\n", encoding="utf-8")


@contextmanager
def built_on(debian: Path, folder: Path) -> Iterator[Image]:
    """The image of deploy/Dockerfile; no registry of images is asked."""
    stores = ["--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "overlay"]
    environ = os.environ | {"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(folder)}

    def buildah(*arguments: str) -> str:
        command = [program("buildah"), *stores, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            unable(f"buildah {arguments[0]} did not do it here", done.stdout + done.stderr)
        return done.stdout.strip()

    scratch = buildah("from", "scratch")
    buildah("add", "--quiet", scratch, str(debian), "/")
    buildah("commit", "--quiet", "--rm", scratch, "base")
    given = ["--pull-never", "--format", "docker", "--network", "host", "--build-arg", "BASE=localhost/base"]
    buildah("bud", *given, "-f", "deploy/Dockerfile", "-t", "optout", ".")
    container = buildah("from", "--pull-never", "localhost/optout")
    config = json.loads(buildah("inspect", "--type", "image", "localhost/optout"))["Docker"]["config"]
    try:
        yield Image(Path(buildah("mount", container)), config)
    finally:
        buildah("umount", "--all")
        buildah("rm", "--all")
