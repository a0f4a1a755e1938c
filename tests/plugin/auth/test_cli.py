"""``optout user`` and ``optout link``: for the admin in Russian, and nothing secret on the command line or screen."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from plugin.auth.links import Links, OpenedLink
from plugin.auth.passwords import Passwords
from plugin.auth.second_factor import SecondFactors
from plugin.auth.sessions import Sessions
from plugin.auth.users import Users
from plugin.auth.visitor import LinkedCall
from plugin.cli.main import main
from plugin.common.clock import utc_now
from plugin.config.load import load_settings
from plugin.ledger import Ledger
from tests.plugin.auth.support import FULL, KEY, PASSWORD
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML
from tests.support.databases import migrate

PAGE_TOML = '\n[page]\nsecret = { env = "PAGE_SECRET" }\npublic_url = "https://optout.example.org"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML + PAGE_TOML, encoding="utf-8")
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(ledger)
    ledger.close()
    for name, value in (ENVIRON | {"PAGE_SECRET": KEY}).items():
        monkeypatch.setenv(name, value)
    return tmp_path


class Shell:
    """Runs commands there, with something piped in."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str, piped: str | bytes = "") -> tuple[int, str, str]:
        given = piped.encode() if isinstance(piped, str) else piped
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
        self._capsys.readouterr()
        status = main(["--config", str(self.home), *arguments])
        said = self._capsys.readouterr()
        return status, said.out, said.err


@pytest.fixture
def shell(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(home, capsys, monkeypatch)


# --- optout user: refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("piped", "told"),
    [("", "Пароль не передан"), ("короткий\n", "Пароль короче 12 знаков"), ("qwertyuiop123\n", "знают все")],
)
def test_a_password_that_is_not_taken_adds_nobody_and_is_not_shown(shell: Shell, piped: str, told: str) -> None:
    status, out, err = shell.run("user", "add", "ivanova", piped=piped)
    assert (status, out) == (2, "")
    assert told in err
    assert not piped.strip() or piped.strip() not in err
    assert "ещё нет" in shell.run("user", "list")[1]


def test_a_password_cannot_be_given_as_an_argument(shell: Shell) -> None:
    assert shell.run("user", "add", "ivanova", PASSWORD)[0] == 2
    assert shell.run("user", "add", "ivanova", "--password", PASSWORD)[0] == 2
    assert "ещё нет" in shell.run("user", "list")[1]


def test_a_login_that_is_there_or_is_not_there_is_told_before_a_password_is_asked_for(shell: Shell) -> None:
    shell.run("user", "add", "ivanova", piped=PASSWORD)
    for arguments, told in (
        (("add", "IVANOVA"), "Логин ivanova уже есть"),
        (("add", "a b"), "Такой логин не годится"),
        (("passwd", "petrov"), "Такого логина нет"),
        (("disable", "petrov"), "Логина 'petrov' нет"),
        (("enable", "petrov"), "Логина 'petrov' нет"),
    ):
        status, out, err = shell.run("user", *arguments)
        assert (status, out) == (2, "")
        assert told in err


# --- optout user -----------------------------------------------------------------------------------


def test_users_are_added_listed_disabled_and_enabled(shell: Shell) -> None:
    assert shell.run("user", "add", "Ivanova", piped=PASSWORD + "\n") == (0, "Добавлен ivanova, оператор.\n", "")
    shell.run("user", "add", "chief", "--role", "admin", piped=PASSWORD)
    assert shell.run("user", "disable", "ivanova")[1].startswith("ivanova отключён")
    lines = shell.run("user", "list")[1].splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["chief", "администратор"], ["ivanova", "оператор"]]
    assert [("отключён" in line, "работает" in line) for line in lines[1:]] == [(False, True), (True, False)]
    assert all(len(line) <= 80 for line in lines)
    listed = [json.loads(line) for line in shell.run("user", "list", "--json")[1].splitlines()]
    assert [(user["login"], user["role"], user["disabled_at"] is None) for user in listed] == [
        ("chief", "admin", True),
        ("ivanova", "operator", False),
    ]
    assert shell.run("user", "enable", "ivanova")[1].startswith("ivanova снова может войти")
    assert "отключён" not in shell.run("user", "list")[1]
    assert "argon2" not in shell.run("user", "list", "--json")[1]


def test_sessions_are_listed_and_ended(shell: Shell) -> None:
    assert shell.run("sessions", "list")[1] == "На странице оператора сейчас никого нет.\n"
    ledger = Ledger(f"sqlite:///{shell.home / 'ledger.db'}")
    opened = Sessions(ledger, utc_now, timedelta(hours=1), b"key")
    opened.open_call("ivanova", FULL)
    opened.open_call("petrov", FULL)
    lines = shell.run("sessions", "list")[1].splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["ivanova", "из", "CRM"], ["petrov", "из", "CRM"]]
    told = [json.loads(line) for line in shell.run("sessions", "list", "--json")[1].splitlines()]
    assert [(one["operator"], one["kind"], one["calls"]) for one in told] == [
        ("ivanova", "crm", 1),
        ("petrov", "crm", 1),
    ]
    for arguments in ((), ("--operator", "ivanova", "--all")):
        assert shell.run("sessions", "end", *arguments)[0] == 2
    assert shell.run("sessions", "end", "--operator", "ivanova")[1] == "Завершено сеансов оператора ivanova: 1.\n"
    assert shell.run("sessions", "end", "--all")[1] == "Завершено сеансов: 1.\n"
    ledger.close()


