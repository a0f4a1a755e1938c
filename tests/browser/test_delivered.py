"""What was confirmed on its way into the CRM and to the mail server, as the page shows it; and the docs' pictures.

The plugin, the CRM and the mail server are processes of their own. With ``OPTOUT_PICTURES=1`` the pictures in
docs/pictures are made anew.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from tests.browser.page_site import PATIENCE, exact, press, screen
from tests.support.crm import RunningCrm, embedded_crm
from tests.support.mail import mail_sink
from tests.support.plugin import RunningPlugin, running_plugin
from tests.support.processes import ROOT, free_port

PICTURES = ROOT / "docs" / "pictures"
_KEY = "a signing key of the tests, long enough to be one of them"


class DeliveringPage:
    """The plugin with its CRM and mail server."""

    def __init__(self, plugin: RunningPlugin, crm: RunningCrm) -> None:
        self.plugin = plugin
        self.crm = crm

    def link(self, call: str) -> str:
        made: subprocess.CompletedProcess[str] = self.plugin.run(
            *("link", "--call", call, "--operator", "Петрова Анна", "--phone", "+79161234567"),
            *("--card", "contact:42", "--name", "Иванов Иван Иванович"),
        )
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()


@pytest.fixture
def delivering(tmp_path: Path) -> Iterator[DeliveringPage]:
    with ExitStack() as stack:
        crm = stack.enter_context(embedded_crm(tmp_path))
        mail = stack.enter_context(mail_sink())
        plugin = stack.enter_context(running_plugin(tmp_path, crm, mail.port, start=False, settling=0.5))
        port = free_port()
        with open(plugin.home / "plugin.toml", "a", encoding="utf-8") as file:
            file.write('\n[page]\nsecret = { env = "OPTOUT_PAGE_SECRET" }\nsource = "telephony"\n')
            file.write(f'public_url = "http://localhost:{port}"\n')
        plugin.environ = {**plugin.environ, "OPTOUT_PAGE_SECRET": _KEY}
        plugin.start("--port", str(port))
        yield DeliveringPage(plugin, crm)


def picture(tab: Tab, name: str) -> None:
    """Make a picture for the docs, if they are wanted."""
    if os.environ.get("OPTOUT_PICTURES") == "1":
        PICTURES.mkdir(exist_ok=True)
        tab.screenshot(path=PICTURES / f"{name}.png")


def test_it_is_recorded_written_and_mailed_while_the_page_is_watched(delivering: DeliveringPage, tab: Tab) -> None:
    tab.goto(delivering.link("c-1"))
    picture(tab, "operator-hint")
    press(tab, "1", "3")
    picture(tab, "operator-phrase")
    press(tab, "1")
    exact(tab)
    picture(tab, "operator-end")
    press(tab, "Enter")
    screen(tab, "done")
    tab.get_by_text("Всё записано и отправлено.").wait_for(timeout=PATIENCE)
    rows = [line.replace("\xa0", " ") for line in tab.locator(".progress li").all_inner_texts()]
    picture(tab, "operator-done")

    told = " | ".join(rows)
    for expected in (
        "Принято и сохранено",
        "Комментарий в карточке клиента: записан",
        "Напоминание — Координатор опросов: поставлено",
        "Напоминание — СМС-менеджер: поставлено",
        "coordinator@dealer.example: отправлено",
        "sms.manager@dealer.example: отправлено",
    ):
        assert expected in told
    (comment,) = delivering.crm.api.comments("42")
    assert "исключить из звонков с опросом и рассылок" in comment["text"]
    assert len(delivering.crm.api.reminders(card="42")) == 2


def test_what_does_not_get_through_is_late_and_the_page_says_what_to_do(delivering: DeliveringPage, tab: Tab) -> None:
    link = delivering.link("c-2")
    delivering.crm.stop()
    tab.goto(link)
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    tab.get_by_text("Задерживается: CRM или почта пока не отвечает.").wait_for(timeout=40_000)
    assert "Ждать у экрана не нужно" in tab.locator("#stage").inner_text()
    # The mails wait, too, for the client's name and link are read from the CRM.
    assert len(tab.locator(".progress .done").all_inner_texts()) == 1
    delivering.crm.start()
    tab.get_by_text("Всё записано и отправлено.").wait_for(timeout=40_000)

    assert len(delivering.crm.api.comments("42")) == 1


def test_the_page_as_it_is_on_a_phone(delivering: DeliveringPage, open_context: Callable[..., BrowserContext]) -> None:
    tab = open_context(viewport={"width": 360, "height": 740}).new_page()
    tab.goto(delivering.link("c-3"))
    press(tab, "1")
    picture(tab, "operator-phone")

    assert tab.locator(".answer").count() == 3
