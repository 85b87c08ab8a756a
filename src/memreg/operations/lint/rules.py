"""Every rule of lint, in the order in which findings of one place are told."""

from __future__ import annotations

from memreg.operations.lint import class_rules, column_rules, pattern_rules
from memreg.operations.lint.finding import Rule

RULES: tuple[Rule, ...] = (
    class_rules.class_without_description,
    class_rules.classes_overlap,
    class_rules.class_without_key,
    class_rules.key_of_optional_columns,
    class_rules.key_holds_another,
    class_rules.many_required_columns,
    class_rules.renamed_class_is_there,
    class_rules.from_is_done,
    column_rules.column_without_description,
    column_rules.description_is_the_name,
    column_rules.enum_of_one_value,
    column_rules.personal_without_pii,
    column_rules.key_not_normalized,
    column_rules.long_text_searched,
    column_rules.required_seldom_said,
    column_rules.default_on_optional,
    column_rules.column_copied,
    column_rules.name_is_an_sql_word,
    column_rules.name_taken_in_views,
    pattern_rules.pattern_never_matches,
    pattern_rules.pattern_hidden,
    pattern_rules.delete_without_key,
    pattern_rules.pattern_only_updates,
)
INVALID = "invalid"
"""The code of a mistake that keeps the file from being registered at all."""
