"""Whatever durable-rules does when it is not looked after, the wrapper makes impossible or turns into a clear error.

What could end or hang the process runs in a child process with a time limit.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn

import pytest

from plugin.deciding.engine.durable import Engine
from plugin.deciding.engine.network import UNKNOWN, EngineRule, Pattern
from plugin.errors import EngineError
from tests.support.child import PRELUDE, in_child, python


def on(subject: str, *codes: str) -> Pattern:
    return Pattern(subject, frozenset(codes))


def ask(*subjects: str) -> EngineRule:
    return EngineRule("ask", (), asks=subjects)


def fired(rules: Iterable[EngineRule], facts: Mapping[str, str]) -> set[str]:
    engine = Engine(list(rules))
    try:
        return set(engine.run(facts)) - {"ask"}
    finally:
        engine.close()


@pytest.fixture
def survey() -> Iterator[Engine]:
    engine = Engine(
        [
            EngineRule("ask a", (), asks=("a",)),
            EngineRule("ask b", (on("a", "yes"),), asks=("b",)),
            EngineRule("ends", (on("b", "x"),)),
        ]
    )
    yield engine
    engine.close()


# --- sessions --------------------------------------------------------------------------------------


def test_more_decisions_than_the_engine_has_sessions() -> None:
    in_child("""
engine = Engine(SURVEY)
for number in range(3000):
    assert set(engine.run({"a": "yes", "b": "x"})) == WHOLE, number
""")


def test_a_session_in_which_no_fact_matters_does_not_crash() -> None:
    in_child("""
for rules in ([], SURVEY, [EngineRule("r", (on("never asked", "x"),))]):
    engine = Engine(rules)
    for _ in range(20):
        engine.run({})
        engine.run({"nobody reads": "this"})
    engine.close()
""")


def test_an_engine_that_was_never_used_can_be_closed() -> None:
    in_child("for _ in range(50): Engine(SURVEY).close()")


def test_nothing_of_one_decision_is_left_for_the_next(survey: Engine) -> None:
    assert set(survey.run({"a": "yes", "b": "x"})) == {"ask a", "ask b", "ends"}
    assert set(survey.run({"b": "x"})) == {"ask a"}
    assert set(survey.run({"a": "yes"})) == {"ask a", "ask b"}
    assert set(survey.run({"a": "yes", "b": "x"})) == {"ask a", "ask b", "ends"}


@pytest.mark.parametrize("numbers", [1, 2, 3])
def test_a_number_in_the_place_of_a_state_is_no_decision_and_the_session_is_run_again(
    survey: Engine, monkeypatch: pytest.MonkeyPatch, numbers: int
) -> None:
    host = survey._host
    real, left = host.assert_fact, [0] * numbers

    def assert_fact(*given: object) -> object:
        state = real(*given)
        return left.pop() if left else state

    monkeypatch.setattr(host, "assert_fact", assert_fact)
    if numbers == 3:
        with pytest.raises(EngineError, match="gave no state back"):
            survey.run({"a": "yes", "b": "x"})
    assert set(survey.run({"a": "yes", "b": "x"})) == {"ask a", "ask b", "ends"}


def test_memory_stays_flat_over_many_decisions() -> None:
    in_child("""
engine = Engine(SURVEY)
def decide(times):
    for number in range(times):
        engine.run({"a": "yes", "b": "x" if number % 2 else "z"})
decide(2000)
before = resident_mb()
decide(20_000)
assert resident_mb() - before < 3, resident_mb() - before
""")


# --- threads and reloads -----------------------------------------------------------------------------


def test_no_threads_or_timers_run_behind_ones_back() -> None:
    before = threading.enumerate()
    engine = Engine([ask("a"), EngineRule("r", (on("a", "x"),))])
    engine.run({"a": "x"})
    assert threading.enumerate() == before
    engine.close()


def test_eight_threads_decide_at_once_and_each_gets_its_own_answer() -> None:
    in_child(
        """
engines = [Engine(SURVEY), Engine(SURVEY)]
wrong = []
def work(number):
    for turn in range(1000):
        engine = engines[(number + turn) % 2]
        facts, expected = [
            ({"a": "yes", "b": "x"}, WHOLE), ({"a": "no", "b": "x"}, {"ask a"}), ({"a": "yes"}, {"ask a", "ask b"}),
        ][(number + turn) % 3]
        if set(engine.run(facts)) != expected:
            wrong.append((number, turn))
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not wrong, wrong[:3]
""",
        seconds=120,
    )


def test_reloads_give_their_memory_back() -> None:
    in_child("""
