"""The operator's page in a real Chromium: the next phrase, the page's size, the first phrase, and many at once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.draining import slow_crm
from benchmarks.events import new_home, running
from benchmarks.measure import ROUNDS, Row, percentile, ratio
from benchmarks.operators import Operator, confirm_at_once
from plugin.auth.links import Links
from plugin.auth.visitor import LinkedCall
from plugin.common.clock import utc_now
from plugin.config.load import load_settings
from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.deciding.decision.conversations import conversations

_KEY = "a signing key of the benchmark, long enough to be one"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
#: How often the whole script is gone through; a branch counts by its median.
_WALKS = 3
OPERATORS = 50
OPENINGS = 8
_CRM_SECONDS = 0.05
#: A look-up of 50 ms in the way would show: the page is there within some hundred. What is left is the machine's.
_NOT_LATER = 1.15
_NO_CRM = "http://127.0.0.1:9"
WAVES = 10
#: From the key to the frame that shows what it led to.
_WATCH = """
window.times = [];
addEventListener("keydown", (event) => {
  const pressed = event.timeStamp;
  requestAnimationFrame(() => setTimeout(() => window.times.push(performance.now() - pressed)));
}, true);
"""


def phrases() -> list[Row]:
    """The next phrase at every branch, and the first one in a browser that was just started."""
    with _page() as (home, base), sync_playwright() as playwright:
        links = Links([_KEY], f"{base}/operator/open", _life(home), utc_now)
        decider = Rulebook.load(home / "rules").script(load_settings(home, _environ()).default_script)
        walks, asked, first = [], 0, []
        for number in range(ROUNDS):
            browser = _launch(playwright)
            started = time.perf_counter()
            tab = browser.new_page()
            tab.goto(links.make("operator", LinkedCall(f"cold-{number}")))
            tab.locator("#stage[data-screen=question]").wait_for()
            first.append(time.perf_counter() - started)
            if number < _WALKS:
                times, requests = _walk(browser, links, decider, number)
                walks.append(times)
                asked += requests
            browser.close()
        size = _bytes(links)
    branches = [median(times) * 1000 for times in zip(*walks, strict=True)]
    worst, cold = max(branches), median(first)
    return [
        Row(f"next phrase, slowest of {len(branches)} branches, ms", f"{worst:.1f}", "<= 50", worst <= 50),
        Row("(the usual branch, ms)", f"{median(branches):.1f}"),
        Row("requests for a next phrase", str(asked), "0", asked == 0),
        Row("first phrase, browser just started, s", f"{cold:.2f}", "<= 1", cold <= 1),
        Row("page with tree, scripts and styles, kB", f"{size / 1000:.1f}", "< 150", size < 150_000),
    ]


def at_once() -> list[Row]:
    """Fifty operators confirming at the same moment."""
    times: list[float] = []
    with _page() as (home, base):
        links = Links([_KEY], f"{base}/operator/open", _life(home), utc_now)
        for wave in range(WAVES + 1):
            calls = [LinkedCall(f"w{wave}-{n}", phone=f"+7916{wave:03}{n:04}") for n in range(OPERATORS)]
            taken = confirm_at_once([links.make(f"operator-{n}", call) for n, call in enumerate(calls)])
            if wave:  # the first one warms it up
                times += taken
    p99 = percentile(times, 0.99) * 1000
    return [
        Row(f"{OPERATORS} confirm at once: p99 of the answer, ms", f"{p99:.0f}", "<= 200", p99 <= 200),
        Row("(median, ms)", f"{median(times) * 1000:.0f}"),
    ]


def looked_up() -> list[Row]:
    """The first phrase of calls whose clients are looked up in a CRM of 50 ms, beside calls with nobody to look up."""
    times: dict[bool, list[float]] = {True: [], False: []}
    with slow_crm(_CRM_SECONDS) as crm, _page(crm) as (home, base), sync_playwright() as playwright:
        links, browser = Links([_KEY], f"{base}/operator/open", _life(home), utc_now), _launch(playwright)
        for number in range(OPENINGS + 1):
            for known in (True, False):
                phone = f"+7916{number:07}" if known else None
                took = _first_phrase(browser, links.make("operator", LinkedCall(f"{known}-{number}", phone=phone)))
                if number:  # the first one warms it up
                    times[known].append(took)
        browser.close()
    with_, without = median(times[True]), median(times[False])
    return [
        ratio("first phrase ÷ the same without", with_ / without, f"<= {_NOT_LATER:g}", most=_NOT_LATER),
        Row("(first phrase, ms)", f"{with_ * 1000:.0f}"),
    ]


# --- details ---------------------------------------------------------------------------------------


@contextmanager
def _page(crm: str = _NO_CRM) -> Iterator[tuple[Path, str]]:
    """A home with the page on, served, and the address of its CRM; where it is reached."""
    with new_home() as home:
        with open(home / "plugin.toml", encoding="utf-8") as file:
            text = file.read().replace(_NO_CRM, crm)
        table = '[page]\nsecret = { env = "OPTOUT_PAGE_SECRET" }\n'
        (home / "plugin.toml").write_text(text.replace("[page]\n", table), encoding="utf-8")
        os.environ["OPTOUT_PAGE_SECRET"] = _KEY
        with running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0") as (url, _):
            yield home, f"http://localhost:{urlsplit(url).port}"


def _environ() -> dict[str, str]:
    secret = "whsec_" + "c2VjcmV0IG9mIHRoZSBiZW5jaG1hcmssIDMyIGI="
    return {"OPTOUT_CRM_TOKEN": "none", "OPTOUT_WEBHOOK_SECRET": secret, "OPTOUT_PAGE_SECRET": _KEY}


def _life(home: Path) -> timedelta:
    return timedelta(minutes=load_settings(home, _environ()).page.link_minutes)


def _launch(playwright: Any) -> Browser:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("no Chromium to measure in (Debian, Ubuntu: apt-get install chromium)")
    browser: Browser = playwright.chromium.launch(executable_path=path, headless=True, args=_ARGUMENTS)
    return browser


def _first_phrase(browser: Browser, link: str) -> float:
    """Seconds from the opening to the first phrase, in a browser that runs."""
    tab = browser.new_page()
    started = time.perf_counter()
    tab.goto(link, wait_until="commit")
    tab.locator("#stage[data-screen=question]").wait_for()
    took = time.perf_counter() - started
    # What the opening began in the background belongs to no other measurement.
    tab.wait_for_load_state("networkidle")
    tab.close()
    return took


def _walk(browser: Browser, links: Links, decider: Decider, walk: int) -> tuple[list[float], int]:
    """Every conversation by keys; the time of each key in seconds, and how many requests asked for a phrase."""
    times: list[float] = []
    asked = 0

    def count(request: Any) -> None:
        nonlocal asked
        asked += "/operator/next" in request.url

    for number, way in enumerate(conversations(decider)):
        tab = browser.new_page()
        tab.on("request", count)
        tab.add_init_script(_WATCH)
        tab.goto(links.make("operator", LinkedCall(f"walk-{walk}-{number}", phone="+79161234567")))
        tab.locator("#stage[data-screen=question]").wait_for()
        times += _keys(tab, decider, way.answers)
        tab.close()
    return times, asked


def _keys(tab: Page, decider: Decider, answers: Any) -> list[float]:
    known: dict[str, Any] = {}
    pressed = 0
    measured = []
    while (question := decider.decide(known).next) is not None:
        value = answers[question.fact]
        offered = [answer.value for answer in question.answers]
        if not offered:
            tab.keyboard.insert_text("Иванова Анна Петровна")
        tab.keyboard.press(str(offered.index(value) + 1) if offered else "Enter")
        pressed += 1
        while tab.evaluate("window.times.length") < pressed:
            tab.wait_for_timeout(5)
        measured.append(tab.evaluate("window.times.at(-1)") / 1000)
        known[question.fact] = value
    return measured


def _bytes(links: Links) -> int:
    """All that a browser loads for a call, uncompressed."""
    operator = Operator(links.make("operator", LinkedCall("size", phone="+79161234567")))
    page = operator.get("/operator/?call=size")
    text = page.decode()
    assets = {part.split('"')[0] for part in text.split('="')[1:] if part.startswith("/operator/page/")}
    return len(page) + sum(len(operator.get(path)) for path in assets)
