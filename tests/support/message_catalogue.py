"""Makes gettext's message file of click's own words from the table of them; ``python -m`` writes it."""

from __future__ import annotations

import struct
import tomllib

from plugin.cli.help_language import LOCALE

SOURCE = LOCALE / "click_ru.toml"
MESSAGE_FILE = LOCALE / "ru" / "LC_MESSAGES" / "click.mo"
_HEADER = (
    "Content-Type: text/plain; charset=UTF-8\n"
    "Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && "
    "(n%100<10 || n%100>=20) ? 1 : 2);\n"
)


def compiled() -> bytes:
    """The message file, as the GNU gettext manual describes its format."""
    table = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    messages = {"": _HEADER} | table["text"]
    messages |= {f"{one}\0{forms[0]}": "\0".join(forms[1:]) for one, forms in table["plural"].items()}
    pairs = sorted((key.encode(), value.encode()) for key, value in messages.items())
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    count, first = len(pairs), 28
    data = first + 16 * count
    places = b""
    for texts in (keys, values):
        for text in texts:
            places += struct.pack("<II", len(text), data)
            data += len(text) + 1
    head = struct.pack("<IIIIIII", 0x950412DE, 0, count, first, first + 8 * count, 0, 0)
    return head + places + b"".join(text + b"\0" for text in [*keys, *values])


if __name__ == "__main__":
    MESSAGE_FILE.write_bytes(compiled())
