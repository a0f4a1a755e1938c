"""What the operator's page works with: the conversation as data, the call on the page, and what becomes of it.

No web in here: ``plugin.web.operator_page`` shows it.
"""
