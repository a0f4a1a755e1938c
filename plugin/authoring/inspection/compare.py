"""Compares one conversation by two versions of a script: its end, what is then written to whom, and the questions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from plugin.authoring.inspection.paired_walk import ConversationPair, PairedConversation
from plugin.authoring.inspection.wording import (
    ABOUT,
    calendar_words,
    plain,
    question_words,
    script_scope_words,
    suppression_words,
    term_words,
    wording,
)
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import ActionSpec, OutcomeSpec, Question
from plugin.deciding.ruleset.people import recipient_of

_KINDS = {"comment": "комментарий в карточку", "reminder": "напоминание"}
_TEXTS: Mapping[str, str] = {
    "correction": "Строка исправления",
    "correction_reminder": "Строка исправления в напоминании",
    "correction_comment": "Комментарий исправления",
    "correction_elsewhere": "Комментарий исправления в другой карточке",
    "withdrawal_subject": "Тема отмены напоминания",
    "withdrawal": "Текст отмены напоминания",
    "other_client_comment": "Строка о другом клиенте в комментарии",
    "other_client_reminder": "Строка о другом клиенте в напоминании",
    "unfinished_subject": "Тема напоминания о незавершённом разговоре",
    "unfinished": "Напоминание о незавершённом разговоре",
}


@dataclass(frozen=True, slots=True)
class ConversationChange:
    """A change in one conversation. ``details``: what follows from it, of another outcome for instance."""

    kind: str
    what: str
    old: str | None
    new: str | None
    outcomes: tuple[str, ...] = ()
    details: tuple[ConversationChange, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for the same change in another conversation."""
        return self.kind, self.what, self.old, self.new


_UNFINISHED_TERM = {False: "обещанный клиенту", True: "обещанный клиенту, в рабочее время"}


@dataclass(frozen=True, slots=True)
class _Done:
    """A comment, or a reminder to everybody who gets it; texts worded."""

    kind: str
    text: str
    roles: tuple[str, ...]
    subject: str | None
    term: str
    email: bool


def compared(
    pair: ConversationPair, old: Script, new: Script, roles: Mapping[str, str]
) -> Iterator[ConversationChange]:
    """What differs in this conversation. ``roles``: their labels."""
    if pair.old is None or pair.new is None:
        yield _only_one(pair, old, new)
        return
    yield from _ends(pair.old, pair.new, old, new, roles)
    yield from _questions(pair.old.asked, pair.new.asked, old, new)


def script_changes(old: Script, new: Script, roles: Mapping[str, str]) -> Iterator[ConversationChange]:
    """What differs in a script as a whole, besides its conversations."""
    named = [
        ("Название скрипта", old.title, new.title),
        ("Срок обещания, ч", str(old.promise_hours), str(new.promise_hours)),
        ("Из какого списка исключённым не звонить", *(script_scope_words(s) for s in (old, new))),
        ("Рабочее время", *(calendar_words(s.calendar) for s in (old, new))),
        ("Срок о незавершённом разговоре", *(_UNFINISHED_TERM[s.unfinished_working] for s in (old, new))),
        ("Кому незавершённый разговор", *(_named(s.unfinished_roles, roles) for s in (old, new))),
    ]
    named.append(("О неисполненном обещании", *(_escalation(s, roles) for s in (old, new))))
    named += [(what, *(wording(s, s.texts[name]) for s in (old, new))) for name, what in _TEXTS.items()]
    named += [
        (f"Допустимые значения: {new.facts[name].label}", _bounds(old, name), _bounds(new, name))
        for name in new.facts
        if name in old.facts
    ]
    for what, before, after in named:
        if before != after:
            yield ConversationChange("script", what, *differing_lines(before, after))


