"""``optout user``: who may sign in to the operators' page, in Russian. Passwords are typed or piped, no arguments."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.auth.visitor import ROLE_WORDS
from plugin.cli.options import json_lines_option, print_json_lines
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.auth.users import Users
    from plugin.auth.visitor import Role


@click.group(short_help="Who may sign in to the operators' page: add, list, disable, passwd.")
def user() -> None:
    """Who may sign in to the operators' page. Passwords are asked for, or read from a pipe on standard input."""


@user.command()
@click.argument("login")
@click.option("--role", type=click.Choice(list(ROLE_WORDS)), default="operator", show_default=True)
@click.pass_obj
def add(config: Path | None, /, login: str, role: Role) -> None:
    """Add LOGIN: the name by which the CRM and the records know the operator."""
    from plugin.auth.users import checked_login

    login = checked_login(login)
    with _users(config) as users:
        if users.find(login) is not None:
            raise InputError(f"Логин {login} уже есть", hint=f"Новый пароль: optout user passwd {login}")
        added = users.add(login, role, _password(login))
    click.echo(f"Добавлен {added.login}, {ROLE_WORDS[added.role]}.")


@user.command("list")
@json_lines_option
@click.pass_obj
def list_(config: Path | None, /, *, as_json: bool) -> None:
    """Print everybody, disabled ones too."""
    from plugin.cli.format import user as text
    from plugin.cli.ledgers import settings_of

    zone = settings_of(config).timezone
    with _users(config) as users:
        found = users.all()
    if as_json:
        print_json_lines(map(text.to_json, found))
    else:
        click.echo(text.table(found, zone) if found else text.EMPTY)


@user.command()
@click.argument("login")
@click.pass_obj
def disable(config: Path | None, /, login: str) -> None:
    """Let LOGIN in no more, by no way; whoever is on the page by it, also from the CRM, is out at once."""
    with _users(config) as users:
        one = users.disable(login)
    click.echo(f"{one.login} отключён: больше не войдёт ни паролем, ни из CRM, открытые сеансы завершены.")


@user.command()
@click.argument("login")
@click.pass_obj
def enable(config: Path | None, /, login: str) -> None:
    """Let a disabled LOGIN in again, by the same password."""
    with _users(config) as users:
        one = users.enable(login)
    click.echo(f"{one.login} снова может войти, пароль прежний.")


@user.command()
@click.argument("login")
@click.pass_obj
def passwd(config: Path | None, /, login: str) -> None:
    """Give LOGIN another password; whoever is signed in by the old one is out at once."""
    with _users(config) as users:
        one = users.find(login)
        if one is None:
            raise InputError("Такого логина нет", hint="Логины печатает optout user list")
        users.change_password(one.login, _password(one.login))
    click.echo(f"Пароль {one.login} заменён, открытые сеансы завершены.")


@user.command("reset-second-factor")
@click.argument("login")
@click.pass_obj
def reset_second_factor(config: Path | None, /, login: str) -> None:
    """Let LOGIN in by the password alone, until a second factor is set up again; whoever is signed in by it is out."""
    from plugin.auth.second_factor import reset_second_factor
    from plugin.auth.visitor import normal_login
    from plugin.cli.ledgers import ledger_of, settings_of

    login = normal_login(login)
    with ledger_of(settings_of(config)) as ledger:
        was_on = reset_second_factor(ledger, login)
    click.echo(f"{login}: {'вход с кодом снят' if was_on else 'входа с кодом не было'}, открытые сеансы завершены.")


@contextmanager
def _users(config: Path | None) -> Iterator[Users]:
    from plugin.auth.passwords import Passwords
    from plugin.auth.users import Users
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now

    with ledger_of(settings_of(config)) as ledger:
        yield Users(ledger, Passwords(), utc_now)


def _password(login: str) -> str:
    """Typed twice, unseen, at a terminal; else the first line of standard input. Raises InputError."""
    from plugin.auth.password_rules import check_rules

    if sys.stdin.isatty():
        password = str(click.prompt("Пароль", hide_input=True, confirmation_prompt="Ещё раз"))
    else:
        password = _piped(sys.stdin.buffer.read())
    check_rules(password, login)
    return password


def _piped(data: bytes) -> str:
    """The password on the first line of what was piped, by whatever wrote it. Raises InputError."""
    from plugin.common.characters import describe_in_russian
    from plugin.common.secret_text import UnusableSecret, secret_text

    expected = "Он ожидается первой строкой стандартного ввода"
    try:
        return secret_text(data, first_line=True)
    except UnusableSecret as error:
        if error.character is not None:
            what = f"В пароле есть знак, который нельзя набрать: {describe_in_russian(error.character)}"
            raise InputError(f"{what}, место {error.position}", hint="Задайте пароль без него") from error
        if error.why == "not_text":
            raise InputError("Пароль передан не текстом в UTF-8 или UTF-16", hint=expected) from error
        raise InputError("Пароль не передан", hint=expected) from error
