"""How ``optout connectors`` lays out what connectors are: English, at most 80 columns."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.base import Connector, Limits
from plugin.common.terminal import wrapped
from plugin.doctor.catalogue import (
    Ability,
    Item,
    Setting,
    ability_of,
    checklist_of,
    folder_of,
    settings_of,
    usual_limits,
)

#: Tables in tables are only listed so far.
_DEEPEST = 1
_LEGEND = """\
mail    the CRM itself can mail people; else mail goes over [smtp]
batch   how many writes one request to the CRM carries at most
events  what the CRM reports is decided at once, or kept and resolved later
missed  what the CRM reported while nobody heard it is read afterwards, or lost
frame   the operator's page can be opened inside the CRM
trial   what optout doctor --write removes again of what it wrote
set     each account says so itself, by its settings"""


def table(found: Sequence[Ability]) -> str:
    """One row a connector, then what the columns mean."""
    rows: list[tuple[str, ...]] = [("name", "mail", "batch", "events", "missed", "frame", "trial")]
    rows += [(one.name, *_abilities(one).values()) for one in found]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *_LEGEND.splitlines(), "", "optout connectors describe NAME tells more."])


def ability_json(one: Ability) -> dict[str, Any]:
    """A connector for programs; null: each account says so itself."""
    return dataclasses.asdict(one)


@dataclass(frozen=True, slots=True)
class ConnectorDescription:
    """All about one connector."""

    ability: Ability
    settings: Sequence[Setting]
    limits: Limits | None
    checklist: Sequence[Item]
    readme: Path | None

    @classmethod
    def of(cls, kind: type[Connector]) -> ConnectorDescription:
        """All that its class tells."""
        readme = folder_of(kind) / "README.md"
        return cls(
            ability_of(kind),
            settings_of(kind),
            usual_limits(kind),
            checklist_of(kind),
            readme if readme.is_file() else None,
        )

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            **ability_json(self.ability),
            "settings": [dataclasses.asdict(one) for one in self.settings],
            "limits": self.limits and dataclasses.asdict(self.limits),
            "checklist": [dataclasses.asdict(one) for one in self.checklist],
            "readme": self.readme and str(self.readme),
        }

    def page(self) -> str:
        """For people."""
        name = self.ability.name
        lines = [*wrapped(f"{name}: {self.ability.about}", after="  "), ""]
        words = {"mail": "CRM's own mail", "batch": "writes a request", "events": "its events"}
        words |= {"missed": "missed events"}
        words |= {"frame": "page in a frame", "trial": "trial removes"}
        lines += [f"  {words[key]:<17} {value}" for key, value in _abilities(self.ability).items()]
        lines += ["", f"[crm.{name}] in plugin.toml (*: must be given; secrets by reference only)"]
        shown = [one for one in self.settings if one.key.count(".") <= _DEEPEST]
        lines += [line for one in shown for line in _setting(one)]
        if len(shown) < len(self.settings):
            lines.append(f"   … and {len(self.settings) - len(shown)} more inside of these tables: see --json")
        if self.limits is not None:
            lines += ["", "Unless the settings say otherwise", *_limits(self.limits)]
        if self.checklist:
            lines += ["", "Checklist (quality.toml)", *(line for item in self.checklist for line in _item(item))]
        lines += ["", f"README: {self.readme}" if self.readme else "It has no README."]
        return "\n".join(lines)


def _abilities(one: Ability) -> dict[str, str]:
    events = {None: "set", True: "at once", False: "kept"}[one.repeats_events]
    return {
        "mail": {None: "set", True: "yes", False: "no"}[one.sends_mail],
        "batch": "set" if one.most_writes is None else str(one.most_writes),
        "events": events,
        "missed": {None: "set", True: "read", False: "lost"}[one.catches_up],
        "frame": "yes" if one.frames else "no",
        "trial": "set" if one.removes is None else " and ".join(one.removes) or "nothing",
    }


def _setting(one: Setting) -> Iterator[str]:
    kind = "secret" if one.secret else one.type
    default = "" if one.default is None else f", default {json.dumps(one.default, ensure_ascii=False, default=str)}"
    yield from wrapped(f"{'*' if one.required else ' '} {one.key}: {kind}{default}", 1, after=" " * 5)
    if one.about:
        yield from wrapped(one.about, 6)


def _limits(limits: Limits) -> Iterator[str]:
    yield from wrapped(
        f"at most {limits.requests_per_second:g} requests a second, {limits.burst} at once; "
        f"{limits.connect_seconds:g} s to connect, {limits.read_seconds:g} s to answer, "
        f"{limits.settling_seconds:g} s until what was not answered counts as not written",
        2,
    )


def _item(item: Item) -> Iterator[str]:
    why = f": {item.why}" if item.why else ""
    yield from wrapped(f"{item.state:<6} {item.name.replace('_', ' ')}{why}", 2, after=" " * 7)
