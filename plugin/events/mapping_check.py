"""Checks the CRM's mapping against the rules: facts, values, and facts that are asked for and never mapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import Fact
from plugin.deciding.ruleset.values import FactValue

#: The values that each mapped fact can have; None: any text.
Mapped = Mapping[str, frozenset[str | bool] | None]


@dataclass(frozen=True, slots=True)
class MappingRemark:
    """A fault of the mapping, and its remedy."""

    what: str
    remedy: str


def remarks(mapped: Mapped, scripts: Mapping[str, Script], default_script: str, connector: str) -> list[MappingRemark]:
    """Everything that the rules cannot use of this mapping, or lack in it. An empty mapping lacks nothing."""
    where = f"[crm.{connector}.facts"
    return [
        *(_unknown(mapped, scripts, where)),
        *(_not_offered(mapped, scripts, where)),
        *(_never_mapped(mapped, scripts.get(default_script), where)),
    ]


def _unknown(mapped: Mapped, scripts: Mapping[str, Script], where: str) -> Iterator[MappingRemark]:
    known = {name for script in scripts.values() for name in script.facts}
    for fact in sorted(mapped.keys() - known):
        close = get_close_matches(fact, known, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        yield MappingRemark(f"the fact {fact} is mapped, and no script has it", f"{meant}Correct {where}.{fact}]")


def _not_offered(mapped: Mapped, scripts: Mapping[str, Script], where: str) -> Iterator[MappingRemark]:
    for name, values in sorted(mapped.items()):
        having = [script for script in scripts.values() if name in script.facts]
        if not having:
            continue
        if values is None:
            if all(script.facts[name].type == "bool" for script in having):
                yield MappingRemark(
                    f"the fact {name} is yes or no, and mapped as any text", f"Add values to {where}.{name}]"
                )
            continue
        takes = [_allowed(script, script.facts[name]) for script in having]
        if None in takes:
            continue
        offered = {_spelt(value) for one in takes for value in one or ()}
        for value in sorted({_spelt(value) for value in values} - offered):
            allowed = ", ".join(sorted(offered)) or "none"
            yield MappingRemark(
                f"the fact {name} is mapped to {value}, which no question offers",
                f"Allowed in {where}.{name}]: {allowed}",
            )


def _never_mapped(mapped: Mapped, script: Script | None, where: str) -> Iterator[MappingRemark]:
    if not mapped or script is None:
        return
    asked = dict.fromkeys(question.fact for question in script.questions)
    for name in asked:
        if name not in mapped:
            what = f"the script {script.name} asks for the fact {name}, and nothing is mapped to it"
            yield MappingRemark(what, f"Add {where}.{name}], or every call that asks for it stays unfinished")


def _allowed(script: Script, fact: Fact) -> Sequence[FactValue] | None:
    """The answers that the script's questions offer for a fact; None where it takes more than can be listed."""
    if not fact.listed:
        return None
    offered = [
        answer.value for question in script.questions if question.fact == fact.name for answer in question.answers
    ]
    return offered or fact.listed


def _spelt(value: FactValue) -> str:
    """As plugin.toml spells it."""
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
