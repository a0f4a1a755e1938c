"""How ``optout ledger`` tells what a check of the chain came to: Russian, at most 80 columns."""

from __future__ import annotations

from plugin.common.russian import counted
from plugin.common.terminal import wrapped
from plugin.ledger.chain.check import ChainFault, CheckProgress
from plugin.operations.chain_words import FAULTS, KINDS

_ENTRIES = ("запись", "записи", "записей")


def checked(progress: CheckProgress, *, goes_on: bool) -> str:
    """What was found; ``goes_on``: with a check that had been broken off."""
    lines = [f"Проверено: {counted(progress.seq, *_ENTRIES)}{' (продолжена прежняя проверка)' if goes_on else ''}."]
    if not progress.fault_count:
        lines += ["Всё сходится. Отметка:", f"{progress.seq}:{progress.link}"]
        return "\n".join(lines)
    lines.append(f"Расхождений: {progress.fault_count}")
    for fault in progress.faults:
        lines += wrapped(_told(fault), 2)
    if progress.fault_count > len(progress.faults):
        lines.append(f"  и ещё {progress.fault_count - len(progress.faults)}")
    return "\n".join(lines)


def _told(fault: ChainFault) -> str:
    parts = [FAULTS[fault.what]]
    if fault.seq is not None:
        parts.append(f"запись {fault.seq}")
    if fault.kind is not None:
        parts.append(f"{KINDS.get(fault.kind, fault.kind)} № {fault.ref}")
    if fault.call is not None:
        parts.append(f"звонок № {fault.call}")
    return ", ".join(parts)
