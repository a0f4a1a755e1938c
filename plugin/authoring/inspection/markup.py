"""HTML and SVG from the templates beside this: every text is escaped where it goes in, without exception."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plugin.authoring.inspection.wording import conversations_counted

#: Characters that neither XML nor HTML may hold; a TOML text can.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _printable(value: Any) -> Any:
    # Texts alone: what a macro made is markup already.
    return _FORBIDDEN.sub("\ufffd", value) if type(value) is str else value


def templates_in(folder: Path) -> Environment:
    """The templates of a folder: whatever goes into them is escaped, and is printable."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


TEMPLATES = templates_in(Path(__file__).parent / "templates")
TEMPLATES.filters["conversations"] = conversations_counted
#: A length in pixels without needless digits.
TEMPLATES.filters["px"] = lambda length: f"{round(length, 1):g}"


def render(template: str, **values: Any) -> str:
    """A template filled in with these values."""
    return TEMPLATES.get_template(template).render(values)
