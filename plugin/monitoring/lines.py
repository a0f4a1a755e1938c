"""What the admins read of one alert: one Russian line with ids and reasons, without a client's data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.common.clock import local_time
from plugin.delivery.reasons import russian_reason
from plugin.delivery.words import KINDS
from plugin.events.refusals import UNKNOWN_SOURCE
from plugin.operations.chain_words import FAULTS
from plugin.resilience.connect import DIALLER_PREFIX
from plugin.resilience.gates import CRM_MAIL_SUFFIX, MAIL_ACCOUNT

#: What to do about an account that the CRM has blocked.
_UNBLOCK = (
    "Все запросы к ней остановлены. Снимите блокировку в CRM или через её поддержку, "
    "затем выполните optout deliveries retry --state waiting"
)

#: Why an event is refused, by the code of the answer.
_REFUSALS: Mapping[str, str] = {
    "too_large": "тело слишком велико",
    "bad_signature": "подпись не подходит ни к одному секрету из [sources]",
    "not_authentic": "не доказано, что событие прислала CRM",
    "not_json": "тело не JSON",
    "malformed": "тело не читается",
    "event_id_reused": "под тем же id уже пришло другое событие",
    "bad_fields": "неверные поля",
    "unknown_connector": "такая CRM не подключена",
}


def delivery(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A parked delivery."""
    what = KINDS[about["what"]].name if about["what"] in KINDS else about["what"]
    return f"доставка № {about['delivery']} ({what}) по звонку № {about['call']} ({about['call_id']}){_reason(about)}"


def settings(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """What the settings lack for deliveries that wait."""
    return f"{russian_reason(about['reason'])}; ждут доставки: {about['deliveries']}, первая № {about['delivery']}"


def promise(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A call whose promise is at risk or broken."""
    numbers = ", ".join(str(number) for number in about["deliveries"][:10])
    call = f"звонок № {about['call']} ({about['call_id']}), срок {_clock(about['deadline'], zone)}"
    return f"{call}; не сделано: доставки № {numbers}"


def account(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """An account that is away, or blocked by the CRM."""
    what, sends = _account(about["account"])
    since = f"с {_clock(about['since'], zone)}{_reason(about)}"
    if about.get("blocked"):
        return f"{what}: доступ заблокирован {since}. {_UNBLOCK}"
    return f"{what} {sends} {since}"


def no_working_time(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A call whose reminder is due while nobody is at work."""
    return f"звонок № {about['call']} ({about['call_id']}): срок напоминания {_clock(about['due'], zone)}"


def _account(name: str) -> tuple[str, str]:
    """What an account is called, and what it does not do."""
    if name.startswith(DIALLER_PREFIX):
        return f"обзвон ({name.removeprefix(DIALLER_PREFIX)})", "не отвечает"
    if name == MAIL_ACCOUNT:
        return "почтовый сервер", "не принимает письма"
    if name.endswith(CRM_MAIL_SUFFIX):
        return f"CRM ({name.removesuffix(CRM_MAIL_SUFFIX)})", "не отправляет письма"
    return f"CRM ({name})", "не отвечает"


def rules(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A revision that a host cannot read."""
    return (
        f"редакция {about['revision'][:12]} на машине {about['host']} не может быть прочитана; "
        f"действует {about['active'][:12]}"
    )


def emergency(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Rules that nobody agreed to."""
    who = f"{about['by']}, {_clock(about['at'], zone)}"
    return f"редакция {about['revision'][:16]} опубликована экстренно: {who}; зачем: {about['reason']}"


def source(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A source that sends nothing."""
    last = about.get("last")
    since = f"последнее пришло {_clock(last, zone)}" if last else "не пришло ни одного"
    return f"источник {about['source']}: за {about['hours']:g} рабочих часов ни одного события, {since}"


def event(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A parked event of the CRM."""
    return f"событие № {about['event']} из CRM ({about['connector']}){_reason(about)}"


def value(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A value of the CRM without a meaning."""
    if not about.get("field"):
        return f"CRM ({about['connector']}): {russian_reason(about['reason'])}"
    where = f"[crm.{about['connector']}.facts.{about.get('fact') or '…'}], values"
    return f"поле {about['field']}: значение «{about['value']}» ничего не означает; впишите его в plugin.toml: {where}"


def waiting(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Events of the CRM that wait for long."""
    first = _clock(about["since"], zone)
    return f"CRM ({about['connector']}): событий {about['events']}, первое ждёт с {first}{_reason(about)}"


def catch_up(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What changed in the CRM while its events reached nobody, and cannot be read."""
    since, first = _clock(about["since"], zone), _clock(about["failing"], zone)
    return f"CRM ({about['connector']}): изменения с {since} не читаются с {first}{_reason(about)}"


def refusal(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Events of a source that are refused."""
    source = "источник не опознан" if about["source"] == UNKNOWN_SOURCE else f"источник {about['source']}"
    why = _REFUSALS.get(about["code"], f"код {about['code']}")
    fields = f" ({', '.join(about['fields'])})" if about.get("fields") else ""
    first = _clock(about["since"], zone)
    return f"{source}: отклонено событий {about['count']}, первое {first}: ответ {about['status']}, {why}{fields}"


def refused_calls(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Calls of a source to numbers that were excluded."""
    counted = f"за сутки звонков по исключённым номерам {about['count']}"
    return f"источник {about['source']}: {counted}, последний замечен {_clock(about['last'], zone)}"


def dialler(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A dialler that lacks numbers."""
    since = f", самый давний с {_clock(about['oldest'], zone)}" if about["oldest"] else ""
    return f"обзвон {about['dialler']}: не передано номеров {about['open']}{since}; отклонено {about['parked']}"


def broken_chain(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What the last check of the chain found."""
    first = about["first"]
    what = FAULTS[first["what"]]
    where = f", запись {first['seq']}" if first.get("seq") else ""
    call = f", звонок № {first['call']}" if first.get("call") else ""
    return f"проверка {_clock(about['at'], zone)}: расхождений {about['faults']}; первое: {what}{where}{call}"


def chain_head(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Where the chain ended at its last check."""
    return f"проверено {_clock(about['at'], zone)}, записей {about['seq']}: отметка {about['seq']}:{about['link']}"


def unstamped_head(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A head that the time stamp service does not stamp."""
    return f"{about['url']}: отметка {about['seq']} не заверена, с {_clock(about['since'], zone)}{_reason(about)}"


_CHANGES = {"missing": "удалено", "reassigned": "передано другому", "postponed": "перенесено за обещанный срок"}


def changed_reminder(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A reminder that is not as it was written."""
    return f"звонок № {about['call']} ({about['call_id']}): напоминание № {about['delivery']} {_CHANGES[about['what']]}"


def _reason(about: Mapping[str, Any]) -> str:
    return f": {russian_reason(about['reason'])}" if about.get("reason") else ""


def _clock(moment: str, zone: ZoneInfo) -> str:
    return local_time(datetime.fromisoformat(moment), zone)
