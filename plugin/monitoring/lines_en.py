"""What the admins read of one alert where ``[plugin] language`` is English: the same lines as in Russian."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.common.clock import ENGLISH_ZONES, local_time
from plugin.events.refusals import UNKNOWN_SOURCE
from plugin.operations.chain_words import FAULTS_EN
from plugin.resilience.connect import DIALLER_PREFIX
from plugin.resilience.gates import CRM_MAIL_SUFFIX, MAIL_ACCOUNT

_UNBLOCK = (
    "All requests to it are stopped. Have the block lifted in the CRM or by its support, "
    "then run optout deliveries retry --state waiting"
)
_KINDS: Mapping[str, str] = {
    "comment": "comment into the card",
    "reminder": "reminder",
    "crm_email": "mail through the CRM",
    "smtp_email": "mail",
    "withdrawal": "withdrawal of a reminder",
    "completion": "completion of a reminder",
}
_REFUSALS: Mapping[str, str] = {
    "too_large": "the body is too large",
    "bad_signature": "the signature fits no secret of [sources]",
    "not_authentic": "it is not proven that the CRM has sent it",
    "not_json": "the body is no JSON",
    "malformed": "the body cannot be read",
    "event_id_reused": "another event came under the same id",
    "bad_fields": "wrong fields",
    "unknown_connector": "no such CRM is connected",
}


def delivery(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A parked delivery."""
    what = _KINDS.get(about["what"], about["what"])
    return f"delivery {about['delivery']} ({what}) of call {about['call']} ({about['call_id']}){_reason(about)}"


def settings(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """What the settings lack for deliveries that wait."""
    return f"{about['reason']}; deliveries that wait: {about['deliveries']}, the first {about['delivery']}"


def promise(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A call whose promise is at risk or broken."""
    numbers = ", ".join(str(number) for number in about["deliveries"][:10])
    call = f"call {about['call']} ({about['call_id']}), due {_clock(about['deadline'], zone)}"
    return f"{call}; not done: deliveries {numbers}"


def account(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """An account that is away, or blocked by the CRM."""
    what, lacks = _account(about["account"])
    since = f"since {_clock(about['since'], zone)}{_reason(about)}"
    if about.get("blocked"):
        return f"{what}: access is blocked {since}. {_UNBLOCK}"
    return f"{what} {lacks} {since}"


def rules(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A revision that a host cannot read."""
    host, active = about["host"], about["active"][:12]
    return f"revision {about['revision'][:12]} cannot be read on the machine {host}; {active} decides"


def emergency(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Rules that nobody agreed to."""
    who = f"{about['by']}, {_clock(about['at'], zone)}"
    return f"revision {about['revision'][:16]} published in an emergency: {who}; why: {about['reason']}"


def source(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A source that sends nothing."""
    last = about.get("last")
    since = f"the last one came {_clock(last, zone)}" if last else "none has come"
    return f"source {about['source']}: no event for {about['hours']:g} working hours, {since}"


def event(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A parked event of the CRM."""
    return f"event {about['event']} of the CRM ({about['connector']}){_reason(about)}"


def value(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A value of the CRM without a meaning."""
    if not about.get("field"):
        return f"CRM ({about['connector']}): {about['reason']}"
    where = f"[crm.{about['connector']}.facts.{about.get('fact') or '…'}], values"
    return f"field {about['field']}: the value “{about['value']}” means nothing; write it into plugin.toml: {where}"


def waiting(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Events of the CRM that wait for long."""
    first = _clock(about["since"], zone)
    return f"CRM ({about['connector']}): {about['events']} events, the first waits since {first}{_reason(about)}"


def catch_up(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What changed in the CRM while its events reached nobody, and cannot be read."""
    since, first = _clock(about["since"], zone), _clock(about["failing"], zone)
    return f"CRM ({about['connector']}): changes since {since} cannot be read since {first}{_reason(about)}"


def refusal(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Events of a source that are refused."""
    sender = "unknown source" if about["source"] == UNKNOWN_SOURCE else f"source {about['source']}"
    why = _REFUSALS.get(about["code"], f"code {about['code']}")
    fields = f" ({', '.join(about['fields'])})" if about.get("fields") else ""
    first = _clock(about["since"], zone)
    return f"{sender}: {about['count']} events refused, the first {first}: answer {about['status']}, {why}{fields}"


def refused_calls(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Calls of a source to numbers that were excluded."""
    counted = f"{about['count']} calls to excluded numbers within a day"
    return f"source {about['source']}: {counted}, the last noticed {_clock(about['last'], zone)}"


def no_working_time(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A call whose reminder is due while nobody is at work."""
    return f"call {about['call']} ({about['call_id']}): the reminder is due {_clock(about['due'], zone)}"


def dialler(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A dialler that lacks numbers."""
    since = f", the oldest since {_clock(about['oldest'], zone)}" if about["oldest"] else ""
    return f"dialler {about['dialler']}: {about['open']} numbers not pushed{since}; {about['parked']} refused"


def broken_chain(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What the last check of the chain found."""
    first = about["first"]
    what = FAULTS_EN[first["what"]]
    where = f", entry {first['seq']}" if first.get("seq") else ""
    call = f", call {first['call']}" if first.get("call") else ""
    return f"check of {_clock(about['at'], zone)}: {about['faults']} faults; the first: {what}{where}{call}"


def chain_head(about: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Where the chain ended at its last check."""
    return f"checked {_clock(about['at'], zone)}, {about['seq']} entries: head {about['seq']}:{about['link']}"


def _account(name: str) -> tuple[str, str]:
    if name.startswith(DIALLER_PREFIX):
        return f"dialler ({name.removeprefix(DIALLER_PREFIX)})", "does not answer"
    if name == MAIL_ACCOUNT:
        return "the mail server", "takes no mails"
    if name.endswith(CRM_MAIL_SUFFIX):
        return f"CRM ({name.removesuffix(CRM_MAIL_SUFFIX)})", "sends no mails"
    return f"CRM ({name})", "does not answer"


_CHANGES = {"missing": "deleted", "reassigned": "given to somebody else", "postponed": "put off past the promise"}


def changed_reminder(about: Mapping[str, Any], _zone: ZoneInfo) -> str:
    """A reminder that is not as it was written."""
    return f"call no. {about['call']} ({about['call_id']}): reminder no. {about['delivery']} {_CHANGES[about['what']]}"


def _reason(about: Mapping[str, Any]) -> str:
    return f": {about['reason']}" if about.get("reason") else ""


def _clock(moment: str, zone: ZoneInfo) -> str:
    return local_time(datetime.fromisoformat(moment), zone, ENGLISH_ZONES)
