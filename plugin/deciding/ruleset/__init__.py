"""The rules folder: read, checked, and turned into the model that decisions are made with."""

from plugin.deciding.ruleset.model import Role, Script
from plugin.deciding.ruleset.read import (
    RulesContent,
    build,
    digest,
    file_names,
    is_file_name,
    names_beside,
    read_folder,
    read_texts,
)
from plugin.deciding.ruleset.template import CALL_PLACEHOLDERS, LABELS, Context, Template

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
    "file_names",
    "is_file_name",
    "names_beside",
    "read_folder",
    "read_texts",
]
