"""The security headers of everything under ``/operator``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from werkzeug.wrappers import Response

from plugin.web.headers import put_security_headers

#: Nothing inline, nothing from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)


def security_headers(frame_ancestors: Sequence[str]) -> Callable[[Response], Response]:
    """Puts the headers on a response; ``frame_ancestors`` are the origins whose pages may show ours in a frame.

    A view may set ``Cache-Control`` itself: scripts and styles hold no personal data.
    """
    ancestors = " ".join(frame_ancestors) or "'none'"
    policy = f"{_POLICY}; frame-ancestors {ancestors}"

    def put(response: Response) -> Response:
        headers = response.headers
        headers["Content-Security-Policy"] = policy
        headers.setdefault("Cache-Control", "no-store")
        if not frame_ancestors:
            # For browsers that do not know frame-ancestors.
            headers["X-Frame-Options"] = "DENY"
        return put_security_headers(response)

    return put
