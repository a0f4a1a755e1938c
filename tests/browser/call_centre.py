"""A call centre's console as it runs, and its head at it: her clicks are counted, what she published is compared."""

from __future__ import annotations

import difflib
import io
import os
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Locator, ViewportSize, expect
from playwright.sync_api import Page as Tab
from playwright.sync_api import TimeoutError as TookTooLong
from sqlalchemy import delete

from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.revisions.export import files_of
from plugin.authoring.revisions.publish import check_texts
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.config.load import load_settings
from plugin.config.settings import PageSettings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from plugin.ledger.drafts import draft_edits, drafts
from plugin.web import WebServer, bind
from plugin.web.limits import BodyLimits
from tests.browser.page_site import PATIENCE
from tests.plugin.auth.support import KEY, PASSWORD, HandClock
from tests.plugin.web.console.console_site import ConsoleSite
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML
from tests.support.small_png import small_png

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
SHIPPED = rule_texts(RULES)
OPT_OUT = "Просьбы клиентов исключить из опросов"
#: Where the guide's pictures are, and whether they are taken anew.
PICTURES = ROOT / "docs" / "pictures" / "tasks"
TAKES_PICTURES = os.environ.get("OPTOUT_WRITE_PICTURES") == "1"
#: Where pictures of every click are put, wide and narrow, for looking at.
EVERY_CLICK = os.environ.get("OPTOUT_TEST_PICTURES")
LAPTOP: ViewportSize = {"width": 1366, "height": 768}
#: Bytes of a picture in the guide.
LARGEST_PICTURE = 40_960


@dataclass
class CallCentre:
    """A running console on one ledger, with the shipped rules active whenever a test begins."""

    url: str
    site: ConsoleSite

    def anew(self) -> None:
        """Let no draft be there, and the shipped rules be active."""
        self.site.clock.forward(hours=3)
        with self.site.ledger.write() as connection:
            connection.execute(delete(draft_edits))
            connection.execute(delete(drafts))
        book = Rulebook.load(RULES)
        if self.site.rules.current().revision != book.revision:
            self.site.rules.activate(book, "Белова", "Правила как в поставке")
        else:
            book.close()

    def publish(self, by: str, reason: str, *changes: tuple[str, str, str]) -> None:
        """Make rules active in which, beside what is active, this stands in a file instead of that."""
        with self.site.ledger.read() as connection:
            files = dict(files_of(connection, self.site.rules.current().revision))
        for file, old, new in changes:
            assert old in files[file], old
            files[file] = files[file].replace(old, new)
        self.site.rules.activate(check_texts(files, cases=False).rulebook, by, reason)


