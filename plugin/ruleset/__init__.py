"""The rules folder: read, checked, and turned into the model that decisions are made with."""

from plugin.ruleset.load import RulesContent, build, digest, read_folder
from plugin.ruleset.model import Role, Script
from plugin.ruleset.template import CALL_PLACEHOLDERS, LABELS, Context, Template

__all__ = [
    "CALL_PLACEHOLDERS",
    "LABELS",
    "Context",
    "Role",
    "RulesContent",
    "Script",
    "Template",
    "build",
    "digest",
    "read_folder",
]
