"""The admin's guide does what it says: every example is applied to a copy of the shipped rules, every command is run.

A ``toml`` block names its file in its first line, and what to do with it; «было» is replaced by the «стало» after it.
A ``console`` block holds commands and what they print («…» stands for anything); ``console отказ`` ends in a fault.
Each section of the guide begins with what ``optout init`` lays out and the first start of the service makes active.
"""

from __future__ import annotations

import difflib
import re
import shlex
import shutil
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest

from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.revisions.archive import Activation, activation_history
from plugin.cli.init import lay_out
from plugin.cli.main import cli, main
from plugin.cli.rules import COMMANDS
from plugin.common.clock import utc_now
from plugin.config.load import load_settings
from plugin.config.settings import PageSettings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import CALL_PLACEHOLDERS, read_folder
from plugin.deciding.ruleset.cases import CaseForm
from plugin.deciding.ruleset.conditions import _EVERYWHERE, _WORDS
from plugin.deciding.ruleset.schema import (
    CALENDAR_FILE,
    FACT_TYPES,
    ROLES_FILE,
    SCRIPT_FILES,
    ActionForm,
    AnswerForm,
    CalendarForm,
    CorrectionForm,
    DerivedForm,
    FactForm,
    OtherClientForm,
    OutcomeForm,
    PersonForm,
    QuestionForm,
    ReminderForm,
    RoleForm,
    RuleForm,
    ScriptForm,
    Strict,
    UnfinishedForm,
)
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.operator_page.call import page_call
from plugin.operator_page.journal import read_journal_save
from plugin.operator_page.sessions import PageSessions
from tests.support.databases import migrate

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "admin-guide.ru.md"
TINY = Path(__file__).parent / "plugin/authoring/verification/bad_rules/good"

_BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_APPLIED = re.compile(r"# (?P<file>[\w./]+) — (?P<how>было|было везде|стало|в конец файла|новый файл)\n")
_CONDITION_HEAD = "| Условие | Выполняется | Не выполняется |"
_FAULT_HEAD = "| В строке сказано | Что это значит и что делать |"
_NO_ANSWER = "нет ответа"
#: Stands in a command for the revision before the active one.
_THE_ONE_BEFORE = "РЕДАКЦИЯ"
_TASK = "Задача "
#: Of these, calls stand in the ledger.
_WITH_CALLS = ("Задача 12.", "Задача 14.")
_SCRIPT = "survey_opt_out"
#: So long the shipped rules have been deciding.
_DECIDING_FOR = timedelta(days=30)
#: More lines are never edited by hand for one of the tasks.
_MOST_LINES = 40
#: The block with the facts that the tables of conditions speak of; it belongs to no file.
_VOCABULARY = "# словарь этих примеров\n"


