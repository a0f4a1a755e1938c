"""What the demo prints: in Russian, in 80 columns, as the people it is for would read it."""

from __future__ import annotations

import textwrap
import tomllib
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from demo.scenes import Report, Scene
from demo.stage import Stage
from plugin.config.load import shipped_dir
from plugin.deciding.ruleset import build, read_folder
from tests.support.crm import Reply

WIDTH = 80
#: The time zone of the shipped plugin.toml.
ZONE = ZoneInfo("Europe/Moscow")


class Printer:
    """Prints scenes in order. The labels of answers and outcomes come from the rules."""

    def __init__(self) -> None:
        _, scripts = build(read_folder(shipped_dir() / "rules")[0])
        script = scripts[default_script()]
        self._outcomes = {name: outcome.label for name, outcome in script.outcomes.items()}
        self._questions = {question.id: question for question in script.questions}

    def title(self, number: int, scene: Scene) -> None:
        print(f"\n{'─' * WIDTH}\n{number}. {scene.title}")
        print(f"   звонок на {scene.phone}, карточка {scene.card}")

    def reply(self, report: Report, reply: Reply) -> None:
        """What was heard and decided."""
        decision = reply.data.get("decision")
        if reply.status >= 400 or decision is None:
            error = reply.data.get("error", {})
            _wrapped(f"{reply.status}, {error.get('message', '')}", "   Сообщение отвергнуто: ", "     ")
            return
        if report.via == "repeat":
            print(f"   То же сообщение ещё раз: {reply.status}, узнано как повтор")
            return
        print("   Услышано:")
        for step in decision["transcript"]:
            question = self._questions[step["rule"]]
            label = next((a.label for a in question.answers if a.value == step["answer"]), str(step["answer"]))
            _wrapped(f"«{step['say']}»" if step["say"] else f"({question.hint})", "     — ", "       ")
            _wrapped(label, "       → ", "         ")
        self._decided(decision, reply.status)

    def written_into_crm(self) -> None:
        print("   Оператор записал звонок в CRM; она сообщила плагину номер звонка,")
        print("   и плагин прочитал ответы из CRM")

    def crm(self, stage: Stage, scene: Scene) -> None:
        """What the CRM holds, read over its own API, and the mails."""
        print("   В CRM:")
        for card in scene.cards:
            comments = stage.crm.comments(card)
            reminders = stage.crm.reminders(card=card)
            if not comments and not reminders:
                print(f"     карточка {card}: ничего не записано")
            for comment in comments:
                first, *below = comment["text"].split("\n")
                _wrapped(first, f"     карточка {card}, комментарий: ", "       ")
                for line in below:
                    _wrapped(line, "       ", "       ")
            for reminder in reminders:
                state = {"open": "", "withdrawn": " — отозвано", "done": " — исполнено"}[reminder["state"]]
                due = datetime.fromisoformat(reminder["due"]).astimezone(ZONE)
                head = f"«{reminder['subject']}» для {reminder['assignee']}, срок {due:%d.%m.%Y %H:%M}{state}"
                _wrapped(head, f"     карточка {card}, напоминание ", "       ")
        for recipient, subject in sorted(stage.mails(scene.phone)):
            print(f"     письмо «{subject}» на {recipient}")

    def verdict(self, right: bool) -> None:
        print("   Итог: всё как в скрипте" if right else "   ИТОГ: НЕ ТАК, КАК В СКРИПТЕ")

    def summary(self, scenes: int, wrong: int, doubled: int) -> None:
        print(f"\n{'─' * WIDTH}\nРазговоров: {scenes}, не так: {wrong}, лишнего или потерянного в конце: {doubled}")

    def addresses(self, stage: Stage) -> None:
        print(f"\nCRM:     {stage.crm_url}/\nПлагин:  {stage.plugin_url}/docs\nФайлы:   {stage.folder}")
        # In one piece, however long: it is to be clicked or copied.
        for page, path, role in (("Консоль", "console", "admin"), ("Страница оператора", "operator", "operator")):
            login, password = stage.account(role)
            print(f"{page}: {stage.plugin_url}/{path}/\n  вход: {login}, пароль: {password}")
        print("  Из карточки CRM — «Открыть разговор по скрипту» (после входа), без входа — по ссылке:")
        self.link(stage)
        print("Ctrl-C завершает.", flush=True)

    def link(self, stage: Stage) -> None:
        """A link to the operators' page; before it runs out another one is printed."""
        print(f"{stage.operator_link()}\n  (действует сутки, до этого появится новая)", flush=True)

    def _decided(self, decision: dict[str, Any], status: int) -> None:
        if decision["complete"]:
            _wrapped(f"{self._outcomes[decision['outcome']]} ({status})", "   Решено: ", "     ")
            if decision["say"]:
                _wrapped(f"«{decision['say']}»", "     на прощание: ", "       ")
        else:
            ask = decision["next"]
            _wrapped(f"пока ничего ({status}); спросить: {ask['say'] or ask['hint']}", "   Решено: ", "     ")


def default_script() -> str:
    """The script of an event that names none, by the shipped plugin.toml."""
    settings = tomllib.loads((shipped_dir() / "plugin.toml").read_text(encoding="utf-8"))
    return str(settings["plugin"]["default_script"])


def _wrapped(text: str, first: str, rest: str) -> None:
    print(textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False))
