"""One compiled ruleset in durable-rules, looked after: facts in, the rules that fired out, nothing kept in between.

The only module that imports ``durable``. Its oddities, each answered here, are: background timers that dispatch behind
one's back, sessions that leak or crash the process when deleted untouched, swallowed exceptions, type coercion, and
errors that are only numbers. Facts are therefore asserted as codes (text), one message a fact, under one lock.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plugin.deciding.engine.network import UNKNOWN, EngineRule, Pattern, check_size, shape, spread
from plugin.errors import EngineError

try:
    import durable_rules_engine
    from durable import engine as durable
except ImportError as error:
    # Python 3.13 dropped a symbol that the C extension asks for unless it is built with another name for it.
    raise EngineError(
        f"the rules engine, durable-rules, cannot be loaded by {sys.executable} ({error})",
        hint="The rules are not at fault, this Python environment is. Install the engine anew: "
        f'CPPFLAGS="-DPyEval_CallObject=PyObject_CallObject" {sys.executable} -m pip install --force-reinstall '
        "--no-deps --no-cache-dir --no-binary durable-rules durable-rules==2.0.28; without a compiler, from the "
        "folder that `make dist` makes: docs/deployment.md",
    ) from error

# It reads the clock in a way that is deprecated since Python 3.12: where warnings are errors, no rule would fire.
warnings.filterwarnings("ignore", r"datetime\.datetime\.utcfromtimestamp", DeprecationWarning, r"durable\.engine")

#: The message that opens a session. No fact can have this name.
START = "*"
_RULESET = "script"
#: Rules only collect, so that a session whose end is not known can simply be run again.
_TRIES = 3
_SID = "call"
#: The C extension's pool of sessions has 8 slots; a slot never used crashes the process when it is freed.
_PRIMED_SESSIONS = 7
#: The extension is not thread-safe, and two live sessions can share their state: one decision at a time.
_LOCK = threading.RLock()


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
        names = {rule.name for rule in rules}
        rules = spread(rules)
        check_size(rules)
        self._added = frozenset(rule.name for rule in rules) - names
        self._read = {(p.subject, code) for rule in rules for p in shape(rule) for code in p.codes}
        self._fired: set[str] = set()
        self._asserted: set[tuple[str, str]] = set()
        self._facts: Mapping[str, str] = {}
        self._started = False
        self._usable = True
        definition = ruleset_definition(rules, self._action)
        with _LOCK:
            self._host = _Host()
            try:
                self._host.register_rulesets({_RULESET: definition})
            except Exception as error:
                raise EngineError(f"durable-rules does not accept these rules ({error})") from error
            self._prime()

    def run(self, facts: Mapping[str, str]) -> frozenset[str]:
        """The names of the rules that fire on these facts (subject → code). Raises EngineError."""
        with _LOCK:
            if not self._usable:
                raise EngineError("this ruleset's engine is closed")
            for _ in range(_TRIES):
                self._fired, self._asserted, self._facts, self._started = set(), set(), facts, False
                if self._session(_SID):
                    return frozenset(self._fired - self._added)
            raise EngineError("durable-rules gave no state back")

    def close(self) -> None:
        """Give the compiled ruleset's memory back. The engine cannot be used afterwards."""
        with _LOCK:
            if self._usable:
                self._usable = False
                handle = self._host._ruleset_directory.pop(_RULESET)._handle
                self._host._ruleset_list.clear()
                durable_rules_engine.delete_ruleset(handle)

    def _session(self, sid: str) -> bool:
        """Whether the engine gave its state back: once in tens of thousands of times it gives a number instead."""
        try:
            state = self._host.assert_fact(_RULESET, {"sid": sid, "on": START})
        except Exception as error:
            self._usable = self._started
            raise EngineError(f"durable-rules failed ({getattr(error, 'message', error)})") from error
        finally:
            # Deleting a session in which no action ran would crash the process; every action sets the flag.
            if self._started:
                self._host.delete_state(_RULESET, sid)
        if not isinstance(state, Mapping):
            return False
        if "exception" in state:
            raise EngineError(f"a rule failed inside durable-rules ({state['exception']})")
        return True

    def _prime(self) -> None:
        for number in range(_PRIMED_SESSIONS):
            with contextlib.suppress(Exception):
                self._host.assert_fact(_RULESET, {"sid": f"{START}-{number}", "on": START})
        for number in range(_PRIMED_SESSIONS):
            self._host.delete_state(_RULESET, f"{START}-{number}")

    def _action(self, rules: tuple[EngineRule, ...]) -> Callable[[Any], None]:
        names = frozenset(rule.name for rule in rules)
        asks = tuple(subject for rule in rules for subject in rule.asks)
        concludes = tuple(pair for rule in rules for pair in rule.concludes)

        def fire(closure: Any) -> None:
            self._started = True
            self._fired.update(names)
            for subject in asks:
                self._tell(closure, (subject, self._facts.get(subject, UNKNOWN)))
            for told in concludes:
                self._tell(closure, told)

        return fire

    def _tell(self, closure: Any, told: tuple[str, str]) -> None:
        # The engine raises for a message that no rule reads, and for the same message twice; both are ordinary here.
        if told in self._read and told not in self._asserted:
            self._asserted.add(told)
            closure.assert_fact({"on": told[0], "is": told[1]})


def ruleset_definition(
    rules: Sequence[EngineRule], action: Callable[[tuple[EngineRule, ...]], Callable[[Any], None]]
) -> dict[str, Any]:
    """The rules in durable-rules' own form; ``action`` makes what is run for the rules that share an entry.

    Rules with the same patterns share one entry (else error 303). The entry of those without patterns is always there:
    it fires in every session, so that each can be deleted.
    """
    by_patterns: dict[tuple[Pattern, ...], list[EngineRule]] = {(): []}
    for rule in rules:
        by_patterns.setdefault(shape(rule), []).append(rule)
    start = {"m": {"$and": [{"on": START}]}}
    return {
        f"r{number}": {
            "all": [{f"m_{i}": _condition(pattern)} for i, pattern in enumerate(patterns)] or [start],
            "run": action(tuple(sharing)),
        }
        for number, (patterns, sharing) in enumerate(by_patterns.items())
    }


def _condition(pattern: Pattern) -> dict[str, Any]:
    codes = sorted(pattern.codes)
    wanted = {"is": codes[0]} if len(codes) == 1 else {"$or": [{"is": code} for code in codes]}
    return {"$and": [{"on": pattern.subject}, wanted]}
