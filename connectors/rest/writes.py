"""Writes as described: sent once, their id made out, and read back so that a quiet cut is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base import CrmRefused, CrmUnavailable, Done, Kind, NotDone, Outcome, Unknown
from connectors.http.client import HttpAnswer
from connectors.rest.checks import checked
from connectors.rest.client import RestClient
from connectors.rest.conditions import RecordCondition, all_hold
from connectors.rest.context import Context, TemplateValues
from connectors.rest.misfit import not_read, not_written
from connectors.rest.model import Create, Find, Verify
from connectors.rest.paths import Path, id_in_address
from connectors.rest.read_back import ReadBack, SentValues
from connectors.rest.request import RecordsShape, Request
from connectors.rest.template import NotRendered

#: The seconds until it is seen again whether what must be there first is there; no account is away meanwhile.
_UNTIL_READY = 60.0
_UNREADABLE = "it was written, but could not be read back"


class RestWrites:
    """Creates and removes records. Its writes never raise; ``find`` raises CrmUnavailable, CrmRefused."""

    def __init__(self, account: RestClient, values: TemplateValues, settings: Mapping[str, Any]) -> None:
        self._account = account
        self._values = values
        self._find: Mapping[str, Find] = settings["find"]
        self._remove: Mapping[str, Request] = settings["remove"]
        self._verify: Mapping[str, Verify] = {
            kind: settings[kind].verify
            for kind in ("comment", "reminder", "email")
            if settings[kind] is not None and settings[kind].verify is not None
        }
        self._read_back = ReadBack(account)
        self._sent = SentValues()
        self._ready: set[str] = set()

    def create(self, kind: Kind, create: Create, context: Context) -> Outcome:
        """Write one record and see that it is there as it was meant."""
        lacking = self._lacking(kind, create)
        if lacking is not None:
            return lacking
        outcome = self._created(kind, create, context)
        if isinstance(outcome, Unknown):
            self._sent.keep(kind, context)
        return outcome

    def _created(self, kind: Kind, create: Create, context: Context) -> Outcome:
        try:
            result, meaning = self._account.write(create.request, context)
        except NotRendered as error:
            return not_written("it cannot be written", error)
        if not isinstance(result, HttpAnswer):
            if meaning != "done":
                return result
            # The CRM says that it has this already.
            records, record = None, self._looked_up(kind, context)
        else:
            records = create.answer
            record = self._looked_up(kind, context) if records is None else _answered(records, result, context)
            if records is not None and records.id_header is not None and not isinstance(record, Unknown):
                # No more is known of it than its id.
                records = RecordsShape(id=Path(""))
        if isinstance(record, Unknown):
            return record
        return self._verified(kind, create.verify, records or self._find[kind].records, record, context)

    def find(self, kind: Kind, context: Context) -> str | None:
        """The id of the record that was written with this key, or None; it is read back as after a write.

        One that is not as it was meant is left as it is, for somebody may have changed it since: CrmRefused.
        """
        if kind not in self._find:
            raise CrmRefused(f"the description does not say how to find one: [find.{kind}]")
        find, found = self._find[kind], self._found(kind, context)
        if found is None or not all_hold(find.whole, found, context):
            return None
        remote_id = find.records.id_of(found)
        if (verify := self._verify.get(kind)) is not None:
            # After a lost answer nobody has seen what became of it.
            known = {**context, **self._sent.of(kind, context), "id": remote_id}
            try:
                failed = self._read_back.failed(verify, found, known)
            except NotRendered as error:
                raise not_read(_UNREADABLE, error) from None
            if failed is not None:
                raise CrmRefused(f"the CRM has it under {remote_id}, and not as it was meant: {_problem(failed)}")
        self._sent.forget(kind, context)
        return remote_id

    def remove(self, kind: Kind, context: Context) -> Outcome | None:
        """Take a record out again; None where the description does not say how."""
        request = self._remove.get(kind)
        if request is None:
            return None
        try:
            result, meaning = self._account.write(request, context)
        except NotRendered as error:
            return not_written("it cannot be removed", error)
        gone = isinstance(result, HttpAnswer) or meaning in ("missing", "done")
        return Done(str(context["id"])) if gone else result  # type: ignore[return-value]

    # --- details -----------------------------------------------------------------------------------

    def _lacking(self, kind: Kind, create: Create) -> NotDone | None:
        """Why nothing may be written yet. Once it may, that is not asked again."""
        if create.require is None or kind in self._ready:
            return None
        point = checked(self._account, self._values, create.require)
        if isinstance(point, CrmUnavailable):
            return NotDone(str(point), after=point.after, status=point.status, code=point.code, blocked=point.blocked)
        if not point.ok:
            return NotDone(f"nothing is written yet: {point.remedy}", after=_UNTIL_READY)
        self._ready.add(kind)
        return None

    def _found(self, kind: Kind, context: Context) -> dict[str, Any] | None:
        """A whole one where there is any, else one that was cut."""
        find, cut = self._find[kind], None
        try:
            for record in self._account.records(find.request, context, find.records, find.pages):
                if find.records.id_of(record) is None:
                    continue
                if all_hold(find.whole, record, context):
                    return record
                cut = cut or record
            return cut
        except NotRendered as error:
            raise not_read("it cannot be looked for", error) from None

    def _looked_up(self, kind: Kind, context: Context) -> dict[str, Any] | Unknown:
        try:
            record = self._found(kind, context)
        except (CrmUnavailable, CrmRefused) as error:
            return Unknown(f"{_UNREADABLE}: {error}", status=error.status, code=error.code)
        return record if record is not None else Unknown("the CRM took it, but it is not found there by its key")

    def _verified(
        self, kind: Kind, verify: Verify | None, records: RecordsShape, record: dict[str, Any], context: Context
    ) -> Outcome:
        remote_id = records.id_of(record)
        if remote_id is None:
            return Unknown("the CRM took it and answered without an id")
        if verify is None:
            return Done(remote_id)
        written = {**context, "id": remote_id}
        try:
            failed = self._read_back.failed(verify, record, written)
        except (CrmUnavailable, CrmRefused) as error:
            return Unknown(f"{_UNREADABLE}: {error}", status=error.status, code=error.code)
        except NotRendered as error:
            return Unknown(f"{_UNREADABLE}: {error}")
        return Done(remote_id) if failed is None else self._cut(kind, failed, written)

    def _cut(self, kind: Kind, failed: RecordCondition, written: Context) -> Outcome:
        """The CRM has made something else of it than was asked: it is taken out again, so that nobody relies on it."""
        removed = self.remove(kind, written)
        left = "" if isinstance(removed, Done) else "; what it wrote is still there: remove it by hand"
        return NotDone(f"the CRM took it and quietly changed it: {_problem(failed)}{left}", permanent=True)


def _problem(failed: RecordCondition) -> str:
    return failed.problem or f"{failed.path.source} is not what was asked for"


def _answered(records: RecordsShape, answer: HttpAnswer, context: Context) -> Any:
    """The written record as the answer holds it; its id alone where a header tells it."""
    if records.id_header is not None:
        found_id = id_in_address(answer.headers.get(records.id_header, ""))
        return found_id or Unknown(f"the CRM answered {answer.status} without {records.id_header}", answer.status)
    try:
        found = [one for one in records.of(answer.data, context) or () if records.id_of(one) is not None]
    except NotRendered:
        found = []
    if not found:
        return Unknown(f"the CRM answered {answer.status} without the id of what it wrote", status=answer.status)
    return found[0]
