"""``optout rules shadow``: begun, looked at and stopped by an admin; publishing names what it came to."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta

from sqlalchemy import insert

from plugin.authoring.shadow.watch import ShadowWatch
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger.schema import calls, decisions
from tests.plugin.authoring.revisions.conftest import MOMENT, Home, Rules

SCRIPT = "survey_opt_out"


def decided(home: Home, revision: str) -> None:
    """A live call, decided by the active revision."""
    facts = {"related_to_car": True, "survey_type": "calls"}
    with closing(Rulebook.load(home.rules)) as book:
        decision = book.script(SCRIPT).decide(facts).to_json()
    call = {"id": 1, "namespace": "n", "call_id": "c-1", "generation": 1, "script": SCRIPT, "late": False}
    call |= dict.fromkeys(("first_occurred_at", "last_occurred_at"), MOMENT)
    call |= {"deadline_at": MOMENT + timedelta(hours=24), "decision_number": 1, "outcome": "exclude_calls"}
    row = {"id": 1, "call_ref": 1, "number": 1, "outcome": "exclude_calls", "revision": revision, "facts": facts}
    with home.ledger.write() as connection:
        connection.execute(insert(calls), call)
        connection.execute(insert(decisions), row | {"decision": decision, "created_at": MOMENT})


def test_it_is_begun_from_a_folder_looked_at_stopped_and_named_by_publishing(home: Home, rules: Rules) -> None:
    active = home.activate()
    home.say("Новый координатор")
    candidate = home.rules
    assert rules("shadow").status == 2
    assert "кто начинает" in rules("shadow", str(candidate)).err
    begun = rules("shadow", str(candidate), "--by", "Ольга")
    assert begun.status == 0, begun.err
    assert begun.out.splitlines()[0] == "Видела звонков: 0"
    assert "уже решает" in rules("shadow", str(candidate), "--by", "Ольга").err

    decided(home, active)
    watching = ShadowWatch(home.ledger, lambda: MOMENT)
    watching.step()
    watching.step()
    watching.close()

    status = rules("shadow", "--status")
    assert status.out.splitlines()[0] == "Видела звонков: 1"
    assert "Ни одно решение не вышло бы иначе." in status.out
    assert "нельзя сказать" in status.out
    told = json.loads(rules("shadow", "--json").out)
    assert (told["calls"], told["differences"], told["phrases"]["told"]) == (1, [], None)

    stopped = rules("shadow", "--stop")
    assert "закончена" in " ".join(stopped.out.split())
    assert rules("shadow", "--stop").status == 2
    published = rules("publish", "--by", "Ольга", "--reason", "новый координатор")
    assert published.status == 0, published.err
    assert "звонков 1, ни одно решение не вышло бы иначе" in " ".join(published.out.split())


def test_the_active_revision_is_no_shadow_of_itself(home: Home, rules: Rules) -> None:
    active = home.activate()
    said = rules("shadow", active, "--by", "Ольга")
    assert said.status == 2
    assert "и так решает" in said.err