def _escalation(script: Script, roles: Mapping[str, str]) -> str:
    """Each step with its texts, placeholders as they are written."""
    ways = {"mail": "письмо", "task": "задача в CRM", "webhook": "веб-хук"}
    lines = []
    for step in script.escalation:
        when = (
            "в срок"
            if not step.hours
            else f"за {-step.hours} ч до срока"
            if step.hours < 0
            else f"{step.hours} ч после"
        )
        who = _named(step.roles, roles) if step.roles else "тому, кто не исполнил"
        lines.append(f"{step.id}: {when}, {who}, {', '.join(ways[way] for way in step.by)}")
        lines += [f"  {line}" for text in (step.subject, step.text) for line in wording(script, text).split("\n")]
    return "\n".join(lines)


def differing_lines(old: str, new: str) -> tuple[str | None, str | None]:
    """The lines of two texts that are not the same; None where a side has none."""
    before, after = old.split("\n"), new.split("\n")
    gone, come = [], []
    for mark, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if mark != "equal":
            gone += before[a:b]
            come += after[c:d]
    return "\n".join(gone) or None, "\n".join(come) or None


# --- ends ------------------------------------------------------------------------------------------


def _only_one(pair: ConversationPair, old: Script, new: Script) -> ConversationChange:
    talk, script, is_new = (pair.new, new, True) if pair.new else (pair.old, old, False)
    assert talk is not None
    assert pair.missing is not None
    name, value = pair.missing
    question = next(question for question in talk.asked if question.fact == name)
    label = question.label_of(value) or plain(value)
    what = f"{script.facts[name].label}: {label}"
    if is_new:
        return ConversationChange("only_new", what, None, label, (_end(talk),))
    return ConversationChange("only_old", what, label, None, (_end(talk),))


def _end(talk: PairedConversation) -> str:
    return talk.outcome.label if talk.outcome else talk.fault or ""


def _ends(
    mine: PairedConversation, other: PairedConversation, old: Script, new: Script, roles: Mapping[str, str]
) -> Iterator[ConversationChange]:
    before, after = mine.outcome, other.outcome
    if before is None or after is None:
        if mine.fault != other.fault:
            yield ConversationChange("fault", "Разговор без итога", _end(mine), _end(other))
        return
    label = (after.label,)
    details = list(_done(before, after, old, new, roles))
    if before.say != after.say:
        details.insert(0, ConversationChange("say", "Фраза в конце разговора", before.say, after.say))
    if before.read != after.read:
        details.append(ConversationChange("read", "Фраза в конце разговора, как её читать", before.read, after.read))
    if before.about != after.about:
        details.append(ConversationChange("about", "О ком итог", ABOUT[before.about], ABOUT[after.about]))
    was, becomes = ("; ".join(suppression_words(outcome)) or None for outcome in (before, after))
    if was != becomes:
        details.append(ConversationChange("number", "Что с номером", was, becomes))
    if mine.card != other.card and before.actions and after.actions:
        details.append(ConversationChange("card", "В чью карточку записать", _card(mine), _card(other)))
    if before.name != after.name:
        labels = [outcome.label for outcome in (before, after)]
        if labels[0] == labels[1]:
            labels = [f"{outcome.label} ({outcome.name})" for outcome in (before, after)]
        yield ConversationChange("outcome", "Итог", labels[0], labels[1], details=tuple(details))
        return
    if before.label != after.label:
        details.append(ConversationChange("label", "Название итога", before.label, after.label))
    for found in details:
        yield ConversationChange(found.kind, found.what, found.old, found.new, label)


def _card(talk: PairedConversation) -> str:
    return ", ".join(talk.card) if talk.card else "карточка звонка"


def _done(
    before: OutcomeSpec, after: OutcomeSpec, old: Script, new: Script, roles: Mapping[str, str]
) -> Iterator[ConversationChange]:
    was, now = _by_id(before.actions, old), _by_id(after.actions, new)
    for key in dict.fromkeys((*was, *now)):
        a, b = was.get(key), now.get(key)
        if a is None or b is None or a.kind != b.kind:
            told = [None if done is None else _told(done, roles) for done in (a, b)]
            yield ConversationChange("action", "Что записать", told[0], told[1])
            continue
        name = _KINDS.get(a.kind, a.kind)
        if a.roles != b.roles:
            yield ConversationChange("recipients", "Кому напоминание", _labels(a, roles), _labels(b, roles))
        if a.text != b.text:
            yield ConversationChange("text", f"Текст: {name}", *differing_lines(a.text, b.text))
        if a.subject != b.subject:
            yield ConversationChange("subject", "Тема напоминания", a.subject, b.subject)
        if a.term != b.term:
            yield ConversationChange("term", "Срок напоминания", a.term, b.term)
        if a.email != b.email:
            yield ConversationChange("mail", "Письмо к напоминанию", _mail(a), _mail(b))


