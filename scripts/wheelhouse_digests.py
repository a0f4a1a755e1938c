"""Writes requirements.txt of a wheelhouse: requirements.lock with the digests of what was built here.

``wheelhouse_digests.py FOLDER``, from the project's folder. ``pip install --no-index --find-links FOLDER
--require-hashes -r FOLDER/requirements.txt`` then installs these bytes or nothing.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

_BUILT = {"optout-plugin": "optout_plugin", "durable-rules": "durable_rules"}
_ENTRY = r"^{name}==[^\n]*\n(?:    --hash=[^\n]*\n)+"


def entry(name: str, folder: Path) -> str:
    """The lines of a package whose wheels were built here."""
    wheels = sorted(folder.glob(f"{_BUILT[name]}-*.whl"))
    (version,) = {wheel.name.split("-")[1] for wheel in wheels}
    digests = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]
    return " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{digest}" for digest in digests)]) + "\n"


def requirements(lock: str, folder: Path) -> str:
    """The lock's text, with the wheels of the folder in the place of what it builds."""
    text, count = re.subn(
        _ENTRY.format(name="durable-rules"), lambda _: entry("durable-rules", folder), lock, flags=re.MULTILINE
    )
    if count != 1:
        raise SystemExit("wheelhouse_digests: requirements.lock does not have durable-rules once")
    return text + entry("optout-plugin", folder)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    lock_text = Path("requirements.lock").read_text(encoding="utf-8")
    (target / "requirements.txt").write_text(requirements(lock_text, target), encoding="utf-8")