def reload(times):
    for _ in range(times):
        engine = Engine(SURVEY)
        assert set(engine.run({"a": "yes", "b": "y"})) == WHOLE
        engine.close()
reload(100)
before = resident_mb()
reload(300)
assert resident_mb() - before < 2, resident_mb() - before
""")


def test_engines_with_other_rules_live_side_by_side() -> None:
    first = Engine([ask("a"), EngineRule("first", (on("a", "x"),))])
    second = Engine([ask("a"), EngineRule("second", (on("a", "x"),))])
    assert set(first.run({"a": "x"})) == {"ask", "first"}
    assert set(second.run({"a": "x"})) == {"ask", "second"}
    first.close()
    assert set(second.run({"a": "x"})) == {"ask", "second"}
    second.close()


def test_a_closed_engine_refuses_to_decide_and_may_be_closed_again() -> None:
    engine = Engine([ask("a")])
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run({"a": "x"})


def test_an_engine_closed_while_others_decide_with_it_only_refuses() -> None:
    in_child("""
engine = Engine(SURVEY)
ended = []
def work():
    try:
        while True: engine.run({"a": "yes", "b": "x"})
    except EngineError as error:
        ended.append(str(error))
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
threading.Event().wait(0.2)
engine.close()
for thread in threads: thread.join()
assert len(ended) == 4 and all("closed" in text for text in ended), ended
""")


# --- messages ----------------------------------------------------------------------------------------

#: Texts that some layer below might take for something else; each must match itself alone.
UNUSUAL = [
    *[
        "1",
        "01",
        "1.0",
        "1e0",
        "+1",
        "0",
        "-0",
        "",
        " ",
        "  ",
        "true",
        "True",
        "false",
        "null",
        "None",
        "nan",
        "Infinity",
    ],
    *["да", "Да", "ДА", "нет", "ё", "е\u0308", "e", "е", "🙂", "\u200b", "日本", "İ", "ß", "ss"],
    *['"', "'", "\\", "\\u0041", "A", 'a"b', "a\nb", "a\tb", "\x00", "a\x00b", "a\x00c", "\x7f", "\ufeff", "\uffff"],
    *[
        "{}",
        "[]",
        '{"$nex": 1}',
        "$or",
        "$and",
        "$m",
        "m_0",
        "*",
        "is",
        "on",
        "sid",
        "id",
        "call",
        "script",
        "exception",
    ],
    *["1/0", ".*", "[а-я]+", "a" * 10_000, "a" * 9_999 + "b", "54319055203d", "895f42f92011"],
]


def test_every_value_matches_itself_and_no_other_whatever_it_looks_like() -> None:
    in_child(f"""
VALUES = {UNUSUAL!r}
assert len(VALUES) == len(set(VALUES))
engine = Engine(
    [EngineRule("ask", (), asks=("a",))] + [EngineRule(f"r{{n}}", (on("a", v),)) for n, v in enumerate(VALUES)]
)
for number, value in enumerate(VALUES):
    got = set(engine.run({{"a": value}}))
    assert got == {{"ask", f"r{{number}}"}}, (number, value[:30], got)
""")


def test_every_name_of_a_fact_works_whatever_it_looks_like() -> None:
    in_child(f"""
NAMES = [name for name in {UNUSUAL!r} if name != "*"]
engine = Engine(
    [EngineRule("ask", (), asks=tuple(NAMES))] + [EngineRule(f"r{{n}}", (on(v, "call"),)) for n, v in enumerate(NAMES)]
)
for number, name in enumerate(NAMES):
    got = set(engine.run({{name: "call"}}))
    assert got == {{"ask", f"r{{number}}"}}, (number, name[:30], got)
""")


@pytest.mark.parametrize(
    "value", ["\ud800", 1, None, object(), {"a"}, 1e400, b"x"], ids=lambda value: type(value).__name__
)
def test_a_value_that_is_no_text_is_a_clear_error_or_no_match_and_the_engine_goes_on(
    survey: Engine, value: object
) -> None:
    facts: dict[str, object] = {"a": value}
    with contextlib.suppress(EngineError):
        assert set(survey.run(facts)) == {"ask a"}  # type: ignore[arg-type]
    assert set(survey.run({"a": "yes", "b": "x"})) == {"ask a", "ask b", "ends"}


@pytest.mark.parametrize("kind", [ValueError, KeyError, SystemExit, MemoryError])
def test_an_exception_inside_a_rule_is_raised_and_the_engine_goes_on(survey: Engine, kind: type[BaseException]) -> None:
    class Broken(dict[str, str]):
        def get(self, *_: object) -> NoReturn:
            raise kind("broken on purpose")

    with pytest.raises(EngineError, match="failed"):
        survey.run(Broken())
    assert set(survey.run({"a": "yes", "b": "x"})) == {"ask a", "ask b", "ends"}


def test_a_fact_that_no_rule_reads_and_an_answer_that_leads_nowhere_are_ordinary(survey: Engine) -> None:
    assert set(survey.run({"a": "no", "colour": "red"})) == {"ask a"}


def test_a_fact_asked_for_or_concluded_twice_counts_once() -> None:
    rules = [
        ask("a", "a"),
        EngineRule("ask again", (), asks=("a",)),
        EngineRule("one", (on("a", "x"),), concludes=(("d", "1"),)),
        EngineRule("two", (on("a", "x", "y"),), concludes=(("d", "1"), ("d", "1"))),
        EngineRule("end", (on("d", "1"),)),
    ]
    engine = Engine(rules)
    assert sorted(engine.run({"a": "x"})) == ["ask", "ask again", "end", "one", "two"]
    engine.close()


def test_a_conclusion_that_leads_back_to_itself_ends() -> None:
    in_child("""
