"""All that is proven of a revision and of each of its scripts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.authoring.verification.actions_proof import check_actions
from plugin.authoring.verification.against_engine import hold_against_engine
from plugin.authoring.verification.contradictions import check_role_contradictions, check_script_contradictions
from plugin.authoring.verification.faults_found import FaultFinder
from plugin.authoring.verification.findings import FaultNotes
from plugin.authoring.verification.logic import Logic
from plugin.authoring.verification.references import check_names
from plugin.authoring.verification.report import CheckReport, ScriptSize
from plugin.authoring.verification.state_space import ProofLimits, Walk, walk
from plugin.authoring.verification.time_limits import check_terms
from plugin.common.toml.source import TomlSource
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset import Role, Script
from plugin.deciding.ruleset.people import recipient_of
from plugin.deciding.ruleset.schema import ROLES_FILE

#: Combinations without an example that are told one by one.
_MOST_COMBINATIONS = 5


def prove(
    rulebook: Rulebook, sources: Mapping[str, TomlSource] | None = None, limits: ProofLimits | None = None
) -> CheckReport:
    """Everything that is wrong with compiled rules; ``sources`` gives the lines.

    Bounded in time and number by ``limits``; what they leave out is listed as unproven.
    """
    limits = limits or ProofLimits()
    notes = FaultNotes(rulebook.content, sources)
    deciders = list(rulebook.scripts.values())
    shares = limits.shares(len(deciders))
    roles, content = rulebook.roles, rulebook.content
    proofs = [
        prove_script(decider.script, roles, content, notes, share)
        for decider, share in zip(deciders, shares, strict=False)
    ]
    shares = limits.shares(len(deciders))
    for decider, proof, share in zip(deciders, proofs, shares, strict=False):
        check_engine(decider, proof, notes, share)
    check_roles(rulebook.roles, [decider.script for decider in deciders], rulebook.content, notes)
    return notes.report(tuple(proof.size for proof in proofs))


@dataclass(frozen=True, slots=True)
class ScriptProof:
    """What is known of one script by its logic. ``orderly``: no question or rule is at fault for itself."""

    walk: Walk
    size: ScriptSize
    orderly: bool


def prove_script(
    script: Script, roles: Mapping[str, Role], content: Mapping[str, Any], notes: FaultNotes, limits: ProofLimits
) -> ScriptProof:
    """Note what is wrong with one script, by its logic alone: nothing is compiled."""
    logic = Logic(script)
    dead = check_names(script, content, notes)
    check_terms(script, content, notes)
    check_script_contradictions(script, content, notes)
    _text_tests(script, notes)
    walked = walk(logic, limits)
    FaultFinder(logic, walked, notes).find_faults(dead)
    check_actions(logic, walked, roles, notes, limits)
    size = ScriptSize(
        name=script.name,
        title=script.title,
        questions=len(script.questions),
        rules=len(script.rules),
        outcomes=len(script.outcomes),
        conversations=walked.conversations,
    )
    return ScriptProof(walked, size, not (dead or walked.misplaced or walked.doubled))


def check_engine(decider: Decider, proof: ScriptProof, notes: FaultNotes, limits: ProofLimits) -> None:
    """Decide the conversations by the engine. Where questions are out of order it need not agree, and is not asked."""
    if proof.orderly:
        hold_against_engine(decider, proof.walk, notes, limits)


def check_roles(
    roles: Mapping[str, Role], scripts: Collection[Script], content: Mapping[str, Any], notes: FaultNotes
) -> None:
    """Note contradictions among the roles, and warn of those that nothing is addressed to.

    That those in use have a recipient is checked with the form.
    """
    check_role_contradictions(roles, scripts, content, notes)
    used = {name for script in scripts for name in script.unfinished_roles}
    used |= {name for script in scripts for step in script.escalation for name in step.roles}
    used |= {action.role for script in scripts for action in script.actions if action.role}
    # The people of a role that is used are recipients of it, not roles of their own.
    used |= {recipient_of(name, person.name) for name, role in roles.items() for person in role.people}
    for name in roles.keys() - used:
        notes.warnings.add(ROLES_FILE, ("role", name), "роли ничего не поручено", "уберите её или назовите в roles")


def _text_tests(script: Script, notes: FaultNotes) -> None:
    """Note the combinations of text tests for which no example is known: no conversation tries them."""
    for name, classes in script.classes.items():
        file, place, label = f"{script.name}/vocabulary.toml", ("fact", name), script.facts[name].label
        missing = classes.unproven
        for words in missing[:_MOST_COMBINATIONS]:
            what = f"текст «{label}»: не проверено: {words}"
            notes.unproven.add(file, place, what, "проверьте такой разговор случаем в cases.toml")
        if len(missing) > _MOST_COMBINATIONS:
            what = f"текст «{label}»: не проверено ещё сочетаний условий: {len(missing) - _MOST_COMBINATIONS}"
            notes.unproven.add(file, place, what, "сократите число условий на этот текст")
