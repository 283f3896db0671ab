//! What rules about names have to do with the relations that a target has: rules of which nothing there can have come, and
//! names that can mean no more than one of two relations. Pure functions of names.

use std::collections::HashSet;

use super::{NameChange, NamePattern, NameRule, NameRules};

/// A relation of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRelation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// What a person should know of the rules and these relations. A rule is only named where nothing can have come of it.
pub fn advice_on_target(names: &NameRules, relations: &[TargetRelation]) -> Vec<String> {
    if relations.is_empty() {
        return Vec::new();
    }
    let mut advice = twins(names, relations);
    let rules = names.schemas.iter().chain(&names.tables).chain(&names.columns);
    let rules = rules.map(|rule| {
        let gives = |relation: &TargetRelation| gives(names, rule, relation);
        (&rule.origin, relations.iter().any(gives))
    });
    let of_tables = |schema: &NamePattern, table: &NamePattern| {
        relations.iter().any(|relation| {
            may_be_schema(names, schema, &relation.schema)
                && may_be_table(names, (schema, table), relation)
        })
    };
    let removals = names.removals.iter();
    let removals = removals.map(|rule| (&rule.origin, of_tables(&rule.schema, &rule.table)));
    let masks = names.masks.iter();
    let masks = masks.map(|rule| (&rule.origin, of_tables(&rule.schema, &rule.table)));
    let additions = names.additions.iter();
    let additions = additions.map(|rule| (&rule.origin, of_tables(&rule.schema, &rule.table)));
    let mut idle: Vec<&String> = Vec::new();
    let mut used: HashSet<&String> = HashSet::new();
    for (origin, matches) in rules.chain(removals).chain(masks).chain(additions) {
        match matches {
            true => drop(used.insert(origin)),
            false => idle.push(origin),
        }
    }
    // The rules of a section have one origin.
    idle.retain(|origin| !used.contains(*origin));
    idle.dedup();
    let is_idle = |origin| format!("{origin} matches nothing of what is on the target");
    advice.extend(idle.into_iter().map(is_idle));
    advice
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(table))
}

/// Relations and columns that cannot be named, since by rule their name means another one that is there.
fn twins(names: &NameRules, relations: &[TargetRelation]) -> Vec<String> {
    let there: HashSet<(&str, &str)> =
        relations.iter().map(|relation| (&*relation.schema, &*relation.table)).collect();
    let mut advice = Vec::new();
    for TargetRelation { schema, table, columns } in relations {
        let (new_schema, new_table) = (names.schema_of(schema, table), names.table(schema, table));
        let own = qualified(schema, table);
        if (&*new_schema, &*new_table) != (&**schema, &**table) {
            if there.contains(&(&*new_schema, &*new_table)) {
                let other = qualified(&new_schema, &new_table);
                advice.push(format!(
                    "both {own} and {other} are on the target; by rule, {own} means {other}"
                ));
            }
            continue;
        }
        let there: HashSet<&str> = columns.iter().map(String::as_str).collect();
        for column in columns {
            let new = names.column(schema, table, column);
            if &*new != column && there.contains(&*new) {
                let (column, new) = (quoted(column), quoted(&new));
                advice.push(format!(
                    "{own} has both {column} and {new}; by rule, {column} means {new}"
                ));
            }
        }
    }
    advice
}

/// Whether names of a relation may have come of a rule.
fn gives(names: &NameRules, rule: &NameRule, relation: &TargetRelation) -> bool {
    let Some(table) = &rule.table else {
        return may_become(&rule.schema, &rule.change, &relation.schema);
    };
    if !may_be_schema(names, &rule.schema, &relation.schema) {
        return false;
    }
    match &rule.column {
        None => may_become(table, &rule.change, &relation.table),
        Some(column) => {
            may_be_table(names, (&rule.schema, table), relation)
                && relation.columns.iter().any(|name| may_become(column, &rule.change, name))
        }
    }
}

/// Whether a schema of the target may be one of these at the source.
fn may_be_schema(names: &NameRules, pattern: &NamePattern, target: &str) -> bool {
    let is_default = names.target_schema.as_deref() == Some(target);
    match pattern.literal() {
        Some(schema) => is_default || names.schema(&schema) == target,
        None => {
            let comes = |rule: &NameRule| may_become(&rule.schema, &rule.change, target);
            is_default || pattern.matches(target) || names.schemas.iter().any(comes)
        }
    }
}

/// Whether a table of the target may be one of these at the source.
fn may_be_table(
    names: &NameRules,
    (schema, table): (&NamePattern, &NamePattern),
    relation: &TargetRelation,
) -> bool {
    if let (Some(schema), Some(table)) = (schema.literal(), table.literal()) {
        return names.table(&schema, &table) == relation.table;
    }
    let comes = |rule: &NameRule| {
        let pattern = rule.table.as_ref();
        pattern.is_some_and(|pattern| may_become(pattern, &rule.change, &relation.table))
    };
    table.matches(&relation.table) || names.tables.iter().any(comes)
}