engine = Engine([
    EngineRule("start", (), concludes=(("d", "1"),)),
    EngineRule("there", (on("d", "1"),), concludes=(("e", "1"),)),
    EngineRule("back", (on("e", "1"),), concludes=(("d", "1"), ("e", "1"))),
])
assert set(engine.run({})) == {"start", "there", "back"}
""")


def test_a_long_text_in_the_facts_is_not_taken_for_a_short_one() -> None:
    rules = [ask("a"), EngineRule("empty", (on("a", ""),)), EngineRule("one", (on("a", "a"),))]
    assert fired(rules, {"a": "a" * 65_536}) == set()
    assert fired(rules, {"a": "a" * 65_537}) == set()


# --- conditions --------------------------------------------------------------------------------------


def test_a_missing_fact_is_unknown_from_the_moment_it_is_asked_for() -> None:
    rules = [
        ask("a", "b"),
        EngineRule("b unknown", (on("a", "x"), on("b", UNKNOWN))),
        EngineRule("c unknown", (on("c", UNKNOWN),)),
    ]
    assert fired(rules, {"a": "x"}) == {"b unknown"}
    assert fired(rules, {"a": "x", "b": "y"}) == set()


def test_the_result_does_not_depend_on_the_order_of_rules_or_facts() -> None:
    rules = [
        ask("a", "b", "c"),
        EngineRule("one", (on("a", "x"), on("b", UNKNOWN)), concludes=(("d", "1"),)),
        EngineRule("two", (on("d", "1"), on("c", "z")), concludes=(("e", "1"),)),
        EngineRule("three", (on("e", "1"), on("a", "x", "y"))),
        EngineRule("four", (on("b", "y"), on("d", "1"))),
    ]
    facts = {"a": "x", "c": "z", "unread": "1"}
    for seed in range(20):
        chance = random.Random(seed)
        mixed = dict(chance.sample(sorted(facts.items()), len(facts)))
        assert fired(chance.sample(rules, len(rules)), mixed) == {"one", "two", "three"}


def test_any_of_several_values_fires_a_rule_once() -> None:
    engine = Engine([ask("a", "b"), EngineRule("r", (on("a", "x", "y"), on("b", "x", "y")))])
    assert sorted(engine.run({"a": "x", "b": "y"})) == ["ask", "r"]
    engine.close()


def test_two_conditions_on_one_fact_must_both_hold() -> None:
    rules = [ask("a"), EngineRule("r", (on("a", "x", "y"), on("a", "y", "z")))]
    assert fired(rules, {"a": "y"}) == {"r"}
    assert fired(rules, {"a": "x"}) == set()


def test_a_condition_that_nothing_can_meet_never_fires_and_does_not_hang() -> None:
    in_child("""
engine = Engine([
    EngineRule("ask", (), asks=("a",)), EngineRule("r", (on("a"),)), EngineRule("s", (on("a", "x"), on("b"))),
])
assert set(engine.run({"a": "x", "b": "x"})) == {"ask"}
""")


def test_it_decides_where_warnings_are_errors() -> None:
    strict = "import warnings; warnings.simplefilter('error')\n"
    done = python(strict + PRELUDE + 'assert set(Engine(SURVEY).run({"a": "yes", "b": "x"})) == WHOLE')
    assert done.returncode == 0, done.stderr


def test_an_engine_that_does_not_import_is_answered_with_the_remedy() -> None:
    done = python("import sys; sys.modules['durable_rules_engine'] = None; import plugin.deciding.engine.durable")
    assert 'CPPFLAGS="-DPyEval_CallObject=PyObject_CallObject"' in done.stderr
