"""Help is Russian where the machine's language is; the messages are complete: each command, option, word of click."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from plugin.cli.help_language import help_messages, paragraphs
from plugin.cli.lazy import LazyGroup
from plugin.cli.main import cli
from tests.support.message_catalogue import MESSAGE_FILE, SOURCE, compiled
from tests.support.processes import ROOT

RUSSIAN = re.compile("[а-яё]", re.IGNORECASE)
CLICK = Path(click.__file__).parent
#: Modules of click that print what a user of the command line may meet.
WORDED = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")
#: What tells programmers of their mistakes, or stands for what these commands do not have.
NOT_MET = re.compile(
    r"DeprecationWarning|is not executable|Could not determine name|No options defined|Arguments take exactly one|"
    r"defined twice|UUID|"
    r"Boolean option|Invalid start character|must be an iterable|\{format|\{len_type|Choice\(|Unknown color|"
    r"Press any key|Confirm the action|%\(prog\)s"
)


def said(command: click.Command) -> Iterator[str]:
    """All that a command and those below it say of themselves."""
    yield from filter(None, (command.help, command.short_help, command.options_metavar))
    yield from (one.help for one in command.params if isinstance(one, click.Option) and one.help)
    if isinstance(command, click.Group):
        yield command.subcommand_metavar
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from said(child)
    if isinstance(command, LazyGroup):
        yield from (about for _, about in command._places.values())


def of_click() -> Iterator[tuple[str, list[str]]]:
    """What click has translated, as its source says."""
    for name in WORDED:
        for node in ast.walk(ast.parse((CLICK / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                if texts and not NOT_MET.search(texts[0]):
                    yield node.func.id, texts


def help_in(environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    plain = {name: value for name, value in os.environ.items() if name != "LANGUAGE" and not name.startswith("LC_")}
    done = subprocess.run(
        [sys.executable, "-m", "plugin", *arguments],
        cwd=ROOT,
        env=plain | {"LANG": "C"} | environ,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_every_command_and_option_has_its_russian_words_and_none_is_left_over() -> None:
    texts = {paragraphs(one) for one in said(cli)}
    messages = help_messages()
    assert sorted(texts - messages.keys()) == []
    assert sorted(messages.keys() - texts) == []
    assert [one for one in messages.values() if not RUSSIAN.search(one)] == []


def test_russian_words_name_the_same_options_and_commands() -> None:
    named = re.compile(r"--[a-z-]+|`[^`]+`|\b[a-z_]+\.toml\b|\[[a-z]+\]")
    for english, russian in help_messages().items():
        assert set(named.findall(english)) <= set(named.findall(russian)), english


def test_all_that_click_says_has_its_russian_words() -> None:
    table = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    for function, texts in of_click():
        if function == "ngettext":
            assert table["plural"][texts[0]][0] == texts[1]
        else:
            assert texts[0] in table["text"]


@pytest.mark.parametrize("part", ["text", "plural"])
def test_what_is_filled_in_is_the_same_in_either_language(part: str) -> None:
    places = re.compile(r"\{\w+(?:!r)?\}")
    for english, russian in tomllib.loads(SOURCE.read_text(encoding="utf-8"))[part].items():
        known = set(places.findall(english if part == "text" else english + russian[0]))
        for one in [russian] if part == "text" else russian[1:]:
            assert set(places.findall(one)) <= known


def test_the_message_file_is_made_of_the_table() -> None:
    assert MESSAGE_FILE.read_bytes() == compiled(), "run: python -m tests.support.message_catalogue"


@pytest.mark.parametrize(
    "environ", [{"LANG": "ru_RU.UTF-8"}, {"LC_MESSAGES": "ru_RU"}, {"LC_ALL": "ru_RU.UTF-8", "LANG": "de_DE"}]
)
def test_on_a_russian_machine_help_is_russian(environ: dict[str, str]) -> None:
    status, text = help_in(environ, "rules", "publish", "--help")
    assert status == 0
    assert text.startswith("Вызов: python -m plugin rules publish [ПАРАМЕТРЫ]") or "Вызов: optout rules publish" in text
    assert "Кто публикует; обязательно." in text
    assert "Показать эту справку." in text


@pytest.mark.parametrize("environ", [{}, {"LANG": "de_DE.UTF-8"}, {"LC_ALL": "C", "LANG": "ru_RU.UTF-8"}])
def test_elsewhere_it_is_english(environ: dict[str, str]) -> None:
    status, text = help_in(environ, "--help")
    assert (status, RUSSIAN.search(text)) == (0, None)


def test_a_mistake_on_the_command_line_is_told_in_russian_with_the_same_status() -> None:
    status, text = help_in({"LANG": "ru_RU.UTF-8"}, "user", "add", "a", "b", "c")
    assert status == 2
    assert "Ошибка: Лишние аргументы (b c)" in text