@dataclass(frozen=True)
class Block:
    """A fenced block: what its fence says, its text, and the line of the guide where it begins."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Section:
    """A part of the guide under a heading of the second level."""

    title: str
    text: str
    blocks: tuple[Block, ...]


def sections() -> list[Section]:
    """The guide in parts."""
    guide = GUIDE.read_text(encoding="utf-8")
    starts = [match.start() for match in re.finditer(r"^## ", guide, re.MULTILINE)]
    found = []
    for start, end in pairwise([*starts, len(guide)]):
        part = guide[start:end]
        blocks = tuple(
            Block(match["kind"].strip(), match["text"], guide.count("\n", 0, start + match.start()) + 1)
            for match in _BLOCK.finditer(part)
        )
        found.append(Section(part.splitlines()[0].removeprefix("## "), part, blocks))
    return found


SECTIONS = sections()


class Reader:
    """Somebody who does in ``home`` what the guide says."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._capsys = capsys
        self._replaced: tuple[str, str] | None = None
        #: Lines that were edited by hand, blank ones aside.
        self.edited = 0

    def earlier(self) -> str | None:
        """The revision that decided before the active one."""
        history = self._history()
        return history[1].revision if len(history) > 1 else None

    def active(self) -> str:
        """The revision that decides."""
        return self._history()[0].revision

    def _history(self) -> list[Activation]:
        url = load_settings(self._home, {}, secrets=False).ledger_url
        with closing(Ledger(url)) as ledger, ledger.read() as connection:
            return activation_history(connection, 2)

    def follow(self, block: Block) -> None:
        """Do what the block says; what does not come out as it says fails the test with the guide's line."""
        where = f"admin-guide.ru.md:{block.line}"
        if block.kind == "toml":
            self._edit(block.text, where)
        elif block.kind in ("console", "console отказ"):
            self._run(block, where)
        elif block.kind == "text":
            self._look(block.text, where)
        else:
            pytest.fail(f"{where}: nobody runs a block of the kind {block.kind!r}")
        if block.kind != "toml":
            assert self._replaced is None, f"{where}: «было» without a «стало»"

    def _edit(self, text: str, where: str) -> None:
        if text.startswith(_VOCABULARY):
            return
        head = _APPLIED.match(text)
        assert head, f"{where}: the first line names no file, or not what to do with it"
        # «…» at the end: the line goes on as it was.
        file, body = self._home / head["file"], text[head.end() :].removesuffix("…\n")
        if head["how"] in ("было", "было везде"):
            # Everywhere: a part of lines.
            body = body.removesuffix("\n") if head["how"] == "было везде" else body
            found = file.read_text(encoding="utf-8").count(body)
            is_right = found > 1 if head["how"] == "было везде" else found == 1
            assert is_right, f"{where}: the file holds this {found} times"
            self._replaced = (head["file"], body)
        elif head["how"] == "стало":
            assert self._replaced, f"{where}: «стало» without a «было»"
            assert self._replaced[0] == head["file"], f"{where}: not the file of «было»"
            whole, old = file.read_text(encoding="utf-8"), self._replaced[1]
            body = body if old.endswith("\n") else body.removesuffix("\n")
            self._write(file, whole, whole.replace(old, body))
            self._replaced = None
        elif head["how"] == "новый файл":
            assert not file.exists(), f"{where}: the file is there already"
            file.parent.mkdir(exist_ok=True)
            self._write(file, "", body)
        else:
            whole = file.read_text(encoding="utf-8")
            self._write(file, whole, f"{whole}\n{body}")

    def _write(self, file: Path, before: str, after: str) -> None:
        file.write_text(after, encoding="utf-8")
        told = difflib.unified_diff(before.split("\n"), after.split("\n"), n=0, lineterm="")
        signs = Counter(line[0] for line in list(told)[2:] if line[1:].strip())
        self.edited += max(signs["+"], signs["-"])

    def _run(self, block: Block, where: str) -> None:
        runs = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert runs[0] == "", f"{where}: output without a command"
        for run in runs[1:]:
            command, *printed = run.splitlines()
            name, *arguments = shlex.split(command.replace(_THE_ONE_BEFORE, self.earlier() or ""))
            if name == "cp":
                shutil.copytree(self._home / arguments[1], self._home / arguments[2])
                continue
            assert name == "optout", f"{where}: {command}"
            status = main(arguments)
            told = self._capsys.readouterr()
            output = told.out + told.err
            assert (status != 0) == (block.kind == "console отказ"), f"{where}: {command} ended in {status}\n{output}"
            left = iter(output.splitlines())
            for line in filter(str.strip, printed):
                wanted = re.compile(".*".join(map(re.escape, line.strip().split("…"))))
                hit = any(wanted.fullmatch(found.strip()) for found in left)
                assert hit, f"{where}: {command} does not print (there):\n{line}\nbut:\n{output}"

    def publish_and_take_back(self) -> None:
        """What the folder holds goes live, where that is not so already, and the rules before it decide again."""
        signed = ("--by", "Ольга", "--reason", "проба", "--yes")
        for command in ("check", "test", "diff", "publish"):
            status = main(["rules", command, *(signed if command == "publish" else ())])
            told = self._capsys.readouterr()
            assert status == 0, f"{command}: {told.out}{told.err}"
        before = self.earlier()
        if before is not None:
            status = main(["rules", "rollback", "--people-too", *signed])
            assert status == 0, self._capsys.readouterr()
            assert self.active() == before

    def _look(self, tree: str, where: str) -> None:
        """The block draws folders: each name that stands in it is there."""
        folders: list[str] = []
        for line in tree.splitlines():
            depth, name = (len(line) - len(line.lstrip(" "))) // 2, line.split()[0]
            del folders[depth:]
            path = self._home.joinpath(*folders, name.rstrip("/"))
            assert path.is_dir() if name.endswith("/") else path.is_file(), f"{where}: there is no {path}"
            folders.append(name.rstrip("/"))


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Reader:
    monkeypatch.delenv("OPTOUT_HOME", raising=False)
    home = tmp_path / "optout"
    lay_out(home)
    monkeypatch.chdir(home)
    ledger = Ledger(load_settings(home, {}, secrets=False).ledger_url)
    migrate(ledger)
    rulebook = Rulebook.load(home / "rules")
    ActiveRules(ledger, lambda: utc_now() - _DECIDING_FOR).activate_first(rulebook, "serve", "first start")
    rulebook.close()
    ledger.close()
    capsys.readouterr()
    return Reader(home, capsys)


