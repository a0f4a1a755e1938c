"""Rules as the engine takes them, brought into a shape that durable-rules holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from plugin.errors import EngineError

#: The code of a fact that was asked for and is not known.
UNKNOWN = "?"
#: What the engine can take, measured. Beyond it, in this order: error 108 (at 257), a hang inside registration (at 512
#: and at 511), error 307 (at 17), error 303 once such a fact comes (at 65), texts that are longer than 65,535 bytes and
#: taken for equal.
MAX_RULES_OF_ONE_PATTERN = 250
MAX_CODES_OF_ONE_SUBJECT = 500
MAX_SUBJECTS = 500
MAX_PATTERNS_OF_ONE_RULE = 16
MAX_PATTERNS_OF_ONE_CODE = 64
MAX_BYTES_OF_TEXT = 10_000

#: From here on rules are put into groups, well before the limits.
_CROWD = 200
_CODE_CROWD = 50


@dataclass(frozen=True, slots=True)
class Pattern:
    """A subject (an asked fact or a derived one) whose code is one of these."""

    subject: str
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class EngineRule:
    """When all patterns hold, the rule fires: it asks for facts and concludes derived ones."""

    name: str
    patterns: tuple[Pattern, ...]
    asks: tuple[str, ...] = ()
    concludes: tuple[tuple[str, str], ...] = ()


def spread(rules: Sequence[EngineRule]) -> list[EngineRule]:
    """The same rules within the engine's limits, where further derived facts can bring that about.

    Patterns that overlap too much are concluded from single codes first; rules that share a pattern are put into groups
    that match a derived fact of their own. The rules added for it have names in parentheses.
    """
    return _spread_rules(_spread_patterns(rules))


def _spread_patterns(rules: Sequence[EngineRule]) -> list[EngineRule]:
    """Where one code stands in too many patterns: one rule a code concludes which patterns hold."""
    patterns = {pattern for rule in rules for pattern in rule.patterns}
    counts = Counter((pattern.subject, code) for pattern in patterns for code in pattern.codes)
    crowded = {subject for (subject, _), count in counts.items() if count > _CODE_CROWD}
    if not crowded:
        return list(rules)
    named = {p: f"({p.subject}:{i})" for i, p in enumerate(sorted(patterns, key=_order)) if p.subject in crowded}
    holding: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pattern, name in named.items():
        for code in pattern.codes:
            holding[pattern.subject, code].append(name)
    added = [
        EngineRule(
            f"({subject}={code})", (Pattern(subject, frozenset({code})),), concludes=tuple((n, "yes") for n in names)
        )
        for (subject, code), names in sorted(holding.items())
    ]
    return [
        *added,
        *(_with_patterns(rule, (_alias(named[p]) if p in named else p for p in rule.patterns)) for rule in rules),
    ]


def _spread_rules(rules: Sequence[EngineRule]) -> list[EngineRule]:
    """Where too many rules share a pattern: groups of them match a derived fact instead."""
    sharing = Counter(pattern for rule in rules for pattern in rule.patterns)
    crowded = {p: f"({i})" for i, (p, count) in enumerate(sharing.items()) if count > _CROWD}
    if not crowded:
        return list(rules)
    seen: Counter[Pattern] = Counter()
    added: dict[str, EngineRule] = {}
    result = []
    for rule in rules:
        patterns = []
        for pattern in rule.patterns:
            if pattern in crowded:
                group = f"{crowded[pattern]}{seen[pattern] // _CROWD}"
                seen[pattern] += 1
                added.setdefault(group, EngineRule(f"({group})", (pattern,), concludes=((group, "yes"),)))
                patterns.append(_alias(group))
            else:
                patterns.append(pattern)
        result.append(_with_patterns(rule, patterns))
    return [*added.values(), *result]


def _alias(subject: str) -> Pattern:
    return Pattern(subject, frozenset({"yes"}))


def _with_patterns(rule: EngineRule, patterns: Iterable[Pattern]) -> EngineRule:
    return replace(rule, patterns=tuple(patterns))


def _order(pattern: Pattern) -> tuple[str, list[str]]:
    return pattern.subject, sorted(pattern.codes)


def shape(rule: EngineRule) -> tuple[Pattern, ...]:
    """The rule's patterns in one order, one a subject: one message cannot satisfy two patterns of a join."""
    wanted: dict[str, frozenset[str]] = {}
    for pattern in rule.patterns:
        wanted[pattern.subject] = wanted.get(pattern.subject, pattern.codes) & pattern.codes
    return tuple(Pattern(subject, wanted[subject]) for subject in sorted(wanted))


def check_size(rules: Sequence[EngineRule]) -> None:
    shapes = {shape(rule) for rule in rules}
    rules_of = Counter(pattern for shape in shapes for pattern in shape)
    patterns_of = Counter((pattern.subject, code) for pattern in rules_of for code in pattern.codes)
    codes_of = Counter(subject for subject, _ in patterns_of)
    _check(
        "conditions in one rule",
        max(map(len, shapes), default=0),
        MAX_PATTERNS_OF_ONE_RULE,
        "Conclude a part of them first",
    )
    for text in {text for told in patterns_of for text in told}:
        _check("bytes in one name or value", len(text.encode(errors="replace")), MAX_BYTES_OF_TEXT, "Shorten it")
    _check("different facts", len(codes_of), MAX_SUBJECTS, "Split the script in two")
    for subject, count in codes_of.items():
        _check(f"different values of {subject}", count, MAX_CODES_OF_ONE_SUBJECT, "Conclude groups of values first")
    for (subject, _), count in patterns_of.items():
        _check(f"different conditions on one value of {subject}", count, MAX_PATTERNS_OF_ONE_CODE, "Conclude it first")
    for pattern, count in rules_of.items():
        _check(
            f"rules sharing one condition on {pattern.subject}",
            count,
            MAX_RULES_OF_ONE_PATTERN,
            "Split it by another fact",
        )


def _check(what: str, count: int, limit: int, remedy: str) -> None:
    if count > limit:
        raise EngineError(f"{count} {what}; durable-rules holds {limit}", hint=remedy)
