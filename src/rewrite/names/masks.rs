//! Columns whose values are masked: every value that a statement gives them has to be one that is masked for sure.
//! What is not is refused here; what becomes of the values is decided behind the names.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::constants::name_in;
use super::relations::Place;
use super::{Placed, Placing, RenamedText, Unplaced};
use crate::catalog::{Freshness, Need, Relation, Subject};
use crate::mapping::{ColumnMask, Mask};
use crate::rewrite::masks::MaskedTable;
use crate::statement::script::{Body, Statement};
use crate::statement::{Slot, SlotColumn, SlotValue, Write, WriteKind};
use crate::value::can_mask;

/// What to do about a value that cannot be masked for sure.
const PLAIN: &str = "Give the column constants, parameters or rows of COPY ... FROM STDIN, or mask the values \
                     yourself under SET dms.rewrite = off.";

/// A relation with masked columns that a statement writes to.
struct MaskedWrite<'w> {
    place: &'w Place,
    relation: Arc<Relation>,
    /// The last token of its name.
    token: u32,
    /// Columns of the target that are masked.
    found: Vec<(String, Mask)>,
}

impl RenamedText<'_> {
    /// Finds the columns whose values a statement gives and that are masked.
    pub(super) fn mask_columns(&mut self, statement: &Statement, at_hand: &Placing) -> Placed<()> {
        if !self.names.masks_any() {
            return Ok(());
        }
        self.check_filled_tables(statement, at_hand)?;
        let targets = at_hand.scopes.blocks.iter().filter_map(|block| block.target);
        let mut relations: Vec<u32> =
            targets.chain(at_hand.scopes.copied.iter().copied()).collect();
        relations.dedup();
        for number in relations {
            let place = at_hand.places.get(number as usize).and_then(Option::as_ref);
            let name = at_hand.scopes.names.get(number as usize);
            let (Some(place), Some(name)) = (place, name) else { continue };
            let (names, tokens) = (self.names, name.tokens.clone());
            let mut masks = names.masks_in(&place.source_schema, &place.source_table);
            let words = ["insert", "update", "merge", "copy"];
            let brings_rows = self.script.has_word(statement, self.sql, &words);
            if masks.next().is_none() || !brings_rows {
                continue;
            }
            let token = tokens.end.saturating_sub(1);
            if tokens.len() > 3 {
                return Err(self.unmasked(token, "is named with its database", "Name it without."));
            }
            let relation = self.masked_relation(place, token)?;
            let found = Vec::new();
            let mut write = MaskedWrite { place, relation, token, found };
            match &statement.body {
                Body::Write(body) if body.name_tokens() == tokens => {
                    self.mask_write(statement, body, &mut write)?;
                }
                Body::Copy(copy) => {
                    let listed = utf8(&copy.columns);
                    self.mask_list(&listed, &mut write)?;
                }
                _ => {
                    return Err(self.unmasked(
                        token,
                        "is written to in a way that is not followed",
                        PLAIN,
                    ));
                }
            }
            let MaskedWrite { relation, found, .. } = write;
            MaskedTable::add(&mut self.noted.masked, &relation, found);
        }
        Ok(())
    }

    /// Rows that a query brings into a new table have columns that no rule can be found for.
    fn check_filled_tables(&self, statement: &Statement, at_hand: &Placing) -> Placed<()> {
        for table in &at_hand.scopes.tables {
            let place = at_hand.places.get(table.relation as usize).and_then(Option::as_ref);
            let Some(place) = place.filter(|_| table.close.is_none()) else { continue };
            let mut masks = self.names.masks_in(&place.source_schema, &place.source_table);
            let is_filled = self.script.has_word(statement, self.sql, &["as", "into"]);
            if masks.next().is_some() && is_filled {
                let name = at_hand.scopes.names.get(table.relation as usize);
                let token = name.map_or(0, |name| name.tokens.end.saturating_sub(1));
                return Err(self.unmasked(token, "is filled by a query", PLAIN));
            }
        }
        Ok(())
    }

    /// What is known for sure of a relation with masked columns.
    fn masked_relation(&mut self, place: &Place, token: u32) -> Placed<Arc<Relation>> {
        if self.catalog.is_without_target() {
            let hint = "A session knows the types of its columns; load it through one.";
            return Err(self.unmasked(token, "is known to the target alone", hint));
        }
        let first = |statement: &Statement| {
            self.script.begins_with(statement, self.sql, &["create", "alter", "drop"])
        };
        if self.script.statements.iter().any(first) {
            let hint = "Send definitions in texts of their own, in front of the rows.";
            return Err(self.unmasked(token, "gets rows in a text that defines relations", hint));
        }
        let key = place.key();
        match self.catalog.relation(&key).filter(|_| self.catalog.is_exact(&key)) {
            None => {
                let freshness = Freshness::Exact;
                self.needs.push(Need { subject: Subject::Relation(key), freshness });
                Err(Unplaced::Ask)
            }
            Some(relation) if relation.is_missing() => {
                let span = self.script.token_span(token, self.sql);
                let message = format!("relation \"{}\" does not exist", place.target_table);
                Err(self.error("42P01", &span, message, "Values of it are masked."))
            }
            Some(relation) => Ok(Arc::clone(relation)),
        }
    }

    /// The masked columns of a list, or of all that the table has without one; the rule of each place in it.
    fn mask_list<'n>(
        &'n self,
        listed: &[String],
        write: &mut MaskedWrite<'_>,
    ) -> Placed<Vec<Option<&'n ColumnMask>>> {
        let (schema, table) = (&write.place.source_schema, &write.place.source_table);
        let mut rules = Vec::new();
        for source in listed {
            let rule = self.names.mask(schema, table, source);
            if let Some(rule) = rule {
                let target = write.place.column(self.names, source);
                self.mask_column(rule, target, write)?;
            }
            rules.push(rule);
        }
        if listed.is_empty() {
            let relation = Arc::clone(&write.relation);
            for column in relation.columns() {
                let target = &column.column.name;
                let rule = self.names.mask_of_target(schema, table, target).map_err(|rule| {
                    let what = format!("has columns that {} may mask", rule.origin);
                    self.unmasked(write.token, &what, "List the columns.")
                })?;
                if let Some(rule) = rule {
                    self.mask_column(rule, target.clone(), write)?;
                }
                rules.push(rule);
            }
        }
        Ok(rules)
    }

    fn mask_column(
        &self,
        rule: &ColumnMask,
        target: String,
        write: &mut MaskedWrite<'_>,
    ) -> Placed<()> {
        let at = write.relation.position(target.as_bytes());
        let column = at.and_then(|at| write.relation.columns().get(at));
        // A column that is not there is refused by the server.
        let Some(column) = column else { return Ok(()) };
        if !can_mask(rule.mask, column.column.type_oid) {
            let what =
                format!("has the column \"{target}\", whose type {} does not mask", rule.origin);
            let hint = "Strings are masked, and the digits of integers and numerics made random.";
            return Err(self.unmasked(write.token, &what, hint));
        }
        write.found.push((target, rule.mask));
        Ok(())
    }

    fn mask_write(
        &self,
        statement: &Statement,
        body: &Write,
        write: &mut MaskedWrite<'_>,
    ) -> Placed<()> {
        let (script, sql, token) = (self.script, self.sql, write.token);
        let is_odd = script.assigns_rows(statement, sql) || script.expands_rows(statement, sql);
        if !body.is_understood() || is_odd {
            return Err(self.unmasked(
                token,
                "is written to in a way that is not understood",
                PLAIN,
            ));
        }
        let listed: Vec<String> = utf8(&script.listed_columns(body, sql));
        let mut rules = Vec::new();
        if body.kind == WriteKind::Insert {
            rules = self.mask_list(&listed, write)?;
            let has_rows = script.inserts_rows(body, sql)
                && !script.has_word(statement, sql, &["union", "intersect", "except"]);
            if rules.iter().any(Option::is_some) && !has_rows {
                return Err(self.unmasked(token, "gets masked columns from a query", PLAIN));
            }
        }
        let (schema, table) = (&write.place.source_schema, &write.place.source_table);
        let mut given: Vec<(Slot, &ColumnMask)> = Vec::new();
        let mut is_by_place = false;
        script.slots(body, sql, &mut |slot| {
            let rule = match &slot.column {
                SlotColumn::Named(name) => std::str::from_utf8(name)
                    .ok()
                    .and_then(|name| self.names.mask(schema, table, name)),
                SlotColumn::Index(at) => {
                    is_by_place |= body.kind == WriteKind::Merge;
                    rules.get(*at).copied().flatten()
                }
            };
            given.extend(rule.map(|rule| (slot, rule)));
            ControlFlow::Continue(())
        });
        if is_by_place {
            return Err(self.unmasked(token, "is written to without a list", "List the columns."));
        }
        let uses = script.all_parameters(statement, sql);
        for (slot, rule) in &given {
            if let SlotColumn::Named(name) = &slot.column {
                let target =
                    write.place.column(self.names, std::str::from_utf8(name).unwrap_or_default());
                self.mask_column(rule, target, write)?;
            }
            let is_certain = match slot.value {
                SlotValue::Null | SlotValue::Default => true,
                SlotValue::String | SlotValue::Integer | SlotValue::Number => true,
                SlotValue::Parameter(number) => !body.is_prepare && uses.count(number) == 1,
                _ => self.is_excluded(slot),
            };
            if !is_certain {
                let what = format!("is given to a column that {} masks", rule.origin);
                return Err(self.value_refusal(slot.span.clone(), &what));
            }
        }
        Ok(())
    }

    /// Whether a value is that of the row that was to be inserted, of the same column: it is masked already.
    fn is_excluded(&self, slot: &Slot) -> bool {
        let SlotColumn::Named(name) = &slot.column else { return false };
        let core = self.sql.get(slot.core.clone()).unwrap_or_default();
        let parts = std::str::from_utf8(core).ok().and_then(name_in);
        match parts.as_deref() {
            Some([source, column]) => source == "excluded" && column.as_bytes() == &**name,
            _ => false,
        }
    }

    fn value_refusal(&self, span: Range<usize>, what: &str) -> Unplaced {
        self.error("0A000", &span, format!("a value that cannot be masked for sure {what}"), PLAIN)
    }

    fn unmasked(&self, token: u32, what: &str, hint: &str) -> Unplaced {
        let span = self.script.token_span(token, self.sql);
        let text = crate::wire::printable(self.sql.get(span.clone()).unwrap_or_default());
        let message = format!("the relation {text} has values that are masked, and it {what}");
        self.error("0A000", &span, message, hint)
    }
}

/// Names as texts; one that is none is in no rule.
fn utf8<B: AsRef<[u8]>>(names: &[B]) -> Vec<String> {
    let text = |name: &B| std::str::from_utf8(name.as_ref()).unwrap_or_default().to_owned();
    names.iter().map(text).collect()
}
