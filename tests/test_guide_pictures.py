"""The admin's guide tells each task in the console, with pictures that are there, small, and all of them shown."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = (DOCS / "admin-guide.ru.md").read_text(encoding="utf-8")
TASKS = re.split(r"^## Задача \d+\. ", GUIDE, flags=re.MULTILINE)[1:]
#: Bytes of one picture, and of all that travel with the program.
LARGEST, ALL = 40_960, 1_000_000


def test_each_task_is_told_in_the_console_and_by_the_files() -> None:
    assert len(TASKS) == 15
    for task in TASKS:
        assert task.index("### В консоли") < task.index("![") < task.index("### Файлами"), task.splitlines()[0]


def test_the_pictures_are_there_small_and_all_shown() -> None:
    named = re.findall(r"!\[[^\]]+\]\((pictures/tasks/[^)]+)\)", GUIDE)
    assert len(named) == len(set(named))
    there = {f"pictures/tasks/{path.name}": path.stat().st_size for path in (DOCS / "pictures" / "tasks").iterdir()}
    assert set(named) == there.keys()
    assert max(there.values()) <= LARGEST
    assert sum(there.values()) <= ALL
