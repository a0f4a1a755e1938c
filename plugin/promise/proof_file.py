"""A proof's file: HTML to print or JSON to check, by its ending."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from plugin.errors import InputError
from plugin.promise.proof_page import page

_PAGES = (".html", ".htm")


def proof_bytes(proof: Mapping[str, Any], name: str) -> bytes:
    """The file of this name. Raises InputError (Russian) for another ending than .html and .json."""
    ending = PurePath(name).suffix.lower()
    if ending in _PAGES:
        return page(proof)
    if ending == ".json":
        return (json.dumps(proof, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")
    raise InputError(
        f"{name}: неизвестно, каким сделать файл", hint="Назовите его .html (для печати) или .json (для проверки)"
    )
