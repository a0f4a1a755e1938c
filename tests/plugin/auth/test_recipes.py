"""The recipes of docs/operators-page.md make links that open, in every language of them that is at hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from plugin.auth.links import LinkFault, Links, OpenedLink, signed_text
from plugin.auth.visitor import LinkedCall
from plugin.common.clock import utc_now
from plugin.config.settings import PageSettings
from tests.plugin.auth.support import FULL, KEY, HandClock

DOCUMENT = (Path(__file__).parents[3] / "docs" / "operators-page.md").read_text(encoding="utf-8")
#: What a CRM knows of the call, empty fields too.
CALL = {
    "call": "c-77/8",
    "operator": "ivanova",
    "phone": "+79161234567",
    "card": "contact:42",
    "name": "О'Нил-Иванов & сын",
    "url": "https://crm.example.org/?id=42&a=b",
    "script": "",
}
MEANT = OpenedLink("ivanova", LinkedCall("c-77/8", FULL.phone, FULL.card, "О'Нил-Иванов & сын", FULL.card_url))


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(found)


def read(url: str) -> OpenedLink | LinkFault:
    assert url.startswith("https://optout.example.org/operator/open?")
    return Links(["0" * 32, KEY], "", timedelta(minutes=30), utc_now).read(parse_qs(urlsplit(url.strip()).query))


def run(*command: str, **environ: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ | environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_python() -> str:
    found: dict[str, Callable[..., str]] = {}
    exec(block("python"), found)
    return found["optout_link"](CALL, KEY)


def in_javascript() -> str:
    return run("node", "-e", f"{block('js')}\nconsole.log(optoutLink({json.dumps(CALL)}, {json.dumps(KEY)}))")


def in_php() -> str:
    # Strings of PHP in single quotes: only the quote itself and the backslash are escaped, JSON's escapes doubly.
    call = json.dumps(CALL, ensure_ascii=False).replace("\\", "\\\\").replace("'", "\\'")
    return run("php", "-r", f"{block('php')}\necho optout_link(json_decode('{call}', true), '{KEY}');")


@pytest.mark.parametrize(
    ("program", "make"), [(None, in_python), ("node", in_javascript), ("php", in_php)], ids=["python", "js", "php"]
)
def test_the_function_in_the_document_makes_a_link_that_opens(program: str | None, make: Callable[[], str]) -> None:
    if program is not None and shutil.which(program) is None:
        pytest.skip(f"no {program} to run the recipe with")
    assert read(make()) == MEANT


def test_the_shell_script_in_the_document_makes_a_link_that_opens() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to run the recipe with")
    url = run("sh", "-c", block("sh"), CALL="c-77", OPERATOR="ivanova", OPTOUT_PAGE_SECRET=KEY)
    assert read(url) == OpenedLink("ivanova", LinkedCall("c-77"))


def test_the_worked_example_of_the_document_is_right() -> None:
    lines = re.search(r"((?: {4}\w+=.*\n)+)\nSigned with `(\w+)` this comes to\s+`(\w+)`", DOCUMENT)
    assert lines is not None
    values = dict(line.strip().split("=", 1) for line in lines.group(1).splitlines())
    assert signed_text(values) == "\n".join(line.strip() for line in lines.group(1).splitlines())
    given = {name: [value] for name, value in values.items()} | {"sign": [lines.group(3)]}
    just_before = HandClock(datetime.fromtimestamp(int(values["expires"]) - 60, UTC))
    links = Links([lines.group(2)], "", timedelta(minutes=30), just_before)
    assert links.read(given) == OpenedLink("ivanova", LinkedCall("c-77", FULL.phone, FULL.card, "Иванов Иван"))


def test_every_parameter_of_a_link_is_in_the_document() -> None:
    from plugin.auth.links import NAMES, SIGN

    for name in (*NAMES, SIGN):
        assert re.search(rf"^\|.*`{name}`.*\|", DOCUMENT, re.MULTILINE), name


def test_the_link_of_the_product_itself_is_made_by_the_same_recipe() -> None:
    url = Links.of(PageSettings(public_url="https://optout.example.org", secret=KEY), utc_now).make(
        "ivanova", MEANT.call
    )
    assert read(url) == MEANT
