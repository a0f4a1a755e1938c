"""How ``optout person`` lays out everything that is known of a number: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.cli.format import calls_page
from plugin.cli.format.calls import history_json, plain
from plugin.cli.format.suppression import number_json, number_page
from plugin.common.moments import clock
from plugin.common.russian import counted
from plugin.common.terminal import wrapped
from plugin.promise.suppression_list import SCOPES

if TYPE_CHECKING:
    from plugin.promise.person import PersonRecord

_ELSEWHERE = "Здесь всё, что о номере хранит плагин; что хранит сама CRM, смотрите в ней."


def page(record: PersonRecord, words: Sequence[ScriptLabels], zone: ZoneInfo) -> str:
    """The whole record, part by part; ``words``: of each call's script."""
    if record.is_empty:
        return f"О номере {record.number} плагин ничего не хранит."
    return "\n\n".join("\n".join(part) for part in _parts(record, words, zone))


def to_json(record: PersonRecord, words: Sequence[ScriptLabels], zone: ZoneInfo) -> dict[str, Any]:
    """The same for programs."""
    told = zip(record.calls, words, strict=True)
    return {
        "number": record.number,
        "suppression": number_json(record.number, record.entries, record.said),
        "calls": [history_json(history, word, zone, True) for history, word in told],
        "calls_after_refusal": [_row(row, zone, "id", "call_key") for row in record.refused],
        "page_calls": [_row(row, zone, "id", "tab", "seq") for row in record.trails],
        "emails": list(record.emails),
        "diallers": [_row(row, zone, "id", "owner", "number") for row in record.pushed],
        "page_open_for": [_row(row, zone) for row in record.opened],
    }


def _parts(record: PersonRecord, words: Sequence[ScriptLabels], zone: ZoneInfo) -> Iterator[list[str]]:
    yield number_page(record.number, record.entries, record.said, zone).splitlines()
    yield [f"В журнале {counted(len(record.calls), 'звонок', 'звонка', 'звонков')} этого номера."]
    for history, word in zip(record.calls, words, strict=True):
        yield calls_page.page(history, word, zone, True, others=()).splitlines()
    if record.emails:
        yield ["Адреса из карточки, исключаемые из рассылок вместе с номером:", *(f"  {one}" for one in record.emails)]
    if record.pushed:
        yield ["Передано в обзвон:", *(_pushed(row, zone) for row in record.pushed)]
    if record.refused:
        yield ["Звонки после отказа:", *(_refused(row, zone) for row in record.refused)]
    if record.trails:
        yield ["На странице оператора:", *(line for row in record.trails for line in _trail(row, zone))]
    if record.opened:
        yield ["Открыто по ссылке или в окне CRM:", *(_opened(row, zone) for row in record.opened)]
    yield [*wrapped(_ELSEWHERE)]


def _pushed(row: Mapping[str, Any], zone: ZoneInfo) -> str:
    wanted = "внести" if row["wanted"] else "убрать"
    state = {"open": "в очереди", "done": "передано", "parked": "отклонено"}[row["state"]]
    return f"  {row['dialler']}: {wanted} с {clock(row['since'], zone)}, {state}"


def _refused(row: Mapping[str, Any], zone: ZoneInfo) -> str:
    return f"  {clock(row['occurred_at'], zone)}, {SCOPES[row['scope']]}, источник {row['source'][:30]}"


def _trail(row: Mapping[str, Any], zone: ZoneInfo) -> Iterator[str]:
    name = (row["about"] or {}).get("card", {}).get("name") if row["about"] else None
    told = f"{clock(row['started_at'], zone)}, оператор {row['operator'] or '—'}, шагов {len(row['entries'])}"
    yield from wrapped(f"{told}{f', клиент {name}' if name else ''}", 2)


def _opened(row: Mapping[str, Any], zone: ZoneInfo) -> str:
    return f"  {clock(row['opened_at'], zone)}, звонок {row['call_id'][:40]}"


def _row(row: Mapping[str, Any], zone: ZoneInfo, *but: str) -> dict[str, Any]:
    return {name: plain(value, zone, True) for name, value in row.items() if name not in but}
