"""What a month's report of the promises tells beside them: answers that were missing, and names for people to read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from plugin.authoring.revisions.active import ActiveRules
from plugin.deciding.ruleset import Script
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.operator_page.usage_report import use_of_scripts
from plugin.promise.report_files import MissingAnswersCount


def missing_answers(
    connection: Connection, rules: ActiveRules, start: datetime, end: datetime
) -> list[MissingAnswersCount]:
    """How often «нет нужного ответа» was chosen between these moments, question by question."""
    found = []
    for use in use_of_scripts(connection, lambda revision, name: _script(rules, revision, name), since=start):
        for question in use.questions.values():
            number = sum(start <= remark.at < end for remark in question.remarks)
            if number:
                found.append(MissingAnswersCount(use.name, question.words, number))
    return found


def _script(rules: ActiveRules, revision: str, name: str) -> Script | None:
    try:
        return rules.at(revision).script(name).script
    except LedgerUnavailable:
        raise
    except OptoutError:
        return None


def recipient_and_script_labels(rules: ActiveRules) -> tuple[dict[str, str], dict[str, str]]:
    """What the active rules call recipients and scripts; nothing where none are active."""
    try:
        book = rules.current()
    except LedgerUnavailable:
        raise
    except OptoutError:
        return {}, {}
    return {name: role.label for name, role in book.roles.items()}, {
        name: decider.title for name, decider in book.scripts.items()
    }
