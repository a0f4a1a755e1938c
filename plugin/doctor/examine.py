"""Examines a configuration, from plugin.toml to the CRM and the mail server, check by check. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.base import NO_STORE, Assignee, Check, Connector, CrmRefused, CrmUnavailable, EventsUnverifiable
from connectors.kit.checks import FRAMES_PROVEN
from connectors.protocol.check import read_failed
from connectors.registry import connector_class
from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.revisions.publish import checked
from plugin.common.clock import Now
from plugin.config.load import load_settings
from plugin.deciding.ruleset.people import everybody
from plugin.doctor.checks import DoctorCheck, DoctorReport, fault_of, secrets_in
from plugin.doctor.diallers import dialler_points, dialler_secrets
from plugin.doctor.machine import ledger_file, time_zone
from plugin.doctor.page import clients_told_apart
from plugin.doctor.stamps import time_stamps
from plugin.errors import ConfigError, InputError, LedgerUnavailable, OptoutError, RulesError
from plugin.events.card_field_check import card_field_remarks
from plugin.events.mapping_check import remarks
from plugin.ledger import Ledger
from plugin.resilience.connect import connect, connector_of, mailer_of

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.deciding.decision.compiled_rules import Rulebook
    from plugin.deciding.ruleset import Role

_FAULTS_SHOWN = 10


@dataclass(slots=True)
class Examination:
    """One examination; ``settings``, ``ledger``, ``rulebook`` and ``connector`` are set by the checks that open them.

    What was opened is closed with ``stack``.
    """

    now: Now
    stack: ExitStack
    report: DoctorReport = field(default_factory=DoctorReport)
    settings: Settings | None = None
    ledger: Ledger | None = None
    rulebook: Rulebook | None = None
    folder_revision: str | None = None
    connector: Connector | None = None
    has_secrets: bool = False
    #: What can be proven only by writing and mailing is tried afterwards.
    writes: bool = False

    def run(self, config: Path | None, environ: Mapping[str, str]) -> None:
        """Run every check that the configuration allows; without its secrets, those of the ledger and the rules."""
        self.report.add(*_read_settings(self, config, environ))
        if self.settings is None:
            return
        for check in (*_LOCAL, *(_REMOTE if self.has_secrets else ())):
            self.report.add(*check(self, self.settings))


# --- plugin.toml -----------------------------------------------------------------------------------


def _read_settings(seen: Examination, config: Path | None, environ: Mapping[str, str]) -> Iterator[DoctorCheck]:
    try:
        seen.settings = settings = load_settings(config, environ)
    except ConfigError as error:
        for line in str(error).splitlines()[:_FAULTS_SHOWN]:
            yield _failed("settings", "plugin.toml can be used", line)
        # The rest of it may suffice for the rules and the ledger.
        with suppress(ConfigError):
            seen.settings = load_settings(config, environ, secrets=False)
        return
    seen.has_secrets = True
    keys = [secret for source in settings.sources for secret in source.secrets]
    smtp = settings.smtp.password if settings.smtp else None
    more = [*keys, smtp, settings.web.metrics_token, settings.alerts.webhook_secret]
    seen.report.secrets = secrets_in(_secret(settings), *dialler_secrets(settings), more=more)
    yield DoctorCheck("settings", "plugin.toml and every secret it refers to can be read")


def _secret(settings: Settings) -> dict[str, str]:
    """The account's settings that are marked as secret."""
    fields = connector_class(settings.crm.connector).Settings().fields
    marked = {name for name, one in fields.items() if one.metadata.get("secret")}
    return {name: value for name, value in settings.crm.settings.items() if name in marked and isinstance(value, str)}


# --- ledger and rules ------------------------------------------------------------------------------


