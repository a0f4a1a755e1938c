"""The opt-out rules plugin: everything but what knows a CRM, which is in ``connectors``."""

#: Of the plugin and of what it ships; Semantic Versioning. The one place where it is written.
VERSION = "1.0.0"
