"""The connector to Bitrix24, in the cloud or on-premise, over its REST API."""

from connectors.bitrix24.connector import Bitrix24Connector

__all__ = ["Bitrix24Connector"]
