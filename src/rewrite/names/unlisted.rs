//! INSERT without a list of columns into tables that lose some: which columns its values are for, where the session
//! has created the table, and what texts say of that. Certain or refused; sends and asks nothing itself.

use super::relations::Place;
use super::{Placed, Placing, RenamedText, Unplaced, are_ruled, is_concerned};
use crate::catalog::{Catalog, Freshness, Need, OrderChange, OrderedTable, Subject};
use crate::parking::spelling::quoted_identifier;
use crate::rewrite::Rules;
use crate::statement::WriteKind;
use crate::statement::scope::{NameRole, PartKind, Scopes};
use crate::statement::script::{Body, Script, Statement};

/// The columns of an INSERT without a list.
pub(super) struct UnlistedInsert {
    /// What the source calls them, in its order.
    columns: Vec<String>,
    /// The places of those that go.
    pub(super) gone: Vec<usize>,
    /// The number of the relation's name.
    relation: u32,
}

impl UnlistedInsert {
    /// The list for rows with this many values; `None` where the table has no column for each.
    pub(super) fn list(
        &self,
        count: usize,
        at_hand: &Placing,
        text: &RenamedText<'_>,
    ) -> Option<Vec<u8>> {
        let place = at_hand.places.get(self.relation as usize)?.as_ref()?;
        let columns = self.columns.get(..count)?.iter().enumerate();
        let kept = columns.filter(|(at, _)| !self.gone.contains(at));
        let names: Vec<String> =
            kept.map(|(_, column)| quoted_identifier(&place.column(text.names, column))).collect();
        Some(format!(" ({})", names.join(", ")).into_bytes())
    }

    /// The columns that go from rows with this many values.
    pub(super) fn removed(&self, count: usize) -> impl Iterator<Item = &String> {
        let gone = self.gone.iter().filter(move |at| **at < count);
        gone.filter_map(|at| self.columns.get(*at))
    }

    /// The relation, by the number of its name.
    pub(super) fn relation(&self) -> u32 {
        self.relation
    }
}

fn key_of(place: &Place) -> OrderedTable {
    let schema = place.is_qualified.then(|| place.source_schema.clone());
    (schema, place.source_table.clone())
}

impl RenamedText<'_> {
    /// The columns of an INSERT without a list, where they are certain.
    pub(super) fn unlisted_insert(
        &mut self,
        statement: &Statement,
        number: usize,
        at_hand: &Placing,
    ) -> Placed<Option<UnlistedInsert>> {
        let Body::Write(write) = &statement.body else { return Ok(None) };
        let [relation] = at_hand.scopes.shapes.unlisted.as_slice() else { return Ok(None) };
        let name = at_hand.scopes.names.get(*relation as usize);
        let place = at_hand.places.get(*relation as usize).and_then(Option::as_ref);
        let (Some(name), Some(place)) = (name, place) else { return Ok(None) };
        let is_its_own = write.kind == WriteKind::Insert && write.name_tokens() == name.tokens;
        let (schema, table) = (&place.source_schema, &place.source_table);
        let is_masked = self.names.masks_in(schema, table).next().is_some();
        let mut before = self.script.statements.iter().take(number);
        if !is_its_own || is_masked || before.any(may_change_orders) {
            return Ok(None);
        }
        let Some(columns) = self.catalog.column_order(&key_of(place)) else { return Ok(None) };
        let columns = columns.to_vec();
        let goes = |column: &str| self.names.removal(schema, table, column).is_some();
        let gone: Vec<usize> = (0..columns.len())
            .filter(|at| columns.get(*at).is_some_and(|column| goes(column)))
            .collect();
        let kept = columns.iter().filter(|column| !goes(column));
        let kept: Vec<String> = kept.map(|column| place.column(self.names, column)).collect();
        let is_certain = !gone.is_empty() && self.has_columns(place, &kept)?;
        Ok(is_certain.then_some(UnlistedInsert { columns, gone, relation: *relation }))
    }

    /// Whether the target's table has these columns and, behind them, none but generated ones.
    fn has_columns(&mut self, place: &Place, columns: &[String]) -> Placed<bool> {
        if self.catalog.is_without_target() {
            return Ok(true);
        }
        let key = place.key();
        let Some(known) = self.catalog.relation(&key).filter(|_| self.catalog.is_exact(&key))
        else {
            let freshness = Freshness::Exact;
            self.needs.push(Need { subject: Subject::Relation(key), freshness });
            return Err(Unplaced::Ask);
        };
        let names = known.columns().iter().map(|column| &column.column.name);
        let behind = known.columns().iter().skip(columns.len());
        Ok(known.columns().len() >= columns.len()
            && names.zip(columns).all(|(known, column)| known == column)
            && behind.into_iter().all(|column| column.is_generated))
    }
}

