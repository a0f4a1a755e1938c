"""Two admins publish, merge, revert and roll back at random, 500 times, beside a model that knows nothing of TOML.

The model keeps every field's value as plain data. No change of anybody's is lost: what is active afterwards is what the
model says, and each field that changed is one that the actor changed, or one that the page named before.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.merging.texts import changed_text, parsed
from plugin.authoring.revisions.activate import activate
from plugin.authoring.revisions.candidate import (
    RulesCandidate,
    publish_candidate,
    revert_candidate,
    rollback_candidate,
)
from plugin.authoring.revisions.copy_base import bring_along, copy_base
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import InputError, RulesConflict
from plugin.ledger import Ledger
from tests.support.databases import migrate

TINY = Path(__file__).parents[1] / "verification" / "bad_rules" / "good"
TIMES = 500
#: File and place of every field that is changed here, elements of lists by their index; the last one says who it is.
FIELDS: tuple[tuple[str, tuple[str | int, ...]], ...] = (
    ("tiny/script.toml", ("title",)),
    ("tiny/script.toml", ("reminder", "subject")),
    ("tiny/script.toml", ("unfinished", "text")),
    ("tiny/rules.toml", ("question", 0, "say")),
    ("tiny/rules.toml", ("question", 0, "answers", 0, "label")),
    ("tiny/rules.toml", ("question", 0, "answers", 1, "label")),
    ("tiny/rules.toml", ("question", 1, "hint")),
    ("tiny/outcomes.toml", ("outcome", "call_back", "action", 0, "text")),
    ("tiny/vocabulary.toml", ("fact", "satisfied", "label")),
    ("roles.toml", ("role", "manager", "label")),
    ("roles.toml", ("role", "manager", "crm_user")),
)
PERSON = len(FIELDS) - 1
State = tuple[str, ...]


def state_of(texts: Any) -> State:
    """The values of all fields."""
    found = []
    for file, place in FIELDS:
        node: Any = parsed(texts[file])
        for part in place:
            node = node[part]
        found.append(str(node))
    return tuple(found)


def merged(base: State, mine: State, theirs: State) -> tuple[State, list[int]]:
    """What the model expects of a merge, and the fields in conflict, which stay as ``mine`` has them."""
    conflicts = [i for i, (b, m, t) in enumerate(zip(base, mine, theirs, strict=True)) if m != b != t != m]
    return tuple(t if m == b else m for b, m, t in zip(base, mine, theirs, strict=True)), conflicts


class Office:
    """A ledger, two admins with a folder each, and the model beside it: states by revision, and what was active."""

    def __init__(self, ledger: Ledger, folder: Path, seed: int) -> None:
        self.ledger, self.rng, self.number = ledger, random.Random(seed), 0
        self.states: dict[str, State] = {}
        self.history: list[str] = []
        self.seen = dict.fromkeys(("merged", "conflict", "kept", "reverted", "rolled back", "refused"), 0)
        texts = rule_texts(TINY)
        self.go_live(RulesCandidate(publish_candidate(None, texts, copy_base(None, TINY)).kind, texts, None, None))
        self.folders = [folder / name for name in ("анна", "борис")]
        self.bases: dict[Path, State] = {}
        for one in self.folders:
            one.mkdir()
            assert bring_along(one, {}, texts, self.history[-1]) is None
            self.bases[one] = state_of(texts)

    @property
    def active(self) -> State:
        return self.states[self.history[-1]]

    def go_live(self, candidate: RulesCandidate) -> str:
        """Make it active, as ``make_active`` does once the rules are checked."""
        book = Rulebook.from_content({name: parsed(text) for name, text in candidate.files.items()}, candidate.files)
        with closing(book):
            at = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(minutes=len(self.history))
            is_active = bool(self.history) and self.history[-1] == book.revision
            made = activate(self.ledger, book, at=at, by="кто-то", reason="так", unless=lambda _: is_active)
            if made.made is not None:
                self.history.append(book.revision)
            self.states[book.revision] = state_of(candidate.files)
            return book.revision

    # --- what an admin does --------------------------------------------------------------------------

    def edit(self, folder: Path) -> None:
        file, place = self.rng.choice(FIELDS)
        path = folder / file
        text = path.read_text(encoding="utf-8")
        content: Any = copy.deepcopy(parsed(text))
        node = content
        for part in place[:-1]:
            node = node[part]
        # Few values, so that both come to the same one at times.
        node[place[-1]] = f"значение {self.rng.randrange(6)}"
        path.write_text(changed_text(text, text, content), encoding="utf-8")

    def publish(self, folder: Path) -> None:
        own = rule_texts(folder)
        mine, base = state_of(own), self.bases[folder]
        expected, conflicts = merged(base, mine, self.active)
        with self.ledger.read() as connection:
            begun = copy_base(connection, folder)
            if conflicts:
                with pytest.raises(RulesConflict) as error:
                    publish_candidate(connection, own, begun)
                self.seen["conflict"] += 1
                values = sorted((one.mine, one.theirs) for one in error.value.conflicts)
                assert values == sorted((mine[i], self.active[i]) for i in conflicts)
                if self.rng.random() < 0.5:
                    return
                self.seen["kept"] += 1
                begun_over = error.value.over
            candidate = publish_candidate(connection, own, begun, keep_over=begun_over if conflicts else "")
            assert len(candidate.overruled) == len(conflicts)
        before = self.active
        self.seen["merged"] += bool(candidate.brought)
        self.shown(candidate, before, expected)
        revision = self.go_live(candidate)
        assert self.active == expected
        # What others published and this one did not touch is there, and what it touched is as it wanted.
        assert all(expected[i] == before[i] for i in range(len(FIELDS)) if mine[i] == base[i])
        assert all(expected[i] == mine[i] for i in range(len(FIELDS)) if mine[i] != base[i])
        assert bring_along(folder, own, candidate.files, revision) is None
        assert state_of(rule_texts(folder)) == expected
        self.bases[folder] = expected

    def shown(self, candidate: RulesCandidate, before: State, after: State) -> None:
        """Every field that changes stands on the page, with both its values."""
        assert sorted((one.old, one.new) for one in candidate.changes) == sorted(
            (old, new) for old, new in zip(before, after, strict=True) if old != new
        )

    def revert(self, _folder: Path) -> None:
        revision = self.rng.choice(self.history[-3:])
        index = max(i for i, one in enumerate(self.history) if one == revision)
        before = self.states[self.history[index - 1]]
        expected, conflicts = merged(self.states[revision], self.active, before)
        with self.ledger.read() as connection:
            if index == 0 or conflicts or expected == self.active:
                self.seen["refused"] += 1
                with pytest.raises(RulesConflict if index and conflicts else InputError):
                    revert_candidate(connection, revision)
                return
            candidate = revert_candidate(connection, revision)
        self.seen["reverted"] += 1
        self.shown(candidate, self.active, expected)
        self.go_live(candidate)
        assert self.active == expected

    def roll_back(self, _folder: Path) -> None:
        revision, people_too = self.rng.choice(self.history), self.rng.random() < 0.3
        wanted = list(self.states[revision])
        if not people_too:
            wanted[PERSON] = self.active[PERSON]
        with self.ledger.read() as connection:
            if tuple(wanted) == self.active and revision != self.history[-1]:
                # People apart it is what is active; or it is the very same rules.
                self.seen["refused"] += 1
                return
            candidate = rollback_candidate(connection, revision, people_too=people_too)
        self.seen["rolled back"] += 1
        self.shown(candidate, self.active, tuple(wanted))
        self.go_live(candidate)
        assert self.active == tuple(wanted)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'optout.db'}")
    migrate(ledger)
    yield Office(ledger, tmp_path, 20261130)
    ledger.close()


def test_no_change_of_two_admins_is_lost_without_having_been_shown(office: Office) -> None:
    for _ in range(TIMES):
        folder = office.rng.choice(office.folders)
        act = office.rng.choices((office.publish, office.revert, office.roll_back), (6, 2, 1))[0]
        for _ in range(office.rng.randrange(3)):
            office.edit(folder)
        act(folder)
    assert min(office.seen.values()) >= 20, office.seen
