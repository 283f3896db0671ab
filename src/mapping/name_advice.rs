//! What a person should know of rules about names: a list of them, and those that say something else than they seem
//! to. Changes no name and knows no target.

use super::{NameChange, NamePattern, NameRule, NameRules};

/// The rules about names, a line each, in the order in which they go; empty where there are none.
pub fn name_list(names: &NameRules) -> Vec<String> {
    let kinds = [("schema", &names.schemas), ("table", &names.tables), ("column", &names.columns)];
    let mut lines = Vec::new();
    for (kind, rules) in kinds {
        for rule in rules {
            let what = described(&rule.change);
            lines.push(format!("{kind} {}: {what} ({})", located(rule), rule.origin));
        }
    }
    for removal in &names.removals {
        let what = if removal.keeps { "stays, others go" } else { "goes" };
        let place = format!("{}.{}.{}", removal.schema, removal.table, removal.column);
        lines.push(format!("column {place}: {what} ({})", removal.origin));
    }
    for mask in &names.masks {
        let place = format!("{}.{}.{}", mask.schema, mask.table, mask.column);
        lines.push(format!("column {place}: {} ({})", mask.mask.described(), mask.origin));
    }
    for addition in &names.additions {
        let what = addition.described();
        lines.push(format!(
            "table {}.{}: {what} ({})",
            addition.schema, addition.table, addition.origin
        ));
    }
    if let Some(schema) = &names.target_schema {
        lines.push(format!("schemas that no rule names: {schema} (TargetSchema)"));
    }
    lines
}

/// What may not be meant: rules that match nothing, and `_` that stands for any character.
pub fn name_advice(names: &NameRules) -> Vec<String> {
    let mut advice = Vec::new();
    for rules in [&names.schemas, &names.tables, &names.columns] {
        for (at, rule) in rules.iter().enumerate() {
            let before = rules.iter().take(at).find(|before| covers(before, rule));
            if let Some(before) = before {
                let (origin, other) = (&rule.origin, &before.origin);
                advice.push(format!("{origin} matches nothing: {other} goes before it"));
            } else if !may_be_selected(names, &rule.schema, rule.table.as_ref()) {
                let origin = &rule.origin;
                advice.push(format!("{origin} matches nothing: no selection includes its tables"));
            }
            let table = rule.table.iter().chain(&rule.column);
            advice.extend(underscores(&rule.origin, std::iter::once(&rule.schema).chain(table)));
        }
    }
    for removal in &names.removals {
        if !may_be_selected(names, &removal.schema, Some(&removal.table)) {
            let origin = &removal.origin;
            advice.push(format!("{origin} matches nothing: no selection includes its tables"));
        }
        let patterns = [&removal.schema, &removal.table, &removal.column];
        advice.extend(underscores(&removal.origin, patterns.into_iter()));
    }
    for mask in &names.masks {
        if !may_be_selected(names, &mask.schema, Some(&mask.table)) {
            let origin = &mask.origin;
            advice.push(format!("{origin} matches nothing: no selection includes its tables"));
        }
        let patterns = [&mask.schema, &mask.table, &mask.column];
        advice.extend(underscores(&mask.origin, patterns.into_iter()));
    }
    advice
}

/// A change in a few words.
fn described(change: &NameChange) -> String {
    match change {
        NameChange::Rename(new) => new.clone(),
        NameChange::Lowercase => "lower case".to_owned(),
        NameChange::Uppercase => "upper case".to_owned(),
        NameChange::AddPrefix(prefix) => format!("{prefix} in front"),
        NameChange::RemovePrefix(prefix) => format!("without {prefix} in front"),
        NameChange::ReplacePrefix(old, new) => format!("{new} for {old} in front"),
        NameChange::AddSuffix(suffix) => format!("{suffix} behind"),
        NameChange::RemoveSuffix(suffix) => format!("without {suffix} behind"),
        NameChange::ReplaceSuffix(old, new) => format!("{new} for {old} behind"),
    }
}

fn located(rule: &NameRule) -> String {
    let parts = [Some(&rule.schema), rule.table.as_ref(), rule.column.as_ref()];
    parts.into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(".")
}

/// Whether a pattern matches all that another one does, as far as that is plain.
fn is_wider(wide: &NamePattern, narrow: &NamePattern) -> bool {
    let holds = || narrow.literal().is_some_and(|name| wide.matches(&name));
    wide.matches_all() || wide == narrow || holds()
}

fn covers(wide: &NameRule, narrow: &NameRule) -> bool {
    let part = |wide: &Option<NamePattern>, narrow: &Option<NamePattern>| match (wide, narrow) {
        (Some(wide), Some(narrow)) => is_wider(wide, narrow),
        _ => true,
    };
    is_wider(&wide.schema, &narrow.schema)
        && part(&wide.table, &narrow.table)
        && part(&wide.column, &narrow.column)
}

/// Whether rules may be about a table of these patterns. One with wildcards may always be meant.
fn may_be_selected(names: &NameRules, schema: &NamePattern, table: Option<&NamePattern>) -> bool {
    let mut included = names.selections.iter().filter(|selection| !selection.excludes).peekable();
    let (Some(schema), true) = (schema.literal(), included.peek().is_some()) else { return true };
    match table.map(NamePattern::literal) {
        Some(Some(table)) => names.selects(&schema, &table),
        _ => included.any(|selection| selection.schema.matches(&schema)),
    }
}

fn underscores<'p>(
    origin: &str,
    patterns: impl Iterator<Item = &'p NamePattern>,
) -> Option<String> {
    let bare: Vec<String> = patterns
        .filter(|pattern| pattern.has_bare_underscore())
        .map(|pattern| format!("\"{pattern}\""))
        .collect();
    (!bare.is_empty()).then(|| {
        let bare = bare.join(", ");
        format!("{origin}: in {bare} an _ stands for any one character; [_] is an underscore")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ColumnRemoval, TableSelection, name_rule};

    fn pattern(text: &str) -> NamePattern {
        NamePattern::new(text).unwrap()
    }

    fn rule(names: &[&str], origin: &str) -> NameRule {
        NameRule { origin: origin.to_owned(), ..name_rule(names, NameChange::Lowercase) }
    }

    #[test]
    fn rules_that_match_nothing_are_named() {
        let rules = vec![
            rule(&["HR"], "1"),
            rule(&["OTHER"], "2"),
            rule(&["HR", "%"], "3"),
            rule(&["HR", "EMP"], "4"),
            rule(&["HR", "%", "A_B"], "5"),
            rule(&["HR", "%", "A[_]B"], "6"),
        ];
        let selection =
            TableSelection { schema: pattern("HR"), table: pattern("%"), excludes: false };
        let removal = ColumnRemoval {
            schema: pattern("X"),
            table: pattern("T"),
            column: pattern("C"),
            keeps: false,
            origin: "7".into(),
        };
        let names = NameRules::new(vec![selection], rules, None).unwrap();
        let names = names.with_removals(vec![removal]);
        assert_eq!(
            name_advice(&names),
            [
                "2 matches nothing: no selection includes its tables",
                "4 matches nothing: 3 goes before it",
                "5: in \"A_B\" an _ stands for any one character; [_] is an underscore",
                "6 matches nothing: 5 goes before it",
                "7 matches nothing: no selection includes its tables",
            ]
        );
        assert_eq!(name_list(&names).len(), 7);
        assert_eq!(name_list(&names)[0], "schema HR: lower case (1)");
        assert_eq!(name_list(&names)[6], "column X.T.C: goes (7)");
    }
}