def two_calls(home: Path) -> None:
    """A client changed their mind; the next one's words fitted no answer."""
    settings = load_settings(home, {}, secrets=False)
    settings = replace(settings, page=PageSettings("http://localhost", "telephony", "a key for the guide's own test"))
    with closing(Ledger(settings.ledger_url)) as ledger, closing(ActiveRules(ledger, utc_now)) as rules:
        intake = Intake(ledger, rules, settings, utc_now)
        call = {"id": "c-1", "phone": "+79161234567", "operator": "ivanova"}
        facts = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "changed_mind"}
        event = {"id": "evt-1", "occurred_at": utc_now().isoformat(), "final": True, "call": call, "facts": facts}
        assert intake.receive_results("telephony", [event]).status == 202
        pages = PageSessions(ledger, rules, intake, settings, utc_now)
        at = {"at": utc_now().isoformat(), "asked": utc_now().isoformat()}
        entries = [
            {"kind": "answer", "q": "who-answered", "fact": "related_to_car", "value": True, **at},
            {"kind": "other", "q": "section-1-kind", "fact": "survey_type", "text": "Вечером не звоните", **at},
        ]
        body = {"seq": 1, "tab": "one", "revision": rules.current().revision, "note": "", "entries": entries}
        pages.save(page_call("c-2", phone="+79161234568", operator="ivanova"), _SCRIPT, read_journal_save(body))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_every_example_of_the_section_does_what_the_guide_says(
    section: Section, reader: Reader, tmp_path: Path
) -> None:
    if section.title.startswith(_WITH_CALLS):
        two_calls(tmp_path / "optout")
    for block in section.blocks:
        reader.follow(block)
    if section.title.startswith(_TASK):
        assert reader.edited <= _MOST_LINES
        reader.publish_and_take_back()


# --- the conditions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A row of the tables of conditions."""

    condition: str
    holds: tuple[str, ...]
    fails: tuple[str, ...]


