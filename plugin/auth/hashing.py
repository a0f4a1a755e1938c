"""The process that passwords are hashed in, ``python -m plugin.auth.hashing``: a line answers a line.

Only what nobody else wants of the processors is used, and neither the memory nor the interpreter of the service.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

#: The least that a process may ask for, where there is no policy for idle processors.
_NICE = 19


def main() -> int:
    """Answer until standard input ends, as it does when whoever asks has ended.

    The first line has argon2's costs. ``{"hash": PASSWORD}`` is answered by ``{"digest"}``, and
    ``{"verify": PASSWORD, "digest"}`` by ``{"right"}``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hasher = _hasher(json.loads(sys.stdin.readline()))
    stand_back()
    for line in sys.stdin:
        print(json.dumps(_answer(hasher, json.loads(line))), flush=True)
    return 0


def stand_back() -> None:
    """Have this process, and the threads that argon2 starts, give way to whoever wants a processor, at once."""
    with suppress(OSError, AttributeError):  # only Linux has it
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return
    with suppress(OSError):
        os.nice(_NICE)


def costs_of(hasher: PasswordHasher) -> dict[str, Any]:
    """What another process makes the same hasher by."""
    names = ("time_cost", "memory_cost", "parallelism", "hash_len", "salt_len")
    return {name: getattr(hasher, name) for name in names} | {"type": hasher.type.name}


def _hasher(costs: dict[str, Any]) -> PasswordHasher:
    return PasswordHasher(**{**costs, "type": Type[costs["type"]]})


def _answer(hasher: PasswordHasher, asked: dict[str, str]) -> dict[str, Any]:
    if "hash" in asked:
        return {"digest": hasher.hash(asked["hash"].encode("utf-8", "surrogatepass"))}
    try:
        return {"right": hasher.verify(asked["digest"], asked["verify"].encode("utf-8", "surrogatepass"))}
    except (VerificationError, InvalidHashError):
        return {"right": False}


if __name__ == "__main__":
    sys.exit(main())
