"""Everything that can be wrong with a rules folder, found in this process: form, names, proof, and the engine.

The engine comes last, since rules can hang or kill it: what is known by then is handed on before (``isolated``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from plugin.authoring.verification.engine_limits import check_size
from plugin.authoring.verification.findings import FaultNotes
from plugin.authoring.verification.proof import ScriptProof, check_engine, check_roles, prove_script
from plugin.authoring.verification.report import CheckReport, ScriptSize
from plugin.authoring.verification.state_space import ProofLimits
from plugin.common.clock import Now, utc_now
from plugin.common.fields import messages_by_field
from plugin.common.toml.source import TomlSource, TomlUnreadable, load_toml
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset import Role, Script, digest, file_names, names_beside, read_folder, read_texts
from plugin.deciding.ruleset.build import build_roles, build_script
from plugin.deciding.ruleset.calendar import Calendar, common_calendar
from plugin.deciding.ruleset.cases import build_cases
from plugin.deciding.ruleset.conditions import RULES_FILE
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.schema import CALENDAR_FILE, CALENDAR_TABLE, CASES_FILE, ROLES_FILE, SCRIPT_FILES
from plugin.errors import EngineError, Fault, RulesError

#: What is told before each step that the engine may not survive: the script (None: all is done), the report so far,
#: and the revision, where there is one.
Tell = Callable[[str | None, CheckReport, str | None], None]


def examine_folder(folder: Path, limits: ProofLimits, tell: Tell, now: Now = utc_now) -> None:
    """Examine a rules folder. Whatever is wrong with it ends up in the report; nothing is raised for it."""
    try:
        content, sources = read_folder(folder)
        unreadable: tuple[Fault, ...] = ()
    except RulesError as error:
        unreadable = error.faults
        content, sources = _readable(folder, {fault.file for fault in unreadable})
    examination = _Examination(content, sources, unreadable, limits, tell, now().date())
    examination.tell_beside(folder)
    examination.examine()


def examine_texts(files: Mapping[str, str], now: Now = utc_now) -> CheckReport:
    """What is wrong with rules given as texts by their files' names, as far as it is told without the engine.

    That is all but what the engine itself refuses; it takes a part of the time and cannot hang.
    """
    content, sources, faults = read_texts(files)
    examination = _Examination(content, sources, faults, ProofLimits(), lambda *_: None, now().date())
    return examination.prove()


def _readable(folder: Path, broken: Collection[str]) -> tuple[dict[str, Any], dict[str, TomlSource]]:
    """The files that can be read where others cannot."""
    sources = {}
    for name in file_names(folder):
        if name not in broken and (folder / name).exists():
            try:
                sources[name] = load_toml(folder / name)
            except TomlUnreadable:  # broken since
                continue
    return {name: source.data for name, source in sources.items()}, sources


def faults_beside(folder: Path) -> Iterator[Fault]:
    """Copies and backups in the folder, which take no part."""
    hint = "уберите его из папки правил или дайте имя из латинских букв, цифр и «_»"
    return (Fault(name, 0, "имя", what, hint) for name, what in names_beside(folder))


#: Stands for a role of which no more than its name is known.
_UNKNOWN_ROLE = Role("", "", None, None, "smtp")


class _AnyRole(dict[str, Role]):
    """Stands for the roles while their file cannot be used: any name may be right."""

    def __contains__(self, name: object) -> bool:
        return True


@dataclass(slots=True)
class _Proven:
    script: Script
    proof: ScriptProof


class _Examination:
    def __init__(
        self,
        content: Mapping[str, Any],
        sources: Mapping[str, TomlSource],
        unreadable: tuple[Fault, ...],
        limits: ProofLimits,
        tell: Tell,
        today: date,
    ) -> None:
        self._content = content
        self._sources = sources
        self._limits = limits
        self._tell = tell
        self._today = today
        self._notes = FaultNotes(content, sources)
        self._sizes: tuple[ScriptSize, ...] = ()
        self._revision: str | None = None
        for fault in unreadable:
            self._notes.faults.add_ready(fault)

    def examine(self) -> None:
        """Form and proof first, then each script by the engine."""
        proven = self._form_and_proof()
        for one, limits in zip(proven, self._limits.shares(len(proven)), strict=False):
            self._tell(one.script.name, self._report(), self._revision)
            self._by_engine(one, limits)
        self._tell(None, self._report(), self._revision)

    def prove(self) -> CheckReport:
        """Form and proof alone."""
        self._form_and_proof()
        return self._report()

    def _form_and_proof(self) -> list[_Proven]:
        names = sorted({file.split("/")[0] for file in self._content if "/" in file})
        roles = self._roles()
        faults = Faults(self._sources)
        calendar = common_calendar(self._content, faults)
        self._take(faults)
        scripts = [script for name in names if (script := self._script(name, roles, calendar))]
        sound = len(scripts) == len(names) and not self._notes.faults.found
        proven = self._prove(scripts, roles)
        self._warn_of_past_holidays(calendar, scripts)
        if sound:
            check_roles(roles, scripts, self._content, self._notes)
            self._revision = self._digest()
        return proven

    def tell_beside(self, folder: Path) -> None:
        """Warn of copies and backups in the folder, which take no part."""
        for fault in faults_beside(folder) if folder.is_dir() else ():
            self._notes.warnings.add_ready(fault)

    def _report(self) -> CheckReport:
        return self._notes.report(self._sizes)

    # --- form ------------------------------------------------------------------------------------

    def _roles(self) -> Mapping[str, Role]:
        """The roles; where their form is wrong, at least their names."""
        if ROLES_FILE not in self._content:
            return _AnyRole()
        faults = Faults(self._sources)
        roles: Mapping[str, Role] = build_roles(self._content[ROLES_FILE], faults)
        self._take(faults)
        if roles:
            return roles
        named = self._content[ROLES_FILE].get("role")
        return dict.fromkeys(named, _UNKNOWN_ROLE) if isinstance(named, Mapping) else _AnyRole()

    def _script(self, name: str, roles: Mapping[str, Role], calendar: Calendar | None) -> Script | None:
        """The script if there is nothing wrong with its form."""
        files = {file: self._content[f"{name}/{file}"] for file in SCRIPT_FILES if f"{name}/{file}" in self._content}
        faults = Faults(self._sources)
        script = None
        if len(files) == len(SCRIPT_FILES):
            script = build_script(name, files, roles, faults, calendar)
        else:
            _check_forms(name, files, faults)
        cases = f"{name}/{CASES_FILE}"
        if cases in self._content:
            # What cases name cannot be held against rules that are at fault themselves.
            sound = None if faults.found else script
            build_cases(name, self._content[cases], sound, roles, faults, self._sources.get(cases))
        self._take(faults)
        if script and not faults.found:
            return script
        self._notes.not_proven(f"{name}/{RULES_FILE}", "разговоры не проверены", "сначала исправьте ошибки в файлах")
        return None

    def _warn_of_past_holidays(self, common: Calendar | None, scripts: Collection[Script]) -> None:
        """Warn of calendars whose holidays are all over: nobody has written in those of the year that has begun."""
        own = {f"{one.name}/script.toml": one.calendar for one in scripts if one.calendar is not common}
        for file, calendar in {CALENDAR_FILE: common, **own}.items():
            if calendar and calendar.holidays and all(last < self._today for _, last in calendar.holidays):
                what, hint = "все праздники уже прошли", "впишите праздники следующего года"
                self._notes.warnings.add(file, (CALENDAR_TABLE, "holidays"), what, hint)

    def _take(self, faults: Faults) -> None:
        for fault in faults.found:
            self._notes.faults.add_ready(fault)

    def _digest(self) -> str | None:
        try:
            return digest(self._content)
        except RulesError as error:
            for fault in error.faults:
                self._notes.faults.add_ready(fault)
            return None

    # --- proof -----------------------------------------------------------------------------------

    def _prove(self, scripts: Collection[Script], roles: Mapping[str, Role]) -> list[_Proven]:
        proven = []
        for script, limits in zip(scripts, self._limits.shares(len(scripts)), strict=False):
            proof = prove_script(script, roles, self._content, self._notes, limits)
            self._sizes += (proof.size,)
            if check_size(script, self._notes):
                proven.append(_Proven(script, proof))
        return proven

    def _by_engine(self, one: _Proven, limits: ProofLimits) -> None:
        try:
            decider = Decider(one.script, self._revision or "")
        except EngineError as error:
            count = len(one.script.rules)
            what = f"движок не принимает эти правила (всего {count}): {error}"
            hint = "сократите их или разделите скрипт на несколько"
            self._notes.faults.add_ready(Fault(f"{one.script.name}/{RULES_FILE}", 0, "движок", what, hint))
            return
        check_engine(decider, one.proof, self._notes, limits)
        decider.close()


def _check_forms(name: str, files: Mapping[str, Any], faults: Faults) -> None:
    for file, data in files.items():
        try:
            SCRIPT_FILES[file]().load(data)
        except ValidationError as error:
            faults.add_form(f"{name}/{file}", messages_by_field(error))
