"""The rules that decided a past call, together with those that are to decide it again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import Connection

from plugin.authoring.revisions.archive import stored_rulebook
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import Facts
from plugin.errors import OptoutError

#: Compiled revisions kept while going through the calls, which come in the order of time.
_KEPT = 8


class BothRules:
    """One script by both. ``old`` is None where nothing was decided, or this version cannot read those rules."""

    def __init__(self, old: Decider | None, new: Decider) -> None:
        self.old, self.new = old, new
        before = old.script.facts if old else {}
        facts = new.script.facts.values()
        self._same = frozenset(fact.name for fact in facts if before.get(fact.name) == fact)
        self._free = [
            (fact.name, new.script.classes[fact.name], old.script.classes.get(fact.name) if old else None)
            for fact in facts
            if not fact.listed and (fact.name not in before or before[fact.name].type == fact.type)
        ]

    def vocabulary_is_same(self, names: Iterable[str]) -> bool:
        """Whether both know these facts and take the same values for them."""
        return self._same.issuperset(names)

    def drops(self, name: str) -> bool:
        """Whether the old rules took a fact from the call and the new ones do not know it."""
        return name not in self.new.fact_names and self.old is not None and name in self.old.sources

    def sampled(self, facts: Facts) -> Facts:
        """The facts with one value for all that neither rules tell apart, so that few are ever decided anew."""
        result = dict(facts)
        for name, after, before in self._free:
            if name in facts:
                value = facts[name]
                example = after.example(after.key(value))
                if before is None or before.key(example) == before.key(value):
                    result[name] = example
        return result


class PastRules:
    """The revisions that calls were decided by, compiled when they are needed; belongs to one backtest."""

    def __init__(self, connection: Connection, candidate: Rulebook) -> None:
        self._connection = connection
        self._candidate = candidate
        self._books: OrderedDict[str, Rulebook | None] = OrderedDict()
        self._both: dict[tuple[str | None, str], BothRules] = {}

    def beside(self, revision: str | None, script: str) -> BothRules | None:
        """The script by both rules; None where the candidate lacks it."""
        new = self._candidate.scripts.get(script)
        if new is None:
            return None
        old = self.of_that_day(revision, script)
        key = (revision, script)
        if key not in self._both:
            self._both[key] = BothRules(old, new)
        return self._both[key]

    def of_that_day(self, revision: str | None, script: str) -> Decider | None:
        """The script as it decided then; None where it decided nothing, or cannot be read any more."""
        if revision is None:
            return None
        if revision not in self._books:
            self._books[revision] = self._compiled(revision)
            while len(self._books) > _KEPT:
                gone, book = self._books.popitem(last=False)
                self._both = {key: both for key, both in self._both.items() if key[0] != gone}
                _close(book)
        self._books.move_to_end(revision)
        book = self._books[revision]
        return book.scripts.get(script) if book else None

    def close(self) -> None:
        """Free the compiled revisions."""
        for book in self._books.values():
            _close(book)

    def _compiled(self, revision: str) -> Rulebook | None:
        with suppress(OptoutError):
            return stored_rulebook(self._connection, revision)
        return None


def _close(book: Rulebook | None) -> None:
    if book is not None:
        book.close()
