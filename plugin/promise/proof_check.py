"""Checks a proof's file by itself, without a ledger: that it says what was digested, and that the chain holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from plugin.errors import InputError
from plugin.ledger.chain.links import ChainEntry, Row, digest_of, entry_hash, link_of, written_time
from plugin.promise.time_stamps import (
    PACKAGE,
    StampPackageMissing,
    StampUnusable,
    from_file,
    head_text,
    stamp_in,
    stamped_at,
)

_HINT = "Нужен файл, который записала optout proof … --out ФАЙЛ.json"
#: Columns that the readable part names otherwise.
_CALL_NAMES = {
    "call_id": "call",
    "first_occurred_at": "began_at",
    "last_occurred_at": "occurred_at",
    "deadline_at": "deadline",
    "late": "reported_late",
}
#: Columns that the readable part leaves out: they are the plugin's own.
_UNTOLD = frozenset({"call_ref", "answer", "generation", "decision_number"})


@dataclass(frozen=True, slots=True)
class ProofVerdict:
    """What a file came to: ``faults`` in words, rows that no entry confirms, and the heads that it leads to.

    ``stamped``: when heads were stamped, by their number; ``unproven`` tells of stamps that could not be verified here.
    """

    entries: int
    faults: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    heads: tuple[Mapping[str, Any], ...]
    stamped: Mapping[int, datetime] = field(default_factory=dict)
    unproven: tuple[str, ...] = ()


def read_proof(data: bytes, expected: str) -> Mapping[str, Any]:
    """The proof in a file. Raises InputError (Russian) where it is none of this ``expected`` format."""
    try:
        proof = json.loads(data)
    except ValueError as error:
        raise InputError("Файл не JSON", hint=_HINT) from error
    if not isinstance(proof, dict) or proof.get("format") != expected:
        raise InputError("В файле нет доказательства, которое понимает эта версия", hint=_HINT)
    return proof


def check_proof(proof: Mapping[str, Any], certificates: bytes | None = None) -> ProofVerdict:
    """Check it. Raises InputError where parts are missing or of another shape.

    ``certificates`` (PEM) vouch for the services that stamped its heads; without them stamps are not verified.
    """
    try:
        return _checked(proof, certificates)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError("Файл неполон или испорчен: частей доказательства не хватает", hint=_HINT) from error


def _checked(proof: Mapping[str, Any], certificates: bytes | None) -> ProofVerdict:
    entries, heads = proof["chain"]["entries"], proof["chain"]["heads"]
    told = dict(_told(proof))
    faults: list[str] = []
    confirmed: set[tuple[str, Any]] = set()
    for entry in entries:
        faults += _entry_faults(entry)
        for row in entry.get("said", ()):
            confirmed.add((row["table"], row["values"][row["columns"].index("id")]))
            faults += _row_faults(row, told, entry["seq"])
    faults += [fault for call in proof["calls"] for fault in _conversation_faults(call)]
    faults += [fault for head in heads for fault in _head_faults(head, entries)]
    led = {entry["seq"] for entry in entries if any(head["first"] <= entry["seq"] <= head["seq"] for head in heads)}
    faults += [f"запись {entry['seq']}: нет пути к отметке" for entry in entries if entry["seq"] not in led]
    unconfirmed = [f"{table} {id_}" for table, id_ in told if (table, id_) not in confirmed]
    stamped, unproven = _stamps(heads, certificates, faults)
    return ProofVerdict(len(entries), tuple(faults), tuple(unconfirmed), tuple(heads), stamped, tuple(unproven))


# --- the chain ---------------------------------------------------------------------------------------


def _linked(entry: Mapping[str, Any]) -> ChainEntry:
    names = ("seq", "at", "kind", "record", "call", "digest")
    return ChainEntry(*(entry[name] for name in names))


def _entry_faults(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["before"] is not None and link_of(entry["before"], entry_hash(_linked(entry))) != entry["link"]:
        yield f"запись {entry['seq']}: звено не сходится"
    if "said" in entry:
        content: list[Row] = [(row["table"], row["values"]) for row in entry["said"]]
        if digest_of(entry["salt"], content) != entry["digest"]:
            yield f"запись {entry['seq']}: записанное не сходится с отпечатком"


def _head_faults(head: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if head["way"] is None:
        return
    of_head = {entry["seq"]: entry for entry in entries if head["first"] <= entry["seq"] <= head["seq"]}
    link = of_head[head["first"]]["before"]
    for seq, hash_ in enumerate(head["way"], head["first"]):
        entry = of_head.get(seq)
        link = link_of(link, hash_)
        if entry is not None and (entry_hash(_linked(entry)) != hash_ or entry["link"] != link):
            yield f"запись {seq}: не на пути к отметке {head['seq']}"
    if link != head["link"] or head["first"] + len(head["way"]) - 1 != head["seq"]:
        yield f"отметка {head['seq']}: путь к ней не сходится"


def _stamps(
    heads: Sequence[Mapping[str, Any]], certificates: bytes | None, faults: list[str]
) -> tuple[dict[int, datetime], list[str]]:
    """When heads were stamped, and what could not be verified; a stamp that does not hold is one of the ``faults``."""
    stamped: dict[int, datetime] = {}
    unproven: list[str] = []
    for head in heads:
        stamp = stamp_in(head)
        if stamp is None:
            continue
        if certificates is None:
            unproven.append(f"отметка времени у {head['seq']}: назовите сертификаты службы (--stamp-ca)")
            continue
        try:
            at = stamped_at(from_file(stamp["answer"]), head_text(head["seq"], head["link"]), certificates)
        except StampPackageMissing:
            unproven.append(f"отметка времени у {head['seq']}: нужен пакет, {PACKAGE}")
        except StampUnusable as error:
            faults.append(f"отметка времени у {head['seq']} не подтверждена ({error})")
        else:
            stamped[head["seq"]] = at
            if not _is_same(written_time(at), stamp["at"]):
                faults.append(f"отметка времени у {head['seq']}: время не то, что заверено")
    return stamped, unproven


# --- what people read --------------------------------------------------------------------------------


def _told(proof: Mapping[str, Any]) -> Iterator[tuple[tuple[str, Any], Mapping[str, Any]]]:
    """The readable part's rows, by table and id."""
    for call in proof["calls"]:
        yield ("calls", call["id"]), _call_row(call)
        if call["trail"] is not None:
            yield ("trails", call["trail"]), {"id": call["trail"], "entries": call["conversation"]}
        for name in ("events", "decisions", "deliveries", "acts"):
            for row in call[name]:
                yield (name, row["id"]), row
        for delivery in call["deliveries"]:
            for step in delivery["attempts"]:
                yield ("attempts", step["id"]), step
    for one in proof["suppression"]:
        for said in one["said"]:
            yield ("suppressions", said["id"]), said | {"number": one["number"]}


