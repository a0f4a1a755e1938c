"""A part's scripts and styles, under an address that changes with them, so that browsers may keep them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from flask import Blueprint, Response, abort, url_for

_A_YEAR = 31_536_000
_TYPES = {".js": "text/javascript", ".css": "text/css"}
#: Comments on lines of their own: a tenth of all, and nobody reads them in a browser.
_COMMENTS = re.compile(r"^[ \t]*(?:/\*.*?\*/|//[^\n]*)[ \t]*\n", re.DOTALL | re.MULTILINE)


class Assets:
    """The scripts and styles of ``folder``, and ``besides`` them other files.

    ``version`` is their digest when the process started.
    """

    def __init__(self, folder: Path, besides: Sequence[Path] = ()) -> None:
        self._files = [*sorted(path for path in folder.iterdir() if path.suffix in _TYPES), *besides]
        self._served = {file.name: _COMMENTS.sub("", file.read_text(encoding="utf-8")) for file in self._files}
        self._endpoint = ""
        digest = hashlib.sha256()
        for name, text in self._served.items():
            digest.update(f"{name}{text}".encode())
        self.version = digest.hexdigest()[:12]

    def files(self) -> list[Path]:
        """What a browser loads."""
        return self._files

    def url(self, name: str) -> str:
        """The address of one of them."""
        return url_for(self._endpoint, version=self.version, name=name)

    def scripts(self) -> list[str]:
        """The addresses of all modules, so that a browser can fetch them at once."""
        return [self.url(file.name) for file in self._files if file.suffix == ".js"]

    def add_to(self, blueprint: Blueprint) -> None:
        """Serve the files, to everyone: they hold no personal data."""
        self._endpoint = f"{blueprint.name}.asset"

        def asset(version: str, name: str) -> Response:
            if name not in self._served:
                abort(404)
            response = Response(self._served[name], mimetype=_TYPES[Path(name).suffix])
            # During an update a page of another version gets the present file and does not cache it.
            kept = f"public, max-age={_A_YEAR}, immutable" if version == self.version else "no-store"
            response.headers["Cache-Control"] = kept
            return response

        blueprint.add_url_rule("/page/<version>/<name>", "asset", asset, methods=["GET"])
