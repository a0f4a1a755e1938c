"""What production installs is what the project asks for: floors, releases and digests are in step."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
ASKED = [*map(Requirement, [*PROJECT["dependencies"], *EXTRAS["postgres"], *EXTRAS["stamps"]])]
_DIGESTS = r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
_ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ;[^\\\n]+)? \\\n" + _DIGESTS, re.MULTILINE)
LOCKED = {found["name"]: found for found in _ENTRY.finditer((ROOT / "requirements.lock").read_text(encoding="utf-8"))}


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_each_dependency_is_locked_at_its_floor(asked: Requirement) -> None:
    locked = Version(LOCKED[canonicalize_name(asked.name)]["version"])
    assert locked in asked.specifier
    (floor,) = [one.version for one in asked.specifier if one.operator in (">=", "==")]
    assert Version(floor) == locked, "raise the floor in pyproject.toml, then: make lock"


def test_every_line_of_the_lock_belongs_to_an_entry_with_digests() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    left = [line for line in _ENTRY.sub("", text).splitlines() if line and not line.startswith("#")]
    assert left == []
    assert len(LOCKED) > len(ASKED)


def test_it_names_no_index_and_no_path() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
