"""Two people's changes of the same rules put together by field, or told where they are at odds."""

from plugin.authoring.merging.fields import ABSENT, FieldConflict, RulesChange
from plugin.authoring.merging.rules import RulesMerge, RulesTexts, merge_rules, rules_changes

__all__ = ["ABSENT", "FieldConflict", "RulesChange", "RulesMerge", "RulesTexts", "merge_rules", "rules_changes"]
