"""Every kind of alert in one table: how its causes are found, when one is over, and what the admins read of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from plugin.monitoring import chain, emergencies, events, find, hurried, lines, refusals, reminders
from plugin.monitoring.model import AlertCause, AlertKind, AlertLook


def _is_found(_look: AlertLook, alert: Any, found: Collection[str]) -> bool:
    return alert.cause in found


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDefinition:
    """One kind of alert. Texts are Russian: its ``name``, the mails' subjects, what to do, and ``line`` for one alert.

    With ``over``, ``find`` gives new causes only, and ``over`` is SQL for the standing alerts that have ended: for
    kinds of which many may stand. Without it, ``find`` gives all present causes, and a standing alert has ended once
    it no longer ``lasts`` (by its row, and the causes that were found).
    """

    name: str
    subject: str
    over_subject: str
    advice: str
    line: Callable[[Mapping[str, Any], ZoneInfo], str]
    find: Callable[[AlertLook], Iterable[AlertCause]]
    over: ColumnElement[bool] | None = None
    lasts: Callable[[AlertLook, Any, Collection[str]], bool] = _is_found


DEFINITIONS: Mapping[AlertKind, AlertDefinition] = {
    AlertKind.DELIVERY_PARKED: AlertDefinition(
        name="доставка остановлена",
        subject="Доставки остановлены",
        over_subject="Остановленные доставки разобраны",
        advice=(
            "Сами они больше не отправляются. Подробности: optout deliveries show НОМЕР; "
            "когда причина устранена: optout deliveries retry."
        ),
        line=lines.delivery,
        find=find.parked_deliveries,
        over=find.DELIVERY_UNPARKED,
    ),
    AlertKind.SETTINGS_AT_FAULT: AlertDefinition(
        name="доставки ждут исправления настроек",
        subject="Доставки ждут исправления настроек",
        over_subject="Доставки больше не ждут исправления настроек",
        advice=(
            "Ничего не потеряно. Исправьте названное и перезапустите плагин: дальше он продолжит сам, сразу — после "
            "optout deliveries retry --state waiting. Что настроено неверно, покажет и optout doctor."
        ),
        line=lines.settings,
        find=find.settings_at_fault,
    ),
    AlertKind.PROMISE_AT_RISK: AlertDefinition(
        name="обещание под угрозой",
        subject="Обещания под угрозой",
        over_subject="Обещания под угрозой всё же выполнены",
        advice="Подробности: optout calls show НОМЕР. Если не удастся, сделайте обещанное вручную до срока.",
        line=lines.promise,
        find=find.promises_at_risk,
        over=find.PROMISE_NO_LONGER_AT_RISK,
    ),
    AlertKind.PROMISE_BROKEN: AlertDefinition(
        name="обещание нарушено",
        subject="Обещания нарушены",
        over_subject="Нарушенные обещания выполнены с опозданием",
        advice="Обещанное клиенту к этому сроку не исполнено. Подробности: optout calls show НОМЕР.",
        line=lines.promise,
        find=find.promises_broken,
        over=find.PROMISE_NO_LONGER_BROKEN,
    ),
    AlertKind.ACCOUNT_AWAY: AlertDefinition(
        name="нет связи",
        subject="Нет связи",
        over_subject="Связь восстановлена",
        advice="Ничего не потеряно: всё уйдёт, как только связь восстановится.",
        line=lines.account,
        find=find.accounts_away,
        lasts=find.is_still_away,
    ),
    AlertKind.RULES_NOT_FOLLOWED: AlertDefinition(
        name="правила не вступили в силу",
        subject="Правила не вступили в силу",
        over_subject="С правилами снова всё в порядке",
        advice="Действуют прежние правила. Подробности: optout rules status.",
        line=lines.rules,
        find=find.rules_not_followed,
        lasts=find.is_still_unfollowed,
    ),
    AlertKind.SOURCE_SILENT: AlertDefinition(
        name="нет событий",
        subject="Не приходят события",
        over_subject="События снова приходят",
        advice="Проверьте, отправляет ли источник события и принимает ли их плагин (/healthz, журнал).",
        line=lines.source,
        find=find.silent_sources,
    ),
    AlertKind.EVENT_PARKED: AlertDefinition(
        name="событие CRM остановлено",
        subject="События CRM остановлены",
        over_subject="Остановленные события CRM разобраны",
        advice=(
            "Сами они больше не обрабатываются. Подробности: optout events list; когда причина устранена: "
            "optout events retry НОМЕР; если событие не нужно: optout events drop НОМЕР."
        ),
        line=lines.event,
        find=events.parked_events,
        over=events.EVENT_UNPARKED,
    ),
    AlertKind.VALUE_NOT_MAPPED: AlertDefinition(
        name="значение CRM не сопоставлено",
        subject="Значения CRM не сопоставлены",
        over_subject="Значения CRM сопоставлены",
        advice=(
            "События с этими значениями ждут, и обещания по ним ещё не даны. Допишите значения в plugin.toml и "
            "перезапустите плагин: дальше он продолжит сам. Какие события ждут: optout events list."
        ),
        line=lines.value,
        find=events.values_not_mapped,
    ),
    AlertKind.EVENTS_WAITING: AlertDefinition(
        name="события CRM ждут",
        subject="События CRM ждут обработки",
        over_subject="События CRM снова обрабатываются",
        advice="Ничего не потеряно: обработка повторяется сама. Подробности: optout events list.",
        line=lines.waiting,
        find=events.events_waiting,
    ),
    AlertKind.EVENT_REFUSED: AlertDefinition(
        name="события отклоняются",
        subject="События отклоняются",
        over_subject="События снова принимаются",
        advice=(
            "Отклонённые события не записаны: просьбы клиентов в них не исполняются, пока источник не пришлёт их "
            "исправленными. Что не так с полями, источник получил в ответе; настройки источников: [sources] "
            "в plugin.toml, проверка: optout doctor."
        ),
        line=lines.refusal,
        find=refusals.refused_events,
        lasts=refusals.is_still_refused,
    ),
    AlertKind.CATCH_UP_FAILED: AlertDefinition(
        name="пропущенное в CRM не прочитано",
        subject="Пропущенное в CRM не прочитано",
        over_subject="Пропущенное в CRM прочитано",
        advice=(
            "Звонки, о которых CRM сообщала, пока плагин не работал или не был виден, ещё не приняты. Чтение "
            "повторяется само; чего не хватает, покажет optout doctor. Повторить вручную: "
            "optout events catch-up --since ВРЕМЯ."
        ),
        line=lines.catch_up,
        find=events.catch_ups_failing,
    ),
    AlertKind.CALL_AFTER_REFUSAL: AlertDefinition(
        name="звонок после отказа",
        subject="Звонок после отказа",
        over_subject="Звонков после отказа больше нет (сутки)",
        advice=(
            "Клиентам, которые отказались от звонков, всё же звонили. Список этих звонков: optout suppression calls. "
            "Проверьте, что обзвон этого источника сверяется со списком исключённых номеров: docs/diallers.md."
        ),
        line=lines.refused_calls,
        find=find.calls_after_refusal,
    ),
    AlertKind.DIALLER_BEHIND: AlertDefinition(
        name="обзвон не получает исключения",
        subject="Обзвон не получает исключённые номера",
        over_subject="Обзвон снова получает исключённые номера",
        advice=(
            "Пока номера нет в чёрном списке обзвона, клиенту могут позвонить. Что не передано и почему: "
            "optout suppression push ИМЯ; когда причина устранена: optout suppression push ИМЯ --again."
        ),
        line=lines.dialler,
        find=find.diallers_behind,
    ),
    AlertKind.NO_WORKING_TIME: AlertDefinition(
        name="нет рабочего времени до срока",
        subject="До срока нет рабочего времени",
        over_subject="Напоминания, поставленные вне рабочего времени: срок наступил",
        advice=(
            "По календарю правил до обещанного срока никто не работает, поэтому напоминание поставлено на час после "
            "звонка. Предупредите исполнителя. Подробности: optout calls show НОМЕР; календарь: [calendar] в правилах."
        ),
        line=lines.no_working_time,
        find=hurried.hurried_reminders,
        lasts=hurried.is_still_hurried,
    ),
    AlertKind.CHAIN_BROKEN: AlertDefinition(
        name="записи журнала изменены",
        subject="Записи журнала не сходятся с цепочкой",
        over_subject="Записи журнала снова сходятся с цепочкой",
        advice=(
            "Записи о звонках изменены, удалены или добавлены в обход плагина: как доказательство они не годятся. "
            "Что именно: optout ledger verify. Сохраните копию журнала и прежние копии (optout backup), выясните, кто "
            "имел доступ к базе."
        ),
        line=lines.broken_chain,
        find=chain.broken_chain,
    ),
    AlertKind.CHAIN_HEAD: AlertDefinition(
        name="отметка цепочки",
        subject="Отметка цепочки журнала за сутки",
        over_subject="Отметка цепочки журнала отправлена",
        advice=(
            "Делать ничего не нужно: сохраните это письмо. Отметка показывает, что записи о звонках до этого места "
            "потом не изменены и не удалены. Сверить с ней журнал: optout ledger verify --head НОМЕР:ОТМЕТКА."
        ),
        line=lines.chain_head,
        find=chain.chain_heads,
        lasts=chain.lasts_until_told,
    ),
    AlertKind.HEAD_NOT_STAMPED: AlertDefinition(
        name="отметка цепочки не заверена",
        subject="Служба времени не заверяет отметку цепочки",
        over_subject="Служба времени снова заверяет отметки цепочки",
        advice=(
            "Цепочка цела, отметки по-прежнему приходят письмом. Запрос повторяется сам. Проверьте адрес и сертификаты "
            "в [proof] plugin.toml и доступ к службе: optout doctor."
        ),
        line=lines.unstamped_head,
        find=chain.unstamped_heads,
    ),
    AlertKind.REMINDER_CHANGED: AlertDefinition(
        name="напоминание изменено в CRM",
        subject="Напоминания изменены в CRM",
        over_subject="Изменённые напоминания исполнены, сняты или возвращены",
        advice=(
            "Напоминание удалили, передали другому или перенесли за обещанный срок, а клиенту обещано прежнее. "
            "Узнайте, кто исполнит: optout promises show НОМЕР. Исполненное без напоминания отмечает ссылка из письма."
        ),
        line=lines.changed_reminder,
        find=reminders.changed_reminders,
        over=reminders.NO_LONGER_SO,
    ),
    AlertKind.RULES_EMERGENCY: AlertDefinition(
        name="экстренная публикация правил",
        subject="Правила опубликованы экстренно",
        over_subject="Экстренная публикация правил: прошли сутки",
        advice=(
            "Правила опубликованы без согласия другого человека, которого требует [rules] approvals. Проверьте их: "
            "optout rules history; снять только это изменение: optout rules revert РЕДАКЦИЯ."
        ),
        line=lines.emergency,
        find=emergencies.emergency_publications,
        lasts=emergencies.is_still_an_emergency,
    ),
}
