"""What a shadow came to, in the admin's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from plugin.authoring.shadow.compare import DifferenceKind
from plugin.authoring.shadow.records import ShadowGroup

DIFFERENCE_WORDS: Mapping[DifferenceKind, str] = {
    DifferenceKind.OUTCOME: "другой итог",
    DifferenceKind.ACTIONS: "другие записи",
    DifferenceKind.PEOPLE: "другие люди",
    DifferenceKind.DUE: "другие сроки",
    DifferenceKind.REFUSED: "не решила бы вовсе",
}


def outcome_labels(contents: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """The outcomes of these revisions by their labels, by script and name."""
    return {
        (file.removesuffix("/outcomes.toml"), name): outcome.get("label", name)
        for content in contents
        for file, parsed in content.items()
        if file.endswith("/outcomes.toml")
        for name, outcome in parsed.get("outcome", {}).items()
    }


def change_words(group: ShadowGroup, labels: Mapping[tuple[str, str], str]) -> str:
    """What became what; ``labels``: those of the outcomes, by script and name."""
    if group.kind not in (DifferenceKind.OUTCOME, DifferenceKind.REFUSED):
        return f"{group.old or 'ничего'} → {group.new or 'ничего'}"
    old = labels.get((group.script, group.old), group.old) or "не завершён"
    if group.kind is DifferenceKind.REFUSED:
        return f"{old} → ответы не подходят ({group.new})"
    return f"{old} → {labels.get((group.script, group.new), group.new) or 'не завершён'}"