@contextmanager
def running_centre(folder: Path, ledger_template: Path) -> Iterator[CallCentre]:
    """The console for the length of the block."""
    (folder / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    shutil.copy(ledger_template, folder / "ledger.db")
    clock, listener = HandClock(), bind("127.0.0.1", 0)
    url = f"http://localhost:{listener.getsockname()[1]}"
    page = PageSettings(public_url=url, source="telephony", secret=KEY)
    own = replace(
        load_settings(folder / "plugin.toml", ENVIRON), ledger_url=f"sqlite:///{folder / 'ledger.db'}", page=page
    )
    ledger = Ledger(own.ledger_url, clock=clock)
    rules = ActiveRules(ledger, clock)
    rules.activate(Rulebook.load(RULES), "Белова", "Первые правила")
    site = ConsoleSite(ledger, rules, own, clock)
    for login in ("anna", "boris"):
        site.users.add(login, "admin", PASSWORD)
    server = WebServer(site.app, listener, threads=6, limits=BodyLimits(262_144, 262_144))
    thread = threading.Thread(target=server.run, kwargs={"finish_within": 5.0})
    thread.start()
    try:
        yield CallCentre(url, site)
    finally:
        server.stop()
        thread.join(20)
        rules.close()
        ledger.close()


@dataclass
class Head:
    """The head of the call centre at the console; ``clicks`` are those since she came."""

    tab: Tab
    centre: CallCentre
    login: str = "anna"
    clicks: int = 0

    def sign_in(self) -> None:
        """With the keyboard, but for the button."""
        self.tab.goto(f"{self.centre.url}/console/")
        self.tab.get_by_label("Логин").fill(self.login)
        self.tab.get_by_label("Пароль").fill(PASSWORD)
        self.press("Войти")
        self.tab.wait_for_url("**/console/")

    def rules(self, page: str = "", script: str = OPT_OUT) -> None:
        """Open a page of a script's rules."""
        self.open("Правила")
        self.click(
            self.tab.locator("li.script", has_text=script).get_by_role("link", name=re.compile("Изменить|Продолжить"))
        )
        if page:
            self.page(page)

    def open(self, section: str) -> None:
        """A section of the console."""
        self.click(self.tab.get_by_role("navigation", name="Разделы").get_by_role("link", name=section, exact=True))

    def page(self, name: str) -> None:
        """Another page of the script."""
        self.click(self.tab.get_by_role("navigation", name="Страницы скрипта").get_by_role("link", name=name))

    def click(self, what: Locator) -> None:
        """Click once; where two are at work, a tab behind the other would not get the focus."""
        self.tab.bring_to_front()
        what.click()
        self.clicks += 1
        self._look()

    def press(self, button: str) -> None:
        """Click a button."""
        self.click(self.tab.get_by_role("button", name=button, exact=True))

    def follow(self, link: str) -> None:
        """Click a link."""
        self.click(self.tab.get_by_role("link", name=link).first)

    def write(self, where: str, text: str) -> None:
        """Click into a field and type."""
        self.click(self.tab.get_by_label(where, exact=True).first)
        self.fill({where: text})

    def fill(self, typed: dict[str, str]) -> None:
        """Go on from field to field by Tab and type."""
        for label, text in typed.items():
            self.tab.get_by_label(label, exact=True).first.fill(text)

    def choose(self, where: str, option: str, group: str = "") -> None:
        """Open a list and choose; ``group``: the heading in the list under which it stands."""
        field = self.tab.get_by_label(where).first
        if group:
            chosen = field.locator(f'optgroup[label="{group}"] option').filter(has_text=re.compile(f"^{option}$"))
            field.select_option(value=chosen.get_attribute("value"))
        else:
            field.select_option(label=option)
        self.clicks += 2
        self._look()

    def to_publication(self) -> None:
        """Open the page that publishes; cases that tell of what was before are accepted there."""
        self.follow("Опубликовать…")
        with suppress(TookTooLong):
            self.tab.wait_for_url("**/publish", timeout=PATIENCE / 4)
        if not self.tab.url.endswith("/publish"):
            # The answer to what was pressed before came after this click.
            self.tab.get_by_role("link", name="Опубликовать…").first.click()
        self.tab.wait_for_url("**/publish")
        accept = self.tab.get_by_role("button", name="поправить случаи тоже")
        if accept.count():
            self.click(accept)
        expect(self.tab.get_by_label("Зачем это изменение")).to_be_focused()

    def publish(self, reason: str, picture: str = "") -> None:
        """Publish; the field for the reason has the focus."""
        if not self.tab.url.partition("?")[0].endswith("/publish"):
            self.to_publication()
        why = self.tab.get_by_label("Зачем это изменение")
        why.fill(reason)
        sure = self.tab.get_by_label("Так и задумано", exact=True)
        if sure.count():
            self.click(sure)
        if picture:
            self.picture(picture, why)
        self.press("Опубликовать")
        self.is_published()

    def is_published(self) -> None:
        """Wait until it says so."""
        expect(self.tab.get_by_text("Опубликовано.")).to_be_visible()

    def picture(self, name: str, of: Locator | None = None) -> None:
        """A picture for the guide, where they are taken anew; ``of``: what it is about."""
        if not TAKES_PICTURES:
            return
        self.tab.set_viewport_size(LAPTOP)
        # Without anything said, as much as there is room for from the first card on.
        cards = self.tab.locator("main .card")
        if of is not None or cards.count():
            block = "start" if of is None else "center"
            (of or cards.first).evaluate(f"one => one.scrollIntoView({{block: '{block}'}})")
        PICTURES.mkdir(parents=True, exist_ok=True)
        taken = small_png(self.tab.screenshot(animations="disabled", caret="hide"), LARGEST_PICTURE)
        assert len(taken) <= LARGEST_PICTURE, f"{name}: {len(taken)} bytes"
        (PICTURES / f"{name}.png").write_bytes(taken)

    def exported(self, script: str = "survey_opt_out") -> dict[str, str]:
        """The folder of rules as the console exports it."""
        answer = self.tab.context.request.get(f"{self.centre.url}/console/rules/script/{script}/export")
        with zipfile.ZipFile(io.BytesIO(answer.body())) as archive:
            return {one.removeprefix("rules/"): archive.read(one).decode() for one in archive.namelist()}

    def changed(self, script: str = "survey_opt_out") -> dict[str, list[str]]:
        """The lines in which the exported files differ from the shipped ones, by file."""
        return differing(SHIPPED, self.exported(script))

    def _look(self) -> None:
        if not EVERY_CLICK:
            return
        name = re.sub(r"\W+", "-", os.environ.get("PYTEST_CURRENT_TEST", "").partition("::test_")[2].partition(" ")[0])
        for width in (1366, 360):
            self.tab.set_viewport_size({"width": width, "height": 1400})
            self.tab.screenshot(path=Path(EVERY_CLICK) / f"{name[:40]}-{self.clicks:02}-{width}.png")
        self.tab.set_viewport_size(LAPTOP)


def differing(before: dict[str, str], after: dict[str, str]) -> dict[str, list[str]]:
    """The lines that differ, by file; files that are alike are left out."""
    found = {}
    for name in sorted({*before, *after}):
        lines = difflib.unified_diff(before.get(name, "").split("\n"), after.get(name, "").split("\n"), n=0)
        told = [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]
        if told:
            found[name] = told
    return found
