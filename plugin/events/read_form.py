"""Reads the form of an event: what the rules need is checked, and named where it is wrong; all else is cleaned.

Only ``id``, ``occurred_at``, ``call.id``, ``script``, ``ruleset``, ``final``, ``facts`` and the kind of JSON value
where an object is wanted can be wrong (contract 3.3). Whatever else had to be changed is named in a warning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.kit.phones import lacks_number, numbers_in
from plugin.common.text import Cleaned, TextFlaw, clean
from plugin.events.parse import id_text
from plugin.events.schema import (
    MAX_CARD_TYPE,
    MAX_FACTS,
    MAX_ID,
    MAX_NAME,
    MAX_NOTE,
    MAX_RULESET,
    MAX_URL,
    CallResult,
    FieldFaults,
    bad_fields,
)

# RFC 3339, section 5.6; Python's own reader takes more, and takes times without an offset.
_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_NO_TIME = "must be an RFC 3339 time with its offset, e.g. 2026-11-22T10:15:00+03:00"
_NEVER = datetime.min.replace(tzinfo=UTC)


def read_call_result(raw: Mapping[str, Any]) -> CallResult:
    """The call result in an event whose texts are mended. Raises EventError 422 naming every wrong field."""
    form = _Form()
    call, card = form.object("call", raw.get("call")), form.object("card", raw.get("card"))
    if "call" not in form.faults and raw.get("call") is None:
        form.refuse("call", "is required")
    phones = form.phones(call.get("phone"))
    card_type, card_id = form.reference(card) if card else (None, None)
    if raw.get("card") == {}:
        form.warn("card", "it is empty, which is the same as missing")
    read = {
        "call.id": form.needed_id("call.id", call.get("id"), asked="call" not in form.faults),
        "call.phone": phones[0] if phones else None,
        "call.operator": form.operator(call.get("operator")),
        "card.type": card_type,
        "card.id": card_id,
        "card.name": form.text("card.name", card.get("name"), MAX_NAME),
        "card.url": form.address("card.url", card.get("url")),
    }
    result = CallResult(
        id=form.needed_id("id", raw.get("id")),
        occurred_at=form.moment("occurred_at", raw.get("occurred_at")),
        script=form.name("script", raw.get("script"), MAX_ID),
        final=form.final(raw),
        call_id=read["call.id"] or "",
        phone=read["call.phone"],
        operator=read["call.operator"],
        card_type=card_type,
        card_id=card_id,
        card_name=read["card.name"],
        card_url=read["card.url"],
        facts=form.facts(raw.get("facts")),
        call_fields=call_fields(raw) | read,
        note=form.text("note", raw.get("note"), MAX_NOTE, multiline=True),
        ruleset=form.name("ruleset", raw.get("ruleset"), MAX_RULESET),
        phones=phones,
        warnings=tuple(form.warnings),
    )
    if form.faults:
        raise bad_fields(form.faults)
    return result


def call_fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of the event's call and card, by its path, its text cleaned; blank text is a field left out."""
    return {
        f"{part}.{key}": clean(value).or_none if isinstance(value, str) else value
        for part in ("call", "card")
        if isinstance(fields_ := raw.get(part), Mapping)
        for key, value in fields_.items()
    }