def _call_row(call: Mapping[str, Any]) -> Mapping[str, Any]:
    card = call["card"] or {}
    named = {column: call[name] for column, name in _CALL_NAMES.items()}
    return dict(call) | named | {f"card_{name}": card.get(name) for name in ("type", "id", "name", "url")}


def _row_faults(row: Mapping[str, Any], told: Mapping[tuple[str, Any], Mapping[str, Any]], seq: int) -> Iterator[str]:
    values = dict(zip(row["columns"], row["values"], strict=True))
    readable = told.get((row["table"], values["id"]))
    if readable is None:
        # What another call said of the number is told by that alone.
        if row["table"] == "suppressions":
            return
        yield f"запись {seq}: {row['table']} {values['id']} нет в доказательстве"
        return
    for name, value in values.items():
        if name in _UNTOLD or (row["table"] == "trails" and name != "entries"):
            continue
        if row["table"] == "trails":
            is_same = _steps(json.loads(value)) == _steps(readable["entries"])
        else:
            is_same = _is_same(value, readable.get(name))
        if not is_same:
            yield f"{row['table']} {values['id']}: {name} не то, что записано"


def _conversation_faults(call: Mapping[str, Any]) -> Iterator[str]:
    """Without a trail the conversation is what the decisions say of it."""
    if call["trail"] is not None:
        return
    decided = [
        ("answer", None, decision["number"], step.get("say"), step["answer"], False)
        for decision in call["decisions"]
        for step in decision["decision"].get("transcript", ())
    ]
    names = ("kind", "at", "decision", "phrase", "value", "taken_back")
    if [tuple(step.get(name) for name in names) for step in call["conversation"]] != decided:
        yield f"звонок {call['id']}: разговор не тот, что в решениях"


def _steps(entries: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Of a conversation what both parts hold: what happened when, and the answers."""
    return [(one["kind"], datetime.fromisoformat(one["at"]), one.get("value"), one.get("text")) for one in entries]


def _is_same(kept: Any, readable: Any) -> bool:
    if kept == readable:
        return True
    if not isinstance(kept, str) or readable is None:
        return False
    if isinstance(readable, dict | list):
        return bool(json.loads(kept) == readable)
    if not isinstance(readable, str):
        return False
    try:
        return datetime.fromisoformat(kept).replace(tzinfo=UTC) == datetime.fromisoformat(readable)
    except (ValueError, TypeError):
        return False
