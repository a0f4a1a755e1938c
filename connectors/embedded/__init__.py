"""A small but real CRM for trying out, development and tests, and the connector to it.

The CRM is a process of its own with its own SQLite file (``python -m connectors.embedded``); the connector reaches it
over HTTP only, as it would any other.
"""

from connectors.embedded.connector import EmbeddedConnector

__all__ = ["EmbeddedConnector"]