/// Whether a change may make `target` of a name that the pattern matches.
fn may_become(pattern: &NamePattern, change: &NameChange, target: &str) -> bool {
    let with =
        |front: &str, name: &str, behind: &str| pattern.matches(&format!("{front}{name}{behind}"));
    let stays = |is_changed: bool| !is_changed && pattern.matches(target);
    match change {
        NameChange::Rename(new) => new == target,
        NameChange::Lowercase | NameChange::Uppercase => {
            change.of(target) == target && pattern.matches_in_any_case(target)
        }
        NameChange::AddPrefix(prefix) => {
            target.strip_prefix(prefix.as_str()).is_some_and(|name| pattern.matches(name))
        }
        NameChange::AddSuffix(suffix) => {
            target.strip_suffix(suffix.as_str()).is_some_and(|name| pattern.matches(name))
        }
        NameChange::RemovePrefix(prefix) => {
            with(prefix, target, "") || stays(target.starts_with(prefix.as_str()))
        }
        NameChange::RemoveSuffix(suffix) => {
            with("", target, suffix) || stays(target.ends_with(suffix.as_str()))
        }
        NameChange::ReplacePrefix(old, new) => {
            target.strip_prefix(new.as_str()).is_some_and(|name| with(old, name, ""))
                || stays(target.starts_with(old.as_str()))
        }
        NameChange::ReplaceSuffix(old, new) => {
            target.strip_suffix(new.as_str()).is_some_and(|name| with("", name, old))
                || stays(target.ends_with(old.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mapping::name_rule;

    fn rule(names: &[&str], change: NameChange, origin: &str) -> NameRule {
        NameRule { origin: origin.to_owned(), ..name_rule(names, change) }
    }

    fn relation(schema: &str, table: &str, columns: &[&str]) -> TargetRelation {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        TargetRelation { schema: schema.to_owned(), table: table.to_owned(), columns }
    }

    #[test]
    fn rules_of_which_nothing_has_come_are_named() {
        let rename = |new: &str| NameChange::Rename(new.to_owned());
        let rules = vec![
            rule(&["HR"], rename("people"), "1"),
            rule(&["SALES"], rename("sales"), "2"),
            rule(&["HR", "EMP"], rename("staff"), "3"),
            rule(&["HR", "JOBS"], rename("jobs"), "4"),
            rule(&["HR", "TMP%"], NameChange::Lowercase, "5"),
            rule(&["HR", "D%"], NameChange::Lowercase, "6"),
            rule(&["HR", "EMP", "ID"], rename("emp_id"), "7"),
            rule(&["HR", "EMP", "NO"], rename("number"), "8"),
            rule(&["HR", "%", "X[_]%"], NameChange::Uppercase, "9"),
        ];
        let names = NameRules::new(Vec::new(), rules, None).unwrap();
        let relations =
            [relation("people", "staff", &["emp_id"]), relation("people", "dept", &["a"])];
        let idle = |number: u32| format!("{number} matches nothing of what is on the target");
        assert_eq!(advice_on_target(&names, &relations), [2, 4, 5, 8, 9].map(idle));
        assert_eq!(advice_on_target(&names, &[]), [""; 0]);
    }

    #[test]
    fn relations_and_columns_that_cannot_be_named_are_told() {
        let rules = vec![
            rule(&["%", "%"], NameChange::Lowercase, "1"),
            rule(&["%", "%", "%"], NameChange::Lowercase, "2"),
        ];
        let names = NameRules::new(Vec::new(), rules, None).unwrap();
        let relations = [
            relation("s", "EMP", &[]),
            relation("s", "emp", &["A", "a", "B"]),
            relation("t", "ALONE", &[]),
        ];
        assert_eq!(
            advice_on_target(&names, &relations),
            [
                r#"both "s"."EMP" and "s"."emp" are on the target; by rule, "s"."EMP" means "s"."emp""#,
                r#""s"."emp" has both "A" and "a"; by rule, "A" means "a""#,
            ]
        );
    }

    proptest! {
        /// Whatever a rule makes of a name it matches, it may have become that.
        #[test]
        fn what_a_rule_makes_may_have_come_of_it(name in "[a-cA-C_]{1,5}", kind in 0..9, part in "[a-cA-C_]{1,2}", other in "[a-c]{0,2}") {
            let (one, two) = (part.clone(), other);
            let change = match kind {
                0 => NameChange::Rename(one),
                1 => NameChange::Lowercase,
                2 => NameChange::Uppercase,
                3 => NameChange::AddPrefix(one),
                4 => NameChange::RemovePrefix(one),
                5 => NameChange::ReplacePrefix(one, two),
                6 => NameChange::AddSuffix(one),
                7 => NameChange::RemoveSuffix(one),
                _ => NameChange::ReplaceSuffix(one, two),
            };
            for pattern in [NamePattern::exact(&name), NamePattern::glob("%"), NamePattern::glob(&format!("{part}%"))] {
                if pattern.matches(&name) {
                    prop_assert!(may_become(&pattern, &change, &change.of(&name)));
                }
            }
        }
    }
}
