"""Reads one e-mail address, for the check of a setting and for sending alike, and names the character that is wrong."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address

from plugin.common.characters import CYRILLIC_TWINS, LATIN_TWINS, UNSEEN, describe_character, describe_in_russian

_WITH_NAME = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>\s*")
#: RFC 5321 §4.1.2, dot-string: what mailboxes are called everywhere. Quoted ones are left out: no CRM takes them.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]")
_UNSEEN = re.compile(f"[{UNSEEN}]")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_LONGEST_LOCAL, _LONGEST_DOMAIN, _LONGEST_LABEL = 64, 255, 63
#: The one domain of the highest level whose Cyrillic letters all pass for Latin ones.
_CYRILLIC_DOMAIN = "рус"


class UnusableAddress(ValueError):
    """It is not one usable address. ``str()`` and ``russian`` are predicates, to stand behind the setting's name.

    ``character`` and its 1-based ``position`` in what was given are there where one character is at fault.
    """

    def __init__(self, told: str, russian: str, *, character: str | None = None, position: int | None = None) -> None:
        super().__init__(told)
        self.russian = russian
        self.character = character
        self.position = position


@dataclass(frozen=True, slots=True)
class MailAddress:
    """One mailbox: ``local`` and ``domain`` are ASCII, a Cyrillic domain as punycode; ``name`` is shown to readers."""

    local: str
    domain: str
    name: str = ""

    @property
    def spec(self) -> str:
        """``local@domain``, as it stands in the dialogue with the server."""
        return f"{self.local}@{self.domain}"


def mail_address(given: str, *, named: bool = False) -> MailAddress:
    """Read ``a@b`` or, where ``named``, also ``Name <a@b>``. Raises UnusableAddress."""
    match = _WITH_NAME.fullmatch(given) if named else None
    name, address = (match["name"], match["address"]) if match else ("", given)
    offset = match.start("address") if match else 0
    offset += len(address) - len(address.lstrip())
    address = address.strip()
    local, at, domain = address.partition("@")
    if not at or not local or not domain:
        raise UnusableAddress("is not of the form name@domain", "нужен адрес вида имя@домен")
    _check_local(local, offset)
    where = offset + len(local) + 1
    found = MailAddress(local, _ascii_domain(domain, where), _shown_name(name))
    if len(local) > _LONGEST_LOCAL or len(found.domain) > _LONGEST_DOMAIN:
        raise UnusableAddress("is too long for an address", "адрес слишком длинный")
    try:
        Address(found.name, found.local, found.domain)
    except (ValueError, IndexError, MessageError):
        raise UnusableAddress("is not a usable address", "такой адрес недопустим") from None
    return found


def _shown_name(name: str) -> str:
    for at, character in enumerate(name):
        if unicodedata.category(character) in ("Cc", "Cs") or character in "\u2028\u2029":
            raise _wrong(character, at)
    name = name.strip()
    return name[1:-1].replace('\\"', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name


def _check_local(local: str, offset: int) -> None:
    for at, character in enumerate(local):
        if not _LOCAL.fullmatch(character):
            raise _wrong(character, offset + at)
    ends = (0, len(local) - 1)
    dots = [at for at, one in enumerate(local) if one == "." and (at in ends or local[at - 1] == ".")]
    if dots:
        raise _wrong(".", offset + dots[0])


def _ascii_domain(domain: str, offset: int) -> str:
    if domain.startswith("["):
        return _literal(domain)
    highest = domain.rpartition(".")[2]
    labels, at = list[str](), offset
    for label in domain.split("."):
        if not label:
            # The dot itself is too much: in front, at the end, or beside another.
            raise _wrong(".", min(at, offset + len(domain) - 1))
        _check_letters(label, at, highest)
        labels.append(_ascii_label(label))
        at += len(label) + 1
    return ".".join(labels)


def _check_letters(label: str, offset: int, highest: str) -> None:
    for at, character in enumerate(label):
        is_usual = unicodedata.category(character)[0] in "LMN" or character == "-"
        if not is_usual or _UNSEEN.match(character) or unicodedata.normalize("NFKC", character) != character:
            # The two letters й and ё may come as a letter and a mark; that changes under NFKC only as a whole.
            raise _wrong(character, offset + at)
    has_latin = any(character.isascii() and character.isalpha() for character in label)
    cyrillic = [at for at, one in enumerate(label) if "CYRILLIC" in unicodedata.name(one, "")]
    if has_latin and cyrillic:
        # Whichever the word is not written in: the odd ones out are named.
        latin = [at for at, one in enumerate(label) if one in CYRILLIC_TWINS]
        odd = latin[0] if latin and len(latin) < len(cyrillic) else cyrillic[0]
        raise _wrong(label[odd], offset + odd)
    # Under a Cyrillic domain it may be a word; under a Latin one, or as that one, it only looks like one.
    may_be_a_word = not highest.isascii() and (label != highest or label.lower() == _CYRILLIC_DOMAIN)
    looks_latin = all(one in LATIN_TWINS or not one.isalpha() for one in label)
    if cyrillic and looks_latin and not may_be_a_word:
        raise _wrong(label[cyrillic[0]], offset + cyrillic[0])


def _ascii_label(label: str) -> str:
    try:
        ascii_label = label.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_label = ""
    if not _LABEL.fullmatch(ascii_label) or len(ascii_label) > _LONGEST_LABEL:
        raise UnusableAddress(f"has no usable domain: {label[:40]!r}", f"недопустимая часть домена: «{label[:40]}»")
    return ascii_label


def _literal(domain: str) -> str:
    """A server named by its address, ``[192.0.2.7]`` (RFC 5321 §4.1.3)."""
    inner = domain.removeprefix("[").removesuffix("]")
    try:
        if not domain.endswith("]"):
            raise ValueError
        if inner.lower().startswith("ipv6:"):
            ipaddress.IPv6Address(inner[5:])
        else:
            ipaddress.IPv4Address(inner)
    except ValueError:
        told = "has no usable address of a server in its brackets"
        raise UnusableAddress(told, "в скобках нет адреса сервера") from None
    return domain


def _wrong(character: str, at: int) -> UnusableAddress:
    told = f"holds {describe_character(character)} as character {at + 1}, which cannot stand there"
    russian = f"недопустимый знак {at + 1}: {describe_in_russian(character)}"
    return UnusableAddress(told, russian, character=character, position=at + 1)
