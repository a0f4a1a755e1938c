"""The editor of the rules: how soon a fault and a change are told, and what ten admins cost the operators' events."""

from __future__ import annotations

import multiprocessing
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from statistics import median

import requests

from benchmarks import large_script
from benchmarks.events import new_home, running
from benchmarks.load import request
from benchmarks.measure import ROUNDS, Row, percentile, ratio
from plugin.auth.passwords import Passwords
from plugin.auth.users import Users
from plugin.authoring.drafts.checking import DraftChecks
from plugin.authoring.drafts.compiled import CompiledDrafts
from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.inspection.diff import differences
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.common.clock import utc_now
from plugin.config.load import shipped_dir
from plugin.console.rules_effect import for_so_long
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger

ADMINS, OPERATORS = 10, 50
#: Seconds from one field that an admin leaves to the next, and from one event of an operator to the next.
PACE, EVENT_PACE = 15.0, 1.0
#: Events of each operator in a round.
EVENTS = 15
PASSWORD = "скрипт-по-полям-42"
SCRIPT = "/console/rules/script/survey_opt_out"
_FIELD = "rules.question[section-1-kind].say"


def times() -> list[Row]:
    """A fault and what a phrase and a condition change, in the shipped rules; and in a script of 300 rules."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="optout-bench-") as folder:
        large = large_script.write(Path(folder), entangled=False)
        for name, rules, script, most in (("shipped", shipped_dir() / "rules", "survey_opt_out", 1.0), _of(large)):
            fault, change = _seconds(rules, script)
            if name == "shipped":
                rows.append(Row("shipped: a field's fault, ms", f"{fault * 1000:.0f}", "<= 300", fault <= 0.3))
            rows.append(Row(f"{name}: what changes, s", f"{change:.2f}", f"<= {most:g}", change <= most))
    return rows


def _of(folder: Path) -> tuple[str, Path, str, float]:
    return "300 rules", folder, next(one.name for one in sorted(folder.iterdir()) if one.is_dir()), 5.0


def _seconds(rules: Path, script: str) -> tuple[float, float]:
    """The medians, for an edit of a text, which is another one each time."""
    files, base = rule_texts(rules), Rulebook.load(rules)
    checks, compiled = DraftChecks(), CompiledDrafts()
    faults, changes = [], []
    for round_ in range(ROUNDS + 1):
        began = time.perf_counter()
        editor = DraftEditor(files, script)
        editor.set("script.title", f"Скрипт {round_}")
        checks.of(editor.files)
        told = time.perf_counter()
        made = compiled.of(editor.files, base)
        differences(base, made.rulebook, go_on=for_so_long())
        if round_:  # the first one warms up
            faults.append(told - began)
            changes.append(time.perf_counter() - began)
    base.close()
    return median(faults), median(changes)


def beside_events() -> list[Row]:
    """p99 of events of 50 operators, one a second each, while ten admins edit a field every 15 s; and without them."""
    with new_home() as home:
        (home / "page.key").write_text(secrets.token_urlsafe(32), encoding="ascii")
        text = (home / "plugin.toml").read_text(encoding="utf-8")
        (home / "plugin.toml").write_text(
            text.replace("[page]\n", '[page]\nsecret = { file = "page.key" }\n'), encoding="utf-8"
        )
        alone, beside = [], []
        with running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0") as (url, _):
            _admins(home)
            for round_ in range(ROUNDS + 1):
                first = 2 * round_ * OPERATORS * EVENTS
                calm = _events(url, first)
                with _editing(url):
                    busy = _events(url, first + OPERATORS * EVENTS)
                if round_:  # the first round warms up
                    alone.append(percentile(calm, 0.99))
                    beside.append(percentile(busy, 0.99))
    return [
        ratio("p99 beside ten admins ÷ without", median(beside) / median(alone), "<= 1.5", most=1.5),
        Row("(p99 without, ms)", f"{median(alone) * 1000:.1f}"),
    ]


def _events(url: str, first: int) -> list[float]:
    """Each answer's time, in seconds; sent by a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_work, (url, first))


def _work(url: str, first: int) -> list[float]:
    def operate(number: int) -> list[float]:
        mine, taken = [request(first + number * EVENTS + place) for place in range(EVENTS)], []
        with requests.Session() as session:
            for body, headers in mine:
                began = time.perf_counter()
                session.post(f"{url}/events/call-result", data=body, headers=headers, timeout=30).raise_for_status()
                taken.append(time.perf_counter() - began)
                time.sleep(max(0.0, EVENT_PACE - taken[-1]))
        return taken

    with ThreadPoolExecutor(OPERATORS) as pool:
        return [one for taken in pool.map(operate, range(OPERATORS)) for one in taken]


def _admins(home: Path) -> None:
    ledger = Ledger(f"sqlite:///{home / 'optout.db'}")
    users = Users(ledger, Passwords(), utc_now)
    for number in range(ADMINS):
        users.add(f"admin-{number}", "admin", PASSWORD)
    ledger.close()


@contextmanager
def _editing(url: str) -> Iterator[None]:
    """Ten people in a process of their own, so that what they cost to play is not the plugin's."""
    context = multiprocessing.get_context("spawn")
    ready, over = context.Event(), context.Event()
    process = context.Process(target=_edit, args=(url, ready, over))
    process.start()
    try:
        if not ready.wait(120):
            raise SystemExit("the admins did not begin")
        yield
    finally:
        over.set()
        process.join(60)


def _edit(url: str, ready: threading.Event, over: threading.Event) -> None:
    sessions = [_signed_in(url, f"admin-{number}") for number in range(ADMINS)]
    ready.set()
    threads = [
        threading.Thread(target=_type, args=(session, url, number, over.wait))
        for number, session in enumerate(sessions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _signed_in(url: str, login: str) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{url}/operator/sign-in", timeout=30).text
    form = {"login": login, "password": PASSWORD, "next": "/console/rules", "csrf": _csrf(page)}
    session.post(f"{url}/operator/sign-in", data=form, timeout=30).raise_for_status()
    return session


def _type(session: requests.Session, url: str, number: int, wait: Callable[[float], bool]) -> None:
    """A field at a time, as the page's own script sends it, and what changes then."""
    headers, edits = {"Accept": "application/json"}, 0
    page = session.get(f"{url}{SCRIPT}", timeout=60).text
    was = unescape(re.findall(rf'name="was:{re.escape(_FIELD)}" value="([^"]*)"', page)[0])
    wait(PACE * number / ADMINS)
    while not wait(PACE):
        edits += 1
        form = {"csrf": _csrf(page), f"was:{_FIELD}": was, f"f:{_FIELD}": f"Скажите, {number}-{edits}?"}
        told = session.post(f"{url}{SCRIPT}/save", data=form, headers=headers, timeout=60).json()
        was = told["fields"][_FIELD]["was"]
        session.get(f"{url}{SCRIPT}/effect", headers=headers, timeout=60).raise_for_status()


def _csrf(page: str) -> str:
    return unescape(re.findall(r'name="csrf" value="([^"]*)"', page)[0])
