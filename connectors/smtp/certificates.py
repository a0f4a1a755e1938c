"""A file of certificates read as it is read when a mail server is spoken to."""

from __future__ import annotations

import ssl
from pathlib import Path


def unusable_certificates(path: Path) -> str | None:
    """Why the file can be trusted nothing by, as a predicate; None where it can."""
    try:
        ssl.create_default_context(cafile=str(path))
    except ssl.SSLError:
        return "holds no certificates"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None
