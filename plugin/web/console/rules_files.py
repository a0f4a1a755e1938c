"""The draft's files as texts: to read, to take along as a folder in a zip file, and to bring back."""

from __future__ import annotations

import difflib
import io
import zipfile
from collections.abc import Mapping, Sequence

from flask import request

from plugin.authoring.drafts.checking import content_of
from plugin.authoring.drafts.edits import DraftFiles
from plugin.deciding.ruleset import is_file_name
from plugin.errors import InputError
from plugin.web.console.access import RULES
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, download, visitor
from plugin.web.console.rules_shared import back_to, opened_rules, refusing, room, script_page

#: Of a folder that is brought in: bytes of all its files together, and how many there may be.
_MOST_BYTES, _MOST_FILES = 4_000_000, 200
#: A moment for all files of an archive, so that the same rules are the same archive.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def files(services: ConsoleServices, script: str) -> Answer:
    """The texts, and what differs in them from the active rules."""
    opened = opened_rules(services, script)
    changed = {
        name: _difference(opened.base_files.get(name, ""), opened.files.get(name, ""))
        for name in sorted({*opened.files, *opened.base_files})
        if opened.files.get(name) != opened.base_files.get(name)
    }
    return script_page("rules/files.html", opened, "rules_files", changed=changed)


def export(services: ConsoleServices, script: str) -> Answer:
    """The folder as a zip file."""
    opened = opened_rules(services, script)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(opened.files.items()):
            archive.writestr(zipfile.ZipInfo(f"rules/{name}", _MOMENT), text.encode("utf-8", "surrogatepass"))
    return download(packed.getvalue(), "rules.zip", "application/zip")


def bring_in(services: ConsoleServices, script: str) -> Answer:
    """Let the draft be what a zip file holds; one step of undo."""
    given = request.files.get("folder")
    raw = given.read(_MOST_BYTES + 1) if given else b""
    brought = _unpacked(raw)
    if f"{script}/script.toml" not in brought:
        raise InputError(f"В архиве нет скрипта «{script}»", hint="Загрузите всю папку правил")

    def change(_: Mapping[str, str]) -> DraftFiles:
        return brought

    room(services).desk.drafts.change(visitor().operator, script, "загружена папка правил", change)
    return back_to(script)


def _unpacked(raw: bytes) -> dict[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            listed = [one for one in archive.infolist() if not one.is_dir() and one.filename.endswith(".toml")]
            if len(listed) > _MOST_FILES or sum(one.file_size for one in listed) > _MOST_BYTES:
                raise InputError("Архив слишком велик", hint="В нём должны быть только файлы правил")
            found = {_name(one.filename): archive.read(one).decode("utf-8") for one in listed}
    except (zipfile.BadZipFile, UnicodeDecodeError, RuntimeError, NotImplementedError) as error:
        raise InputError("Это не архив с правилами", hint="Нужен zip-файл с папкой правил в кодировке UTF-8") from error
    found = {name: text for name, text in found.items() if is_file_name(name)}
    unread = sorted(found.keys() - content_of(found).keys())
    if unread:
        raise InputError(f"Файл {unread[0]} не читается", hint="Проверьте его командой optout rules check")
    return found


def _name(path: str) -> str:
    """The name in the rules folder, whatever folder of the archive that is in."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    inside = "/".join(parts[-2:])
    return inside if is_file_name(inside) else parts[-1] if parts else ""


def _difference(before: str, after: str) -> list[tuple[str, str]]:
    """The lines that differ, each with what it is: gone, come, near or place."""
    kinds = {"+": "come", "-": "gone", "@": "place"}
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    return [(kinds.get(line[:1], "near"), line) for line in lines]


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/rules/script/<script>/files", "rules_files", refusing(files), RULES, "rules"),
    ConsoleRoute("GET", "/rules/script/<script>/export", "rules_export", refusing(export), RULES, "rules"),
    ConsoleRoute("POST", "/rules/script/<script>/import", "rules_import", refusing(bring_in), RULES, "rules"),
)
