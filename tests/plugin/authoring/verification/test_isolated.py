"""Rules are tried in a process of their own: what hangs or kills it is a fault in words, and nothing else suffers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plugin.authoring.verification.isolated import check_isolated
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.errors import EngineError

pytestmark = pytest.mark.slow

GOOD = Path(__file__).parent / "bad_rules" / "good"
CASES = Path(__file__).parent / "bad_rules" / "cases"

#: The same process with the limits lifted that keep durable-rules from hanging.
LIFTED = """
import sys
from plugin.authoring.verification import engine_limits
from plugin.deciding.engine import network
for module in (network, engine_limits):
    module.MAX_CODES_OF_ONE_SUBJECT = 10**9
from plugin.authoring.verification.__main__ import main
main(sys.argv[1:])
"""
#: The same process, dying in the engine's C extension as soon as something is compiled.
CRASHING = """
import contextlib
import sys
from plugin.deciding.engine import durable
def crash(self):
    # Deleting a session in which no action ran reads an uninitialised slot of the pool.
    for number in range(100):
        with contextlib.suppress(Exception):
            self._host.assert_fact("script", {"sid": f"never {number}", "on": "nothing"})
        self._host.delete_state("script", f"never {number}")
durable.Engine._prime = crash
from plugin.authoring.verification.__main__ import main
main(sys.argv[1:])
"""
GREEDY = """
import sys
from plugin.authoring.verification import __main__ as process
process.MOST_MEMORY = 400 << 20
def greedy(folder, limits, tell):
    bytearray(1 << 30)
