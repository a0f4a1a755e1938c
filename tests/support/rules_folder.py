"""Small rules folders for tests: the tiny script beside the bad rules, with cases and changes of one's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parents[2] / "tests/plugin/authoring/verification/bad_rules" / "good"

#: A further question about a mark, and what the call brings along, for the tiny script.
VOCABULARY = """
[fact.mark]
type = "number"
min = 0
max = 10
label = "Оценка"

[fact.duration]
type = "number"
label = "Длительность"
from = "call.duration"
"""


def tiny_folder(folder: Path, cases: str | None = None, *, vocabulary: str = "", rules: str = "") -> Path:
    """A copy of the tiny rules in ``folder``, with these cases and additions to its files."""
    shutil.copytree(TINY, folder)
    script = folder / "tiny"
    for name, more in (("vocabulary.toml", vocabulary), ("rules.toml", rules)):
        with (script / name).open("a", encoding="utf-8") as file:
            file.write(more)
    if cases is not None:
        (script / "cases.toml").write_text(cases, encoding="utf-8")
    return folder


def changed(source: Path, change: Callable[[dict[str, Any]], None]) -> Rulebook:
    """The rules of a folder with their content changed."""
    content = read_folder(source)[0]
    change(content)
    return Rulebook.from_content(content)
