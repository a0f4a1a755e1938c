"""Runs the admin's cases: compares what the rules decide with what a case expects, and finds what no case touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from plugin.authoring.verification.case_mismatches import Run, differences
from plugin.authoring.verification.case_texts import CORRECTIONS, resolved
from plugin.common.toml.source import TomlSource, parse_toml
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import reach
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset import Role
from plugin.deciding.ruleset.cases import Case, Expected, build_cases
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.schema import CASES_FILE
from plugin.deciding.ruleset.value_classes import examples
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts

__all__ = [
    "Case",
    "CaseResult",
    "Coverage",
    "CoverageShare",
    "CoveredAnswer",
    "CoveredEntry",
    "Expected",
    "cases_of",
    "coverage",
    "run_case",
    "run_cases",
]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case. ``differences``: in Russian, one for each expectation that was not met."""

    case: Case
    differences: tuple[str, ...]
    run: Run

    @property
    def ok(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class CoveredEntry:
    """A rule, question or outcome of a script, by its id or name."""

    script: str
    name: str


@dataclass(frozen=True, slots=True)
class CoveredAnswer:
    """An answer to a question, or an example of a class of values; ``question`` None: a field of the call."""

    script: str
    question: str | None
    fact: str
    value: FactValue


@dataclass(frozen=True, slots=True)
class CoverageShare:
    """How much of something there is, and what of it no case touches."""

    total: int
    missed: tuple[CoveredEntry, ...] | tuple[CoveredAnswer, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the rules the cases touch."""

    rules: CoverageShare
    questions: CoverageShare
    answers: CoverageShare
    outcomes: CoverageShare
    texts: CoverageShare

    @property
    def complete(self) -> bool:
        """Whether nothing is left untouched."""
        return not any(part.missed for part in (self.rules, self.questions, self.answers, self.outcomes, self.texts))


def cases_of(rulebook: Rulebook) -> tuple[Case, ...]:
    """The cases of every script, in the order of the files. Raises RulesError with everything wrong with them."""
    sources = _sources(rulebook)
    faults = Faults(sources)
    cases: list[Case] = []
    for name, decider in rulebook.scripts.items():
        file = f"{name}/{CASES_FILE}"
        if file in rulebook.content:
            content = rulebook.content[file]
            cases += build_cases(name, content, decider.script, rulebook.roles, faults, sources.get(file))
    faults.raise_if_any()
    return tuple(cases)


def run_cases(rulebook: Rulebook) -> tuple[CaseResult, ...]:
    """Every case run by its script. Raises RulesError for cases that cannot be read."""
    return tuple(run_case(rulebook.script(case.script), case, rulebook.roles) for case in cases_of(rulebook))


def run_case(decider: Decider, case: Case, roles: Mapping[str, Role] | None = None) -> CaseResult:
    """One case run by its script; ``roles`` are those of its revision."""
    run = _run(decider, case)
    return CaseResult(case, tuple(differences(decider, case, run, roles)), run)


def _run(decider: Decider, case: Case) -> Run:
    try:
        facts = decider.type_facts(resolved(decider, case.facts))
    except BadFacts as fault:
        return Run(fault=fault)
    end = reach(decider, facts, case.context)
    return Run(facts, decider.trace(facts), end.decision, end.fault)


def _sources(rulebook: Rulebook) -> dict[str, TomlSource]:
    """The files of cases with their lines, where the texts are at hand."""
    files = {name: text for name, text in rulebook.files.items() if name.endswith(f"/{CASES_FILE}")}
    return {name: parse_toml(text.encode()) for name, text in files.items()}


def coverage(rulebook: Rulebook, results: Sequence[CaseResult]) -> Coverage:
    """Which rules, questions, answers and outcomes of the scripts these cases touch."""
    fired = {CoveredEntry(r.case.script, name) for r in results if r.run.trace for name in r.run.trace.fired}
    ended = {
        CoveredEntry(r.case.script, r.run.decision.outcome)
        for r in results
        if r.run.decision and r.run.decision.outcome
    }
    said = {answered for r in results for answered in _said(rulebook.script(r.case.script), r.run)}
    scripts = [decider.script for decider in rulebook.scripts.values()]
    every = [answered for decider in rulebook.scripts.values() for answered in _answers(decider)]
    return Coverage(
        rules=_part([CoveredEntry(script.name, rule.id) for script in scripts for rule in script.rules], fired),
        questions=_part(
            [CoveredEntry(script.name, question.id) for script in scripts for question in script.questions], fired
        ),
        answers=CoverageShare(len(every), tuple(answered for answered in every if answered not in said)),
        outcomes=_part([CoveredEntry(script.name, name) for script in scripts for name in script.outcomes], ended),
        texts=_part(
            [CoveredEntry(decider.name, name) for decider in rulebook.scripts.values() for name in _texts(decider)],
            {
                CoveredEntry(r.case.script, name)
                for r in results
                for name in (*_expected_texts(r.case), *_read_aloud(rulebook.script(r.case.script), r))
            },
        ),
    )


def _texts(decider: Decider) -> Iterator[str]:
    """What a script says and does beyond its conversations, by names in its files."""
    yield from (f"correction.{name}" for name in CORRECTIONS)
    if any(rule.target for rule in decider.script.rules):
        yield from ("other_client.comment", "other_client.reminder", "target_phone")
    yield from (f"read «{question.id}»" for question in decider.script.questions if question.read)
    yield from (f"read «{name}»" for name, outcome in decider.script.outcomes.items() if outcome.read)
    yield from ("unfinished.remind", "unfinished.subject", "unfinished.text", "promise_hours", "persons")
    if decider.script.escalation:
        yield "escalation"


def _expected_texts(case: Case) -> Iterator[str]:
    expected = case.expected
    for table, of in (("correction", expected.then), ("other_client", expected.other_client)):
        yield from (f"{table}.{name}" for name, wanted in (of or {}).items() if wanted is not None)
    yield from (f"unfinished.{name}" for name, wanted in (expected.unfinished or {}).items() if wanted is not None)
    for name in ("promise_hours", "persons", "target_phone", "escalation"):
        if getattr(expected, name) is not None:
            yield name


def _read_aloud(decider: Decider, result: CaseResult) -> Iterator[str]:
    """The question or the outcome whose reading the case looks at."""
    decision, trace = result.run.decision, result.run.trace
    if result.case.expected.read is None or decision is None or trace is None:
        return
    asked = decision.next if not decision.complete or result.case.expected.next is not None else None
    yield f"read «{trace.asked[asked.fact].id if asked else decision.outcome}»"


def _part(every: Sequence[CoveredEntry], touched: set[CoveredEntry]) -> CoverageShare:
    return CoverageShare(len(every), tuple(entry for entry in every if entry not in touched))


def _answers(decider: Decider) -> Iterator[CoveredAnswer]:
    """What can be answered, and what the call can bring along where some condition reads it."""
    script = decider.script
    for question in script.questions:
        classes = script.classes[question.fact]
        offered = [classes.key(answer.value) for answer in question.answers] or classes.keys
        for key in offered:
            yield CoveredAnswer(script.name, question.id, question.fact, classes.example(key))
    for name in script.call_facts:
        for value in examples(script.classes[name]):
            yield CoveredAnswer(script.name, None, name, value)


def _said(decider: Decider, run: Run) -> Iterable[CoveredAnswer]:
    """What was answered or brought along, by the examples of the classes."""
    if run.trace is None:
        return
    call_facts = {name: question.id for name, question in run.trace.asked.items()} | dict.fromkeys(decider.sources)
    for name, question in call_facts.items():
        if name in run.facts:
            classes = decider.script.classes[name]
            key = classes.key(run.facts[name])
            # A combination of text tests that no example was found for is none of those to be touched.
            if key in classes.keys:
                yield CoveredAnswer(decider.name, question, name, classes.example(key))
