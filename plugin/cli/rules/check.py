"""``optout rules check``: everything that is wrong with the rules, at once, in Russian. Changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.errors import Fault, InputError

if TYPE_CHECKING:
    from plugin.authoring.verification.report import CheckReport, ScriptSize

BAD_INPUT = 2
_WIDTH = 80
#: From here on the number of conversations is told by its order of magnitude.
_MANY = 1_000_000


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--script", metavar="NAME", help="Only this script and the roles.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for tools.")
@click.pass_obj
def check(config: Path | None, path: Path | None, script: str | None, as_json: bool) -> int:
    """Find everything that is wrong with the rules folder PATH; the working copy by default.

    Every conversation is proven to end in exactly one outcome. The status is 0 without faults, whatever the warnings,
    else 2.
    """
    from plugin.authoring.verification.isolated import check_folder

    folder = path or _working_copy(config)
    if script is not None and not (folder / script / "script.toml").is_file():
        known = ", ".join(sorted(file.parent.name for file in folder.glob("*/script.toml")))
        raise InputError(f"Скрипта «{script}» в папке правил нет", hint=f"Есть: {known or 'ни одного'}")
    report, revision = check_folder(folder)
    if script is not None:
        report = report.of_script(script)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "revision": revision} | report.to_json(), ensure_ascii=False))
    else:
        for line in _lines(folder, report):
            click.echo(line)
    return 0 if report.ok else BAD_INPUT


def _working_copy(config: Path | None) -> Path:
    from plugin.config.load import load_settings

    return load_settings(config, os.environ, secrets=False).rules_dir


def _lines(folder: Path, report: CheckReport) -> Iterator[str]:
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
    lines = ["".join(char if char.isprintable() else " " for char in str(fault)) for fault in found]
    if not sys.stdout.isatty():
        yield from lines
        return
    width = min(_WIDTH, shutil.get_terminal_size().columns)
    for line in lines:
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
