"""The process that a shadow decides in: rules as JSON on the first line, then facts; a line answers a line."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import IO, Any

from plugin.authoring.verification.__main__ import MOST_MEMORY, end_with_parent, limit_memory
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import LABELS
from plugin.errors import OptoutError

#: Behind everything that takes calls in or carries them out.
_NICENESS = 10


def main() -> int:
    """Answer until standard input ends."""
    limit_memory(MOST_MEMORY)
    end_with_parent()
    with suppress(OSError):
        os.nice(_NICENESS)
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever else is printed is no answer.
    os.dup2(2, 1)
    book = Rulebook.from_content(json.loads(sys.stdin.buffer.readline()), {})
    _tell(answers, {"ready": book.revision})
    for line in sys.stdin.buffer:
        _tell(answers, _decided(book, json.loads(line)))
    return 0


def _decided(book: Rulebook, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        decider = book.script(asked["script"])
        known = {name: value for name, value in asked["facts"].items() if name in decider.fact_names}
        # With a context nothing of the facts is remembered.
        return {"decision": decider.decide(decider.type_facts(known), LABELS).to_json()}
    except OptoutError as error:
        return {"refused": error.code}


def _tell(answers: IO[bytes], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
