"""The table of conversations as one HTML file: nothing is loaded, nothing runs, every text of the rules is escaped.

All of it is text on the page, so that the browser's own search finds it; on a phone each conversation is a card; it
prints on A4 across.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plugin.authoring.inspection.drawing.colours import colours_of
from plugin.authoring.inspection.drawing.markup import Markup, joined, lines, tag
from plugin.authoring.inspection.listing import ActionLine, ListedConversation, ListedOutcome, ScriptListing
from plugin.authoring.inspection.table_text import cut_note, faults_note
from plugin.authoring.inspection.wording import conversations_counted

#: Nothing but the page's own style may be used, whatever the rules' texts hold.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = Markup("""
:root { color-scheme: light; --ink: #1d2430; --soft: #5a6475; --line: #d8dde6; --back: #f5f6f9; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, Arial,
  sans-serif; overflow-wrap: break-word; }
main { max-width: 1280px; margin: 0 auto; padding: 20px 24px 48px; }
h1 { font-size: 24px; margin: 8px 0 2px; line-height: 1.2; }
h2 { font-size: 18px; margin: 32px 0 10px; }
.about { color: var(--soft); margin: 0 0 14px; }
.warning { border-left: 4px solid var(--bad); background: #fdf0ef; margin: 0 0 14px; padding: 8px 12px; }
nav { margin: 0 0 8px; } nav a { margin-right: 16px; }
a { color: #1a5fb4; }
table { border-collapse: collapse; width: 100%; background: #fff; border: 1px solid var(--line); }
th { text-align: left; font-size: 13px; color: var(--soft); background: #eef1f6; position: sticky; top: 0; }
th, td { padding: 9px 12px; vertical-align: top; border-bottom: 1px solid var(--line); }
.number { width: 44px; color: var(--soft); text-align: right; }
.said { width: 46%; }
ol { list-style: none; margin: 0; padding: 0; }
ol li + li { margin-top: 5px; }
ul { margin: 0; padding-left: 20px; }
.asked { display: block; font-size: 12.5px; color: var(--soft); line-height: 1.3; }
.outcome { display: inline-block; border-left: 5px solid; border-radius: 3px; padding: 2px 9px; font-weight: 600; }
.done { margin-top: 6px; }
.done p { margin: 0; }
.terms { font-size: 13px; color: var(--soft); }
.text { margin: 4px 0 8px; padding: 6px 10px; background: #f5f6f9; border-radius: 4px; font-size: 14px; }
.say { margin: 8px 0; }
article { background: #fff; border: 1px solid var(--line); padding: 12px 16px; margin: 0 0 12px; }
article + h1 { margin-top: 48px; }
article h3 { margin: 0; font-size: 15px; }
code { font-size: 13px; color: var(--soft); }
@media (max-width: 720px) {
  main { padding: 12px 12px 32px; }
  h1 { font-size: 20px; }
  table, tbody, tr, td { display: block; width: auto; }
  table { border: 0; background: none; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { background: #fff; border: 1px solid var(--line); border-radius: 6px; margin: 0 0 12px; padding: 10px 12px; }
  td { border: 0; padding: 0; }
  .number { width: auto; text-align: left; font-size: 13px; margin-bottom: 4px; }
  .number::before { content: "Разговор "; }
  .said { width: auto; margin-bottom: 10px; }
}
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { background: #fff; font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  th { position: static; }
  tr, article { break-inside: avoid; }
  nav { display: none; }
  article + h1 { break-before: page; }
  .outcome, .text, th { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
""")


def page(sheets: Sequence[ScriptListing]) -> bytes:
    """The file's bytes."""
    title = sheets[0].title if len(sheets) == 1 else "Скрипты разговоров"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", _STYLE),
    )
    body = tag("body", tag("main", *(_sheet(number, sheet) for number, sheet in enumerate(sheets, 1))))
    return ("<!DOCTYPE html>\n" + tag("html", head, body, lang="ru") + "\n").encode("utf-8", "replace")


def _sheet(number: int, sheet: ScriptListing) -> Markup:
    colours = colours_of(sheet)
    about = f"{sheet.script}, редакция {sheet.revision}, {conversations_counted(len(sheet.lines))}"
    places = {"Разговоры": f"talks-{number}", "Вопросы": f"asked-{number}", "Итоги и тексты": f"ends-{number}"}
    links = tag("nav", *(tag("a", name, href=f"#{place}") for name, place in places.items()))
    heading = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in ("№", "Разговор", "Итог и записи"))))
    return joined(
        [
            tag("h1", sheet.title),
            tag("p", about, class_="about"),
            tag("p", faults_note(sheet), class_="warning") if sheet.faults else None,
            tag("p", cut_note(sheet), class_="warning") if sheet.cut else None,
            links,
            tag("h2", "Разговоры", id=f"talks-{number}"),
            tag("table", heading, tag("tbody", *(_line(line, colours) for line in sheet.lines))),
            tag("h2", "Вопросы", id=f"asked-{number}"),
            *(_question(fact, asked, answers) for (fact, asked), answers in sheet.questions().items()),
            tag("h2", "Итоги и тексты", id=f"ends-{number}"),
            *(_ending(ending, colours) for ending in sheet.endings),
        ]
    )


def _line(line: ListedConversation, colours: Mapping[str | None, str]) -> Markup:
    steps = (tag("li", tag("span", step.fact, class_="asked"), step.answer) for step in line.steps)
    return tag(
        "tr",
        tag("td", str(line.number), class_="number"),
        tag("td", tag("ol", *steps), class_="said"),
        tag(
            "td",
            _outcome(line.label, colours[line.outcome]),
            *(_short(doing) for doing in line.doings),
            tag("div", tag("p", line.card), class_="done") if line.card else None,
        ),
    )


def _short(doing: ActionLine) -> Markup:
    """A comment's text, or who is reminded: the text of reminders stands with the outcome."""
    told = doing.heading() if doing.is_reminder else f"комментарий: {doing.text}"
    return tag("div", tag("p", lines(told)), class_="done")


def _question(fact: str, asked: str, answers: Sequence[str]) -> Markup:
    return tag(
        "article",
        tag("h3", fact),
        tag("p", asked, class_="say"),
        tag("ul", *(tag("li", answer) for answer in answers)),
    )


def _ending(ending: ListedOutcome, colours: Mapping[str | None, str]) -> Markup:
    used = conversations_counted(ending.used) if ending.used else "ни одного разговора"
    return tag(
        "article",
        tag("h3", _outcome(ending.label, colours[ending.name])),
        tag("p", tag("code", ending.name), f": {used}", class_="terms"),
        tag("p", f"Сказать: «{ending.say}»", class_="say") if ending.say else None,
        *(_doing(doing) for doing in ending.doings),
        None if ending.doings else tag("p", "Ничего не записывать", class_="terms"),
    )


def _doing(doing: ActionLine) -> Markup:
    return tag(
        "div",
        tag("p", doing.heading()),
        tag("p", doing.terms(), class_="terms") if doing.is_reminder else None,
        tag("div", lines(doing.text), class_="text"),
        class_="done",
    )


def _outcome(label: str, colour: str) -> Markup:
    return tag("span", label, class_="outcome", style=f"border-color: {colour}; background: {colour}1f")
