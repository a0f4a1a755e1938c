"""Takes a form of a rule page into the draft: what was changed in it, and what somebody changed meanwhile elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugin.authoring.drafts.addresses import place_of, value_at
from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.drafts.schema_fields import FieldForm, form_of
from plugin.common.text import mend
from plugin.console.rules_days import DAYS, period_written
from plugin.console.rules_forms import fingerprint
from plugin.console.rules_words import RulesWords
from plugin.errors import InputError

#: Names of a form's inputs: the value, and the fingerprint of what it was when the page was made.
VALUE, WAS = "f:", "was:"


@dataclass(frozen=True, slots=True)
class StaleField:
    """A field that was changed elsewhere after the page was made: both values, neither of which is lost."""

    address: str
    label: str
    given: str
    now: str
    was: str


@dataclass(frozen=True, slots=True)
class PostedFields:
    """What a form holds: by address the values, and the fingerprints of what its page showed."""

    values: Mapping[str, Sequence[str]]
    was: Mapping[str, str]

    @classmethod
    def of(cls, form: Mapping[str, Sequence[str]]) -> PostedFields:
        """Read from a form's names and their values."""
        was = {name.removeprefix(WAS): given[0] for name, given in form.items() if name.startswith(WAS) and given}
        return cls({address: form.get(VALUE + address, ()) for address in was}, was)


class FormSaving:
    """One form on its way into a draft; ``stale`` tells after ``into`` what it left alone."""

    def __init__(self, posted: PostedFields, script: str) -> None:
        self._posted = posted
        self._script = script
        self.stale: list[StaleField] = []
        self.what = "правка"

    def into(self, files: Mapping[str, str]) -> Mapping[str, str]:
        """The draft's files with what the form changes. Raises InputError for a field that there is not."""
        self.stale = []
        editor = DraftEditor(files, self._script)
        content = editor.content
        words, named = RulesWords(content, self._script), []
        for address, given in self._posted.values.items():
            file, place = place_of(address, self._script, content)
            form = form_of(file, place)
            if form is None or form.kind == "data":
                raise InputError(f"Поле «{address[:80]}» здесь не изменить", hint="Обновите страницу")
            now = value_at(content, file, place)
            value = _value(form, given, now)
            if place[-1] in DAYS and isinstance(value, list):
                value = [period_written(one) for one in value]
            if (value == now and type(value) is type(now)) or _is_the_same_text(value, now):
                continue
            label = words.field(file, place)
            if fingerprint(now) != self._posted.was[address]:
                self.stale.append(StaleField(address, label, _text(value), _text(now), fingerprint(now)))
                continue
            editor.set(address, value)
            named.append(label)
        self.what = "; ".join(dict.fromkeys(named))[:200] or "правка"
        return editor.files


def _value(form: FieldForm, given: Sequence[str], now: Any) -> Any:
    """What a form's input says, as the file is to say it; None: nothing is to stand there."""
    texts = [_clean(one) for one in given]
    if form.kind == "list":
        listed = [line.strip() for text in texts for line in text.split("\n") if line.strip()]
        # The order of what is only ticked is that of the file.
        kept = [one for one in now if one in listed] if isinstance(now, list) else []
        listed = kept + [one for one in listed if one not in kept] if len(given) != 1 or form.choices else listed
        return listed or ([] if form.required else None)
    text = texts[0] if texts else ""
    if not text.strip():
        return "" if form.required else None
    if form.kind == "flag":
        return {"true": True, "false": False}.get(text, text)
    if form.kind == "number":
        return int(text) if text.strip().isascii() and text.strip().isdigit() and len(text) < 12 else text.strip()
    return text


def _clean(text: str) -> str:
    """As a person typed it: browsers send line ends of their own, and a text has no blank lines at its ends."""
    lines = mend(text).text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _is_the_same_text(value: Any, now: Any) -> bool:
    """Whether the file has it with blanks that no browser keeps."""
    return isinstance(value, str) and isinstance(now, str) and value == _clean(now)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
