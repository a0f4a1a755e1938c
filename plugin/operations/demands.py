"""Why a change of the rules wants a yes before it is made: what somebody may not have meant, in Russian sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plugin.authoring.inspection.compare import ConversationChange
from plugin.authoring.inspection.diff import BehaviourChange, Differences
from plugin.deciding.ruleset.model import Role
from plugin.deciding.ruleset.people import everybody
from plugin.operations.backtest import UNFINISHED, Backtest


def rules_demands(found: Differences, old: Mapping[str, Role], new: Mapping[str, Role]) -> Iterator[str]:
    """By what differs: scripts and actions that vanish, and people who get what was another's.

    ``old`` and ``new``: the roles before and after.
    """
    for script in found.scripts:
        if script.state == "gone":
            yield f"Скрипта {script.name} больше не будет"
    vanishing = dict.fromkeys(told for script in found.scripts for change in script.changes for told in _lost(change))
    for told in vanishing:
        yield f"Пропадёт: {told}"
    yield from _exchanged(old, new)


def calls_demands(past: Backtest, period: str) -> Iterator[str]:
    """By past calls decided again; ``period``: which, as a sentence says it: «за 30 дней»."""
    unfinished = sum(n for (old, new, _), n in past.groups.items() if new == UNFINISHED != old)
    if unfinished:
        yield f"Звонков {period}, которые стали бы «{UNFINISHED}»: {unfinished}"
    if past.refused:
        yield f"Звонков {period}, ответы которых новые правила не принимают: {past.refused}"


def _lost(change: BehaviourChange) -> Iterator[str]:
    found: list[BehaviourChange | ConversationChange] = [change, *change.details]
    for one in found:
        if _vanishes(one):
            where = f" — {'; '.join(change.outcomes)}" if change.outcomes else ""
            yield f"{one.old}{where}"


def _vanishes(change: BehaviourChange | ConversationChange) -> bool:
    if change.kind == "action":
        return change.new is None
    if change.kind == "recipients":
        was, now = (set((side or "").split(", ")) for side in (change.old, change.new))
        return now < was
    return False


def _exchanged(old: Mapping[str, Role], new: Mapping[str, Role]) -> Iterator[str]:
    """No case can tell whose address is whose; that it was another role's until now can be told."""
    former = {role.name: role for role in everybody(old)}
    for role in everybody(new):
        mine = former.get(role.name)
        if mine is None:
            continue
        for name, other in former.items():
            same = _shared(role, other)
            if name != role.name and same and not _shared(mine, other):
                yield f"{role.label}: напоминания пойдут {same} роли «{other.label}»"
                break


def _shared(one: Role, other: Role) -> str:
    """The address or the CRM user that both have, in words."""
    if one.address and one.address == other.address:
        return f"на {one.address}, а сейчас это адрес"
    if one.crm_user and one.crm_user == other.crm_user:
        return f"пользователю CRM {one.crm_user}, а сейчас это пользователь"
    return ""
