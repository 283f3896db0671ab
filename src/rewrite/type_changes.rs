//! What rows of the type mapping did to a text, by table and column. Reads; changes nothing.

use std::collections::HashMap;

use super::Rules;
use super::change::{By, Change, place_of};
use crate::ledger::{Place, Road};
use crate::statement::script::Script;
use crate::statement::{DefinedTable, DefinitionKind, Edit};
use crate::wire::printable;

/// Characters of a type that a sample shows.
const SHOWN_MAX: usize = 80;

/// One change for each type of a column, and one for the others of a rule and a road.
pub(super) fn type_changes(
    (script, sql): (&Script, &[u8]),
    edits: &[Edit],
    defined: &[DefinedTable],
    rules: &Rules<'_>,
) -> Vec<Change> {
    let places = column_places(defined);
    let mut changes: Vec<Change> = Vec::new();
    let mut indexes: HashMap<(Place, Option<String>), usize> = HashMap::new();
    for edit in edits {
        let at = edit.span.start;
        let is_behind = places.partition_point(|(from, _, _)| *from <= at);
        let column = is_behind.checked_sub(1).and_then(|index| places.get(index));
        let place = match column.filter(|(_, until, _)| at < *until) {
            Some((_, _, place)) => place.clone(),
            None if script.defines_at(at, sql) => Place { road: Road::Ddl, ..Place::default() },
            None => Place { road: Road::Query, ..Place::default() },
        };
        let rule = rules.policy.mapping.rule(edit.rule).map_or("", |rule| &rule.id);
        let place = Place { rule: rule.to_owned(), ..place };
        let sample = sample(sql, edit);
        let new = changes.len();
        let index = *indexes.entry((place.clone(), sample.clone())).or_insert(new);
        match changes.get_mut(index) {
            Some(change) => change.count += 1,
            None => changes.push(Change { place, by: By::Type(edit.rule), count: 1, sample }),
        }
    }
    changes
}

/// Where the types of columns stand, in order.
pub(super) fn column_places(defined: &[DefinedTable]) -> Vec<(usize, usize, Place)> {
    let mut places = Vec::new();
    for table in defined.iter().filter(|one| one.kind != DefinitionKind::NotTable) {
        let of_table = place_of(&table.name);
        for column in &table.columns {
            let place =
                Place { column: printable(&column.name), road: Road::Ddl, ..of_table.clone() };
            places.push((column.type_span.start, column.type_span.end, place));
        }
    }
    places.sort_by_key(|(from, _, _)| *from);
    places
}

/// `before -> after`. The texts of constants, such as the words of an ENUM, are left out.
fn sample(sql: &[u8], edit: &Edit) -> Option<String> {
    let written = printable(sql.get(edit.span.clone())?);
    let mut before = String::new();
    for (number, part) in written.split('\'').enumerate() {
        match number % 2 {
            0 => before.extend(part.chars().map(|c| if c.is_whitespace() { ' ' } else { c })),
            _ => before.push_str("'...'"),
        }
    }
    if before.chars().count() > SHOWN_MAX {
        before = before.chars().take(SHOWN_MAX).chain("...".chars()).collect();
    }
    Some(format!("{before} -> {}", edit.text))
}
