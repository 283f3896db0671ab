//! What tables get beside what their source has: columns and keys go into CREATE TABLE, and rows only into
//! tables that have them.
//!
//! An added column is a generated one, so its value is right on every way that rows come and change.

use std::ops::Range;

use super::relations::Place;
use super::{Placed, Placing, RenamedText, may_be_added_to};
use crate::mapping::{AddedColumn, AddedKey, AddedPart, ExpressionPiece, TableAddition};
use crate::parking::spelling::{quoted_identifier, quoted_literal};
use crate::statement::Replacement;
use crate::statement::scope::CreatedTable;
use crate::statement::script::Statement;

impl RenamedText<'_> {
    /// Puts columns and keys into the tables that a statement creates.
    pub(super) fn add_to_tables(&mut self, statement: &Statement, at_hand: &Placing) -> Placed<()> {
        for table in &at_hand.scopes.tables {
            let place = at_hand.places.get(table.relation as usize);
            let Some(place) = place.and_then(Option::as_ref) else { continue };
            self.noted.tables.push((place.target_schema.clone(), place.target_table.clone()));
            if table.is_plain {
                self.add_to_table(at_hand, *table, place)?;
            }
        }
        if at_hand.scopes.lost.is_none() || !at_hand.scopes.tables.is_empty() {
            return Ok(());
        }
        let (script, sql, names) = (self.script, self.sql, self.names);
        let mut concerned = script
            .name_tokens(statement, sql)
            .filter(|token| may_be_added_to(script, *token, sql, names));
        match concerned.next().filter(|_| script.creates_table(statement, sql)) {
            Some(token) => {
                let hint = "Rules add columns or keys to tables, and this definition is not \
                            understood. Send it with them under SET dms.rewrite = off.";
                Err(self.refusal(token, "may be a table that gets columns", hint))
            }
            None => Ok(()),
        }
    }

    fn add_to_table(
        &mut self,
        at_hand: &Placing,
        table: CreatedTable,
        place: &Place,
    ) -> Placed<()> {
        let names = self.names;
        let (schema, name) = (&place.source_schema, &place.source_table);
        let token = at_hand.scopes.names.get(table.relation as usize);
        let token = token.map_or(0, |name| name.tokens.end.saturating_sub(1));
        let (mut columns, mut key) = (Vec::new(), None);
        let (keeps_key, is_empty) = self.left_in(at_hand, table);
        for addition in names.additions_to(schema, name) {
            match &addition.adds {
                AddedPart::Column(column) => {
                    columns.push(self.column_definition(column, place, addition, token)?);
                }
                // Of several the one with the lowest rule-id counts.
                AddedPart::Key(defined) => drop(key.get_or_insert((addition, defined))),
            }
        }
        if let Some((addition, defined)) = key {
            if keeps_key && !defined.is_unique {
                let what = format!("has a primary key, and {} defines one", addition.origin);
                let hint = "Leave one of them out.";
                return Err(self.refusal(token, &what, hint));
            }
            columns.push(self.key_definition(defined, place, addition, token)?);
        }
        let Some(first) = names.additions_to(schema, name).next() else { return Ok(()) };
        let Some(close) = table.close else {
            let what = format!("gets columns or keys by {}", first.origin);
            let hint = "They can be put into a table only where its columns are listed with their \
                        types. Create it so, and insert the rows then.";
            return Err(self.refusal(token, &what, hint));
        };
        let at = self.script.token_span(close, self.sql).start;
        let comma = if is_empty { "" } else { ", " };
        let text = format!("{comma}{}", columns.join(", ")).into_bytes();
        self.replaced.push(Replacement { span: at..at, text });
        Ok(())
    }

    /// Whether a table has a primary key, and whether nothing is left of its list, without the columns that go.
    fn left_in(&self, at_hand: &Placing, table: CreatedTable) -> (bool, bool) {
        let is_inside = |tokens: &Range<u32>| table.close.is_none_or(|close| tokens.end <= close);
        let parts = at_hand.scopes.shapes.parts.iter().filter(|part| is_inside(&part.tokens));
        let kept = parts.filter(|part| !self.removed.holds(&self.tokens_span(&part.tokens)));
        let (mut keeps_key, mut is_empty) = (false, true);
        for part in kept {
            keeps_key |= part.has_key;
            is_empty = false;
        }
        (table.has_key && keeps_key, table.is_empty || is_empty)
    }

    /// A column of the source, of which something that is added is made, by its name on the target.
    fn column_of(
        &self,
        place: &Place,
        column: &str,
        addition: &TableAddition,
        token: u32,
    ) -> Placed<String> {
        match self.names.removal(&place.source_schema, &place.source_table, column) {
            None => Ok(quoted_identifier(&place.column(self.names, column))),
            Some(removal) => {
                let what = format!(
                    "gets something by {} of the column \"{column}\", which {} removes",
                    addition.origin, removal.origin
                );
                Err(self.refusal(token, &what, "Leave one of the two rules out."))
            }
        }
    }

    fn column_definition(
        &self,
        column: &AddedColumn,
        place: &Place,
        addition: &TableAddition,
        token: u32,
    ) -> Placed<String> {
        let type_name = self.rules.policy.mapping.type_of_dms(&column.data_type);
        let type_name = type_name.map_err(|reason| {
            let what = format!("gets a column by {}: {reason}", addition.origin);
            self.refusal(token, &what, "Give another data-type in the rule.")
        })?;
        let mut value = String::new();
        for piece in &column.value.pieces {
            value += &match piece {
                ExpressionPiece::Sql(text) => text.clone(),
                ExpressionPiece::Column(name) => self.column_of(place, name, addition, token)?,
                ExpressionPiece::SourceSchema => quoted_literal(&place.source_schema),
                ExpressionPiece::SourceTable => quoted_literal(&place.source_table),
                ExpressionPiece::TargetSchema => quoted_literal(&place.target_schema),
                ExpressionPiece::TargetTable => quoted_literal(&place.target_table),
            };
        }
        let lower = type_name.to_ascii_lowercase();
        let is_text = ["varchar", "char", "text"].iter().any(|word| lower.starts_with(word));
        if column.value.is_text && !is_text {
            value = format!("CAST({value} AS {type_name})");
        }
        let name = quoted_identifier(&column.name);
        Ok(format!("{name} {type_name} GENERATED ALWAYS AS ({value}) STORED"))
    }

    fn key_definition(
        &self,
        key: &AddedKey,
        place: &Place,
        addition: &TableAddition,
        token: u32,
    ) -> Placed<String> {
        let column = |name: &String| self.column_of(place, name, addition, token);
        let columns = key.columns.iter().map(column).collect::<Placed<Vec<String>>>()?;
        let kind = if key.is_unique { "UNIQUE" } else { "PRIMARY KEY" };
        let name = quoted_identifier(&key.name);
        Ok(format!("CONSTRAINT {name} {kind} ({})", columns.join(", ")))
    }

    /// Rows may not go into a table whose column would stay empty: somebody else has created it.
    pub(super) fn check_additions(
        &mut self,
        statement: &Statement,
        at_hand: &Placing,
    ) -> Placed<()> {
        let brings_none = self.script.begins_with(statement, self.sql, &["delete", "create"]);
        if brings_none || self.catalog.is_without_target() {
            return Ok(());
        }
        let targets = at_hand.scopes.blocks.iter().filter_map(|block| block.target);
        for relation in targets.chain(at_hand.scopes.copied.iter().copied()) {
            let place = at_hand.places.get(relation as usize).and_then(Option::as_ref);
            let Some(place) = place else { continue };
            let target = (&place.target_schema, &place.target_table);
            if self.noted.tables.iter().any(|(schema, table)| (schema, table) == target) {
                continue;
            }
            let names = self.names;
            for addition in names.additions_to(&place.source_schema, &place.source_table) {
                let AddedPart::Column(column) = &addition.adds else { continue };
                let Some(known) = self.catalog.relation(&place.key()) else {
                    let _ = self.need(place.key());
                    break;
                };
                let at = known.position(column.name.as_bytes());
                let found = at.and_then(|at| known.columns().get(at));
                let is_right = found.is_some_and(|found| found.is_generated);
                let is_temporary = known.schema.starts_with("pg_temp");
                if known.is_missing() || is_right || is_temporary {
                    continue;
                }
                let name = at_hand.scopes.names.get(relation as usize);
                let token = name.map_or(0, |name| name.tokens.end.saturating_sub(1));
                let what = format!(
                    "is a table without the column \"{}\" that {} adds",
                    column.name, addition.origin
                );
                let hint = "Create the table through the proxy, or add a generated column of this \
                            name.";
                return Err(self.refusal(token, &what, hint));
            }
        }
        Ok(())
    }
}
