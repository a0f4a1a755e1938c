"""The way in to the operators' page: signing in, signed links, frames of a CRM, and the guards of every page behind.

A page or JSON route of the operators' side is written like this; both may be open to anybody who got in, or to admins::

    @blueprint.get("/operator/")
    @page_view
    def home() -> Response: ... visitor().operator ...

    @blueprint.post("/operator/calls/<path:call_id>/answers")
    @json_view
    def answers(call_id: str) -> Response: ...

Which call a request is about is told by the route's ``call_id``, or by ``?call=`` in its query; a view that finds the
id elsewhere asks for ``visitor(call_id)``. Whoever came by a link for another call is refused with 403 there. Every
unsafe request under ``/operator`` is checked for its CSRF token, and every answer there gets the security headers,
without the view doing anything. ``answer_people(blueprint)`` has what goes wrong in its pages told as Russian pages.
Where ``guard_operators_side`` returned False the page is off, and nothing else is to be registered there.
"""

from plugin.web.auth.guards import NotAllowed, json_view, page_view, visitor
from plugin.web.auth.setup import answer_people, guard_operators_side

__all__ = ["NotAllowed", "answer_people", "guard_operators_side", "json_view", "page_view", "visitor"]
