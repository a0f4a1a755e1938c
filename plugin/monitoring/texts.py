"""What the mails to the admins say: Russian, ids and reasons only, no client's data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.common.clock import local_time
from plugin.monitoring.model import AlertKind

#: So many causes are listed in one mail; `optout alerts list` has all of them.
LISTED = 30

WORDS: Mapping[str, str] = {
    "comment": "комментарий в карточку",
    "reminder": "напоминание",
    "crm_email": "письмо через CRM",
    "smtp_email": "письмо",
    "withdrawal": "отзыв напоминания",
}
#: Each kind: its name, the subjects when it begins and when it is over, and what to do about it.
_NAMES: Mapping[AlertKind, str] = {
    AlertKind.DELIVERY_PARKED: "доставка остановлена",
    AlertKind.PROMISE_AT_RISK: "обещание под угрозой",
    AlertKind.PROMISE_BROKEN: "обещание нарушено",
    AlertKind.ACCOUNT_AWAY: "нет связи",
    AlertKind.RULES_NOT_FOLLOWED: "правила не вступили в силу",
    AlertKind.SOURCE_SILENT: "нет событий",
    AlertKind.EVENT_PARKED: "событие CRM остановлено",
    AlertKind.VALUE_NOT_MAPPED: "значение CRM не сопоставлено",
    AlertKind.EVENTS_WAITING: "события CRM ждут",
}
_SUBJECTS: Mapping[tuple[AlertKind, bool], str] = {
    (AlertKind.DELIVERY_PARKED, False): "Доставки остановлены",
    (AlertKind.DELIVERY_PARKED, True): "Остановленные доставки разобраны",
    (AlertKind.PROMISE_AT_RISK, False): "Обещания под угрозой",
    (AlertKind.PROMISE_AT_RISK, True): "Обещания под угрозой всё же выполнены",
    (AlertKind.PROMISE_BROKEN, False): "Обещания нарушены",
    (AlertKind.PROMISE_BROKEN, True): "Нарушенные обещания выполнены с опозданием",
    (AlertKind.ACCOUNT_AWAY, False): "Нет связи",
    (AlertKind.ACCOUNT_AWAY, True): "Связь восстановлена",
    (AlertKind.RULES_NOT_FOLLOWED, False): "Правила не вступили в силу",
    (AlertKind.RULES_NOT_FOLLOWED, True): "С правилами снова всё в порядке",
    (AlertKind.SOURCE_SILENT, False): "Не приходят события",
    (AlertKind.SOURCE_SILENT, True): "События снова приходят",
    (AlertKind.EVENT_PARKED, False): "События CRM остановлены",
    (AlertKind.EVENT_PARKED, True): "Остановленные события CRM разобраны",
    (AlertKind.VALUE_NOT_MAPPED, False): "Значения CRM не сопоставлены",
    (AlertKind.VALUE_NOT_MAPPED, True): "Значения CRM сопоставлены",
    (AlertKind.EVENTS_WAITING, False): "События CRM ждут обработки",
    (AlertKind.EVENTS_WAITING, True): "События CRM снова обрабатываются",
}
_ADVICE: Mapping[AlertKind, str] = {
    AlertKind.DELIVERY_PARKED: (
        "Сами они больше не отправляются. Подробности: optout deliveries show НОМЕР; "
        "когда причина устранена: optout deliveries retry."
    ),
    AlertKind.PROMISE_AT_RISK: (
        "Подробности: optout calls show НОМЕР. Если не удастся, сделайте обещанное вручную до срока."
    ),
    AlertKind.PROMISE_BROKEN: "Обещанное клиенту к этому сроку не исполнено. Подробности: optout calls show НОМЕР.",
    AlertKind.ACCOUNT_AWAY: "Ничего не потеряно: всё уйдёт, как только связь восстановится.",
    AlertKind.RULES_NOT_FOLLOWED: "Действуют прежние правила. Подробности: optout rules status.",
    AlertKind.SOURCE_SILENT: "Проверьте, отправляет ли источник события и принимает ли их плагин (/healthz, журнал).",
    AlertKind.EVENT_PARKED: (
        "Сами они больше не обрабатываются. Подробности: optout events list; когда причина устранена: "
        "optout events retry НОМЕР; если событие не нужно: optout events drop НОМЕР."
    ),
    AlertKind.VALUE_NOT_MAPPED: (
        "События с этими значениями ждут, и обещания по ним ещё не даны. Допишите значения в plugin.toml и "
        "перезапустите плагин: дальше он продолжит сам. Какие события ждут: optout events list."
    ),
    AlertKind.EVENTS_WAITING: "Ничего не потеряно: обработка повторяется сама. Подробности: optout events list.",
}

#: What to do about an account that the CRM has shut.
_UNBLOCK = (
    "Все запросы к ней остановлены. Снимите блокировку в CRM или через её поддержку, "
    "затем выполните optout deliveries retry --state waiting"
)


def kind_name(kind: str) -> str:
    """The kind in the admin's words."""
    return _NAMES[AlertKind(kind)] if kind in set(AlertKind) else kind


