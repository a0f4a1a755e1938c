"""How ``optout proof verify`` tells what a proof's file came to: Russian, at most 80 columns."""

from __future__ import annotations

from plugin.common.russian import counted
from plugin.common.terminal import wrapped
from plugin.promise.proof_check import ProofVerdict

_ENTRIES = ("запись", "записи", "записей")
#: Faults and rows that are named.
_NAMED = 20


def verdict(found: ProofVerdict) -> str:
    """Faults, or that there are none, with the heads to compare; and what no entry of the chain confirms."""
    lines = [f"В файле {counted(found.entries, *_ENTRIES)} цепочки."]
    if found.faults:
        lines.append(f"Расхождений: {len(found.faults)}")
        lines += [line for fault in found.faults[:_NAMED] for line in wrapped(fault, 2)]
    elif found.entries:
        lines.append("Всё сходится. Сверьте отметку с письмом администраторам:")
        for head in found.heads:
            lines.append(f"{head['seq']}:{head['link']}")
            if head["seq"] in found.stamped:
                lines += wrapped(f"заверена службой времени {found.stamped[head['seq']]:%d.%m.%Y %H:%M:%S} UTC", 2)
            if head["way"] is None:
                lines += wrapped("путь до неё длинный и в файл не вошёл: сверяется по журналу", 2)
    if found.unproven:
        lines += wrapped(f"Не проверено: {'; '.join(found.unproven)}")
    if found.unconfirmed:
        named = ", ".join(found.unconfirmed[:_NAMED]) + (" …" if len(found.unconfirmed) > _NAMED else "")
        lines += wrapped(f"Цепочкой не подтверждено (сделано до её начала или удалено): {named}")
    return "\n".join(lines)
