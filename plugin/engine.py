"""One compiled ruleset in durable-rules, looked after: facts in, the rules that fired out, nothing kept in between.

The only module that imports ``durable``. Its oddities, each answered here, are: background timers that dispatch behind
one's back, sessions that leak or crash the process when deleted untouched, swallowed exceptions, type coercion, and
errors that are only numbers. Facts are therefore asserted as codes (text), one message a fact, under one lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugin.errors import EngineError

try:
    import durable_rules_engine
    from durable import engine as durable
except ImportError as error:  # Python 3.13 dropped a symbol that the C extension was built against
    raise EngineError(
        f"durable-rules cannot be loaded ({error})",
        hint='Reinstall it: CPPFLAGS="-DPyEval_CallObject=PyObject_CallObject" pip install --force-reinstall '
        "--no-binary :all: --no-cache-dir durable-rules==2.0.28",
    ) from error

#: The code of a fact that was asked for and is not known.
UNKNOWN = "?"
#: What the engine can take of one pattern; more is error 108 or a hang inside registration.
MAX_RULES_OF_ONE_PATTERN = 250
MAX_PATTERNS = 500

#: The message that opens a session. No fact can have this name.
_START = "*"
_RULESET = "script"
_SID = "call"
#: The C extension's pool of sessions has 8 slots; a slot never used crashes the process when it is freed.
_PRIMED_SESSIONS = 7
#: The extension is not thread-safe, and two live sessions can share their state: one decision at a time.
_LOCK = threading.RLock()


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


class _Host(durable.Host):  # type: ignore[misc]
    """A host without the two timer threads, which dispatch actions from outside any lock."""

    def _run(self) -> None:
        return None


class Engine:
    """A ruleset held by durable-rules until ``close()``. Thread-safe.

    Rules chain forward inside the engine: a fact is asserted when a rule asks for it (as *unknown* where it is
    missing), a derived fact when a rule concludes it, and both can make further rules fire.
    Raises EngineError when the rules exceed what durable-rules can hold.
    """

    def __init__(self, rules: Sequence[EngineRule]) -> None:
        _check_size(rules)
        self._read = {pattern.subject for rule in rules for pattern in rule.patterns}
        self._fired: dict[str, None] = {}
        self._asserted: set[tuple[str, str]] = set()
        self._facts: Mapping[str, str] = {}
        self._started = False
        self._usable = True
        definition = self._definition(rules)
        with _LOCK:
            self._host = _Host()
            try:
                self._host.register_rulesets({_RULESET: definition})
            except Exception as error:
                raise EngineError(f"durable-rules does not accept these rules ({error})") from error
            self._prime()

    def run(self, facts: Mapping[str, str]) -> tuple[str, ...]:
        """Fire the rules on these facts (subject → code) and return the names of those that fired.

        Each name stands once; the order is the engine's and carries no meaning. Raises EngineError.
        """
        with _LOCK:
            if not self._usable:
                raise EngineError("this ruleset's engine is closed")
            self._fired, self._asserted, self._facts, self._started = {}, set(), facts, False
            self._session(_SID)
            return tuple(self._fired)

    def close(self) -> None:
        """Give the compiled ruleset's memory back. The engine cannot be used afterwards."""
        with _LOCK:
            if self._usable:
                self._usable = False
                handle = self._host._ruleset_directory.pop(_RULESET)._handle
                self._host._ruleset_list.clear()
                durable_rules_engine.delete_ruleset(handle)

    def _session(self, sid: str) -> None:
        try:
            state = self._host.assert_fact(_RULESET, {"sid": sid, "on": _START})
        except Exception as error:
            self._usable = self._started
            raise EngineError(f"durable-rules failed ({getattr(error, 'message', error)})") from error
        finally:
            # Deleting a session in which no action ran would crash the process; the start rule sets the flag.
            if self._started:
                self._host.delete_state(_RULESET, sid)
        if "exception" in state:
            raise EngineError(f"a rule failed inside durable-rules ({state['exception']})")

    def _prime(self) -> None:
        for number in range(_PRIMED_SESSIONS):
            with contextlib.suppress(Exception):
                self._host.assert_fact(_RULESET, {"sid": f"{_START}-{number}", "on": _START})
        for number in range(_PRIMED_SESSIONS):
            self._host.delete_state(_RULESET, f"{_START}-{number}")

    def _definition(self, rules: Sequence[EngineRule]) -> dict[str, Any]:
        """The ruleset in durable-rules' own form. Rules with the same patterns share one entry (error 303)."""
        by_patterns: dict[tuple[Pattern, ...], list[EngineRule]] = {}
        for rule in rules:
            key = tuple(sorted(rule.patterns, key=lambda p: (p.subject, sorted(p.codes))))
            by_patterns.setdefault(key, []).append(rule)
        definition: dict[str, Any] = {
            _START: {"all": [{"m": {"$and": [{"on": _START}]}}], "pri": 0, "run": self._start_action()}
        }
        for number, (patterns, sharing) in enumerate(by_patterns.items()):
            conditions = [{f"m_{i}": _condition(pattern)} for i, pattern in enumerate(patterns)]
            definition[f"r{number}"] = {
                "all": conditions or [{"m": {"$and": [{"on": _START}]}}],
                "pri": 1,
                "run": self._action(tuple(sharing)),
            }
        return definition

    def _start_action(self) -> Callable[[Any], None]:
        def start(closure: Any) -> None:
            self._started = True

        return start

    def _action(self, rules: tuple[EngineRule, ...]) -> Callable[[Any], None]:
        # Only what some rule reads is asserted: the engine raises for a message that nothing matches.
        names = tuple(rule.name for rule in rules)
        asks = tuple(subject for rule in rules for subject in rule.asks if subject in self._read)
        concludes = tuple(pair for rule in rules for pair in rule.concludes if pair[0] in self._read)

        def fire(closure: Any) -> None:
            for name in names:
                self._fired[name] = None
            for subject in asks:
                self._tell(closure, subject, self._facts.get(subject, UNKNOWN))
            for subject, code in concludes:
                self._tell(closure, subject, code)

        return fire

    def _tell(self, closure: Any, subject: str, code: str) -> None:
        if (subject, code) in self._asserted:
            return
        self._asserted.add((subject, code))
        # A code that no rule reads is ordinary (an answer that leads nowhere): the message is simply not handled.
        with contextlib.suppress(durable.MessageNotHandledException):
            closure.assert_fact({"on": subject, "is": code})


def _condition(pattern: Pattern) -> dict[str, Any]:
    codes = sorted(pattern.codes)
    wanted = {"is": codes[0]} if len(codes) == 1 else {"$or": [{"is": code} for code in codes]}
    return {"$and": [{"on": pattern.subject}, wanted]}


def _check_size(rules: Sequence[EngineRule]) -> None:
    sharing: dict[Pattern, int] = {}
    for rule in rules:
        for pattern in rule.patterns:
            sharing[pattern] = sharing.get(pattern, 0) + 1
    for pattern, count in sharing.items():
        if count > MAX_RULES_OF_ONE_PATTERN:
            raise EngineError(
                f"{count} rules share a condition on {pattern.subject}; durable-rules holds {MAX_RULES_OF_ONE_PATTERN}",
                hint="Split the rules by a further derived fact",
            )
    if len(sharing) > MAX_PATTERNS:
        raise EngineError(
            f"{len(sharing)} different conditions; durable-rules holds {MAX_PATTERNS}", hint="Split the script in two"
        )
