"""How ``optout script report`` lays out the use of a script: Russian, at most 80 columns."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from plugin.common.log import mask_text
from plugin.common.russian import counted
from plugin.common.terminal import clean, wrapped
from plugin.operator_page.missing_answers import MissingAnswer
from plugin.operator_page.usage_report import QuestionUse, ScriptUse

NOTHING = "На странице оператора ещё не было звонков."
#: Of what was said without an answer for it, the newest so many stand there; all of them in --json.
_REMARKS = 10


def page(use: ScriptUse, zone: ZoneInfo) -> str:
    """The report on one script."""
    lines = [*wrapped(f"{use.title} ({use.name}): {counted(use.calls, 'звонок', 'звонка', 'звонков')}"), ""]
    lines += ["Чем закончились:", *_ends(use)]
    for question in use.questions.values():
        lines += ["", *_question(question, zone)]
    return "\n".join(lines)


def _ends(use: ScriptUse) -> list[str]:
    rows = use.outcomes.most_common()
    rows += [
        (label, count)
        for label, count in (
            ("переданы координатору: решить вручную", use.handed_over),
            ("прервались и переданы координатору", use.broken_off),
            ("не закончены на странице", use.open),
        )
        if count
    ]
    return [line for label, count in rows for line in _counted_line(label, count, use.calls)]


def _question(question: QuestionUse, zone: ZoneInfo) -> list[str]:
    lines = wrapped(f"«{question.words}»")
    for label, count in question.answers.most_common():
        lines += _counted_line(label, count, question.calls)
    seconds = question.median_seconds
    facts = [f"на ответ обычно {_spell(seconds)}"] if seconds is not None else []
    facts += [f"возвращались {counted(question.backs, 'раз', 'раза', 'раз')}"] if question.backs else []
    lines += wrapped("; ".join(facts), 4) if facts else []
    if question.remarks:
        lines += wrapped(f"нет нужного ответа — {counted(len(question.remarks), 'раз', 'раза', 'раз')}:", 4)
        for remark in question.remarks[-_REMARKS:]:
            said = f"«{mask_text(clean(remark.text))}»" if remark.text else "(слова удалены вместе с данными звонка)"
            lines += wrapped(f"{remark.at.astimezone(zone):%d.%m %H:%M}  {said}", 6)
            lines += wrapped(_where(remark), 8)
    return lines


def _where(remark: MissingAnswer) -> str:
    """The call that it was said in, who spoke, and what had been answered."""
    call = remark.call
    parts = [f"звонок № {call.number} ({call.call_id})" if call.number else f"звонок {call.call_id}, в журнале его нет"]
    parts += [f"оператор {call.operator}"] if call.operator else []
    before = ", ".join(f"«{one.words}»" for one in remark.answers)
    return f"{', '.join(parts)}; {f'до этого: {before}' if before else 'до этого ответов не было'}"


def _counted_line(label: str, count: int, of: int) -> list[str]:
    share = f"{round(100 * count / of)} %" if of else ""
    head = f"{count:>6}  {share:>5}  "
    return wrapped(label, first=head)


def _spell(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} с" if seconds >= 10 else f"{seconds:.1f} с".replace(".", ",")
    return f"{int(seconds // 60)} мин {int(seconds % 60)} с"
