"""The layout that the design fixes: who imports what, and that Python names neither a CRM nor anything of the rules."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PLUGIN = sorted((ROOT / "plugin").rglob("*.py"))
CONNECTORS = sorted((ROOT / "connectors").rglob("*.py"))
MODULES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in PLUGIN + CONNECTORS]

#: The connectors' folders, and the CRMs that the design speaks of, whether there is a connector yet or not.
#: "rest" is no CRM's name but an ordinary word.
CRMS = {path.parent.name for path in (ROOT / "connectors").glob("*/connector.py")} - {"rest"} | {
    *("bitrix", "bitrix24", "amocrm", "espocrm", "odoo"),
}
#: Ordinary words of programming that the rules happen to use for something of theirs as well.
ORDINARY = {
    "none",
    "all",
    "calls",
    "yes",
    "comment",
    "reminder",
    "1",
    "2",
    "rest",
    "online",
    "section",
    "point",
    "other_card",
    "supervisor",
}
LONGEST_FILE = 400


class Module(NamedTuple):
    """What is asked of a file, which is parsed once for all of it."""

    docstring: str | None
    imported: set[str]
    words: list[tuple[int, str]]
    #: Name and docstring of its own classes.
    classes: list[tuple[str, str | None]]


@cache
def module(path: Path) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    nodes = list(ast.walk(tree))
    classes = [(node.name, ast.get_docstring(node)) for node in tree.body if isinstance(node, ast.ClassDef)]
    return Module(ast.get_docstring(tree), _imported(path, nodes), list(_words(nodes)), classes)


def imported(path: Path) -> set[str]:
    """What a file imports: ``a.b`` and ``a.b.c`` for ``from a.b import c``."""
    return module(path).imported


def _imported(path: Path, nodes: list[ast.AST]) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def importers(*libraries: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in PLUGIN + CONNECTORS
        if {name.split(".")[0] for name in imported(path)} & set(libraries)
    }


def names_in(rules: Path) -> set[str]:
    """The facts, derived facts, outcomes, roles, rules, questions and values of choice of every script there."""
    roles = tomllib.loads((rules / "roles.toml").read_text(encoding="utf-8"))
    found = set(roles["role"])
    for folder in (path for path in rules.iterdir() if path.is_dir()):
        found.add(folder.name)
        for file in folder.glob("*.toml"):
            data = tomllib.loads(file.read_text(encoding="utf-8"))
            for table in ("fact", "derived", "outcome"):
                found |= set(data.get(table, {}))
                for entry in data.get(table, {}).values():
                    found |= set(entry.get("values", ()))
            found |= {entry["id"] for table in ("rule", "question") for entry in data.get(table, ())}
    return found - ORDINARY


def texts_of_the_rules(data: object, key: str = "") -> Iterator[str]:
    """Every phrase, subject and text that is read out, written or mailed."""
    if isinstance(data, dict):
        for name, inner in data.items():
            yield from texts_of_the_rules(inner, name)
    elif isinstance(data, list):
        for inner in data:
            yield from texts_of_the_rules(inner, key)
    elif isinstance(data, str) and key in {"say", "hint", "text", "comment", "subject", "label"}:
        yield data


def _words(nodes: list[ast.AST]) -> Iterator[tuple[int, str]]:
    """Every identifier and every text of a module but its docstrings, with its line."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(n.body[0].value) for n in nodes if isinstance(n, owners) and ast.get_docstring(n)}  # type: ignore[attr-defined]
    for node in nodes:
        line = getattr(node, "lineno", 0)
        for field in ("id", "attr", "arg", "name", "module"):
            if isinstance(word := getattr(node, field, None), str):
                yield line, word
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield line, node.value


def mentions(paths: list[Path], unwanted: set[str]) -> list[str]:
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(unwanted)))})(?![\w-])", re.IGNORECASE)
    return [
        f"{path.relative_to(ROOT)}:{line}: {match.group()}"
        for path in paths
        for line, text in module(path).words
        for match in pattern.finditer(text)
    ]


def test_the_rules_engine_is_imported_in_one_place() -> None:
    assert importers("durable", "durable_rules_engine") == {"plugin/deciding/engine/durable.py"}


def test_the_http_library_is_imported_in_one_place() -> None:
    assert importers("requests") == {"connectors/http/client.py"}


def test_the_plugin_imports_no_connector_of_a_crm() -> None:
    crms = tuple(f"connectors.{name}" for name in CRMS)
    assert [str(path) for path in PLUGIN if any(name.startswith(crms) for name in imported(path))] == []


