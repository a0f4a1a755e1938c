"""The revisions that calls pin, fetched outside of any transaction, since compiling would hold other writers up."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from plugin.authoring.revisions.active import ActiveRules
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import InputError, LedgerUnavailable, RulesError

#: Beginnings of one transaction: other events may change the call's pin in between.
_TRIES = 5

_Made = TypeVar("_Made")


class RevisionNotLoaded(Exception):
    """A transaction needs a pinned revision that was not fetched before it."""

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision


class RevisionCache:
    """The active revision and the pinned ones met so far; it holds them while they decide.

    ``crm_mails``: whether the connected CRM can send mail. Raises what ``ActiveRules.current`` raises.
    """

    def __init__(self, rules: ActiveRules, *, crm_mails: bool = True) -> None:
        self._rules = rules
        self.active = rules.current()
        self._crm_mails = crm_mails
        self._loaded: dict[str, Rulebook] = {self.active.revision: self.active}

    @property
    def loaded(self) -> Collection[Rulebook]:
        """The active revision and those met so far."""
        return self._loaded.values()

    def pinned(self, pin: object) -> Rulebook | None:
        """Fetch the revision that an event pins, or take the active one; None if it pins one that does not exist.

        Raises LedgerUnavailable, and RulesError for a stored revision that this version of the plugin cannot compile.
        """
        if not isinstance(pin, str):
            return self.active
        try:
            self._fetch(pin)
        except RulesError:
            # It is not the sender's fault.
            raise
        except InputError:
            return None
        return self._loaded[pin]

    def complete(self, transaction: Callable[[], _Made]) -> _Made:
        """What a transaction makes.

        Which revision a stored call pins is known only inside the transaction. If that one is not loaded, the
        transaction is rolled back, the revision is fetched, and it begins again.
        """
        for _ in range(_TRIES):
            try:
                return transaction()
            except RevisionNotLoaded as needed:
                self._fetch(needed.revision)
        raise LedgerUnavailable("the ledger is too busy with this call")

    def at(self, pin: str | None) -> Rulebook:
        """The pinned revision, or the active one. Raises RevisionNotLoaded."""
        if pin is None:
            return self.active
        if pin not in self._loaded:
            raise RevisionNotLoaded(pin)
        return self._loaded[pin]

    def modes(self, rulebook: Rulebook) -> dict[str, str]:
        """The e-mail mode of each role, as of now; roles that only the pinned revision knows as of then.

        What a CRM that cannot mail was to send goes over SMTP.
        """
        modes = {name: role.email for book in (rulebook, self.active) for name, role in book.roles.items()}
        return modes if self._crm_mails else dict.fromkeys(modes, "smtp")

    def _fetch(self, revision: str) -> None:
        self._loaded[revision] = self._rules.at(revision)