def _by_id(actions: Sequence[ActionSpec], script: Script) -> dict[str, _Done]:
    """The actions by their ids in the file; a reminder to several roles is one."""
    found: dict[str, _Done] = {}
    for action in actions:
        key = action.id.removesuffix(f"-{action.role}") if action.role else action.id
        before = found[key].roles if key in found else ()
        found[key] = _Done(
            kind=action.kind,
            text=wording(script, action.text),
            roles=(*before, recipient_of(action.role, action.person)) if action.role else before,
            subject=action.subject,
            term=term_words(action.due_in_hours, action.working),
            email=action.email,
        )
    return found


def _told(done: _Done, roles: Mapping[str, str]) -> str:
    name = _KINDS.get(done.kind, done.kind)
    return f"{name}: {_labels(done, roles)}" if done.roles else f"{name}: {done.text}"


def _labels(done: _Done, roles: Mapping[str, str]) -> str:
    return ", ".join(roles.get(role, role) for role in done.roles)


def _mail(done: _Done) -> str:
    return "с письмом" if done.email else "без письма"


# --- questions -------------------------------------------------------------------------------------


def _questions(
    was: Sequence[Question], now: Sequence[Question], old: Script, new: Script
) -> Iterator[ConversationChange]:
    before, after = {q.fact: q for q in was}, {q.fact: q for q in now}
    for name in before.keys() - after.keys():
        yield ConversationChange("asked_less", "Больше не спрашивается", question_words(before[name]), None)
    for name in after.keys() - before.keys():
        yield ConversationChange("asked_more", "Спрашивается ещё", None, question_words(after[name]))
    orders = [[name for name in one if name in other] for one, other in ((before, after), (after, before))]
    if orders[0] != orders[1]:
        was_said, now_said = (
            " → ".join(script.facts[name].label for name in order)
            for script, order in zip((old, new), orders, strict=True)
        )
        yield ConversationChange("order", "Порядок вопросов", was_said, now_said)
    for name in orders[1]:
        yield from _question(before[name], after[name], new.facts[name].label)


def _question(a: Question, b: Question, label: str) -> Iterator[ConversationChange]:
    if question_words(a) != question_words(b):
        yield ConversationChange("phrase", f"Фраза вопроса: {label}", question_words(a), question_words(b))
    if a.hint != b.hint and a.say and b.say:
        yield ConversationChange("hint", f"Подсказка под фразой: {label}", a.hint, b.hint)
    if a.read != b.read:
        yield ConversationChange("read", f"Фраза вопроса, как её читать: {label}", a.read, b.read)
    for answer in a.answers:
        now = b.label_of(answer.value)
        if now is not None and now != answer.label:
            yield ConversationChange("answer_label", f"Ответ: {label}", answer.label, now)
    common = [[x.label for x in one.answers if other.label_of(x.value)] for one, other in ((a, b), (b, a))]
    if common[0] != common[1] and sorted(common[0]) == sorted(common[1]):
        yield ConversationChange(
            "answers_order", f"Порядок ответов: {label}", "; ".join(common[0]), "; ".join(common[1])
        )


def _bounds(script: Script, name: str) -> str:
    fact = script.facts[name]
    kind = {"bool": "да, нет", "text": "текст", "choice": ", ".join(fact.values)}.get(fact.type, fact.type)
    least = "" if fact.least is None else f" от {fact.least}"
    return f"{kind}{least}" + ("" if fact.most is None else f" до {fact.most}")


def _named(names: Iterable[str], roles: Mapping[str, str]) -> str:
    return ", ".join(roles.get(name, name) for name in names)
