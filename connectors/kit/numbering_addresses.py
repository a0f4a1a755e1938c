"""Reads addresses in a number field: SIP and tel: URIs, channel names, links, mail. Only the dialled number is kept.

Sources: RFC 3261 §19.1.1 (the user part is the number) and §20.10 (the display name is not), RFC 3966 (tel: and its
parameters), the channel names of Asterisk and FreeSWITCH.
"""

from __future__ import annotations

import re

from connectors.kit.numbering_text import BREAK

_DISPLAY_NAME = re.compile(r'"[^"\n]*"\s*(?=<)')
_ADDRESS = ("sip:", "sips:", "tel:")
_PARAMETER = re.compile(r";\s?[a-zA-Z][a-zA-Z0-9-]*=[^;:@\s<>\",|]*")
_BETWEEN = re.compile(r"([\s<>\"«»|,]+)")
_TECHNOLOGIES = (
    *("pjsip", "sip", "local", "dahdi", "zap", "iax2", "iax", "khomp", "h323", "ooh323", "sccp", "skinny", "mgcp"),
    *("dongle", "datacard", "quectel", "simcom", "mobile", "motif", "console", "misdn", "capi", "unistim", "woomera"),
    *("agent", "sofia", "loopback", "user", "freetdm", "openzap", "verto", "gateway", "websocket"),
)
_CHANNEL = re.compile(rf"(?<![^\W_])(?:{'|'.join(_TECHNOLOGIES)})/", re.IGNORECASE)
_DIALLED = re.compile(r"(?:sips?:|tel:)?[wW]*(\+?[0-9]{7,})(?![0-9A-Za-z])", re.IGNORECASE)
_SCHEME = re.compile(r"(?:[^\W\d_]+:/{0,2})+")
_CALL_SCHEME = re.compile(r"\W*(?:tel|sips?|callto|sms|smsto|skype|facetime)://", re.IGNORECASE)
_LINK = re.compile(r"://|(?<![^\W_])www\.|[a-z0-9-]\.[a-z]{2,24}/", re.IGNORECASE)
_LINKED = re.compile(
    r"(?:(?<![^\W_])(?:wa|t|telegram)\.me/|[?&](?:phone|number|tel|to)=)(\+?[0-9]{10,15})(?![0-9])", re.IGNORECASE
)
_NUMBER = re.compile(r"[+0-9().~*#_-]*")


def dialled(text: str) -> str:
    """Plain text in which each address is replaced by the number in it, or by a break where there is none."""
    text = _PARAMETER.sub(";", _without_display_names(text))
    pieces = _BETWEEN.split(text)
    pieces[::2] = [_word(piece) for piece in pieces[::2]]
    return "".join(pieces)


def _without_display_names(text: str) -> str:
    if "<" not in text:
        return text
    parts = _DISPLAY_NAME.sub("", text).split("<")
    for place in range(1, len(parts)):
        if parts[place].lstrip().lower().startswith(_ADDRESS):
            before = parts[place - 1]
            parts[place - 1] = before[: 1 + max(before.rfind(char) for char in ",;\n>|")]
    return "<".join(parts)


def _word(word: str) -> str:
    """A text without blanks, read as the address that it is, or as it stands."""
    if not any(char in word for char in "@/"):
        return word
    if _CHANNEL.search(word):
        return BREAK.join(_channel(one) for one in word.split("&"))
    if not _CALL_SCHEME.match(word) and _LINK.search(word):
        linked = _LINKED.search(word)
        return f"{BREAK}{linked[1]}{BREAK}" if linked else BREAK
    if "@" in word:
        return BREAK.join(_user(one) for one in re.split("[;&]", word))
    return word


def _channel(word: str) -> str:
    """``SIP/trunk/89161234567-0000a1``: the last number in the path; a channel's own number follows a hyphen."""
    technology = _CHANNEL.search(word)
    if technology is None:
        return word
    numbers = [match[1] for part in word[technology.end() :].split("/") if (match := _DIALLED.match(part))]
    return f"{word[: technology.start()]}{BREAK}{numbers[-1] if numbers else ''}{BREAK}"


def _user(word: str) -> str:
    """``sip:79161234567:secret@host``: the user part, if it is a number."""
    user, at, _ = word.partition("@")
    if not at:
        return word
    user = user[match.end() :] if (match := _SCHEME.match(user)) else user
    number = user.partition(":")[0]
    return f"{number}{BREAK}" if _NUMBER.fullmatch(number) else BREAK
