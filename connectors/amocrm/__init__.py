"""The connector to amoCRM, called Kommo abroad, over its API v4."""

from connectors.amocrm.connector import AmoConnector

__all__ = ["AmoConnector"]
