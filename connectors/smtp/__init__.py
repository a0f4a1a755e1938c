"""The plugin's own mail."""

from connectors.smtp.mailer import Mailer, Security

__all__ = ["Mailer", "Security"]