def mail(kind: AlertKind, rows: Sequence[Any], zone: ZoneInfo, *, over: bool, sender: str) -> tuple[str, str]:
    """Subject and text of the mail about these alerts (rows of the ledger) of one kind."""
    subject = f"[{sender}] {_SUBJECTS[kind, over]}" + (f": {len(rows)}" if len(rows) > 1 else "")
    lines = [f"{_SUBJECTS[kind, over]}:", ""]
    for row in rows[:LISTED]:
        lines.append(f"- {line(kind, row.about, zone)}")
        if over:
            lines.append(f"  с {local_time(row.opened_at, zone)} по {local_time(row.closed_at, zone)}")
    if len(rows) > LISTED:
        lines.append(f"и ещё {len(rows) - LISTED}. Все: optout alerts list --all")
    if not over:
        lines += ["", _ADVICE[kind]]
    return subject, "\n".join(lines) + "\n"


def line(kind: str, about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What one alert is about, in one line."""
    return _LINES[AlertKind(kind)](about, zone)


def _parked(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    what = WORDS.get(about["what"], about["what"])
    reason = f": {about['reason']}" if about.get("reason") else ""
    return f"доставка № {about['delivery']} ({what}) по звонку № {about['call']} ({about['call_id']}){reason}"


def _promise(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    numbers = ", ".join(str(number) for number in about["deliveries"][:10])
    deadline = local_time(datetime.fromisoformat(about["deadline"]), zone)
    return f"звонок № {about['call']} ({about['call_id']}), срок {deadline}; не сделано: доставки № {numbers}"


def _account(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    since = local_time(datetime.fromisoformat(about["since"]), zone)
    what = "почтовый сервер" if about["account"] == "smtp" else f"CRM ({about['account']})"
    reason = f": {about['reason']}" if about.get("reason") else ""
    if about.get("blocked"):
        return f"{what}: доступ заблокирован с {since}{reason}. {_UNBLOCK}"
    what_is = "не принимает письма" if about["account"] == "smtp" else "не отвечает"
    return f"{what} {what_is} с {since}{reason}"


def _rules(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    return (
        f"редакция {about['revision'][:12]} на машине {about['host']} не может быть прочитана; "
        f"действует {about['active'][:12]}"
    )


def _silent(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    last = about.get("last")
    since = f"последнее пришло {local_time(datetime.fromisoformat(last), zone)}" if last else "не пришло ни одного"
    return f"источник {about['source']}: за {about['hours']:g} рабочих часов ни одного события, {since}"


def _event(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    reason = f": {about['reason']}" if about.get("reason") else ""
    return f"событие № {about['event']} из CRM ({about['connector']}){reason}"


def _value(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    if not about.get("field"):
        return f"CRM ({about['connector']}): {about['reason']}"
    where = f"[crm.{about['connector']}.facts.{about.get('fact') or '…'}], values"
    return f"поле {about['field']}: значение «{about['value']}» ничего не означает; впишите его в plugin.toml: {where}"


def _waiting(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    since = local_time(datetime.fromisoformat(about["since"]), zone)
    reason = f": {about['reason']}" if about.get("reason") else ""
    return f"CRM ({about['connector']}): событий {about['events']}, первое ждёт с {since}{reason}"


_LINES: Mapping[AlertKind, Callable[[Mapping[str, Any], ZoneInfo], str]] = {
    AlertKind.DELIVERY_PARKED: _parked,
    AlertKind.PROMISE_AT_RISK: _promise,
    AlertKind.PROMISE_BROKEN: _promise,
    AlertKind.ACCOUNT_AWAY: _account,
    AlertKind.RULES_NOT_FOLLOWED: _rules,
    AlertKind.SOURCE_SILENT: _silent,
    AlertKind.EVENT_PARKED: _event,
    AlertKind.VALUE_NOT_MAPPED: _value,
    AlertKind.EVENTS_WAITING: _waiting,
}
