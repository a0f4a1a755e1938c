"""Goes through a configuration, from the file to the CRM, and notes what holds and what has failed. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.base import Assignee, Check, Connector, CrmUnavailable
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.load import load_settings
from plugin.doctor.points import Point, PointNotes, secrets_in
from plugin.errors import ConfigError, InputError, LedgerUnavailable, OptoutError, RulesError
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
    """One examination; ``settings``, ``rulebook`` and ``connector`` are there once their own points hold."""

    notes: PointNotes
    now: Now
    stack: ExitStack
    settings: Settings | None = None
    ledger: Ledger | None = None
    rulebook: Rulebook | None = None
    connector: Connector | None = None
    #: What can be proven only by writing and mailing is tried afterwards.
    writes: bool = False
    _complete: bool = field(default=False)

    def run(self, config: Path | None, environ: Mapping[str, str]) -> None:
        """All points that the configuration allows to try."""
        self._settings(config, environ)
        if self.settings is None:
            return
        self._ledger(self.settings)
        self._rules(self.settings)
        if not self._complete:
            return
        self._crm(self.settings)
        if self.connector is not None and self.rulebook is not None:
            self._facts(self.settings, self.connector, self.rulebook)
            self._recipients(self.settings, self.connector, self.rulebook)
        self._mail(self.settings)
        self._sources(self.settings, self.connector)

    # --- plugin.toml -----------------------------------------------------------------------------

    def _settings(self, config: Path | None, environ: Mapping[str, str]) -> None:
        try:
            self.settings = load_settings(config, environ)
        except ConfigError as error:
            for line in str(error).splitlines()[:_FAULTS_SHOWN]:
                self.notes.fails("settings", "plugin.toml can be used", line)
            # The rest of it may do for the rules and the ledger.
            try:
                self.settings = load_settings(config, environ, secrets=False)
            except ConfigError:
                return
            return
        self._complete = True
        settings = self.settings
        keys = [secret for source in settings.sources for secret in source.secrets]
        smtp = settings.smtp.password if settings.smtp else None
        more = [*keys, smtp, settings.web.metrics_token, settings.alerts.webhook_secret]
        self.notes.secrets = secrets_in(_secret(settings), more=more)
        self.notes.holds("settings", "plugin.toml and every secret it refers to can be read")

    # --- ledger and rules ------------------------------------------------------------------------

    def _ledger(self, settings: Settings) -> None:
        area = "ledger"
        try:
            ledger = Ledger(settings.ledger_url)
            self.stack.callback(ledger.close)
            state = ledger.schema()
        except LedgerUnavailable as error:
            self.notes.fails(area, "it can be reached", error.message)
            return
        except ConfigError as error:
            self.notes.fails(area, "its address can be used", str(error))
            return
        self.notes.holds(area, f"it can be reached: {ledger.kind}")
        if not state.is_known:
            self.notes.fails(
                area, "its tables are of this version", f"They are newer, {state.current}: use that version"
            )
        elif state.current is None and not ledger.is_shared:
            self.notes.holds(area, "it is not there yet: the first start makes it")
        elif state.pending and ledger.is_shared:
            self.notes.fails(area, "its tables are of this version", "Run: optout db upgrade")
        else:
            self.notes.holds(area, "its tables are of this version, or upgraded at the next start")
            self.ledger = None if state.pending else ledger
        if self.ledger is not None:
            self._written(self.ledger)

    def _written(self, ledger: Ledger) -> None:
        try:
            with ledger.write():
                self.notes.holds("ledger", "it can be written")
        except LedgerUnavailable as error:
            self.notes.fails("ledger", "it can be written", error.message)

    def _rules(self, settings: Settings) -> None:
        from plugin.authoring.revisions.publish import checked  # noqa: PLC0415 (loads durable-rules)

        try:
            found = checked(settings.rules_dir).rulebook
            self.stack.callback(found.close)
            self.rulebook = found
            self.notes.holds("rules", "the folder's rules pass every check")
        except RulesError as error:
            remedy = f"{len(error.faults)} faults, in Russian for the admin: optout rules check"
            self.notes.fails("rules", "the folder's rules pass every check", remedy)
        except InputError as error:
            self.notes.fails("rules", "the folder's rules pass every check", str(error))
        if self.ledger is not None:
            self._active(self.ledger)
        if self.rulebook is not None:
            self._default_script(settings, self.rulebook)

    def _active(self, ledger: Ledger) -> None:
        """What decides is what the ledger says, whatever the folder has moved on to."""
        rules = ActiveRules(ledger, self.now)
        self.stack.callback(rules.close)
        try:
            self.rulebook = rules.current()
            self.notes.holds("rules", f"revision {self.rulebook.revision[:12]} is active in the ledger")
        except ConfigError:
            self.notes.holds("rules", "none are active yet: the first start takes the folder's")
        except OptoutError as error:
            self.notes.fails("rules", "the active revision can be used", str(error).splitlines()[0])

    def _default_script(self, settings: Settings, rulebook: Rulebook) -> None:
        there = ", ".join(sorted(rulebook.scripts))
        name = f"the default script is there: {settings.default_script}"
        fits = settings.default_script in rulebook.scripts
        self.notes.add(Point("rules", name, fits, "" if fits else f"Set [plugin] default_script to one of: {there}"))

    # --- the CRM ---------------------------------------------------------------------------------

    def _crm(self, settings: Settings) -> None:
        area = settings.crm.connector
        try:
            connector = connector_of(settings)
            if self.ledger is not None:
                connect(connector, self.ledger)
            else:
                connector.keep_in(_Nowhere())
        except Exception as error:
            why = str(error) if isinstance(error, ConfigError) else f"a fault of the connector: {type(error).__name__}"
            self.notes.fails(area, "the account's settings can be used", why)
            return
        self.connector = connector
        with self._guarded(area):
            self._add(area, connector.check())

    def _facts(self, settings: Settings, connector: Connector, rulebook: Rulebook) -> None:
        area = "facts"
        with self._guarded(area):
            mapped = connector.facts()
            if not mapped:
                self.notes.holds(area, "no fields of the CRM are mapped: facts come in the plugin's own events")
                return
            scripts = {name: decider.script for name, decider in rulebook.scripts.items()}
            found = remarks(mapped, scripts, settings.default_script, connector.name)
            for remark in found:
                self.notes.fails(area, remark.what, remark.remedy)
            if not found:
                self.notes.holds(
                    area, f"all {len(mapped)} mapped facts fit the rules, and none that is asked for lacks"
                )

    # --- who is told -----------------------------------------------------------------------------

    def _recipients(self, settings: Settings, connector: Connector, rulebook: Rulebook) -> None:
        for role in rulebook.roles.values():
            with self._guarded(role.name):
                self._recipient(settings, connector, role)

    def _recipient(self, settings: Settings, connector: Connector, role: Role) -> None:
        area = f"role {role.name}"
        by_crm = connector.sends_mail and role.email in ("crm", "both")
        by_smtp = not connector.sends_mail or role.email in ("smtp", "both")
        self._add(area, connector.check_assignee(Assignee(role.crm_user, role.address), mailed=by_crm))
        ways = [way for way, used in (("the CRM", by_crm), ("the plugin over SMTP", by_smtp)) if used]
        name = f"is mailed by {' and '.join(ways)}"
        if by_smtp and settings.smtp is None:
            instead = "" if connector.sends_mail else ": this CRM cannot mail anybody"
            self.notes.fails(area, name, f"Add [smtp] to plugin.toml{instead}")
        elif by_smtp and not role.address:
            self.notes.fails(area, name, "Give it an address in rules/roles.toml")
        else:
            self.notes.holds(area, name)

    def _mail(self, settings: Settings) -> None:
        mailer = mailer_of(settings)
        if mailer is not None:
            self._add("smtp", mailer.check(self._mailed(settings)))
        self._alerts(settings)

    def _mailed(self, settings: Settings) -> list[tuple[str, str]]:
        """Everybody whom the plugin itself mails: what to call them, and the address."""
        found = list[tuple[str, str]]()
        for role in self.rulebook.roles.values() if self.rulebook is not None else ():
            by_crm_alone = role.email == "crm" and (self.connector is None or self.connector.sends_mail)
            if role.address and not by_crm_alone:
                found.append((f"role {role.name}", role.address))
        return [*found, *((f"admin {number}", address) for number, address in enumerate(settings.alerts.to, 1))]

    def _alerts(self, settings: Settings) -> None:
        told, webhook = len(settings.alerts.to), settings.alerts.webhook is not None
        if told and webhook:
            self.notes.holds("alerts", f"are mailed to {told} admins and sent to the webhook")
        elif told:
            remedy = "While the mail server is away nobody hears of it: set [alerts] webhook and webhook_secret"
            self.notes.warns("alerts", f"are mailed to {told} admins, and go no other way", remedy)
        elif webhook:
            remedy = "While the receiver is away nobody hears of anything: name admins in [alerts] to"
            self.notes.warns("alerts", "are sent to the webhook, and go no other way", remedy)
        else:
            remedy = "Name admins in [alerts] to, or set [alerts] webhook and webhook_secret"
            self.notes.warns("alerts", "are recorded only: nobody is told", remedy)
        if self.writes:
            return
        how = "It is sent by: optout doctor --write --card TYPE:ID"
        if told:
            self.notes.leaves_out("alerts", "a whole mail to the admins is accepted (DATA)", how)
        if webhook:
            self.notes.leaves_out("alerts", "the webhook's receiver takes a signed request", how)

    def _sources(self, settings: Settings, connector: Connector | None) -> None:
        signed = [source.name for source in settings.sources if source.secrets]
        if signed:
            self.notes.holds("sources", f"may send call results, signed: {', '.join(signed)}")
        if connector is not None:
            self.notes.holds("sources", f"the CRM's own events come in at POST /events/{connector.name}")

    # --- details ---------------------------------------------------------------------------------

    def _add(self, area: str, found: Iterable[Check]) -> None:
        for check in found:
            self.notes.add(Point(area, check.name, check.ok, "" if check.ok else check.remedy, check.tried))

    @contextmanager
    def _guarded(self, area: str) -> Iterator[None]:
        """A connector must not raise here; one that does has failed, and the other points are tried all the same."""
        try:
            yield
        except Exception as error:
            self.notes.fails(area, "the connector can tell", f"a fault of the connector: {type(error).__name__}")


class _Nowhere:
    """Where there is no ledger yet nothing may be renewed: the new value would be lost, and the old one be spent."""

    def get(self, _name: str) -> None:
        """Nothing is kept."""

    def change(self, _name: str, _change: object) -> str:
        """Refused."""
        raise CrmUnavailable("there is no ledger yet to keep renewed tokens in: run optout db upgrade first")


def _secret(settings: Settings) -> dict[str, str]:
    """The account's settings that are marked as secret."""
    from connectors.registry import connector_class  # noqa: PLC0415

    fields = connector_class(settings.crm.connector).Settings().fields
    marked = {name for name, one in fields.items() if one.metadata.get("secret")}
    return {name: value for name, value in settings.crm.settings.items() if name in marked and isinstance(value, str)}
