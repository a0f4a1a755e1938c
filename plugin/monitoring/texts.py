"""What the mails to the admins say: Russian, ids and reasons only, no client's data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.common.clock import local_time
from plugin.monitoring.model import Kind

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
_NAMES: Mapping[Kind, str] = {
    Kind.DELIVERY_PARKED: "доставка остановлена",
    Kind.PROMISE_AT_RISK: "обещание под угрозой",
    Kind.PROMISE_BROKEN: "обещание нарушено",
    Kind.ACCOUNT_AWAY: "нет связи",
    Kind.RULES_NOT_FOLLOWED: "правила не вступили в силу",
    Kind.SOURCE_SILENT: "нет событий",
    Kind.EVENT_PARKED: "событие CRM остановлено",
    Kind.VALUE_NOT_MAPPED: "значение CRM не сопоставлено",
    Kind.EVENTS_WAITING: "события CRM ждут",
}
_SUBJECTS: Mapping[tuple[Kind, bool], str] = {
    (Kind.DELIVERY_PARKED, False): "Доставки остановлены",
    (Kind.DELIVERY_PARKED, True): "Остановленные доставки разобраны",
    (Kind.PROMISE_AT_RISK, False): "Обещания под угрозой",
    (Kind.PROMISE_AT_RISK, True): "Обещания под угрозой всё же выполнены",
    (Kind.PROMISE_BROKEN, False): "Обещания нарушены",
    (Kind.PROMISE_BROKEN, True): "Нарушенные обещания выполнены с опозданием",
    (Kind.ACCOUNT_AWAY, False): "Нет связи",
    (Kind.ACCOUNT_AWAY, True): "Связь восстановлена",
    (Kind.RULES_NOT_FOLLOWED, False): "Правила не вступили в силу",
    (Kind.RULES_NOT_FOLLOWED, True): "С правилами снова всё в порядке",
    (Kind.SOURCE_SILENT, False): "Не приходят события",
    (Kind.SOURCE_SILENT, True): "События снова приходят",
    (Kind.EVENT_PARKED, False): "События CRM остановлены",
    (Kind.EVENT_PARKED, True): "Остановленные события CRM разобраны",
    (Kind.VALUE_NOT_MAPPED, False): "Значения CRM не сопоставлены",
    (Kind.VALUE_NOT_MAPPED, True): "Значения CRM сопоставлены",
    (Kind.EVENTS_WAITING, False): "События CRM ждут обработки",
    (Kind.EVENTS_WAITING, True): "События CRM снова обрабатываются",
}
_ADVICE: Mapping[Kind, str] = {
    Kind.DELIVERY_PARKED: (
        "Сами они больше не отправляются. Подробности: optout deliveries show НОМЕР; "
        "когда причина устранена: optout deliveries retry."
    ),
    Kind.PROMISE_AT_RISK: "Подробности: optout calls show НОМЕР. Если не удастся, сделайте обещанное вручную до срока.",
    Kind.PROMISE_BROKEN: "Обещанное клиенту к этому сроку не исполнено. Подробности: optout calls show НОМЕР.",
    Kind.ACCOUNT_AWAY: "Ничего не потеряно: всё уйдёт, как только связь восстановится.",
    Kind.RULES_NOT_FOLLOWED: "Действуют прежние правила. Подробности: optout rules status.",
    Kind.SOURCE_SILENT: "Проверьте, отправляет ли источник события и принимает ли их плагин (/healthz, журнал).",
    Kind.EVENT_PARKED: (
        "Сами они больше не обрабатываются. Подробности: optout events list; когда причина устранена: "
        "optout events retry НОМЕР; если событие не нужно: optout events drop НОМЕР."
    ),
    Kind.VALUE_NOT_MAPPED: (
        "События с этими значениями ждут, и обещания по ним ещё не даны. Допишите значения в plugin.toml и "
        "перезапустите плагин: дальше он продолжит сам. Какие события ждут: optout events list."
    ),
    Kind.EVENTS_WAITING: "Ничего не потеряно: обработка повторяется сама. Подробности: optout events list.",
}

#: What to do about an account that the CRM has shut.
_UNBLOCK = (
    "Все запросы к ней остановлены. Снимите блокировку в CRM или через её поддержку, "
    "затем выполните optout deliveries retry --state waiting"
)


def kind_name(kind: str) -> str:
    """The kind in the admin's words."""
    return _NAMES[Kind(kind)] if kind in set(Kind) else kind


def mail(kind: Kind, rows: Sequence[Any], zone: ZoneInfo, *, over: bool, sender: str) -> tuple[str, str]:
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
    return _LINES[Kind(kind)](about, zone)


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
    return f"{what} не отвечает с {since}{reason}"


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


_LINES: Mapping[Kind, Callable[[Mapping[str, Any], ZoneInfo], str]] = {
    Kind.DELIVERY_PARKED: _parked,
    Kind.PROMISE_AT_RISK: _promise,
    Kind.PROMISE_BROKEN: _promise,
    Kind.ACCOUNT_AWAY: _account,
    Kind.RULES_NOT_FOLLOWED: _rules,
    Kind.SOURCE_SILENT: _silent,
    Kind.EVENT_PARKED: _event,
    Kind.VALUE_NOT_MAPPED: _value,
    Kind.EVENTS_WAITING: _waiting,
}