process.examine_folder = greedy
process.main(sys.argv[1:])
"""


def command(script: str) -> list[str]:
    return [sys.executable, "-P", "-c", script]


def rules_with(folder: Path, case: str) -> Path:
    """The good rules with one file of a case."""
    shutil.copytree(GOOD, folder)
    shutil.copy(CASES / case, folder / "tiny" / case.split(".", 1)[1])
    return folder


def many_values(folder: Path, count: int) -> Path:
    """Rules that tell so many values of one fact apart: durable-rules hangs while it takes them in."""
    shutil.copytree(GOOD, folder)
    values = json.dumps([f"v{number}" for number in range(count)])
    offered = ", ".join(f'{{ value = "v{number}", label = "{number}" }}' for number in range(count))
    (folder / "tiny/vocabulary.toml").write_text(f'[fact.a]\ntype = "choice"\nvalues = {values}\nlabel = "A"\n')
    text = f'[[question]]\nid = "q"\nparagraph = "1"\nfact = "a"\nhint = "?"\nanswers = [{offered}]\n'
    for number in range(count):
        outcome = "nothing" if number % 2 else "call_back"
        text += f'[[rule]]\nid = "r{number}"\nparagraph = "1"\nwhen = {{ a = "v{number}" }}\noutcome = "{outcome}"\n'
    (folder / "tiny/rules.toml").write_text(text)
    return folder


# --- what becomes of the process ------------------------------------------------------------------


def test_rules_that_hang_the_engine_are_a_fault_and_the_process_is_gone(tmp_path: Path) -> None:
    folder = many_values(tmp_path / "rules", 600)
    began = time.monotonic()

    report, revision = check_isolated(folder, seconds=6, command=command(LIFTED))

    assert time.monotonic() - began < 30
    assert revision is None
    (fault,) = report.faults
    assert str(fault) == (
        "tiny/rules.toml: движок: разбор правил не закончился за 6 с и остановлен — верните последнее изменение правил "
        "или упростите его; то, что действует сейчас, не тронуто"
    )
    assert report.scripts[0].rules == 600


def test_the_limits_keep_the_same_rules_from_hanging(tmp_path: Path) -> None:
    report, _ = check_isolated(many_values(tmp_path / "rules", 600))

    assert [str(fault) for fault in report.faults] == [
        "tiny/vocabulary.toml:1: fact, a: условия различают 600 значений; движок держит 500 — "
        "обойдитесь меньшим числом значений или сравнений"
    ]


def test_rules_that_kill_the_process_are_a_fault_beside_those_found_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The slot that nobody initialised is then never empty by chance, which would be harmless.
    monkeypatch.setenv("MALLOC_PERTURB_", "165")
    folder = rules_with(tmp_path / "rules", "gap.rules.toml")

    report, revision = check_isolated(folder, command=command(CRASHING))

    assert revision is None
    gap, crash = report.faults
    assert "ни одно правило не даёт итога" in gap.what
    assert crash.what.startswith("разбор правил оборвался: процесс упал (SIG")


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGFPE", "SIGKILL"])
def test_the_signal_that_killed_the_process_is_named(name: str) -> None:
    dying = f"import os, signal; os.kill(os.getpid(), signal.{name})"

    report, _ = check_isolated(GOOD, command=command(dying))

    assert [str(fault).split(" — ")[0] for fault in report.faults] == [
        f"rules: правила: разбор правил оборвался: процесс упал ({name})"
    ]


def test_a_process_that_takes_too_much_memory_is_told(tmp_path: Path) -> None:
    report, _ = check_isolated(GOOD, command=command(GREEDY))

    assert [fault.what for fault in report.faults] == ["разбор правил занял больше памяти, чем ему отведено, и прерван"]


def test_a_process_that_says_nothing_is_no_success() -> None:
    report, revision = check_isolated(GOOD, command=command(""))

    assert revision is None
    assert [fault.what for fault in report.faults] == ["разбор правил закончился, ничего не ответив"]


def test_a_process_that_fails_is_told_with_its_last_words() -> None:
    report, _ = check_isolated(GOOD, command=command("raise SystemExit('no such module')"))

    assert [fault.what for fault in report.faults] == ["разбор правил оборвался: no such module"]


def test_a_half_written_answer_is_not_read() -> None:
    report, _ = check_isolated(GOOD, command=command("print('{\"script\": ', end='', flush=True); raise SystemExit(3)"))

    assert [fault.what for fault in report.faults] == ["разбор правил оборвался: код 3"]


def test_what_the_rules_engine_prints_is_not_taken_for_the_answer() -> None:
    noisy = "import sys, os; "
    noisy += "from plugin.authoring.verification.__main__ import main; status = main(sys.argv[1:]); print('noise')"

    report, revision = check_isolated(GOOD, command=command(noisy))

    assert report.ok
    assert revision


# --- what is checked ------------------------------------------------------------------------------


def test_good_rules_have_the_revision_of_their_rulebook() -> None:
    rulebook = Rulebook.load(GOOD)

    report, revision = check_isolated(GOOD)

    assert report.ok
    assert revision == rulebook.revision
    rulebook.close()


def test_it_works_from_any_folder_and_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(GOOD, tmp_path / "правила")
    # What lies in the current folder is not what is imported.
    (tmp_path / "plugin.py").write_text("raise SystemExit('the wrong plugin')")
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.chdir(tmp_path)

    report, revision = check_isolated(Path("правила"))

    assert report.ok
    assert revision


def test_faults_have_no_revision_only_where_the_content_cannot_be_used(tmp_path: Path) -> None:
    gap, with_gap = check_isolated(rules_with(tmp_path / "gap", "gap.rules.toml"))
    broken, without = check_isolated(rules_with(tmp_path / "broken", "unknown_key.rules.toml"))

    assert not gap.ok
    assert not broken.ok
    assert with_gap is not None
    assert without is None


def test_a_broken_file_does_not_hide_what_is_wrong_with_the_others(tmp_path: Path) -> None:
    folder = rules_with(tmp_path / "rules", "broken_toml.rules.toml")
    shutil.copy(CASES / "unknown_kind.outcomes.toml", folder / "tiny/outcomes.toml")
    shutil.copy(CASES / "not_an_address.roles.toml", folder / "roles.toml")
    shutil.copytree(GOOD / "tiny", folder / "other")
    shutil.copy(CASES / "gap.rules.toml", folder / "other/rules.toml")

    report, revision = check_isolated(folder)

    assert revision is None
    assert [(fault.file, fault.line) for fault in report.faults] == [
        ("other/rules.toml", 8),
        ("roles.toml", 4),
        ("tiny/outcomes.toml", 11),
        ("tiny/rules.toml", 11),
    ]
    assert [str(fault) for fault in report.unproven] == [
        "tiny/rules.toml: разговоры: разговоры не проверены — сначала исправьте ошибки в файлах"
    ]


def test_roles_that_cannot_be_read_do_not_make_every_role_unknown(tmp_path: Path) -> None:
    shutil.copytree(GOOD, tmp_path / "rules")
    (tmp_path / "rules/roles.toml").write_bytes("[role.x]\nlabel = 'я'".encode("cp1251"))

    report, _ = check_isolated(tmp_path / "rules")

    assert [fault.file for fault in report.faults] == ["roles.toml"]


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_rules_is_told(name: str, tmp_path: Path) -> None:
    report, revision = check_isolated(tmp_path / name)

    assert revision is None
    assert [fault.where for fault in report.faults] == ["папка правил"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    shutil.copytree(GOOD, tmp_path / "rules")
    (tmp_path / "rules/tiny/rules.toml").chmod(0)

    report, _ = check_isolated(tmp_path / "rules")

    assert "файл не читается" in report.faults[0].what


def test_10000_rules_are_answered_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(GOOD, folder)
    values = [f"v{number}" for number in range(100)]
    offered = ", ".join(f'{{ value = "{value}", label = "{value}" }}' for value in values)
    facts = [f'[fact.{name}]\ntype = "choice"\nvalues = {json.dumps(values)}\nlabel = "{name}"\n' for name in "ab"]
    (folder / "tiny/vocabulary.toml").write_text("".join(facts))
    text = "".join(
        f'[[question]]\nid = "{name}"\nparagraph = "1"\nfact = "{name}"\nhint = "?"\nanswers = [{offered}]\n'
        for name in "ab"
    )
    text += "".join(
        f'[[rule]]\nid = "r-{a}-{b}"\nparagraph = "1"\nwhen = {{ a = "{a}", b = "{b}" }}\noutcome = "nothing"\n'
        for a in values
        for b in values
    )
    (folder / "tiny/rules.toml").write_text(text)

    report, _ = check_isolated(folder)

    assert [fault.where for fault in report.faults] == ["движок"]
    assert "движок не принимает эти правила (всего 10000)" in report.faults[0].what
    assert report.faults[0].hint == "сократите их или разделите скрипт на несколько"


def test_an_engine_that_cannot_be_loaded_is_no_fault_of_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "durable_rules_engine.py").write_text('raise ImportError("undefined symbol: PyEval_CallObject")')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"undefined symbol.*The rules are not at fault.*pip install"):
        check_isolated(GOOD)


@pytest.mark.parametrize(
    "arguments",
    [("rules", "check", str(GOOD)), ("rules", "test", str(GOOD)), ("decide", "--facts", "{}"), ("doctor",)],
    ids=" ".join,
)
def test_commands_that_need_the_engine_say_how_to_install_it_and_nothing_else(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "durable_rules_engine.py").write_text('raise ImportError("undefined symbol: PyEval_CallObject")')
    root = Path(__file__).parents[4]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])}
    done = subprocess.run(
        [sys.executable, "-m", "plugin", *arguments],
        cwd=tmp_path, env=environ, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"optout: the rules engine, durable-rules, cannot be loaded by {sys.executable}")
    assert f"{sys.executable} -m pip install --force-reinstall" in done.stderr
    assert done.stderr.count("\n") == 1
