"""The connector to EspoCRM: one account over its REST API, and its webhooks."""

from connectors.espocrm.connector import EspoConnector

__all__ = ["EspoConnector"]