def test_nothing_shipped_imports_tests_or_what_is_not_shipped() -> None:
    assert importers("tests", "demo", "benchmarks") == set()


def test_the_plugin_names_no_crm() -> None:
    assert mentions(PLUGIN, CRMS) == []


def test_no_python_names_a_fact_an_outcome_a_role_or_anything_else_of_the_rules() -> None:
    unwanted = names_in(ROOT / "rules")
    assert {"related_to_car", "exclude_all_not_client", "survey_coordinator", "survey_opt_out"} <= unwanted
    assert mentions(PLUGIN + CONNECTORS, unwanted) == []


def test_no_python_holds_a_phrase_of_the_rules() -> None:
    files = [tomllib.loads(file.read_text(encoding="utf-8")) for file in (ROOT / "rules").rglob("*.toml")]
    phrases = {line for data in files for text in texts_of_the_rules(data) for line in text.splitlines() if line}
    assert "ИСКЛЮЧИТЬ" in phrases
    assert mentions(PLUGIN + CONNECTORS, {phrase for phrase in phrases if len(phrase) > 8 and "{" not in phrase}) == []


def test_the_plugin_has_no_loose_module() -> None:
    assert {path.name for path in (ROOT / "plugin").glob("*.py")} == {"__init__.py", "__main__.py", "errors.py"}


@pytest.mark.parametrize("crm", sorted(path.parent.name for path in (ROOT / "connectors").glob("*/connector.py")))
def test_every_crm_folder_has_the_same_eight_files(crm: str) -> None:
    eight = {"connector", "settings", "client", "events", "calls", "contacts", "writes", "checks"}

    assert eight <= {path.stem for path in (ROOT / "connectors" / crm).glob("*.py")}


def public_classes() -> Iterator[tuple[str, str, str | None]]:
    """Name, file and docstring of every public class of the plugin and the connectors; nested ones are not public."""
    for path in PLUGIN + CONNECTORS:
        for name, docstring in module(path).classes:
            if not name.startswith("_"):
                yield name, str(path.relative_to(ROOT)), docstring


def test_no_two_public_classes_share_a_name() -> None:
    places: dict[str, list[str]] = {}
    for name, file, _ in public_classes():
        places.setdefault(name, []).append(file)

    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_every_public_class_says_what_it_is_or_stands_in_the_glossary() -> None:
    glossary = {
        term.strip().replace(" ", "").casefold()
        for line in (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
        for term in [line.split("|")[1]]
    }
    schemas = ("Schema", "Form", "Table", "Error")

    assert [
        f"{file}: {name}"
        for name, file, docstring in public_classes()
        if not docstring and name.casefold() not in glossary and not name.endswith(schemas)
    ] == []


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_folders_import_only_lower_ones() -> None:
    done = lint_imports(ROOT)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("plugin/ledger/planted.py", "from plugin.delivery.model import Delivery as Delivery"),
        ("plugin/ledger/planted.py", "def late() -> None:\n    import plugin.web.app  # noqa: F401"),
        ("plugin/events/planted.py", "import typing\nif typing.TYPE_CHECKING:\n    import plugin.delivery.worker"),
        ("connectors/kit/planted.py", "import plugin.deciding.ruleset"),
        ("connectors/amocrm/planted.py", "import connectors.bitrix24.client"),
    ],
    ids=["upward", "upward inside a function", "upward for types alone", "connector to rules", "CRM to CRM"],
)
def test_a_planted_import_that_runs_up_fails_the_contract(tmp_path: Path, file: str, line: str) -> None:
    for name in ("plugin", "connectors"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "static", "_shipped")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / file).write_text(f"{line}\n", encoding="utf-8")

    done = lint_imports(tmp_path)

    assert done.returncode != 0
    assert file.removesuffix(".py").replace("/", ".") in done.stdout


ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_every_file_that_the_architecture_names_exists() -> None:
    named = set(re.findall(r"`((?:plugin|connectors|rules|tests|docs|demo|chaos|benchmarks)/[\w./-]*)`", ARCHITECTURE))

    assert len(named) > 40
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_folder_of_the_plugin_stands_in_the_architecture() -> None:
    folders = {f"plugin/{path.name}/" for path in (ROOT / "plugin").iterdir() if (path / "__init__.py").exists()}

    assert sorted(folder for folder in folders if f"`{folder}`" not in ARCHITECTURE) == []


@pytest.mark.parametrize("path", MODULES)
def test_each_module_says_what_it_promises_and_is_one_concept(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if text.strip():
        assert module(path).docstring, "no docstring"
    assert text.count("\n") <= LONGEST_FILE
