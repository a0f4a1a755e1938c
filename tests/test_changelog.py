"""CHANGELOG.md begins with this version, and tells of every migration of the ledger."""

from __future__ import annotations

import re
from pathlib import Path

from plugin import VERSION
from plugin.ledger.versions import STEPS

PAGE = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")


def test_it_begins_with_this_version() -> None:
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE)[0].split()[0] == VERSION


def test_each_migration_has_its_note_in_their_order() -> None:
    assert tuple(re.findall(r"^\| (ledger_\d+) \|", PAGE, re.MULTILINE)) == STEPS[:-1]