def examples() -> list[Example]:
    """Every row of every table of conditions."""
    found, inside = [], False
    for line in GUIDE.read_text(encoding="utf-8").splitlines():
        if line == _CONDITION_HEAD:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|--"):
            cells = [re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")]
            found.append(Example(cells[0][0], tuple(cells[1]), tuple(cells[2])))
    return found


def vocabulary() -> dict[str, Any]:
    """The facts of the conditions' examples, from the guide's own block."""
    (section,) = (section for section in SECTIONS if _CONDITION_HEAD in section.text)
    return tomllib.loads(next(block.text for block in section.blocks if block.text.startswith(_VOCABULARY)))


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.condition)
def test_a_condition_holds_where_the_guide_says_and_not_where_it_says_not(example: Example) -> None:
    ((name, condition),) = tomllib.loads(example.condition).items()
    fact = vocabulary()["fact"][name]
    content = {file: dict(data) for file, data in read_folder(TINY)[0].items()}
    question: dict[str, Any] = {"id": "q", "paragraph": "1", "fact": name, "hint": "?"}
    if values := {"bool": [True, False], "choice": fact.get("values")}.get(fact["type"]):
        question["answers"] = [{"value": value, "label": str(value)} for value in values]
    other = {"id": "q2", "paragraph": "1", "fact": "other", "hint": "?", "answers": [{"value": True, "label": "да"}]}
    content["tiny/vocabulary.toml"] = {"fact": {name: fact, "other": {"type": "bool", "label": "?"}}}
    content["tiny/rules.toml"] = {
        "question": [other if "from" in fact else question],
        "rule": [{"id": "r", "paragraph": "1", "when": {name: condition}, "outcome": "call_back"}],
    }
    book = Rulebook.from_content(content)
    decider = book.script("tiny")

    def fires(value: str) -> bool:
        given = {} if value == _NO_ANSWER else tomllib.loads(f"{name} = {value}")
        return "r" in decider.fired(decider.type_facts(given))

    assert example.holds
    assert example.fails
    assert [value for value in example.holds if not fires(value)] == []
    assert [value for value in example.fails if fires(value)] == []
    book.close()


def test_every_word_of_a_condition_has_an_example() -> None:
    shown = {word for example in examples() for word in re.findall(r"[a-z_]+(?= =)", example.condition)}
    assert {*_EVERYWHERE, *(word for words in _WORDS.values() for word in words)} <= shown


# --- nothing is left out -----------------------------------------------------------------------------


def test_every_command_of_the_rules_is_explained() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"optout rules {name}" not in guide] == []


def test_every_command_and_option_that_the_guide_names_exists() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    named = [*re.findall(r"`(optout [^`\n]+)`", guide), *re.findall(r"^\$ (optout .+)$", guide, re.MULTILINE)]
    assert len(named) > 20
    for text in named:
        command: click.Command | None = cli
        words = shlex.split(text.replace("…", "_"))[1:]
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None, text
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, text


def test_every_field_of_the_files_is_explained() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    forms: tuple[type[Strict], ...] = (
        *(
            ActionForm,
            AnswerForm,
            CalendarForm,
            CaseForm,
            CorrectionForm,
            DerivedForm,
            FactForm,
            OtherClientForm,
            OutcomeForm,
        ),
        *(PersonForm, QuestionForm, ReminderForm, RoleForm, RuleForm, ScriptForm, UnfinishedForm),
    )
    keys = {field.data_key or name for form in forms for name, field in form().fields.items()}
    assert sorted(key for key in keys if f"`{key}`" not in guide) == []
    assert [file for file in (ROLES_FILE, CALENDAR_FILE, *SCRIPT_FILES) if file not in guide] == []
    assert [kind for kind in FACT_TYPES if f'`"{kind}"`' not in guide] == []
    assert [name for name in CALL_PLACEHOLDERS if f"{{{name}}}" not in guide] == []


def test_every_fault_that_the_guide_explains_is_told_in_these_words() -> None:
    rows = GUIDE.read_text(encoding="utf-8").split(_FAULT_HEAD)[1].split("\n\n")[0].splitlines()[2:]
    words = [word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])]
    told = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugin").rglob("*.py"))
    assert len(words) > 10
    assert [word for word in words if word not in told] == []


def linked() -> Iterator[str]:
    """Every heading that the guide links to."""
    yield from re.findall(r"\]\(#([^)]+)\)", GUIDE.read_text(encoding="utf-8"))


def test_every_link_inside_the_guide_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert [link for link in linked() if link not in anchors] == []
