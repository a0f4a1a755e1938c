"""Proves what is done at the end of every conversation: each action somewhere, each role by somebody, nobody twice.

Conversations are told apart by the conditions that choose among actions and people. Where that makes too many, each
action is looked for by itself, and what then remains is told as not proven.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from plugin.authoring.verification import wording
from plugin.authoring.verification.findings import FaultNotes
from plugin.authoring.verification.logic import ConversationState, ConversationStep, Logic, ValueBranch, numbers, union
from plugin.authoring.verification.state_space import ConversationEnd, ProofLimits, Walk, find_end, walk_keeping
from plugin.common.toml.source import Place
from plugin.deciding.ruleset import Role
from plugin.deciding.ruleset.model import ActionSpec, Condition
from plugin.deciding.ruleset.people import recipient_of
from plugin.deciding.ruleset.schema import ROLES_FILE

_OUTCOMES_FILE = "outcomes.toml"
#: Of the time for walking a script: the share for all conditions together, and as much again as the whole, some times,
#: for one action after the other, of which one takes no more than a share of what is left.
_TOGETHER = 0.4
_ONE_BY_ONE = 2.5
_MOST_FOR_ONE = 0.2
#: Combinations of the fields that choose among one role's people; more are not tried.
_MOST_COMBINATIONS = 20_000


def check_actions(
    logic: Logic, walked: Walk, roles: Mapping[str, Role], notes: FaultNotes, limits: ProofLimits
) -> None:
    """Note actions that nothing reaches, roles that nobody fills, and people who are reminded twice."""
    _ActionsProof(logic, walked, roles, notes, limits).prove()


@dataclass(frozen=True, eq=False, slots=True)
class _Candidate:
    """An action with the bits of its conditions.

    ``outcome``: the only one that does it; None: the rules ``adding`` it do.
    """

    spec: ActionSpec
    place: Place
    needs: int
    outcome: str | None
    adding: int = 0


class _ActionsProof:
    def __init__(
        self, logic: Logic, walked: Walk, roles: Mapping[str, Role], notes: FaultNotes, limits: ProofLimits
    ) -> None:
        self._logic = logic
        names = list(logic.script.outcomes)
        ends = [end.ends for end in walked.ends if end.ends.outcomes and not end.ends.conflict]
        known = {names[number] for one in ends for number in numbers(one.outcomes)}
        #: The outcomes that some conversation ends with; where not all were walked through, any may be.
        self._outcomes = known if walked.complete else set(names)
        self._script = logic.script
        self._roles = roles
        self._notes = notes
        self._limits = limits
        self._file = f"{logic.script.name}/{_OUTCOMES_FILE}"
        self._candidates = list(self._found())
        self._people = {
            role: [(one.person, self._bits(one.when)) for one in people] for role, people in self._script.people.items()
        }
        self._reached: set[_Candidate] = set()
        self._told: set[tuple[str, ...]] = set()

    def prove(self) -> None:
        for role in self._script.people:
            self._somebody(role)
        conditional = [one for one in self._candidates if one.needs or one.outcome is None]
        if not conditional and not self._people:
            self._fixed()
            return
        free = [one for one in self._candidates if self._is_free(one)]
        self._by_fields(free)
        conditional = [one for one in conditional if one not in free]
        if not conditional and len(free) == len(self._candidates):
            self._unreached([one for one in free if one.needs])
            return
        began = self._limits.clock()
        deadline = began + self._limits.seconds * _ONE_BY_ONE
        conditional = self._apart_from_fields(conditional, deadline)
        if not conditional and not any(one.spec.role for one in self._candidates if one not in free):
            self._unreached([one for one in self._candidates if one.needs or one.outcome is None])
            return
        together = replace(self._limits, seconds=self._limits.seconds * _TOGETHER)
        if self._walk(conditional, together):
            self._unreached([one for one in self._candidates if one.needs or one.outcome is None])
            return
        for one in conditional:
            left = deadline - self._limits.clock()
            share = replace(self._limits, seconds=max(left, 0.0) * _MOST_FOR_ONE)
            if left <= 0 or not self._walk(self._beside(one, conditional), share):
                what = f"действие «{one.spec.id}»: не перебрать всех разговоров, в которых оно может выполниться"
                self._notes.unproven.add(self._file, one.place, what, "сократите условия или проверьте случаем")
                self._reached.add(one)
        self._unreached([one for one in self._candidates if one.needs or one.outcome is None])

    # --- by fields alone -----------------------------------------------------------------------------

    def _is_free(self, one: _Candidate) -> bool:
        """Whether it depends on its outcome, and on fields that neither a question nor a rule reads."""
        read = union(entry.needs for entry in self._logic.entries)
        names = {condition.subject for condition in one.spec.when}
        names |= {c.subject for other in self._script.people.get(one.spec.role or "", ()) for c in other.when}
        for name in names:
            if name not in self._logic.calls:
                return False
            if union(branch.holds for branch in self._branches_of(name)) & read:
                return False
        return one.outcome is not None

    def _branches_of(self, name: str) -> Sequence[ValueBranch]:
        return self._logic.call_branches[self._logic.calls.index(name)]

    def _by_fields(self, free: Sequence[_Candidate]) -> None:
        """Look at those that are free: any values of their fields come with every conversation."""
        reminded: dict[tuple[str | None, str], list[tuple[_Candidate, str, int]]] = {}
        for one in (one for one in free if one.outcome in self._outcomes):
            if one.needs and self._with_values(one.needs) is not None:
                self._reached.add(one)
            people = self._people.get(one.spec.role or "", [(None, 0)] if one.spec.role else [])
            for person, bits in people:
                recipient = recipient_of(one.spec.role or "", person)
                for same in self._same_person(recipient):
                    known = reminded.setdefault((one.outcome, same), [])
                    for other, told, needs in known:
                        values = self._with_values(one.needs | bits | needs) if other is not one else None
                        if values is not None:
                            self._twice((other, told), (one, recipient), values)
                    known.append((one, recipient, one.needs | bits))

    def _with_values(self, needs: int) -> tuple[ConversationStep, ...] | None:
        """Values of the fields for which all of these conditions hold; None where there are none."""
        steps, left = [], needs
        for name, branches in zip(self._logic.calls, self._logic.call_branches, strict=True):
            wanted = needs & union(branch.holds for branch in branches)
            if not wanted:
                continue
            found = next((branch for branch in branches if not wanted & ~branch.holds), None)
            if found is None:
                return None
            left &= ~found.holds
            steps.append(ConversationStep(None, name, found.value))
        return None if left else tuple(steps)

    # --- by fields and answers apart ------------------------------------------------------------------

    def _apart_from_fields(self, conditional: Sequence[_Candidate], deadline: float) -> list[_Candidate]:
        """Look at what reminds nobody and needs answers as well as fields that no question or rule reads.

        Such fields come with every conversation, so that only a conversation with the answers is looked for. Those that
        it was not found out for are returned.
        """
        free, known = self._free_bits(), dict[tuple[str, int], bool | None]()
        left: list[_Candidate] = []
        for one in conditional:
            if one.spec.role is not None or one.outcome is None or not one.needs & free:
                left.append(one)
                continue
            asked = one.outcome, one.needs & ~free
            if asked not in known:
                known[asked] = self._can_end(*asked, deadline)
            if known[asked] is None:
                left.append(one)
            elif known[asked] and self._with_values(one.needs & free) is not None:
                self._reached.add(one)
        return left

    def _can_end(self, outcome: str, needs: int, deadline: float) -> bool | None:
        """Whether some conversation in which these conditions hold ends with this outcome alone."""
        logic, wanted = self._logic, list(self._script.outcomes).index(outcome)

        def is_end(state: ConversationState) -> bool:
            ends = logic.ends(state.fired)
            return not ends.conflict and ends.outcomes == 1 << wanted

        left = replace(self._limits, seconds=(deadline - self._limits.clock()) * _MOST_FOR_ONE)
        return find_end(logic, left, needs, is_end) if left.seconds > 0 else None

    def _free_bits(self) -> int:
        """The conditions on fields that neither a question nor a rule reads."""
        read = union(entry.needs for entry in self._logic.entries)
        held = [union(branch.holds for branch in branches) for branches in self._logic.call_branches]
        return union(bits for bits in held if not bits & read)

    # --- what there is -------------------------------------------------------------------------------

    def _found(self) -> Iterator[_Candidate]:
        for name, outcome in self._script.outcomes.items():
            for spec, index in _numbered(outcome.actions):
                yield _Candidate(spec, ("outcome", name, "action", index), self._bits(spec.when), name)
        first_rule = len(self._script.questions)
        for index, (name, specs) in enumerate(self._script.added.items()):
            adding = union(1 << first_rule + n for n, rule in enumerate(self._script.rules) if name in rule.adds)
            for spec in specs:
                yield _Candidate(spec, ("action", index), self._bits(spec.when), None, adding)

    def _bits(self, when: Iterable[Condition]) -> int:
        return union(self._logic.condition(condition) for condition in when)

    def _beside(self, one: _Candidate, others: Sequence[_Candidate]) -> list[_Candidate]:
        """The action and those that may remind the same people at the same end."""
        return [
            other
            for other in others
            if other is one
            or (
                other.spec.role is not None
                and other.spec.role == one.spec.role
                and (None in (one.outcome, other.outcome) or one.outcome == other.outcome)
            )
        ]

    # --- every conversation ----------------------------------------------------------------------

    def _walk(self, told_apart: Sequence[_Candidate], limits: ProofLimits) -> bool:
        """Look at the end of every conversation, by these actions' conditions; whether all were looked at."""
        if limits.seconds <= 0:
            return False
        kept = union(one.needs for one in told_apart)
        roles = {one.spec.role for one in told_apart} | {one.spec.role for one in self._candidates}
        kept |= union(bits for role in roles if role in self._people for _, bits in self._people[role])
        walk = walk_keeping(self._logic, limits, kept, union(one.adding for one in told_apart))
        if walk is None:
            return False
        for end in walk.ends:
            if end.ends.outcomes and not end.ends.conflict:
                self._look(end, set(told_apart))
        return True

    def _look(self, end: ConversationEnd, told_apart: set[_Candidate]) -> None:
        state = self._logic.after(end.path)
        outcome = list(self._script.outcomes)[next(numbers(end.ends.outcomes))]
        done = [one for one in self._candidates if self._is_done(one, outcome, state)]
        known = [one for one in done if one in told_apart or not (one.needs or one.outcome is None)]
        self._reached.update(one for one in done if one in told_apart)
        reminded: dict[str, tuple[_Candidate, str]] = {}
        for one in known:
            for recipient in self._recipients(one.spec.role, state):
                for same in self._same_person(recipient):
                    other = reminded.setdefault(same, (one, recipient))
                    if other[0] is not one:
                        self._twice(other, (one, recipient), end.path)

    def _is_done(self, one: _Candidate, outcome: str, state: ConversationState) -> bool:
        wanted = one.outcome == outcome if one.outcome is not None else bool(one.adding & state.fired)
        return wanted and not one.needs & ~state.holds

    def _recipients(self, role: str | None, state: ConversationState) -> list[str]:
        if role is None:
            return []
        if role not in self._people:
            return [role]
        return [recipient_of(role, name) for name, bits in self._people[role] if not bits & ~state.holds]

    def _same_person(self, recipient: str) -> Iterator[str]:
        role = self._roles.get(recipient)
        yield recipient
        if role and role.crm_user:
            yield f"crm_user {role.crm_user}"
        if role and role.address:
            yield f"address {role.address.casefold()}"

    # --- without conditions --------------------------------------------------------------------------

    def _fixed(self) -> None:
        """Nothing is chosen: two reminders of one outcome to one role are so in every conversation with it."""
        for _, group in itertools.groupby(self._candidates, key=lambda one: one.outcome):
            seen: dict[str, _Candidate] = {}
            for one in group:
                if (
                    one.outcome in self._outcomes
                    and one.spec.role
                    and (other := seen.setdefault(one.spec.role, one)) is not one
                ):
                    self._twice((other, one.spec.role), (one, one.spec.role), ())

    # --- what is told ----------------------------------------------------------------------------------

    def _twice(
        self, first: tuple[_Candidate, str], second: tuple[_Candidate, str], path: Iterable[ConversationStep]
    ) -> None:
        (one, to), (other, also_to) = first, second
        # That two roles are one person is told of the roles themselves.
        if one.spec.role != other.spec.role and not {one.spec.role, other.spec.role} & self._people.keys():
            return
        key = (one.spec.id, other.spec.id, to, also_to)
        if key in self._told:
            return
        self._told.add(key)
        steps = tuple(path)
        said = f" (разговор «{wording.conversation(self._script, steps)}»)" if steps else ""
        named = self._roles[also_to].label if also_to in self._roles else also_to
        what = f"«{named}» получит и его, и «{one.spec.id}» за один разговор{said}"
        self._notes.contradiction(self._file, other.place, what, "уточните условия (when) или оставьте одно")

    def _unreached(self, conditional: Sequence[_Candidate]) -> None:
        for place, group in itertools.groupby(conditional, key=lambda one: one.place):
            members = list(group)
            if not self._reached.isdisjoint(members):
                continue
            one = members[0]
            if one.outcome is None and not one.adding:
                what, hint = "действие не добавляет ни одно правило", "назовите его в add правила или уберите"
            else:
                what, hint = "действие не выполняется ни в одном разговоре", "исправьте условия (when) или уберите его"
            self._notes.faults.add(self._file, place, what, hint)

    def _somebody(self, role: str) -> None:
        """For every combination of the fields that choose among a role's people somebody is chosen."""
        people = self._script.people[role]
        names = list(dict.fromkeys(condition.subject for one in people for condition in one.when))
        branches: list[tuple[str, Sequence[object], Sequence[int]]] = []
        for name in names:
            number = self._logic.calls.index(name)
            found = self._logic.call_branches[number]
            branches.append((name, [one.value for one in found], [one.holds for one in found]))
        for tried, chosen in enumerate(itertools.product(*(range(len(values)) for _, values, _ in branches))):
            if tried == _MOST_COMBINATIONS:
                what = f"людей роли выбирают больше {_MOST_COMBINATIONS} сочетаний полей; проверены не все"
                self._notes.unproven.add(ROLES_FILE, ("role", role), what, "сократите условия")
                return
            picked = list(zip(chosen, branches, strict=True))
            holds = union(held[place] for place, (_, _, held) in picked)
            if all(bits & ~holds for _, bits in self._people[role]):
                self._nobody(role, [(name, values[place]) for place, (name, values, _) in picked])
                return

    def _nobody(self, role: str, fields: Iterable[tuple[str, object]]) -> None:
        steps = [ConversationStep(None, name, value) for name, value in fields]  # type: ignore[arg-type]
        said = wording.conversation(self._script, steps)
        what = f"в роли никого нет, если «{said}» (скрипт {self._script.name})"
        hint = "допишите человека без when или с when для этого значения"
        self._notes.faults.add(ROLES_FILE, ("role", role), what, hint)


def _numbered(actions: Iterable[ActionSpec]) -> Iterator[tuple[ActionSpec, int]]:
    """Each action with its place in the file: a reminder to several roles is one entry there."""
    index, known = -1, ""
    for action in actions:
        entry = action.id.removesuffix(f"-{action.role}") if action.role else action.id
        if entry != known or action.role is None:
            index, known = index + 1, entry
        yield action, index
