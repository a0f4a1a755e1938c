"""Changes of a draft's fields by their addresses, and of what stands in its lists; other bytes stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from plugin.authoring.drafts import edit_toml
from plugin.authoring.drafts.addresses import place_of, value_at
from plugin.authoring.drafts.checking import content_of
from plugin.authoring.drafts.edit_toml import EditFailed
from plugin.authoring.drafts.edits import DraftFiles
from plugin.common.toml.source import Place
from plugin.errors import InputError


class DraftEditor:
    """A draft's files while they are changed, one step after the other; ``files`` are what has come of it."""

    def __init__(self, files: DraftFiles, script: str) -> None:
        self.files: dict[str, str] = dict(files)
        self.script = script

    @property
    def content(self) -> dict[str, Any]:
        """What the files say now."""
        return content_of(self.files)

    def get(self, address: str) -> Any:
        """What a field says; None where nothing stands there. Raises InputError for an unknown address."""
        content = self.content
        return value_at(content, *place_of(address, self.script, content))

    def set(self, address: str, value: Any) -> None:
        """Let a field say this; None: nothing stands there any more. Raises InputError."""
        content = self.content
        file, place = place_of(address, self.script, content)
        now = value_at(content, file, place)
        if value is None:
            if now is not None:
                self._edit(file, lambda text: edit_toml.remove_field(text, place))
        elif now != value or type(now) is not type(value):
            self._edit(file, lambda text: edit_toml.set_field(text, place, value))

    def set_at(self, file: str, place: Place, value: Any) -> None:
        """The same for a place that is known."""
        self._edit(file, lambda text: edit_toml.set_field(text, place, value))

    def remove_at(self, file: str, place: Place) -> None:
        """Let nothing stand at a place that is known."""
        self._edit(file, lambda text: edit_toml.remove_field(text, place))

    def insert(self, address: str, at: int, value: Any) -> None:
        """Add an entry to a list in brackets, before number ``at``; a list that is not there yet begins with it."""
        file, place = place_of(address, self.script, self.content)
        if self.get(address) is None:
            self.set(address, [value])
        else:
            self._edit(file, lambda text: edit_toml.insert_entry(text, (*place, at), value))

    def add_entry(self, address: str, body: Mapping[str, Any], after: int | None = None) -> None:
        """Add an entry with a header of its own, ``[[address]]``, after number ``after``; None: as the last one."""
        file, place = place_of(address, self.script, self.content)
        number = len(self.get(address) or ()) if after is None else after + 1
        self._edit(file, lambda text: edit_toml.insert_table(text, (*place, number), body))

    def add_table(self, address: str, body: Mapping[str, Any], *, blank: int = 1) -> None:
        """Add a table ``[address]`` at the end of its file."""
        file, place = place_of(address, self.script, self.content)
        self._edit(file, lambda text: edit_toml.insert_table(text, place, body, blank=blank))

    def remove(self, address: str) -> None:
        """Take out an entry or a table with a header of its own."""
        file, place = place_of(address, self.script, self.content)
        self._edit(file, lambda text: edit_toml.remove_table(text, place))

    def remove_entry(self, address: str) -> None:
        """Take out an entry of a list in brackets."""
        file, place = place_of(address, self.script, self.content)
        self._edit(file, lambda text: edit_toml.remove_field(text, place))

    def _edit(self, file: str, change: Callable[[str], str]) -> None:
        try:
            self.files[file] = change(self.files.get(file, ""))
        except (EditFailed, TypeError) as error:
            hint = "Файл написан необычно: поправьте его в папке правил и загрузите папку на странице «Файлы»"
            raise InputError(f"{file}: изменить это здесь не получается", hint=hint) from error
