"""The connector to any CRM with an HTTP API, described in TOML alone; descriptions that come along: ``profiles/``."""

from connectors.rest.connector import RestConnector

__all__ = ["RestConnector"]
