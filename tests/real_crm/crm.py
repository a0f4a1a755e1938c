"""A real BottleCRM on this machine, where its start script lies beside the checkout, and a client to look into it."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.processes import ROOT

SCRIPTS = ROOT.parent / "shared/real-crm"
#: Where it must not be skipped, such as in CI.
REQUIRED = "OPTOUT_REQUIRE_REAL_CRM"
#: The first start makes a virtual environment and a database.
_PATIENCE = 900.0


@dataclass
class Contact:
    """A contact of its own for one test."""

    id: str
    first_name: str
    last_name: str
    phone: str


@dataclass
class RealCrm:
    """The running CRM. ``environ`` is what its start script says: addresses, tokens and ids."""

    environ: Mapping[str, str] = field(repr=False)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(secrets.randbelow(9_000_000)), repr=False)

    @property
    def url(self) -> str:
        return self.environ["CRM_BASE_URL"]

    @property
    def token(self) -> str:
        """A personal access token of an administrator."""
        return self.environ["CRM_TOKEN"]

    @property
    def coordinator(self) -> str:
        return self.environ["CRM_COORDINATOR_PROFILE_ID"]

    @property
    def sms_manager(self) -> str:
        return self.environ["CRM_SMS_PROFILE_ID"]

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The JSON of a request that must work; ``path`` below ``/api/``."""
        address = f"/api/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, address, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            data = answer.read()
            assert 200 <= answer.status < 300, f"{method} {path}: {answer.status} {data[:500]!r}"
            return json.loads(data)
        finally:
            connection.close()

    def new_contact(self, *, first_name: str = "Иван", last_name: str = "Иванов") -> Contact:
        """A contact whose phone nobody else has, typed with spaces and brackets."""
        digits = f"{next(self._numbers) % 10_000_000:07}"
        typed = f"8 (917) {digits[:3]}-{digits[3:5]}-{digits[5:]}"
        given = {"first_name": first_name, "last_name": last_name, "phone": typed, "organization": "Частное лицо"}
        made = self.call("POST", "contacts/", given)
        return Contact(made["id"], first_name, last_name, f"+7917{digits}")

    def comments(self, contact: Contact) -> list[str]:
        """The texts of its comments, oldest first."""
        comments = self.call("GET", f"contacts/{contact.id}/")["comments"]
        return [one["comment"] for one in sorted(comments, key=lambda one: str(one["commented_on"]))]

    def tasks(self, contact: Contact) -> list[dict[str, Any]]:
        """The tasks that are linked to it, in full."""
        return list(self.call("GET", f"contacts/{contact.id}/")["tasks"])

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(self.call("GET", f"tasks/{task_id}/")["task_obj"])

    def tasks_with_key(self, key: str) -> list[dict[str, Any]]:
        """All tasks that were written with this key, linked or not."""
        return list(self.call("GET", "tasks/", slim="true", cf_ext_ref=key)["tasks"])


@contextmanager
def real_crm() -> Iterator[RealCrm]:
    """The CRM for the length of the block: as it runs already, else started and stopped here.

    Skips where it does not lie beside or cannot be started, unless OPTOUT_REQUIRE_REAL_CRM is set.
    """
    if not (SCRIPTS / "start.sh").is_file():
        _give_up(f"no real CRM lies beside this checkout ({SCRIPTS.name}/start.sh)")
    if os.geteuid() != 0 and not _env_file().is_file():
        _give_up("the real CRM's start script needs root, for a PostgreSQL of its own")
    ran_already = _answers()
    started = subprocess.run(
        [str(SCRIPTS / "start.sh")], capture_output=True, text=True, check=False, timeout=_PATIENCE
    )
    if started.returncode != 0:
        _give_up(f"the real CRM did not start: {started.stderr.strip().splitlines()[-1:]}")
    try:
        yield RealCrm(_environ())
    finally:
        if not ran_already:
            subprocess.run([str(SCRIPTS / "stop.sh")], capture_output=True, check=False, timeout=120)


def _give_up(why: str) -> None:
    if os.environ.get(REQUIRED):
        pytest.fail(f"{why}, and {REQUIRED} is set")
    pytest.skip(why)


def _env_file() -> Path:
    home = os.environ.get("CRM_HOME") or f"{os.environ.get('TMPDIR') or '/tmp'}/real-crm"
    return Path(home) / "env"


def _environ() -> dict[str, str]:
    """What the start script wrote: lines such as ``export NAME=value``."""
    lines = _env_file().read_text(encoding="utf-8").splitlines()
    pairs = (shlex.split(line)[1].partition("=") for line in lines if line.startswith("export "))
    return {name: value for name, _, value in pairs}


def _answers() -> bool:
    if not _env_file().is_file():
        return False
    connection = HTTPConnection(urlsplit(_environ()["CRM_BASE_URL"]).netloc, timeout=5)
    try:
        connection.request("GET", "/healthz/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
