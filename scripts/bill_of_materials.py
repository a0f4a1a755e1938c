"""Writes a wheelhouse's bill of materials: what an environment that was installed from it holds, in CycloneDX 1.6.

``bill_of_materials.py PYTHON FOLDER NAME``, run by a Python that has cyclonedx-bom, from the project's folder. PYTHON
is the environment's. To what cyclonedx-py finds there (names, versions, licences, who needs whom) the digest of each
package's wheel is added. Built again from the same wheels the file is the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

#: What an empty environment brings along.
_NOT_OURS = {"pip", "setuptools", "wheel"}


def inventory(python: str) -> dict[str, Any]:
    """What cyclonedx-py says of the environment, with the project in the place of the product."""
    options = [
        "--pyproject",
        "pyproject.toml",
        "--output-reproducible",
        "--spec-version",
        "1.6",
        "--mc-type",
        "application",
    ]
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *options, python]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def complete(found: dict[str, Any], wheels: dict[str, str]) -> dict[str, Any]:
    """The same without the environment's own tools, and with the digest of each wheel."""
    dropped = {one["bom-ref"] for one in found["components"] if normal(one["name"]) in _NOT_OURS}
    kept = [one for one in found["components"] if one["bom-ref"] not in dropped]
    for one in kept:
        one["hashes"] = [{"alg": "SHA-256", "content": wheels[f"{normal(one['name'])}-{one['version']}"]}]
        # Where pip took it from is a folder of the machine that built this.
        one["externalReferences"] = [
            at for at in one.get("externalReferences", []) if not at["url"].startswith(("file:", "/"))
        ]
    needs = [one for one in found["dependencies"] if one["ref"] not in dropped]
    return found | {"components": kept, "dependencies": needs}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each wheel by its name and version; of one that there is for several Pythons, the last."""
    return {
        "-".join((normal(wheel.name.split("-")[0]), wheel.name.split("-")[1])): hashlib.sha256(
            wheel.read_bytes()
        ).hexdigest()
        for wheel in sorted(folder.glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime_ns)
    }


def version_of(name: str, folder: Path) -> str:
    """The version of the one wheel there of that package."""
    (wheel,) = folder.glob(f"{name.replace('-', '_')}-*.whl")
    return wheel.name.split("-")[1]


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(python: str, folder: Path, name: str) -> None:
    """Write the file, or end with what is wrong with it."""
    found = complete(inventory(python), digests(folder))
    product = found["metadata"]["component"]
    # pyproject.toml leaves it to the build, so cyclonedx-py does not find it there.
    product["version"] = version_of(product["name"], folder)
    text = json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"bill_of_materials: not valid CycloneDX: {fault}")
    (folder / f"{product['name']}-{product['version']}-{name}.cdx.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
