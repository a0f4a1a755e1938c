"""How the commands that publish rules speak to an admin: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from plugin.authoring.revisions.archive import Activation
from plugin.authoring.revisions.working_copy import CopyKind
from plugin.common.clock import local_time
from plugin.common.terminal import paragraph
from plugin.errors import Fault

if TYPE_CHECKING:
    from plugin.authoring.revisions.working_copy import Changes
    from plugin.authoring.verification import CheckReport

_KINDS = {CopyKind.NEW: "новый", CopyKind.CHANGED: "изменён", CopyKind.GONE: "удалён"}
#: Files named in one message; more are only counted.
_NAMED = 12


def signature(activation: Activation, zone: ZoneInfo) -> str:
    """When and by whom it was made active."""
    return f"с {local_time(activation.at, zone)}, кто: {activation.by}"


def files_told(changes: Changes) -> Iterator[str]:
    """One line a file: its name and what became of it."""
    for number, (name, kind) in enumerate(changes.items()):
        if number == _NAMED:
            yield f"    и ещё: {len(changes) - _NAMED}"
            return
        yield from paragraph(f"{name} — {_KINDS[kind]}", 4)


def faults_told(title: str, faults: Sequence[Fault]) -> Iterator[str]:
    """A heading and one entry a fault; nothing where there is none."""
    if faults:
        yield f"{title}: {len(faults)}"
        for fault in faults:
            yield from paragraph(str(fault), 2)


def report_told(report: CheckReport, cases: int) -> Iterator[str]:
    """What the check found although it let the rules pass."""
    yield f"Проверка пройдена; случаев из cases.toml сошлось: {cases}."
    yield from faults_told("Предупреждения", report.warnings)
    yield from faults_told("Не доказано", report.unproven)