def _time_zone(_seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    return time_zone(settings)


def _time_stamps(_seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    return time_stamps(settings)


def _ledger_file(_seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    return ledger_file(settings)


def _ledger(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    area, tables = "ledger", "its tables are of this version"
    try:
        ledger = Ledger(settings.ledger_url)
        seen.stack.callback(ledger.close)
        state = ledger.schema()
    except LedgerUnavailable as error:
        yield _failed(area, "it can be reached", error.message)
        return
    except ConfigError as error:
        yield _failed(area, "it can be used", str(error))
        return
    yield DoctorCheck(area, f"it can be reached: {ledger.kind}")
    if not state.is_known:
        yield _failed(area, tables, f"They are newer, {state.current}: use that version")
    elif state.current is None and not ledger.is_shared:
        yield DoctorCheck(area, "it is not there yet: the first start makes it")
    elif state.pending and ledger.is_shared:
        yield _failed(area, tables, "Run: optout db upgrade")
    else:
        yield DoctorCheck(area, f"{tables}, or upgraded at the next start")
        seen.ledger = None if state.pending else ledger


def _ledger_written(seen: Examination, _settings: Settings) -> Iterator[DoctorCheck]:
    if seen.ledger is None:
        return
    try:
        with seen.ledger.write():
            yield DoctorCheck("ledger", "it can be written")
    except LedgerUnavailable as error:
        yield _failed("ledger", "it can be written", error.message)


def _folder_rules(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    name = "the folder's rules pass every check"
    try:
        seen.rulebook = checked(settings.rules_dir).rulebook
        seen.stack.callback(seen.rulebook.close)
        seen.folder_revision = seen.rulebook.revision
        yield DoctorCheck("rules", name)
    except RulesError as error:
        yield _failed("rules", name, f"{len(error.faults)} faults, in Russian for the admin: optout rules check")
    except InputError as error:
        yield _failed("rules", name, str(error))


def _active_rules(seen: Examination, _settings: Settings) -> Iterator[DoctorCheck]:
    """The ledger's revision decides, whatever the folder has moved on to."""
    if seen.ledger is None:
        return
    rules = ActiveRules(seen.ledger, seen.now)
    seen.stack.callback(rules.close)
    try:
        seen.rulebook = rules.current()
        differs = seen.folder_revision not in (None, seen.rulebook.revision)
        remedy = "The folder holds other rules: optout rules diff shows them, optout rules publish activates them"
        name = f"revision {seen.rulebook.revision[:12]} is active in the ledger"
        yield DoctorCheck("rules", name, remedy=remedy if differs else "")
    except ConfigError:
        yield DoctorCheck("rules", "none are active yet: the first start takes the folder's")
    except OptoutError as error:
        yield _failed("rules", "the active revision can be used", str(error).splitlines()[0])


def _default_script(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    if seen.rulebook is None:
        return
    name = f"the default script is there: {settings.default_script}"
    if settings.default_script in seen.rulebook.scripts:
        yield DoctorCheck("rules", name)
    else:
        there = ", ".join(sorted(seen.rulebook.scripts))
        yield _failed("rules", name, f"Set [plugin] default_script to one of: {there}")


# --- the CRM ---------------------------------------------------------------------------------------


def _crm(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    area = settings.crm.connector
    try:
        connector = connector_of(settings)
        if seen.ledger is not None:
            connect(connector, seen.ledger)
        else:
            connector.keep_in(_NoTokenStore())
    except Exception as error:
        why = str(error) if isinstance(error, ConfigError) else fault_of(error)
        yield _failed(area, "the account's settings can be used", why)
        return
    seen.connector = connector
    told = _checks_of(area, connector.check)
    framed = bool(settings.page.frame_ancestors)
    yield from _guarded(area, (one for one in told if framed or one.name != FRAMES_PROVEN))


def _mapped_facts(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    if seen.connector is not None and seen.rulebook is not None:
        yield from _guarded("facts", _mapping(seen.connector, seen.rulebook, settings.default_script))


def _mapping(connector: Connector, rulebook: Rulebook, default_script: str) -> Iterator[DoctorCheck]:
    mapped = connector.facts()
    if not mapped:
        yield DoctorCheck("facts", "no fields of the CRM are mapped: facts come in the plugin's own events")
        return
    scripts = {name: decider.script for name, decider in rulebook.scripts.items()}
    found = remarks(mapped, scripts, default_script, connector.name)
    yield from (_failed("facts", remark.what, remark.remedy) for remark in found)
    if not found:
        yield DoctorCheck("facts", f"all {len(mapped)} mapped facts fit the rules, and none that is asked for lacks")


def _card_fields(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    if seen.connector is not None and seen.rulebook is not None:
        sends = any(source.secrets for source in settings.sources)
        yield from _guarded("facts", _fields_of_cards(seen.connector, seen.rulebook, others_bring=sends))


def _fields_of_cards(connector: Connector, rulebook: Rulebook, *, others_bring: bool) -> Iterator[DoctorCheck]:
    name = "the fields of cards that rules read are in the CRM, with the same values"
    try:
        states = connector.card_field_states()
    except (CrmUnavailable, CrmRefused) as error:
        told = read_failed(name, error, f"Let the plugin's user read what fields the cards have: {error}")
        yield DoctorCheck("facts", told.name, told.ok, told.remedy)
        return
    scripts = {name: decider.script for name, decider in rulebook.scripts.items()}
    found = card_field_remarks(states, scripts, connector.name, others_bring=others_bring)
    yield from (_failed("facts", remark.what, remark.remedy) for remark in found)
    if states and not found:
        yield DoctorCheck("facts", f"all {len(states)} declared fields of cards fit the rules")


def _diallers(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    for dialler in settings.diallers:
        yield from _guarded(dialler.name, dialler_points(dialler, seen.ledger))


# --- recipients and sources ------------------------------------------------------------------------


def _recipients(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    if seen.connector is not None and seen.rulebook is not None:
        for role in everybody(seen.rulebook.roles):
            yield from _guarded(role.name, _recipient(seen.connector, role, has_smtp=settings.smtp is not None))


def _recipient(connector: Connector, role: Role, *, has_smtp: bool) -> Iterator[DoctorCheck]:
    area = f"role {role.name}"
    by_crm = connector.sends_mail and role.email in ("crm", "both")
    by_smtp = not connector.sends_mail or role.email in ("smtp", "both")
    assignee = Assignee(role.crm_user, role.address)
    yield from _checks_of(area, lambda: connector.check_assignee(assignee, mailed=by_crm))
    ways = [way for way, used in (("the CRM", by_crm), ("the plugin over SMTP", by_smtp)) if used]
    name = f"is mailed by {' and '.join(ways)}"
    if by_smtp and not has_smtp:
        instead = "" if connector.sends_mail else ": this CRM cannot mail anybody"
        yield _failed(area, name, f"Add [smtp] to plugin.toml{instead}")
    elif by_smtp and not role.address:
        yield _failed(area, name, "Give it an address in rules/roles.toml")
    else:
        yield DoctorCheck(area, name)


def _mail(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    mailer = mailer_of(settings)
    if mailer is not None:
        recipients = [*_mailed_roles(seen), *_mailed_admins(settings)]
        yield from _checks_of("smtp", lambda: mailer.check(recipients))
    yield from _alerts(settings, tried=seen.writes)


def _mailed_roles(seen: Examination) -> Iterator[tuple[str, str]]:
    """What to call each role that the plugin itself mails, and its address."""
    crm_mails = seen.connector is None or seen.connector.sends_mail
    for role in everybody(seen.rulebook.roles) if seen.rulebook is not None else ():
        if role.address and not (crm_mails and role.email == "crm"):
            yield f"role {role.name}", role.address


def _mailed_admins(settings: Settings) -> Iterator[tuple[str, str]]:
    for number, address in enumerate(settings.alerts.to, 1):
        yield f"admin {number}", address


def _alerts(settings: Settings, *, tried: bool) -> Iterator[DoctorCheck]:
    ways = _alert_ways(settings)
    name = f"go out by {' and '.join(ways)}" if ways else "are recorded only"
    yield DoctorCheck("alerts", name, remedy=_ONE_WAY if len(ways) == 1 else "" if ways else _NO_WAY)
    if ways and not tried:
        yield DoctorCheck("alerts", "not tried with a whole message (DATA)", remedy=_TRY_IT)


def _alert_ways(settings: Settings) -> list[str]:
    """Every way that alerts take, none of which may depend on another."""
    count = len(settings.alerts.to)
    return [*([f"e-mail to {count} admins"] if count else []), *(["the webhook"] if settings.alerts.webhook else [])]


def _sources(seen: Examination, settings: Settings) -> Iterator[DoctorCheck]:
    signed = [source.name for source in settings.sources if source.secrets]
    if signed:
        yield DoctorCheck("sources", f"may send call results, signed: {', '.join(signed)}")
    if seen.ledger is not None:
        yield from clients_told_apart(seen.ledger, settings, seen.now)
    if seen.connector is not None:
        yield from _guarded("sources", _crm_events(seen.connector, has_sources=bool(signed)))


def _crm_events(connector: Connector, *, has_sources: bool) -> Iterator[DoctorCheck]:
    """Tried with an event that nobody has signed: it must be refused for that, not for want of a secret to check by."""
    place = f"POST /events/{connector.name}"
    why = _unverifiable(connector)
    if why is None:
        yield DoctorCheck("sources", f"the CRM's own events come in at {place}")
    elif connector.facts() or not has_sources:
        yield _failed("sources", f"the CRM's own events come in at {place}", f"All are refused: {why}")
    else:
        yield DoctorCheck("sources", f"the CRM's own events are not taken at {place}", remedy=why)


def _unverifiable(connector: Connector) -> str | None:
    try:
        connector.parse_event({}, None, {}, b"")
    except EventsUnverifiable as error:
        return str(error)
    except Exception:
        # Refused for another reason, as it should be.
        return None
    return None


_ONE_WAY = "Where this way fails nobody is told: set both [alerts] to and [alerts] webhook"
_NO_WAY = "Name the admins in [alerts] to, set [alerts] webhook, or have optout_alerts_open of GET /metrics watched"
_TRY_IT = "optout doctor --write --card TYPE:ID sends each admin a mail, and the webhook a request"
#: In this order: a later check uses what an earlier one has opened. Those of the first row need no secret.
_LOCAL = (_time_zone, _ledger_file, _ledger, _ledger_written, _folder_rules, _active_rules, _default_script)
_REMOTE = (_crm, _mapped_facts, _card_fields, _diallers, _recipients, _mail, _sources, _time_stamps)


# --- details ---------------------------------------------------------------------------------------


def _failed(area: str, name: str, remedy: str) -> DoctorCheck:
    return DoctorCheck(area, name, ok=False, remedy=remedy)


def _checks_of(area: str, ask: Callable[[], Iterable[Check]]) -> Iterator[DoctorCheck]:
    for check in ask():
        yield DoctorCheck(area, check.name, check.ok, "" if check.ok else check.remedy)


def _guarded(area: str, checks: Iterator[DoctorCheck]) -> Iterator[DoctorCheck]:
    """A connector must not raise here; one that does has failed, and the later checks are made all the same."""
    try:
        yield from checks
    except Exception as error:
        yield _failed(area, "the connector can tell", fault_of(error))


class _NoTokenStore:
    """While there is no ledger no token may be renewed: the new value would be lost, and the old one be spent."""

    def get(self, _name: str) -> None:
        """Nothing is stored."""

    def change(self, _name: str, _change: object) -> str:
        """Refused."""
        why = "there is no ledger yet to keep renewed tokens in: run optout db upgrade first"
        raise CrmUnavailable(why, code=NO_STORE)
