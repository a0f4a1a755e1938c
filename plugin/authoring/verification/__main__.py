"""``python -m plugin.authoring.verification FOLDER``: the process in which rules are tried (``isolated``).

It writes a JSON line before each step that may be its last, with all that is known by then.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from plugin.authoring.verification.check_folder import examine_folder
from plugin.authoring.verification.report import CheckReport
from plugin.authoring.verification.state_space import ProofLimits

if sys.platform != "win32":
    import resource

#: Bytes that the process may take.
MOST_MEMORY = 2 << 30
#: Seconds of processor time after which it ends even if its parent no longer waits for it.
MOST_CPU = 900
#: prctl(2): the signal that the process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str]) -> int:
    """Examine the folder and write what was found."""
    limit_resources()
    end_with_parent()
    answers = _answers()

    def tell(script: str | None, report: CheckReport, revision: str | None) -> None:
        answer = {"script": script, "done": script is None, "report": report.to_json(), "revision": revision}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()

    examine_folder(Path(arguments[0]), ProofLimits(), tell)
    return 0


def _answers() -> IO[bytes]:
    """Standard output for the answers alone: whatever else is printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def limit_resources() -> None:
    """Bound memory and processor time, where the system can."""
    limit_memory(MOST_MEMORY)
    if sys.platform != "win32":
        _limit(resource.RLIMIT_CPU, MOST_CPU)


def limit_memory(most: int) -> None:
    """Bound the bytes that this process may take, where the system can; a crash leaves no image of it."""
    if sys.platform != "win32":
        _limit(resource.RLIMIT_AS, most)
        _limit(resource.RLIMIT_CORE, 0)


def _limit(kind: int, most: int) -> None:
    if sys.platform != "win32":
        with suppress(OSError, ValueError):  # a lower limit is set already
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def end_with_parent() -> None:
    """End when the process that waits for the answer ends, even while the engine hangs; Linux alone can."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
