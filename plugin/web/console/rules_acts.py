"""What is done to a draft: fields saved, edits undone and done again, additions, merging, throwing it away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from flask import jsonify, redirect, request, url_for

from plugin.authoring.drafts.addresses import place_of
from plugin.authoring.drafts.fields import DraftEditor
from plugin.console import rules_additions as additions
from plugin.console import rules_people
from plugin.console.rules_desk import OpenedRules
from plugin.console.rules_forms import fingerprint, told
from plugin.console.rules_saving import FormSaving, PostedFields
from plugin.errors import InputError
from plugin.web.console.access import RULES
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, visitor
from plugin.web.console.rules_shared import back_to, opened_rules, refusing, room, script_page, typed_form, wants_json


def save(services: ConsoleServices, script: str) -> Answer:
    """Take a form's fields into the draft; what was changed elsewhere meanwhile is shown beside, and left as it is."""
    posted = PostedFields.of(cast(Mapping[str, Sequence[str]], request.form.to_dict(flat=False)))
    saving = FormSaving(posted, script)
    desk = room(services).desk
    # What is told as done depends on what the form changes, which is known once it has been tried.
    opened = desk.open(visitor().operator, script)
    saving.into(opened.files)
    if not (opened.draft is None and saving.what == "правка"):
        desk.drafts.change(visitor().operator, script, saving.what, saving.into)
    opened = opened_rules(services, script)
    if wants_json():
        return _saved_json(opened, posted, saving)
    if saving.stale:
        here = request.form.get("here", "")
        return script_page("rules/stale.html", opened, here, 409, stale=saving.stale, card=request.form.get("card", ""))
    return back_to(script)


def _saved_json(opened: OpenedRules, posted: PostedFields, saving: FormSaving) -> Answer:
    """The faults of the form's fields, and what their next form is to send along."""
    check = opened.check
    fields = {}
    for address in posted.was:
        try:
            file, place = place_of(address, opened.script, check.content)
        except InputError:
            continue
        fields[address] = {
            "was": fingerprint(check.value(file, place)),
            "faults": [told(fault) for fault in check.at(file, place)],
        }
    draft = opened.draft
    return jsonify(
        fields=fields,
        faults=len(check.faults),
        stale=[{"address": one.address, "label": one.label, "now": one.now, "was": one.was} for one in saving.stale],
        undo=draft.undo if draft else None,
        redo=draft.redo if draft else None,
        edits=draft.edits if draft else 0,
    )


def undo(services: ConsoleServices, script: str) -> Answer:
    """Take the last edit back."""
    room(services).desk.drafts.undo(visitor().operator, script)
    return back_to(script)


def redo(services: ConsoleServices, script: str) -> Answer:
    """Do the last edit again that was taken back."""
    room(services).desk.drafts.redo(visitor().operator, script)
    return back_to(script)


def discard(services: ConsoleServices, script: str) -> Answer:
    """Throw the draft away, once that was confirmed."""
    opened = opened_rules(services, script)
    if opened.draft is None:
        return redirect(url_for("console.rules"), 303)
    if request.form.get("sure") != "yes":
        return script_page("rules/discard.html", opened, "")
    version = request.form.get("version", "")
    number = int(version) if version.isdecimal() else opened.draft.version
    room(services).desk.drafts.discard(visitor().operator, script, number)
    return redirect(url_for("console.rules"), 303)


Addition = Callable[[DraftEditor, Mapping[str, str]], str]


def _adding(addition: Addition) -> Callable[..., Answer]:
    """A view that does this to the draft; the addition says in words what it did."""

    def view(services: ConsoleServices, script: str) -> Answer:
        form = typed_form()
        said = ["правка"]

        def change(files: Mapping[str, str]) -> Mapping[str, str]:
            editor = DraftEditor(files, script)
            said[0] = addition(editor, form)
            return editor.files

        desk = room(services).desk
        # Tried before it is kept, since what it is called is known then.
        change(desk.open(visitor().operator, script).files)
        desk.drafts.change(visitor().operator, script, said[0][:200], change)
        return back_to(script)

    return refusing(view)


_ADDITIONS: Mapping[str, Addition] = {
    "answer": additions.add_answer,
    "answer-out": additions.remove_answer,
    "question": additions.add_question,
    "rule": additions.add_rule,
    "condition": additions.add_condition,
    "condition-out": additions.remove_condition,
    "outcome": additions.add_outcome,
    "action": additions.add_action,
    "extra-action": additions.add_extra_action,
    "entry-out": additions.remove_entry,
    "person": additions.add_person,
    "by-field": rules_people.share_by_field,
    "person-condition": rules_people.add_person_condition,
    "person-condition-out": rules_people.remove_person_condition,
    "role": additions.add_role,
    "fact": additions.add_call_field,
    "override": additions.add_override,
    "calendar": additions.add_calendar,
    "step": additions.add_step,
    "term": additions.change_term,
}

ROUTES: Sequence[ConsoleRoute] = (
    *(
        ConsoleRoute("POST", f"/rules/script/<script>/{name}", f"rules_{name}", refusing(view), RULES, "rules")
        for name, view in (("save", save), ("undo", undo), ("redo", redo), ("discard", discard))
    ),
    *(
        ConsoleRoute("POST", f"/rules/script/<script>/add/{name}", f"rules_add_{name}", _adding(one), RULES, "rules")
        for name, one in _ADDITIONS.items()
    ),
)
