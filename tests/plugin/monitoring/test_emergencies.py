"""The admins hear of rules that were published without another person's word, and the alert ends after a day."""

from __future__ import annotations

from contextlib import closing

from plugin.authoring.revisions.activate import EMERGENCY, activate
from plugin.config.load import shipped_dir
from plugin.deciding.decision.compiled_rules import Rulebook
from tests.plugin.monitoring.watched import Watched


def test_it_is_mailed_once_with_name_and_reason_and_is_over_after_a_day(watched: Watched) -> None:
    with closing(Rulebook.load(shipped_dir() / "rules")) as rulebook:
        made = activate(
            watched.ledger, rulebook, at=watched.clock(), by="Анна", reason="не та фраза", kind=EMERGENCY
        ).made
    assert made is not None
    watched.look()
    watched.look(5)

    told = [mail for mail in watched.mailer.mails if mail[1] == "[optout] Правила опубликованы экстренно"]
    [(_, _, text, _)] = told
    assert f"редакция {made.revision} опубликована экстренно: Анна" in text
    assert "не та фраза" in text
    assert f"rules_emergency:{made.id}" in watched.standing()
    watched.look(24 * 60)
    assert f"rules_emergency:{made.id}" not in watched.standing()