fn may_change_orders(statement: &Statement) -> bool {
    let effects = statement.effects;
    effects.changes_relations() || effects.touches_settings() || effects.ends_transaction()
}

/// What a text says of the columns of tables that lose some. What is sent by the extended protocol may never be
/// executed, so it creates nothing.
pub fn order_changes(
    script: &Script,
    sql: &[u8],
    rules: &Rules<'_>,
    catalog: &Catalog,
    is_extended: bool,
) -> Vec<OrderChange> {
    if !are_ruled(rules) || !rules.policy.names.removes_any() {
        return Vec::new();
    }
    let mut changes = Vec::new();
    let mut text = RenamedText::new(script, sql, rules, catalog);
    for statement in script.statements.iter().filter(|statement| may_change_orders(statement)) {
        let begins = |words: &[&str]| script.begins_with(statement, sql, words);
        let defines = begins(&["create", "alter"]);
        if defines && !is_concerned(script, statement, sql, text.names) {
            continue;
        }
        if begins(&["create"]) {
            let scopes = script.scopes(statement, sql);
            changes.extend(text.created(statement, scopes, is_extended));
        } else if begins(&["commit", "end", "set", "reset", "select"]) {
            changes.push(OrderChange::ForgetUnqualified);
        } else if begins(&["alter"]) {
            let scopes = script.scopes(statement, sql);
            match script.has_word(statement, sql, &["rename", "schema"]) {
                true => changes.push(OrderChange::ForgetAll),
                false => changes.extend(text.altered(scopes)),
            }
        } else if !begins(&["comment", "grant", "revoke"]) {
            changes.push(OrderChange::ForgetAll);
        }
    }
    changes
}

impl RenamedText<'_> {
    /// What CREATE says.
    fn created(
        &mut self,
        statement: &Statement,
        scopes: Scopes,
        is_extended: bool,
    ) -> Vec<OrderChange> {
        let Some(at_hand) = self.placing_of(scopes) else { return vec![OrderChange::ForgetAll] };
        let mut changes = Vec::new();
        for table in &at_hand.scopes.tables {
            let Some(Some(place)) = at_hand.places.get(table.relation as usize) else { continue };
            let key = key_of(place);
            let words = ["exists", "temporary", "temp", "inherits", "like"];
            let is_plain = table.close.is_some() && at_hand.scopes.shapes.shaped.is_empty();
            let is_certain = is_plain
                && !is_extended
                && at_hand.scopes.tables.len() == 1
                && !self.script.has_word(statement, self.sql, &words);
            let columns = is_certain.then(|| self.defined(&at_hand)).flatten();
            changes.push(match columns {
                Some(columns) => OrderChange::Created(key, columns),
                None => OrderChange::Forget(key),
            });
        }
        changes
    }

    /// The columns that a CREATE TABLE lists.
    fn defined(&self, at_hand: &Placing) -> Option<Vec<String>> {
        let mut columns = Vec::new();
        for part in &at_hand.scopes.shapes.parts {
            match part.kind {
                PartKind::Column(token) => columns.push(self.part(token).ok()?),
                PartKind::Constraint => {}
                _ => return None,
            }
        }
        Some(columns)
    }

    /// What ALTER says that renames nothing: a change of columns shows on the target, but for those that go.
    fn altered(&mut self, scopes: Scopes) -> Vec<OrderChange> {
        let Some(at_hand) = self.placing_of(scopes) else { return vec![OrderChange::ForgetAll] };
        let mut changes = Vec::new();
        for name in &at_hand.scopes.names {
            let (NameRole::ColumnOf(relation) | NameRole::NewColumnOf(relation)) = name.role else {
                continue;
            };
            let Some(Some(place)) = at_hand.places.get(relation as usize) else { continue };
            let (schema, table) = (&place.source_schema, &place.source_table);
            let column = self.part(name.tokens.start);
            let goes = |column: &String| self.names.removal(schema, table, column).is_some();
            if column.as_ref().map_or(true, goes) {
                changes.push(OrderChange::Forget(key_of(place)));
            }
        }
        changes
    }

    /// The relations of a statement, where they can be told.
    fn placing_of(&mut self, scopes: Scopes) -> Option<Placing> {
        if scopes.lost.is_some() {
            return None;
        }
        let mut at_hand = Placing::new(scopes);
        self.place_relations(&mut at_hand).ok()?;
        Some(at_hand)
    }
}
