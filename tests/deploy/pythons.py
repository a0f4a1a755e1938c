"""The Pythons of this machine: one of each release that the project is for."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

RELEASES = ("3.11", "3.12", "3.13", "3.14")


@functools.cache
def pythons() -> dict[str, Path]:
    """By release. One of PATH, or of pyenv's, whose names in PATH may stand for nothing."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for release in RELEASES:
        named = shutil.which(f"python{release}")
        for candidate in [*([Path(named)] if named else []), *sorted(kept.glob(f"{release}.*/bin/python3"))]:
            if _builds(candidate, release):
                found[release] = candidate
                break
    return found


def _builds(python: Path, release: str) -> bool:
    """Whether it starts, is of this release, and has venv and headers."""
    tried = (
        "import ensurepip, os, sys, sysconfig, venv; "
        "print('%d.%d' % sys.version_info[:2]) if os.path.exists(sysconfig.get_path('include') + '/Python.h') else 0"
    )
    done = subprocess.run([python, "-c", tried], capture_output=True, text=True, check=False)
    return done.stdout.strip() == release
