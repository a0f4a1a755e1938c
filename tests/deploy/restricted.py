"""Runs a program under what deploy/systemd withholds, where no systemd runs: ``restricted.py CALL,CALL,… PROGRAM …``.

The calls are numbers of those that SystemCallFilter= leaves; all others fail with EPERM. NoNewPrivileges= and
MemoryDenyWriteExecute= are set as systemd sets them. What concerns files and users is bubblewrap's part.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

_SET_NO_NEW_PRIVS, _SET_SECCOMP, _SET_MDWE = 38, 22, 65
_FILTER = 2
_X86_64 = 0xC000003E
_ALLOW, _EPERM = 0x7FFF0000, 0x00050001
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


def allowed_calls(*lists: str) -> set[str]:
    """The calls of systemd's lists such as ``@system-service``; one with ``~`` takes its calls out."""
    found: set[str] = set()
    for name in lists:
        calls = _calls_of(name.lstrip("~"))
        found = found - calls if name.startswith("~") else found | calls
    return found


def numbers(calls: set[str]) -> list[int]:
    """The numbers of those calls that this machine has."""
    known = dict(re.findall(r"#define __NR_(\w+) (\d+)", _NUMBERS.read_text(encoding="ascii")))
    return sorted(int(known[call]) for call in calls if call in known)


def _calls_of(name: str) -> set[str]:
    command = ["systemd-analyze", "syscall-filter", "--no-pager", name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    named = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    nested = [_calls_of(one) for one in named if one.startswith("@")]
    return {one for one in named if not one.startswith("@")}.union(*nested)


def _restrict(calls: list[int]) -> None:
    program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _EPERM), (_LOAD, 0, 0, 0)]
    for call in calls:
        program += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, _ALLOW)]
    program.append((_RETURN, 0, 0, _EPERM))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    loaded = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_MDWE, 1)
    _prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(loaded))


def _prctl(what: int, *given: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [ctypes.c_ulong(value) for value in (*given, 0, 0, 0, 0)][:4]
    if libc.prctl(ctypes.c_int(what), *values) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {what}")


if __name__ == "__main__":
    _restrict([int(call) for call in sys.argv[1].split(",")])
    os.execv(sys.argv[2], sys.argv[2:])
