"""Checks rules in a process of their own, ``python -m plugin.authoring.verification``.

durable-rules can hang or crash while it compiles them, and then only that process dies.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin.authoring.verification.report import CheckReport
from plugin.errors import EngineError, Fault

#: How the process is started; the rules folder is added to it.
COMMAND = (sys.executable, "-P", "-m", "plugin.authoring.verification")

#: The last line of a process that could not load the engine, as a process has for which the environment was changed.
_NO_ENGINE = f"{EngineError.__module__}.{EngineError.__qualname__}: "

_PACKAGES = str(Path(__file__).parents[3])
_REMEDY = "верните последнее изменение правил или упростите его; то, что действует сейчас, не тронуто"


def check_isolated(
    folder: Path, *, seconds: float = 60, command: Sequence[str] = COMMAND
) -> tuple[CheckReport, str | None]:
    """Everything that is wrong with a rules folder, and its revision where it has one.

    A process that takes longer than ``seconds``, crashes or runs out of memory is a fault of the rules, in words.
    Raises EngineError where it cannot load the engine: no rules are at fault then.
    """
    return _Trial([*command, str(folder)], seconds).run()


@dataclass(slots=True)
class _Trial:
    command: list[str]
    seconds: float

    def run(self) -> tuple[CheckReport, str | None]:
        environ = os.environ | {"PYTHONPATH": os.pathsep.join([_PACKAGES, *_python_path()])}
        with subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
        ) as child:
            try:
                out, err = child.communicate(timeout=self.seconds)
                end = _end(child.returncode, err)
            except subprocess.TimeoutExpired:
                child.kill()
                out, _ = child.communicate()
                end = f"не закончился за {self.seconds:g} с и остановлен"
            except BaseException:
                child.kill()
                raise
        return self._result(out, end)

    def _result(self, out: bytes, end: str | None) -> tuple[CheckReport, str | None]:
        lines = [line for line in out.split(b"\n")[:-1] if line]
        last: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        report = CheckReport.from_json(last["report"]) if last else CheckReport()
        if not end and not last.get("done"):
            end = "закончился, ничего не ответив"
        if end:
            report = report.with_fault(_fault(last.get("script"), f"разбор правил {end}"))
        return report, None if end else last.get("revision")


def _fault(script: str | None, what: str) -> Fault:
    return Fault(f"{script}/rules.toml" if script else "rules", 0, "движок" if script else "правила", what, _REMEDY)


def _end(status: int, err: bytes) -> str | None:
    """How the process ended, in words; None where it ended well."""
    if status == 0:
        return None
    if b"MemoryError" in err:
        return "занял больше памяти, чем ему отведено, и прерван"
    if status < 0:
        name = signal.Signals(-status).name if -status in {*signal.Signals} else str(-status)
        return f"оборвался: процесс упал ({name})"
    said = err.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if said.startswith(_NO_ENGINE):
        raise EngineError(said.removeprefix(_NO_ENGINE))
    return f"оборвался: {said or f'код {status}'}"


def _python_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
