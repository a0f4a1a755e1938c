"""Each kind of alert in words, in the language of ``[plugin] language``: Russian as its definition says, or English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from plugin.common.clock import ENGLISH_ZONES, RUSSIAN_ZONES
from plugin.monitoring import lines_en as lines
from plugin.monitoring.definitions import DEFINITIONS
from plugin.monitoring.model import AlertKind


@dataclass(frozen=True, slots=True)
class AlertWords:
    """A kind's name, the subjects of its mails, what to do, and the line for one alert."""

    name: str
    subject: str
    over_subject: str
    advice: str
    line: Callable[[Mapping[str, Any], ZoneInfo], str]


@dataclass(frozen=True, slots=True)
class MailWords:
    """What a mail about alerts says between them; ``{}`` stands for times and numbers."""

    span: str
    more: str
    zones: Mapping[str, str]


MAIL_WORDS: Mapping[str, MailWords] = {
    "ru": MailWords("с {} по {}", "и ещё {}. Все: optout alerts list --all", RUSSIAN_ZONES),
    "en": MailWords("from {} to {}", "and {} more. All: optout alerts list --all", ENGLISH_ZONES),
}
_ENGLISH: Mapping[AlertKind, AlertWords] = {
    AlertKind.DELIVERY_PARKED: AlertWords(
        "delivery parked",
        "Deliveries are parked",
        "Parked deliveries are settled",
        "They are not sent any more by themselves. Details: optout deliveries show NUMBER; once the cause is mended: "
        "optout deliveries retry.",
        lines.delivery,
    ),
    AlertKind.SETTINGS_AT_FAULT: AlertWords(
        "deliveries wait for the settings",
        "Deliveries wait until settings are put right",
        "Deliveries no longer wait for settings",
        "Nothing is lost. Put right what is named and start the plugin again: it goes on by itself, at once after "
        "optout deliveries retry --state waiting. optout doctor shows too what is set wrongly.",
        lines.settings,
    ),
    AlertKind.PROMISE_AT_RISK: AlertWords(
        "promise at risk",
        "Promises are at risk",
        "Promises at risk were kept after all",
        "Details: optout calls show NUMBER. If it does not work out, do by hand what was promised before it is due.",
        lines.promise,
    ),
    AlertKind.PROMISE_BROKEN: AlertWords(
        "promise broken",
        "Promises are broken",
        "Broken promises were carried out late",
        "What the client was promised by then is not done. Details: optout calls show NUMBER.",
        lines.promise,
    ),
    AlertKind.ACCOUNT_AWAY: AlertWords(
        "no connection",
        "No connection",
        "The connection is back",
        "Nothing is lost: everything goes out as soon as the connection is back.",
        lines.account,
    ),
    AlertKind.RULES_NOT_FOLLOWED: AlertWords(
        "rules not followed",
        "Rules are not followed",
        "The rules are in order again",
        "The former rules decide. Details: optout rules status.",
        lines.rules,
    ),
    AlertKind.SOURCE_SILENT: AlertWords(
        "no events",
        "No events come in",
        "Events come in again",
        "See whether the source sends events and the plugin takes them (/healthz, the log).",
        lines.source,
    ),
    AlertKind.EVENT_PARKED: AlertWords(
        "event of the CRM parked",
        "Events of the CRM are parked",
        "Parked events of the CRM are settled",
        "They are not looked at any more by themselves. Details: optout events list; once the cause is mended: "
        "optout events retry NUMBER; if the event is not wanted: optout events drop NUMBER.",
        lines.event,
    ),
    AlertKind.VALUE_NOT_MAPPED: AlertWords(
        "value of the CRM not mapped",
        "Values of the CRM are not mapped",
        "Values of the CRM are mapped",
        "Events with these values wait, and nothing is promised for them yet. Write the values into plugin.toml and "
        "start the plugin again: it goes on by itself. Which events wait: optout events list.",
        lines.value,
    ),
    AlertKind.EVENTS_WAITING: AlertWords(
        "events of the CRM wait",
        "Events of the CRM wait",
        "Events of the CRM are dealt with again",
        "Nothing is lost: they are tried again by themselves. Details: optout events list.",
        lines.waiting,
    ),
    AlertKind.EVENT_REFUSED: AlertWords(
        "events are refused",
        "Events are refused",
        "Events are taken again",
        "Refused events are not recorded: what clients asked for in them is not done until the source sends them put "
        "right. The answer told the source what is wrong with the fields; settings of sources: [sources] in "
        "plugin.toml, to be proven by optout doctor.",
        lines.refusal,
    ),
    AlertKind.CATCH_UP_FAILED: AlertWords(
        "missed events not read",
        "What was missed in the CRM is not read",
        "What was missed in the CRM is read",
        "Calls that the CRM reported while the plugin was not there are not taken in yet. Reading is tried again by "
        "itself; optout doctor shows what lacks. By hand: optout events catch-up --since TIME.",
        lines.catch_up,
    ),
    AlertKind.CALL_AFTER_REFUSAL: AlertWords(
        "call after a refusal",
        "Calls after a refusal",
        "No calls after a refusal any more (a day)",
        "Clients who asked to be excluded were called all the same: optout suppression calls lists these calls. See to "
        "it that the dialler of this source asks whom not to call: docs/diallers.md.",
        lines.refused_calls,
    ),
    AlertKind.DIALLER_BEHIND: AlertWords(
        "dialler lacks exclusions",
        "A dialler does not get excluded numbers",
        "The dialler gets excluded numbers again",
        "While a number is not in the dialler's list its owner may be called. What was not pushed, and why: optout "
        "suppression push NAME; once the cause is mended: optout suppression push NAME --again.",
        lines.dialler,
    ),
    AlertKind.NO_WORKING_TIME: AlertWords(
        "no working time before it is due",
        "No working time before it is due",
        "Reminders set outside working hours: their time has come",
        "By the calendar of the rules nobody is at work before the promise ends, so the reminder is due an hour after "
        "the call. Tell who is to act on it. Details: optout calls show NUMBER; the calendar: [calendar] in the rules.",
        lines.no_working_time,
    ),
    AlertKind.CHAIN_BROKEN: AlertWords(
        "records changed",
        "The ledger's records do not agree with the chain",
        "The ledger's records agree with the chain again",
        "Records of calls were changed, removed or added past the plugin: they prove nothing. Which ones: optout "
        "ledger verify. Keep a copy of the ledger and the former copies (optout backup), and find out who had access "
        "to the database.",
        lines.broken_chain,
    ),
    AlertKind.CHAIN_HEAD: AlertWords(
        "head of the chain",
        "The chain's head of the day",
        "The chain's head was sent",
        "Nothing is to be done: keep this mail. The head shows that the records of calls up to there are not changed "
        "or removed later. To compare the ledger with it: optout ledger verify --head NUMBER:HEAD.",
        lines.chain_head,
    ),
    AlertKind.REMINDER_CHANGED: AlertWords(
        "reminder changed in the CRM",
        "Reminders were changed in the CRM",
        "Changed reminders are done or withdrawn",
        "A reminder was deleted, given to somebody else or put off past the promise, while the client still counts on "
        "it. Find out who sees to it: optout promises show NUMBER. The link in its mail marks it as done without it.",
        lines.changed_reminder,
    ),
    AlertKind.RULES_EMERGENCY: AlertWords(
        "rules published in an emergency",
        "Rules were published in an emergency",
        "Rules published in an emergency: a day has passed",
        "They were published without another person's approval, which [rules] approvals asks for. Look through them: "
        "optout rules history; to take out just this change: optout rules revert REVISION.",
        lines.emergency,
    ),
}


def words_of(kind: AlertKind, language: str) -> AlertWords:
    """How this kind is told in this language."""
    if language == "en":
        return _ENGLISH[kind]
    one = DEFINITIONS[kind]
    return AlertWords(one.name, one.subject, one.over_subject, one.advice, one.line)
