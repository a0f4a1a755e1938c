"""Programs that the tests of deploy/ need: skipped without them, and a failure with ``OPTOUT_REQUIRE_DEPLOY=1``."""

from __future__ import annotations

import os
import shutil
from http.client import HTTPConnection
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def program(name: str, package: str | None = None) -> str:
    """Where a program is."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        lacking(f"no {name} to test with (Debian, Ubuntu: apt-get install {package or name})")
    return found


def lacking(why: str) -> NoReturn:
    """What is tested cannot be had here."""
    if os.environ.get("OPTOUT_REQUIRE_DEPLOY") == "1":
        pytest.fail(why)
    pytest.skip(why)


def unable(what: str, output: str) -> NoReturn:
    """A machine that makes no containers, or reaches no packages, skips; with OPTOUT_REQUIRE_CONTAINER=1 it fails."""
    why = f"{what}: {output[-3000:]}"
    if os.environ.get("OPTOUT_REQUIRE_CONTAINER") == "1":
        pytest.fail(why)
    pytest.skip(why)


def is_ready(port: int) -> bool:
    """Whether a plugin listens there and can take events in."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