def clean_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with their texts cleaned; a blank one stays as it is, to be refused."""
    return {name: clean(value).text or value if isinstance(value, str) else value for name, value in facts.items()}


class _Form:
    """The faults and warnings of one event, by field."""

    def __init__(self) -> None:
        self.faults: FieldFaults = {}
        self.warnings: list[str] = []

    def refuse(self, field: str, what: str) -> None:
        self.faults.setdefault(field, []).append(what)

    def warn(self, field: str, what: str) -> None:
        self.warnings.append(f"{field}: {what}")

    # --- what can be refused -------------------------------------------------------------------------

    def object(self, field: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self.refuse(field, "must be an object")
        return {}

    def needed_id(self, field: str, value: Any, *, asked: bool = True) -> str:
        if not asked:
            return ""
        text = id_text(value)
        if value is None:
            self.refuse(field, "is required")
        elif text is None:
            self.refuse(field, "must be text")
        elif not clean(text).text:
            self.refuse(field, "must not be blank")
        elif len(text) > MAX_ID:
            self.refuse(field, f"must not be longer than {MAX_ID} characters")
        elif text != value:
            self.warn(field, _as_id(value))
        return text or ""

    def name(self, field: str, value: Any, limit: int) -> str | None:
        """The name of something of the rules: what it names is looked up, so that nothing of it is changed."""
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(field, "must be text")
        elif not value.strip():
            self.refuse(field, "must not be blank")
        elif len(value) > limit:
            self.refuse(field, f"must not be longer than {limit} characters")
        else:
            return value
        return None

    def moment(self, field: str, value: Any) -> datetime:
        text = clean(value).text if isinstance(value, str) else ""
        try:
            if _RFC_3339.fullmatch(text):
                return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        self.refuse(field, "is required" if value is None else _NO_TIME)
        return _NEVER

    def final(self, raw: Mapping[str, Any]) -> bool:
        value = raw.get("final", False)
        if not isinstance(value, bool):
            self.refuse("final", "must be true or false")
        return value is True

    def facts(self, value: Any) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.refuse("facts", "must be an object of facts by name")
            return {}
        if len(value) > MAX_FACTS or any(len(name) > MAX_ID for name in value):
            self.refuse("facts", f"must not hold more than {MAX_FACTS} facts, nor names over {MAX_ID} characters")
        for name, text in value.items():
            if isinstance(text, str) and not text.isprintable():
                cleaned = clean(text)
                if cleaned.what and cleaned.text:
                    self.warn(f"facts.{name}", cleaned.in_words())
        return clean_facts(value)

    # --- what is cleaned -----------------------------------------------------------------------------

    def phones(self, value: Any) -> tuple[str, ...]:
        phones = numbers_in(value)
        if not phones and lacks_number(value):
            self.warn("call.phone", "it holds no phone number, which is the same as missing")
        elif isinstance(value, str) and not value.strip():
            self.warn("call.phone", "it is blank, which is the same as missing")
        return phones

    def reference(self, card: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """The card's type and id; without both it is no card."""
        type_ = self._reference_part("card.type", card.get("type"), MAX_CARD_TYPE)
        id_ = self._reference_part("card.id", card.get("id"), MAX_ID)
        return (type_, id_) if type_ and id_ else (None, None)

    def _reference_part(self, field: str, value: Any, limit: int) -> str | None:
        text = id_text(value)
        if text is None or not clean(text).text or len(text) > limit:
            # Cut, it would name another card, or none.
            self.warn(field, f"it is no text of 1 to {limit} characters, so that the card is taken as missing")
            return None
        if text != value:
            self.warn(field, _as_id(value))
        return text

    def operator(self, value: Any) -> str | None:
        """The operator's name or number."""
        text = id_text(value)
        if text is not None and not isinstance(value, str):
            self.warn("call.operator", _as_id(value))
        return self.text("call.operator", value if text is None else text, MAX_NAME)

    def text(self, field: str, value: Any, limit: int, *, multiline: bool = False) -> str | None:
        """Text that people wrote; None where there is none."""
        if value is None:
            return None
        if not isinstance(value, str):
            self.warn(field, "it is no text and is left out")
            return None
        cleaned = clean(value, multiline=multiline, limit=limit)
        if cleaned.what:
            self.warn(field, cleaned.in_words())
        return cleaned.or_none

    def address(self, field: str, value: Any) -> str | None:
        """An address that a reader can open; one that was cut would lead elsewhere."""
        if value is None:
            return None
        cleaned = clean(value) if isinstance(value, str) else Cleaned("")
        if len(cleaned.text) > MAX_URL or not _is_web_address(cleaned.text):
            blank = TextFlaw.BLANK in cleaned.what
            what = f"it is no http or https address of up to {MAX_URL} characters and is left out"
            self.warn(field, cleaned.in_words() if blank else what)
            return None
        if cleaned.what:
            self.warn(field, cleaned.in_words())
        return cleaned.text


def _as_id(value: Any) -> str:
    return "line ends became blanks" if isinstance(value, str) else "a number is taken as its text"


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text
    except ValueError:
        return False
