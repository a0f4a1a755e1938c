"""As many rules as durable-rules holds work; more are refused in words before it could hang, crash or mistake them."""

from __future__ import annotations

import pytest

from plugin.deciding.engine.durable import Engine
from plugin.deciding.engine.network import EngineRule, Pattern
from plugin.errors import EngineError
from tests.support.child import in_child

#: A size that works, one that durable-rules would refuse by a number, hang on or get wrong, and what is said of it.
SIZES = [
    (
        "values of one fact",
        "value_rules(n)",
        {"a": "v1"},
        500,
        512,
        "512 different values of a; durable-rules holds 500",
    ),
    ("values in one condition", "one_wide_rule(n)", {"a": "v1"}, 500, 512, "512 different values of a"),
    ("values of one fact, over conditions", "grouped_rules(n)", {"a": "v1.1"}, 50, 52, "520 different values of a"),
    ("facts", "fact_rules(n)", {"s1": "x"}, 500, 511, "511 different facts; durable-rules holds 500"),
    ("conditions in one rule", "joined_rule(n)", {}, 16, 17, "17 conditions in one rule; durable-rules holds 16"),
]

BUILDERS = """
def value_rules(n):
    return [EngineRule(f"r{i}", (on("a", f"v{i}"),)) for i in range(n)], 1
def one_wide_rule(n):
    return [EngineRule("r", (on("a", *[f"v{i}" for i in range(n)]),))], 1
def grouped_rules(n):
    return [EngineRule(f"r{i}", (on("a", *[f"v{i}.{j}" for j in range(10)]),)) for i in range(n)], 1
def fact_rules(n):
    names = tuple(f"s{i}" for i in range(n))
    return [EngineRule("ask all", (), asks=names)] + [EngineRule(f"r{i}", (on(f"s{i}", "x"),)) for i in range(n)], 2
def joined_rule(n):
    names = tuple(f"s{i}" for i in range(n))
    return [EngineRule("ask all", (), asks=names), EngineRule("r", tuple(on(name, UNKNOWN) for name in names))], 2
def shared(n):
    return [EngineRule("start", (), concludes=(("d", "1"),))] + [
        EngineRule(f"r{i}", (on("d", "1"), on("a", f"v{i}"))) for i in range(n)
    ], 2
def overlapping(n):
    return [EngineRule(f"r{i}", (on("a", "x", f"v{i}"),)) for i in range(n)], n
"""


@pytest.mark.parametrize(
    ("builder", "facts", "fits", "too_many", "told"), [c[1:] for c in SIZES], ids=[c[0] for c in SIZES]
)
def test_as_many_rules_as_the_engine_holds_work_and_more_are_refused_in_words(
    builder: str, facts: dict[str, str], fits: int, too_many: int, told: str
) -> None:
    in_child(f"""{BUILDERS}
n = {fits}
rules, expected = {builder}
engine = Engine([EngineRule("ask", (), asks=("a",)), *rules])
for _ in range(3):
    got = set(engine.run({facts!r}))
    assert len(got) == expected + 1, (len(got), expected)
engine.close()
n = {too_many}
rules, _ = {builder}
try:
    Engine([EngineRule("ask", (), asks=("a",)), *rules])
except EngineError as error:
    assert {told!r} in str(error) and error.hint, str(error)
else:
    raise AssertionError("not refused")
assert len(Engine(SURVEY).run({{"a": "yes", "b": "x"}})) == 4
""")


@pytest.mark.parametrize("told", [("a", "я" * 5001), ("я" * 5001, "a")], ids=["value", "name"])
def test_texts_so_long_that_the_engine_would_take_them_for_each_other_are_refused(told: tuple[str, str]) -> None:
    with pytest.raises(EngineError, match="10002 bytes in one name or value; durable-rules holds 10000"):
        Engine([EngineRule("r", (Pattern(told[0], frozenset({told[1]})),))])


@pytest.mark.parametrize(
    ("builder", "facts"),
    [("shared(n)", {"a": "v1"}), ("shared(n)", {"a": "v299"}), ("overlapping(n)", {"a": "x"})],
    ids=["rules on one derived fact", "its last rule", "conditions on one value"],
)
def test_rules_that_share_more_than_the_engine_holds_are_put_into_groups(builder: str, facts: dict[str, str]) -> None:
    in_child(f"""{BUILDERS}
n = 300
rules, expected = {builder}
engine = Engine([EngineRule("ask", (), asks=("a",)), *rules])
for _ in range(3):
    got = engine.run({facts!r})
    assert len(got) == expected + 1 and not [name for name in got if name.startswith("(")], got
engine.close()
""")


def test_many_rules_with_the_very_same_conditions_all_fire() -> None:
    in_child("""
engine = Engine([EngineRule("ask", (), asks=("a",))] + [EngineRule(f"r{i}", (on("a", "x"),)) for i in range(1000)])
assert len(engine.run({"a": "x"})) == 1001
""")


def test_a_long_chain_of_conclusions_reaches_its_end() -> None:
    in_child("""
links = [EngineRule(f"r{i}", (on(f"c{i}", "1"),), concludes=((f"c{i + 1}", "1"),)) for i in range(490)]
engine = Engine([EngineRule("start", (), concludes=(("c0", "1"),)), *links])
for _ in range(5):
    assert len(engine.run({})) == 491
""")


def test_rules_beyond_what_was_foreseen_are_refused_with_the_engines_own_number() -> None:
    in_child("""
names = tuple(f"s{k}" for k in range(100))
rules = [EngineRule(f"r{k}{i}", (on(k, *[f"v{i}.{j}" for j in range(10)]),)) for k in names for i in range(50)]
try:
    Engine([EngineRule("ask", (), asks=names), *rules])
except EngineError as error:
    assert "durable-rules does not accept these rules" in str(error) and "code" in str(error)
else:
    raise AssertionError("not refused")
assert len(Engine(SURVEY).run({"a": "yes", "b": "x"})) == 4
""")
