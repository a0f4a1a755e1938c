"""How ``optout rules check`` tells everything that is wrong with the rules: Russian."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from plugin.authoring.verification.report import CheckReport, ScriptSize
from plugin.common.terminal import WIDTH, clean
from plugin.errors import Fault

#: From here on the number of conversations is told by its order of magnitude.
_MANY = 1_000_000


def lines(folder: Path, report: CheckReport) -> Iterator[str]:
    """The report: one fault a line, to be searched; wrapped only for a reader at a terminal."""
    yield f"Папка правил: {folder}"
    for title, found in (
        ("Ошибки", report.faults),
        ("Предупреждения", report.warnings),
        ("Не доказано", report.unproven),
    ):
        if found:
            yield ""
            yield f"{title} ({len(found)}):"
            yield from _laid_out(found)
    yield ""
    yield from (_size(script) for script in report.scripts)
    yield _verdict(report)


def _laid_out(found: Sequence[Fault]) -> Iterator[str]:
    # What the rules say must neither break a line in two nor act upon the terminal.
    told = [clean(str(fault)) for fault in found]
    if not sys.stdout.isatty():
        yield from told
        return
    width = min(WIDTH, shutil.get_terminal_size().columns)
    for line in told:
        yield textwrap.fill(line, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _size(script: ScriptSize) -> str:
    return (
        f"{script.name}: вопросов {script.questions}, правил {script.rules}, итогов {script.outcomes}, "
        f"разговоров {_conversations(script.conversations)}"
    )


def _conversations(count: int | None) -> str:
    if count is None:
        return "не сосчитать"
    return str(count) if count < _MANY else f"больше 10^{len(str(count)) - 1}"


def _verdict(report: CheckReport) -> str:
    told = [f"ошибок: {len(report.faults)}" if report.faults else "ошибок нет"]
    told += [f"предупреждений: {len(report.warnings)}"] if report.warnings else []
    told += [f"не доказано: {len(report.unproven)}"] if report.unproven else []
    return f"Итого скриптов: {len(report.scripts)}; {', '.join(told)}"