def test_a_second_factor_is_reset(shell: Shell) -> None:
    assert "Такого логина нет" in shell.run("user", "reset-second-factor", "ivanova")[2]
    shell.run("user", "add", "ivanova", piped=PASSWORD)
    assert "входа с кодом не было" in shell.run("user", "reset-second-factor", "Ivanova")[1]
    ledger = Ledger(f"sqlite:///{shell.home / 'ledger.db'}")
    user = Users(ledger, Passwords(), utc_now).find("ivanova")
    assert user is not None
    SecondFactors(ledger, [b"key"], utc_now).begin(user.id)
    ledger.close()
    assert shell.run("user", "reset-second-factor", "ivanova")[1].startswith("ivanova: вход с кодом снят")


def test_a_new_password_counts_and_the_old_one_does_not(shell: Shell) -> None:
    shell.run("user", "add", "ivanova", piped=PASSWORD)
    assert shell.run("user", "passwd", "ivanova", piped="другой длинный пароль\r\nвторая строка\n")[0] == 0
    ledger = Ledger(f"sqlite:///{shell.home / 'ledger.db'}")
    user = Users(ledger, Passwords(), utc_now).find("ivanova")
    ledger.close()
    assert user is not None
    assert Passwords().verify(user.password_hash, "другой длинный пароль")
    assert not Passwords().verify(user.password_hash, PASSWORD)


@pytest.mark.parametrize(
    "piped",
    [
        b"\xef\xbb\xbf" + PASSWORD.encode() + b"\r\n",
        (PASSWORD + "\r\n").encode("utf-16"),
        (PASSWORD + "\r\nsecond line").encode("utf-16-le"),
        f"\u200b{PASSWORD}\u00a0\n".encode(),
    ],
    ids=["UTF-8 with its mark", "UTF-16 with its mark", "UTF-16 without it", "invisible signs around it"],
)
def test_a_password_counts_whatever_program_piped_it(shell: Shell, piped: bytes) -> None:
    assert shell.run("user", "add", "ivanova", piped=piped)[0] == 0
    ledger = Ledger(f"sqlite:///{shell.home / 'ledger.db'}")
    user = Users(ledger, Passwords(), utc_now).find("ivanova")
    ledger.close()
    assert user is not None
    assert Passwords().verify(user.password_hash, PASSWORD)


@pytest.mark.parametrize(
    ("piped", "told"),
    [
        ("десять\u200bзнаков".encode(), "В пароле есть знак, который нельзя набрать: U+200B"),
        ("десять знаков".encode("cp1251"), "Пароль передан не текстом в UTF-8"),
    ],
)
def test_a_password_that_nobody_could_type_is_refused_and_not_shown(shell: Shell, piped: bytes, told: str) -> None:
    status, out, err = shell.run("user", "add", "ivanova", piped=piped)
    assert (status, out) == (2, "")
    assert told in err
    assert "десять" not in err


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_echoed(home: Path) -> None:
    ours, theirs = pty.openpty()
    root = str(Path(__file__).parents[3])
    code = f"import sys; sys.path.insert(0, {root!r}); from plugin.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "--config", str(home), "user", "add", "ivanova"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = bytearray()
    killer = threading.Timer(60, process.kill)
    killer.start()
    try:
        for prompt in ("Пароль", "Ещё раз"):
            while prompt.encode() not in shown:
                shown += os.read(ours, 1024)
            os.write(ours, (PASSWORD + "\n").encode())
        while "Добавлен".encode() not in shown:
            shown += os.read(ours, 1024)
        assert process.wait(60) == 0
    finally:
        killer.cancel()
        os.close(ours)
    assert PASSWORD.encode() not in shown


# --- optout link -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--operator", "ivanova"), "--call"),
        (("--call", "c"), "--operator"),
        (("--call", "c", "--operator", "i", "--card", "42"), "TYPE:ID"),
        (("--call", "c", "--operator", "i", "--url", "ftp://x"), "url: not an address of http or https"),
        (("--call", "c", "--operator", "i", "--minutes", "31"), "minutes: a link may live up to 30"),
        (("--call", "c", "--operator", "i", "--minutes", "0"), "--minutes"),
    ],
)
def test_what_no_link_can_hold_is_told(shell: Shell, arguments: tuple[str, ...], told: str) -> None:
    status, out, err = shell.run("link", *arguments)
    assert (status, out) == (2, "")
    assert told in err


def test_without_a_secret_no_link_can_be_made(shell: Shell) -> None:
    (shell.home / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    status, out, err = shell.run("link", "--call", "c", "--operator", "ivanova")
    assert (status, out) == (2, "")
    assert "[page] secret" in err


def test_the_link_opens_what_was_asked_for(shell: Shell) -> None:
    call = LinkedCall("c-77", FULL.phone, FULL.card, FULL.name, FULL.card_url, FULL.script)
    told = ("--phone", "+79161234567", "--card", "contact:42", "--name", "Иванов Иван", "--script", "opt_out")
    url = ("--url", "https://crm.example.org/?id=42&a=b", "--minutes", "5")
    status, out, err = shell.run("link", "--call", "c-77", "--operator", "ivanova", *told, *url)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert out.startswith("https://optout.example.org/operator/open?")
    assert KEY not in out
    page = load_settings(shell.home, os.environ).page
    assert Links.of(page, utc_now).read(parse_qs(urlsplit(out.strip()).query)) == OpenedLink("ivanova", call)
