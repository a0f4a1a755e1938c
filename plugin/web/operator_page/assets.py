"""The page's scripts and styles, under an address that changes with them, so that browsers may keep them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from flask import Blueprint, Response, abort, url_for

_FOLDER = Path(__file__).parent / "static"
_A_YEAR = 31_536_000
_TYPES = {".js": "text/javascript", ".css": "text/css"}
#: Comments on lines of their own: a tenth of all, and nobody reads them in a browser.
_COMMENTS = re.compile(r"^[ \t]*(?:/\*.*?\*/|//[^\n]*)[ \t]*\n", re.DOTALL | re.MULTILINE)


class Assets:
    """The files of the folder ``static``; ``version`` is their digest when the process started."""

    def __init__(self) -> None:
        self._served = {file.name: _COMMENTS.sub("", file.read_text(encoding="utf-8")) for file in self.files()}
        digest = hashlib.sha256()
        for name, text in self._served.items():
            digest.update(f"{name}{text}".encode())
        self.version = digest.hexdigest()[:12]

    @staticmethod
    def files() -> list[Path]:
        """What a browser loads."""
        return sorted(path for path in _FOLDER.iterdir() if path.suffix in (".js", ".css"))

    def url(self, name: str) -> str:
        """The address of one of them."""
        return url_for("operator.asset", version=self.version, name=name)

    def scripts(self) -> list[str]:
        """The addresses of all modules, so that a browser can fetch them at once."""
        return [self.url(file.name) for file in self.files() if file.suffix == ".js"]

    def add_to(self, blueprint: Blueprint) -> None:
        """Serve the files, to everyone: they hold no personal data."""

        def asset(version: str, name: str) -> Response:
            if name not in self._served:
                abort(404)
            response = Response(self._served[name], mimetype=_TYPES[Path(name).suffix])
            # During an update a page of another version gets the present file and does not cache it.
            kept = f"public, max-age={_A_YEAR}, immutable" if version == self.version else "no-store"
            response.headers["Cache-Control"] = kept
            return response

        blueprint.add_url_rule("/page/<version>/<name>", "asset", asset, methods=["GET"])
