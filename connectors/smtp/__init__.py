"""The plugin's own mail."""

from connectors.smtp.dialogue import Security
from connectors.smtp.mailer import Mailer

__all__ = ["Mailer", "Security"]
