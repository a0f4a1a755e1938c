"""The guides, which travel with the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plugin.config.load import shipped_dir
from plugin.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Guide:
    """One guide: its file under docs, and whom it is for, in English and in Russian."""

    file: str
    about: str
    title: str


#: By the word that it is asked for.
GUIDES = {
    "admin": Guide(
        "admin-guide.ru.md",
        "changing phrases, recipients, terms and rules (in Russian)",
        "Администратору: фразы, получатели, сроки и правила",
    ),
    "operator": Guide(
        "operator-guide.ru.md", "the script during a call (in Russian)", "Оператору: скрипт во время звонка"
    ),
    "operations": Guide(
        "operations.md",
        "running the plugin: servers, logs, copies, what to watch",
        "Тому, кто держит программу в работе (на английском)",
    ),
    "crm": Guide("connecting-a-crm.md", "connecting a CRM", "Подключение CRM (на английском)"),
    "page": Guide(
        "operators-page.md", "setting up the operators' page", "Страница оператора: настройка (на английском)"
    ),
}


def path_of(name: str) -> Path:
    """Where a guide lies. Raises ConfigError where it was left out of the installation."""
    path = shipped_dir() / "docs" / GUIDES[name].file
    if not path.is_file():
        raise ConfigError(f"the guide is not there: {path}", hint="Install the wheel again; the source has it in docs/")
    return path
