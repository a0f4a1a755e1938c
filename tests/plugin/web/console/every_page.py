"""An address of every kind of page of the console, on a busy day."""

from __future__ import annotations

from collections.abc import Mapping

from plugin.ledger.schema import activations
from tests.plugin.web.console.console_site import ConsoleSite

SCRIPT = "/rules/script/survey_opt_out"
#: What can be added to a page of a script as a whole, and what to a card of it.
ADDED = {
    "rules_conversation": ("question", "rule", "override", "extra", "fact"),
    "rules_outcomes": ("outcome",),
    "rules_people": ("role",),
    "rules_settings": ("step", "calendar"),
}
ADDED_TO = (
    ("answer", "rules_conversation", "rules.question[#3]"),
    ("answer-out", "rules_conversation", "rules.question[#3]"),
    ("conditions", "rules_conversation", "rules.rule[#0]"),
    ("action", "rules_outcomes", "outcomes.outcome.exclude_calls"),
    ("action-if", "rules_outcomes", "outcomes.outcome.exclude_calls"),
    ("person", "rules_people", "roles.role.survey_coordinator"),
)


def addresses(site: ConsoleSite, calls: Mapping[str, int]) -> dict[str, str]:
    """By what they are called; ``calls`` are those of the day, by what they are."""
    delivery = site.deliveries_of(calls["stopped"])[0]
    first = min(row["id"] for row in site.rows(activations))
    return {
        "today": "/",
        "calls": "/calls?name=а&since=2026-11-01",
        "call, late": f"/calls/{calls['late']}",
        "call, done": f"/calls/{calls['done']}?rules=today",
        "call, unfinished": f"/calls/{calls['half']}",
        "calls again": "/calls/replay?outcome=exclude_calls&rules=today",
        "promises": "/promises",
        "deliveries": "/deliveries",
        "delivery": f"/deliveries/{delivery}",
        "plan": "/deliveries/plan?act=cancel&undone=1",
        "events": "/events",
        "events again": "/events/plan?act=drop",
        "alerts": "/alerts?all=1",
        "missing": "/missing",
        "exclusions": "/suppression",
        "one number": "/suppression?number=%2B79161112233",
        "calls after refusal": "/suppression/refused",
        "tokens": "/tokens",
        "people": "/users",
        "person": "/users/person?login=петрова",
        "acts": "/acts",
        "set-up": "/setup",
        "refused": "/deliveries/plan?act=retry",
        "not there": "/calls/999999",
        **_of_rules(first),
    }


def _of_rules(first: int) -> dict[str, str]:
    pages = ("", "/outcomes", "/people", "/settings", "/cases", "/try", "/files", "/publish", "/changes")
    added = {
        f"rules, + {what}": f"{SCRIPT}/add?what={what}&page={here}" for here, all_ in ADDED.items() for what in all_
    }
    added |= {
        f"rules, {what} of a card": f"{SCRIPT}/add?what={what}&page={here}&entry={entry.replace('#', '%23')}"
        for what, here, entry in ADDED_TO
    }
    return {
        "rules": "/rules",
        **{f"rules{page or '/conversation'}": f"{SCRIPT}{page}" for page in pages},
        **added,
        "rules, no such script": "/rules/script/nowhere",
        "rules, history": "/rules/history",
        "rules, publication": f"/rules/history/{first}",
    }
