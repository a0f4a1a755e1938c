"""Access to the operators' page: signing in, signed links, frames of a CRM, and the guards of every page.

A page or JSON route of the operators' side is written like this; both are open to all visitors, or to admins only::

    @blueprint.get("/operator/")
    @page_view
    def home() -> Response: ... visitor().operator ...

    @blueprint.post("/operator/calls/<path:call_id>/answers")
    @json_view
    def answers(call_id: str) -> Response: ...

The route's ``call_id`` or ``?call=`` in its query names the call of a request; a view that finds the id elsewhere asks
for ``visitor(call_id)``. A visitor with a link for another call is refused with 403 there. Every
unsafe request under ``/operator`` is checked for its CSRF token, and every answer there gets the security headers,
without the view doing anything. ``answer_people(blueprint)`` answers errors of its pages by Russian pages.
Where ``guard_operators_side`` returned False the page is off, and nothing else is to be registered there.
"""

from plugin.web.auth.guards import NotAllowed, json_view, page_view, visitor
from plugin.web.auth.setup import answer_people, guard_operators_side

__all__ = ["NotAllowed", "answer_people", "guard_operators_side", "json_view", "page_view", "visitor"]
