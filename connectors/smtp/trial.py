"""The whole dialogue with a mail server tried up to the text, each step a point, without mailing anybody."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence

from connectors.base import Check, NotDone, Unknown
from connectors.smtp.dialogue import Dialogue, MailServer, Step
from connectors.smtp.replies import outcome_of

_NAMES = {
    Step.ANSWERS: "the mail server answers",
    Step.GREETED: "it takes the plugin's greeting (EHLO)",
    Step.ENCRYPTED: "the connection is encrypted",
    Step.GREETED_AGAIN: "it takes the greeting again, encrypted (EHLO)",
    Step.LOGGED_IN: "the log-in is accepted",
    Step.SENDER: "the sender is accepted (MAIL FROM)",
}
#: What to do where a point does not hold.
_REMEDIES = {
    Step.ANSWERS: "Correct [smtp] host and port, start the server, or ask its admin to let this machine in",
    Step.GREETED: "Set [smtp] ehlo_name to a full name of this machine that the server takes",
    Step.ENCRYPTED: "Correct [smtp] security, port or ca_file, or the server's certificate",
    Step.GREETED_AGAIN: "Set [smtp] ehlo_name to a full name of this machine that the server takes",
    Step.LOGGED_IN: "Correct [smtp] user and password",
    Step.SENDER: "Give [smtp] sender an address that this server lets the plugin use",
}
_ERRORS = (smtplib.SMTPException, OSError, UnicodeError)


def try_dialogue(server: MailServer, sender: str, recipients: Sequence[tuple[str, str]]) -> list[Check]:
    """A point for every step, and one for each of the ``recipients``, given as a name to show and an address.

    What comes after a step that is refused says that it was not tried. Never raises.
    """
    points, dialogue = _Points(server, recipients), Dialogue(server)
    try:
        with dialogue:
            dialogue.name_sender(sender)
            for name, address in recipients:
                points.recipient(name, _refusal(dialogue, address))
            dialogue.give_up()
    except _ERRORS as error:
        points.broken(Step.ENCRYPTED if isinstance(error, ssl.SSLError) else dialogue.step, error)
    return points.all()


def _refusal(dialogue: Dialogue, address: str) -> NotDone | Unknown | None:
    """What became of a recipient that was not accepted; one whose refusal ends the dialogue is raised."""
    try:
        dialogue.name_recipient(address)
    except smtplib.SMTPResponseException as error:
        if error.smtp_code == 421 or error.smtp_code < 0:
            raise
        return outcome_of(error, dialogue.step, sent=False)
    return None


class _Points:
    def __init__(self, server: MailServer, recipients: Sequence[tuple[str, str]]) -> None:
        self._steps = [*server.steps, Step.SENDER]
        self._recipients = [name for name, _ in recipients]
        self._found: dict[str, Check] = {}
        self._broken: tuple[Step, str] | None = None

    def recipient(self, name: str, refused: NotDone | Unknown | None) -> None:
        point = _recipient(name)
        if refused is None:
            self._found[point] = Check(point, ok=True)
        elif isinstance(refused, NotDone) and refused.status is not None and refused.status < 500:
            self._found[point] = Check(point, ok=None, remedy=f"Try again in a while: {refused.why}")
        else:
            self._found[point] = Check(point, ok=False, remedy=f"Correct the address: {refused.why}")

    def broken(self, step: Step, error: Exception) -> None:
        self._broken = step, outcome_of(error, step, sent=False).why

    def all(self) -> list[Check]:
        """Every point in its order."""
        if self._broken is None:
            return [*(Check(_NAMES[step], ok=True) for step in self._steps), *self._found.values()]
        step, why = self._broken
        passed = self._steps.index(step) if step in self._steps else len(self._steps)
        points = [Check(_NAMES[one], ok=True) for one in self._steps[:passed]]
        if step in self._steps:
            points.append(Check(_NAMES[step], ok=False, remedy=f"{_REMEDIES[step]}: {why}"))
        points += [_not_tried(_NAMES[one]) for one in self._steps[passed + 1 :]]
        return [*points, *self._left(step, why)]

    def _left(self, step: Step, why: str) -> list[Check]:
        """The recipients, the first one not tried yet being the one at which the connection broke."""
        points, at_fault = list[Check](), step is Step.RECIPIENT
        for name in self._recipients:
            point = _recipient(name)
            if point in self._found:
                points.append(self._found[point])
            elif at_fault:
                points.append(Check(point, ok=False, remedy=f"Ask the server's admin: {why}"))
                at_fault = False
            else:
                points.append(_not_tried(point))
        if step is Step.GIVEN_UP:
            points.append(Check("a mail that was begun can be given up (RSET)", ok=False, remedy=why))
        return points


def _recipient(name: str) -> str:
    return f"mail to {name} is accepted (RCPT TO)"


def _not_tried(name: str) -> Check:
    return Check(name, ok=None, remedy="Mend what stands above first")
