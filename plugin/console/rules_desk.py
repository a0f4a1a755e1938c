"""What the console's rule pages work with: a person's draft of a script beside the active rules."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plugin.authoring.drafts.checking import DraftCheck, DraftChecks, content_of
from plugin.authoring.drafts.compiled import CompiledDrafts
from plugin.authoring.drafts.edits import DraftFiles
from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.drafts.store import DraftMention, Drafts, RulesDraft
from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.revisions.archive import Activation, newest_activation
from plugin.authoring.revisions.export import files_of
from plugin.common.clock import Now
from plugin.console.rules_names import name_of
from plugin.console.rules_words import table
from plugin.errors import InputError, NoActiveRules
from plugin.ledger import Ledger

#: Revisions whose texts are kept at hand.
_KEPT = 8


@dataclass(frozen=True, slots=True)
class OpenedRules:
    """A script as a person has it: their draft, or the active rules where they have none yet (``draft`` None).

    ``base_files`` are those that the draft was begun with; ``others`` have a draft of the same script.
    """

    script: str
    title: str
    draft: RulesDraft | None
    files: DraftFiles
    base: str
    base_files: DraftFiles
    active: Activation
    check: DraftCheck
    others: tuple[DraftMention, ...]

    @property
    def is_outdated(self) -> bool:
        """Whether somebody has published since the draft was begun."""
        return self.base != self.active.revision

    @property
    def differs(self) -> bool:
        """Whether there is something to publish."""
        return self.files != self.base_files

    @property
    def base_content(self) -> Mapping[str, Any]:
        """What the rules say that the draft was begun with."""
        return content_of(self.base_files)


class RulesDesk:
    """Drafts, their faults and what they would change, of one application. Thread-safe."""

    def __init__(self, ledger: Ledger, rules: ActiveRules, now: Now) -> None:
        self.ledger = ledger
        self.rules = rules
        self.now = now
        self.drafts = Drafts(ledger, now)
        self.checks = DraftChecks(now)
        self.compiled = CompiledDrafts()
        self._lock = threading.Lock()
        self._files: OrderedDict[str, DraftFiles] = OrderedDict()

    def active(self) -> Activation:
        """What is active, and who made it so. Raises NoActiveRules."""
        with self.ledger.read() as connection:
            found = newest_activation(connection)
        if found is None:
            raise NoActiveRules("В журнале ещё нет действующих правил", hint="Опубликуйте их в первый раз")
        return found

    def files(self, revision: str) -> DraftFiles:
        """The texts of a stored revision. Raises InputError."""
        with self._lock:
            if revision in self._files:
                self._files.move_to_end(revision)
                return self._files[revision]
        with self.ledger.read() as connection:
            found = files_of(connection, revision)
        with self._lock:
            self._files[revision] = found
            while len(self._files) > _KEPT:
                self._files.popitem(last=False)
        return found

    def open(self, owner: str, script: str) -> OpenedRules:
        """The person's draft of a script, or the active rules. Raises InputError for a script that there is not."""
        active = self.active()
        draft = self.drafts.find(owner, script)
        base = draft.base if draft else active.revision
        files = draft.files if draft else self.files(active.revision)
        if f"{script}/script.toml" not in files:
            raise InputError(f"Скрипта «{script[:60]}» нет", hint="Вернитесь к списку скриптов")
        check = self.checks.of(files)
        title = str((check.content.get(f"{script}/script.toml") or {}).get("title") or script)
        mentions = (one for one in self.drafts.mentions() if one.script == script and one.owner != owner)
        return OpenedRules(script, title, draft, files, base, self.files(base), active, check, tuple(mentions))

    def scripts(self) -> dict[str, str]:
        """The active scripts' titles by name."""
        content = content_of(self.files(self.active().revision))
        names = sorted({name.partition("/")[0] for name in content if "/" in name})
        return {name: str((content.get(f"{name}/script.toml") or {}).get("title") or name) for name in names}

    def copy(self, owner: str, script: str, title: str) -> str:
        """Begin a draft of a new script with this title that is a copy of another; its name in the files.

        Raises InputError (Russian) for a blank title or a script that there is not.
        """
        if not title.strip():
            raise InputError("Новый скрипт не назван", hint="Впишите, как он называется")
        opened = self.open(owner, script)
        taken = {name.partition("/")[0] for name in opened.base_files} | {one.script for one in self.drafts.mentions()}
        new = name_of(title, taken, "script")

        def change(files: DraftFiles) -> DraftFiles:
            own = {name.partition("/")[2]: text for name, text in opened.files.items() if name.startswith(f"{script}/")}
            editor = DraftEditor({**files, **{f"{new}/{name}": text for name, text in own.items()}}, new)
            editor.set("script.title", title.strip())
            return editor.files

        self.drafts.change(owner, new, f"новый скрипт «{title.strip()}»", change)
        return new

    def roles(self, opened: OpenedRules) -> dict[str, str]:
        """The labels of the draft's roles by name."""
        roles = table(opened.check.content.get("roles.toml"), "role")
        return {name: str(role.get("label") or name) for name, role in roles.items()}
