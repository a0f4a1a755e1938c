"""What is wrong with the chain, in words."""

from __future__ import annotations

from collections.abc import Mapping

FAULTS: Mapping[str, str] = {
    "gap": "записи цепочки нет на месте",
    "link": "запись цепочки изменена",
    "record": "запись журнала изменена или удалена",
    "salt": "соль записи удалена",
    "again": "запись журнала изменена и внесена в цепочку заново",
    "mark": "цепочка не та, что при прежней проверке",
    "end": "конец цепочки отрезан или изменён",
    "start": "начало цепочки изменено",
    "left_out": "записи журнала нет в цепочке",
    "head": "отметка не сходится",
    "stamp": "отметка времени не подтверждает отметку",
}
FAULTS_EN: Mapping[str, str] = {
    "gap": "an entry is missing",
    "link": "an entry was changed",
    "record": "a record was changed or removed",
    "salt": "an entry's salt was removed",
    "again": "a record was changed and taken in again",
    "mark": "the chain is not the one of a former check",
    "end": "the end was cut off or changed",
    "start": "the beginning was changed",
    "left_out": "a record is not in the chain",
    "head": "the head does not agree",
    "stamp": "a time stamp does not vouch for its head",
}
#: What entries and faults tell of.
KINDS: Mapping[str, str] = {
    "start": "начало цепочки",
    "call": "звонок",
    "event": "событие с решением",
    "decision": "решение",
    "delivery": "доставка",
    "attempt": "попытка доставки",
    "reminder": "исполнение напоминания",
    "said": "исключение номера по звонку",
    "suppression": "исключение номера вручную",
    "act": "действие вручную",
    "trail": "разговор на странице оператора",
}
