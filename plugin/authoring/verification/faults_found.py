"""From what a walk through a script found to faults for the admin, with what could not be proven."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from plugin.authoring.verification import wording
from plugin.authoring.verification.findings import FaultNotes
from plugin.authoring.verification.logic import Endings, Logic, numbers
from plugin.authoring.verification.state_space import ConversationEnd, Walk
from plugin.common.russian import counted
from plugin.common.toml.source import Place
from plugin.deciding.decision.trace import written
from plugin.deciding.ruleset.conditions import RULES_FILE
from plugin.deciding.ruleset.model import Question, Rule

#: Conversations shown of one script; the rest are counted.
MOST_SHOWN = 40
#: Rules named together in one line.
_MOST_NAMED = 10


@dataclass(slots=True)
class _SameFault:
    """Conversations that go wrong in the same way: the shortest of them, and how many there are."""

    end: ConversationEnd
    fired: int
    conversations: int = 0
    counted: bool = True


class FaultFinder:
    """Notes what is wrong with one script."""

    def __init__(self, logic: Logic, walk: Walk, notes: FaultNotes) -> None:
        self._logic = logic
        self._script = logic.script
        self._walk = walk
        self._notes = notes
        self._file = f"{logic.script.name}/{RULES_FILE}"

    def find_faults(self, dead: Collection[str] = ()) -> None:
        """Note everything; ``dead``: the ids of entries of which it is known already why they never take effect."""
        self._ends()
        self._order()
        self._reached(dead)
        if not self._walk.complete:
            self._unproven()

    # --- how conversations end -------------------------------------------------------------------

    def _ends(self) -> None:
        same_fault: dict[tuple[object, ...], _SameFault] = {}
        for end in self._walk.ends:
            if end.ends.outcomes and not end.ends.conflict:
                continue
            fired = self._logic.after(end.path).fired
            key = (end.ends.conflict, self._guilty(fired, end.ends)) if end.ends.conflict else (end.path[-1:],)
            group = same_fault.setdefault(key, _SameFault(end, fired))
            group.conversations += end.conversations or 0
            group.counted &= end.conversations is not None
            if len(end.path) < len(group.end.path):
                group.end, group.fired = end, fired
        for group in list(same_fault.values())[:MOST_SHOWN]:
            self._conflict(group) if group.end.ends.conflict else self._gap(group)
        if len(same_fault) > MOST_SHOWN:
            what = f"ещё {counted(len(same_fault) - MOST_SHOWN, 'такой случай', 'таких случая', 'таких случаев')}"
            self._notes.faults.add(self._file, (), f"{what} без итога или со спором правил", "исправьте сначала эти")

    def _gap(self, same_fault: _SameFault) -> None:
        path = same_fault.end.path
        asked = [said.question for said in path if said.question is not None]
        place: Place = ("question", asked[-1]) if asked else ()
        hint = "допишите правило с outcome для этого разговора"
        self._note(same_fault, place, "ни одно правило не даёт итога", hint)

    def _conflict(self, same_fault: _SameFault) -> None:
        guilty = self._guilty(same_fault.fired, same_fault.end.ends)
        told = [self._ending(self._rule(number)) for number in guilty]
        place = self._place(guilty[-1])
        hint = "уточните условия (when) так, чтобы итог и карточка были одни"
        self._note(same_fault, place, f"правила спорят между собой: {', '.join(told)}", hint)

    def _note(self, same_fault: _SameFault, place: Place, what: str, hint: str) -> None:
        more = ""
        if same_fault.counted and same_fault.conversations > 1:
            more = f" (и ещё {counted(same_fault.conversations - 1, 'разговор', 'разговора', 'разговоров')})"
        said = wording.conversation(self._script, same_fault.end.path)
        self._notes.conversation(self._file, place, said, what + more, hint)

    def _guilty(self, fired: int, ends: Endings) -> tuple[int, ...]:
        """The rules that end the conversation differently."""
        entries = self._logic.entries
        by_outcome = ends.outcomes.bit_count() > 1
        return tuple(n for n in numbers(fired) if (entries[n].ends.outcomes if by_outcome else entries[n].ends.targets))

    def _ending(self, rule: Rule) -> str:
        return f"«{rule.id}» даёт {wording.outcome(self._script, rule.outcome)}" + (
            " в другую карточку" if rule.target else ""
        )

    # --- the order of the questions --------------------------------------------------------------

    def _order(self) -> None:
        questions = self._script.questions
        told = set()
        for (number, later), path in self._walk.misplaced.items():
            told.add(number)
            self._misplaced(number, later, f" (разговор «{wording.conversation(self._script, path)}»)")
        for number, question in enumerate(questions):
            for condition in question.when:
                asking = [n for n, other in enumerate(questions) if other.fact == condition.subject]
                if number not in told and asking and min(asking) > number:
                    told.add(number)
                    self._misplaced(number, asking[0], "")
        for (number, earlier), path in self._walk.doubled.items():
            said = wording.conversation(self._script, path)
            what = f"о факте «{questions[number].fact}» в этом разговоре уже спросил вопрос «{questions[earlier].id}»"
            hint = "уточните условия так, чтобы задавался один из двух"
            self._notes.conversation(
                self._file, ("question", number), said, f"вопрос «{questions[number].id}»: {what}", hint
            )

    def _misplaced(self, number: int, later: int, example: str) -> None:
        what = f"стоит раньше вопроса «{self._script.questions[later].id}», от ответа на который зависит{example}"
        hint = "переставьте его ниже: порядок вопросов в файле — порядок разговора"
        self._notes.faults.add(self._file, ("question", number), what, hint)

    # --- what is reached -------------------------------------------------------------------------

    def _reached(self, dead: Collection[str]) -> None:
        missing = [n for n in range(len(self._logic.entries)) if not self._walk.fired >> n & 1]
        missing = [n for n in missing if self._logic.listed[n].id not in dead]
        if self._walk.complete:
            for number in missing:
                self._unreachable(number)
        else:
            self._not_found(missing)
        self._outcomes()

    def _unreachable(self, number: int) -> None:
        entry = self._logic.listed[number]
        said = "вопрос не задаётся" if isinstance(entry, Question) else "правило не действует"
        what = f"{said} ни в одном разговоре: {self._why(entry)}"
        self._notes.faults.add(self._file, self._place(number), what, "исправьте условия (when) или уберите его")

    def _not_found(self, missing: list[int]) -> None:
        if missing:
            named = ", ".join(f"«{self._logic.listed[number].id}»" for number in missing[:_MOST_NAMED])
            more = f" и ещё {len(missing) - _MOST_NAMED}" if len(missing) > _MOST_NAMED else ""
            what = f"не найдены разговоры, в которых действуют {named}{more}"
            self._notes.not_proven(self._file, what, "проверьте их условия (when)")

    def _outcomes(self) -> None:
        """Outcomes that rules give but no conversation comes to. One that no rule gives is unused, which is less."""
        given = {rule.outcome for rule in self._script.rules if rule.outcome}
        fired = (entry for n, entry in enumerate(self._logic.listed) if self._walk.fired >> n & 1)
        missing = given - {entry.outcome for entry in fired if isinstance(entry, Rule)}
        for name in sorted(missing):
            notes = self._notes.faults if self._walk.complete else self._notes.unproven
            what = "этим итогом не кончается ни один разговор"
            if not self._walk.complete:
                what = "разговор с этим итогом не найден"
            notes.add(f"{self._script.name}/outcomes.toml", ("outcome", name), what, "исправьте условия его правил")

    def _why(self, entry: Question | Rule) -> str:
        never = [c for c in entry.when if self._logic.condition(c) & ~self._walk.holds]
        if never:
            several = "условия {} никогда не выполняются" if len(never) > 1 else "условие {} никогда не выполняется"
            return several.format(", ".join(f"«{written(condition)}»" for condition in never))
        return "условия по отдельности выполняются, но все вместе — никогда"

    def _unproven(self) -> None:
        what = f"разговоров слишком много, чтобы перебрать все; пройдено до конца: {len(self._walk.ends)}"
        hint = "не доказано, что каждый кончается ровно одним итогом: разделите скрипт или сократите путь"
        self._notes.not_proven(self._file, what, hint)

    # --- places ----------------------------------------------------------------------------------

    def _rule(self, number: int) -> Rule:
        return self._script.rules[number - len(self._script.questions)]

    def _place(self, number: int) -> Place:
        first_rule = len(self._script.questions)
        return ("question", number) if number < first_rule else ("rule", number - first_rule)
