"""A proof as one HTML file to read and to print: it loads nothing and runs nothing, and every text in it is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from plugin.authoring.inspection.markup import templates_in
from plugin.delivery.reasons import russian_reason
from plugin.delivery.words import ATTEMPT_OUTCOMES, ATTEMPT_STEPS, KINDS, STATES
from plugin.promise.suppression_list import SCOPES

#: The records of the chain.
ENTRY_KINDS = {
    "call": "звонок",
    "event": "событие с решением",
    "decision": "решение",
    "delivery": "доставка",
    "card": "прочитано в карточке",
    "reminder": "исполнение напоминания",
    "said": "исключение номера",
    "suppression": "исключение номера вручную",
    "act": "действие вручную",
    "trail": "разговор на странице оператора",
}
_ACTS = {"retry": "повтор", "cancel": "отмена", "replay": "пересчёт", "purge": "удаление данных"}
_STEPS = {
    "answer": "ответ",
    "back": "вернулись к вопросу",
    "note": "заметка оператора",
    "other": "нет нужного ответа",
    "confirmed": "конец подтверждён",
    "unfinished": "разговор передан незавершённым",
    "resumed": "разговор продолжен",
}
_TEMPLATES = templates_in(Path(__file__).parent / "templates")


def page(proof: Mapping[str, Any]) -> bytes:
    """The file's bytes, of what ``proof_of`` made."""
    calls = proof["calls"]
    title = f"Доказательство: звонок {calls[0]['call']}" if len(calls) == 1 else f"Доказательство: {proof['number']}"
    chained = {"entry_kinds": ENTRY_KINDS}
    words = {"kinds": KINDS, "states": STATES, "steps": _STEPS, "scopes": SCOPES, "acts": _ACTS}
    tries = {"try_steps": ATTEMPT_STEPS, "try_outcomes": ATTEMPT_OUTCOMES}
    text = _TEMPLATES.get_template("proof.html").render(title=title, proof=proof, **words, **tries, **chained)
    return (text + "\n").encode("utf-8", "replace")


def _clock(moment: str | None) -> str:
    """A time of the proof as people read it, its offset left out: the page names the clocks once."""
    return f"{datetime.fromisoformat(moment):%d.%m.%Y %H:%M:%S}" if moment else "—"


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)


_TEMPLATES.filters |= {"clock": _clock, "reason": russian_reason, "as_json": _as_json}
