"""The console: what admins, editors and supervisors see of calls and rules, and do about them, in a browser.

A page is a ``ConsoleRoute`` in the list of its module, which names its roles; ``pages.py`` joins the lists. A view
is given ``ConsoleServices``; ``show`` renders a template that extends ``console/base.html``.
"""

from plugin.web.console.setup import serve_console

__all__ = ["serve_console"]
