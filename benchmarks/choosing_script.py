"""A rules folder with one large script that chooses: 300 rules, 40 facts, 200 conditional actions and 50 people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.large_script import write

ACTIONS = 200
#: By brand and city, and two for what the card does not tell.
PEOPLE = 50
_BRANDS, _CITIES = 8, 6
#: Every such action asks for an answer too: so many questions take part.
_ASKED = 4


def write_choosing(folder: Path) -> Path:
    """Write the rules folder; the same script as ``large_script`` writes, with actions and people to choose among."""
    write(folder, entangled=False)
    script = folder / "large"
    _append(script / "vocabulary.toml", _fields())
    _append(script / "outcomes.toml", _actions())
    (folder / "roles.toml").write_text("\n".join(_people()), encoding="utf-8")
    return folder


def card_facts(number: int) -> Mapping[str, Any]:
    """What the card of one call holds."""
    return {"brand": f"b{number % _BRANDS}", "city": f"c{number % _CITIES}", "vip": number % 3 == 0}


def _append(path: Path, lines: Iterator[str]) -> None:
    path.write_text("\n".join([path.read_text(encoding="utf-8"), *lines]), encoding="utf-8")


def _fields() -> Iterator[str]:
    for name, letter, count in (("brand", "b", _BRANDS), ("city", "c", _CITIES)):
        values = json.dumps([f"{letter}{number}" for number in range(count)])
        yield f'[fact.{name}]\ntype = "choice"\nvalues = {values}\nlabel = "{name}"\nfrom = "card.{name}"\n'
    yield '[fact.vip]\ntype = "bool"\nlabel = "VIP"\nfrom = "card.vip"\n'


def _actions() -> Iterator[str]:
    """Half by what the card holds, half by an answer as well."""
    for number in range(ACTIONS):
        when = f'brand = "b{number % _BRANDS}", city = "c{number // _BRANDS % _CITIES}"'
        when += ", vip = true" if number % 3 == 0 else ""
        if number % 2:
            when += f', f{1 + number // 2 % _ASKED} = "v{number % 7}"'
        yield (
            f'[[outcome.call_back.action]]\nid = "note{number}"\nkind = "comment"\n'
            f'text = "Заметка {number}"\nwhen = {{ {when} }}\n'
        )


def _people() -> Iterator[str]:
    yield '[role.manager]\nlabel = "Менеджер"\n'
    chosen = [f'card.brand = "b{brand}", card.city = "c{city}"' for brand in range(_BRANDS) for city in range(_CITIES)]
    chosen += ["card.brand = { unknown = true }", "card.brand = { known = true }, card.city = { unknown = true }"]
    assert len(chosen) == PEOPLE
    for number, when in enumerate(chosen):
        yield (
            f'[[role.manager.person]]\nname = "Менеджер {number}"\ncrm_user = "{100 + number}"\n'
            f'address = "m{number}@example.org"\nwhen = {{ {when} }}\n'
        )
