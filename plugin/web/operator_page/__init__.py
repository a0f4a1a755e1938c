"""The operator's page: the script phrase by phrase during the call, and what was confirmed on its way to the CRM."""

from plugin.web.operator_page.setup import serve_operators_page

__all__ = ["serve_operators_page"]
