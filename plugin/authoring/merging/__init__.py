"""Two people's changes of the same rules put together by field, or told where they are at odds."""

from plugin.authoring.merging.fields import ABSENT, FieldChange, FieldConflict
from plugin.authoring.merging.rules import RulesMerge, RulesTexts, merge_rules, rules_changes

__all__ = ["ABSENT", "FieldChange", "FieldConflict", "RulesMerge", "RulesTexts", "merge_rules", "rules_changes"]
