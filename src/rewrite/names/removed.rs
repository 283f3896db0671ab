//! Columns that do not reach the target: they vanish from definitions, lists and rows. Certain or refused: where
//! a statement uses one in any other way, or uses the places of columns, it is an error.

use std::collections::HashMap;
use std::ops::Range;

use super::relations::Place;
use super::unlisted::UnlistedInsert;
use super::{Placed, Placing, RenamedText, Unplaced};
use crate::ledger;
use crate::mapping::ColumnRemoval;
use crate::parking::spelling::quoted_identifier;
use crate::rewrite::change::{Change, REMOVED_RULE};
use crate::statement::scope::{NameRole, PartKind};
use crate::statement::script::{Body, Script, Statement};
use crate::statement::{RemovedParts, Replacement};

/// What a statement becomes of which nothing is left: it does nothing wherever it stands.
const NOTHING: &[u8] = b"UNLISTEN dms_proxy_nothing";

/// The fields of a COPY that go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedFields {
    /// The COPY of the text, counted from 0.
    pub copy: usize,
    /// The places of its columns that go, in order.
    pub places: Vec<usize>,
    /// How many columns it lists.
    pub listed: usize,
}

/// What goes from the statements of a text.
#[derive(Debug, Default)]
pub(super) struct RemovedHere {
    /// The bytes of the statement at hand that go.
    gone: Vec<Range<usize>>,
    /// Fields of COPYs, by the numbers of their statements.
    fields: HashMap<usize, (Vec<usize>, usize)>,
    /// Tags of statements of which nothing is left, by their numbers.
    pub(super) tags: Vec<(usize, &'static str)>,
    /// Columns, each once a statement: of the target's table, by the name of the source.
    columns: Vec<Change>,
    /// Constraints, indexes and comments that go with columns.
    pub(super) dependents: u64,
}

impl RemovedHere {
    /// Whether bytes go.
    pub(super) fn holds(&self, span: &Range<usize>) -> bool {
        self.gone.iter().any(|gone| gone.start <= span.start && span.end <= gone.end)
    }

    /// What was done, for counts and the ledger.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.columns)
    }

    /// The fields of each COPY that go.
    pub(super) fn take_fields(&mut self, script: &Script) -> Vec<RemovedFields> {
        let statements = script.statements.iter().enumerate();
        let copies = statements.filter(|(_, one)| matches!(one.body, Body::Copy(_)));
        let mut fields = std::mem::take(&mut self.fields);
        let found = copies.enumerate().filter_map(|(copy, (number, _))| {
            let (places, listed) = fields.remove(&number)?;
            Some(RemovedFields { copy, places, listed })
        });
        found.collect()
    }
}

impl RenamedText<'_> {
    /// Takes the columns out of a statement that do not reach the target.
    pub(super) fn remove_columns(
        &mut self,
        statement: &Statement,
        number: usize,
        at_hand: &Placing,
    ) -> Placed<()> {
        self.removed.gone.clear();
        let concerned = |place: &Place| self.removal_from(place).is_some();
        if !at_hand.places.iter().flatten().any(concerned) {
            return Ok(());
        }
        if let Some(lost) = at_hand.scopes.lost {
            let hint = "Rules remove columns of a relation of the statement, which is not understood from \
                        here on.";
            return Err(self.refusal(lost, "cannot be placed", hint));
        }
        let unlisted = self.unlisted_insert(statement, number, at_hand)?;
        self.check_places(statement, at_hand, unlisted.as_ref())?;
        let goes = self.removed_names(at_hand)?;
        self.remove_parts(statement, number, at_hand, &goes)?;
        match &statement.body {
            Body::Write(_) if !goes.is_empty() || unlisted.is_some() => {
                self.remove_values(statement, at_hand, &goes, unlisted.as_ref())?;
            }
            Body::Copy(_) if !goes.is_empty() => self.remove_fields(statement, number, &goes)?,
            _ => {}
        }
        for (token, origin) in goes {
            if !self.removed.holds(&self.script.token_span(token, self.sql)) {
                return Err(self.uses_removed(token, &origin));
            }
            self.note_removed(token, at_hand)?;
        }
        Ok(())
    }

    /// The first rule by which a relation loses columns.
    pub(super) fn removal_from(&self, place: &Place) -> Option<&ColumnRemoval> {
        self.names.removals_from(&place.source_schema, &place.source_table).next()
    }

    /// The error for a column that does not reach the target.
    pub(super) fn uses_removed(&self, token: u32, origin: &str) -> Unplaced {
        let hint = "The target has no such column, so the statement would mean something else. Leave \
                    the column out of it.";
        self.refusal(token, &format!("is a column that {origin} removes"), hint)
    }

    /// The tokens of names by which columns are written or defined that go, with the rules.
    fn removed_names(&mut self, at_hand: &Placing) -> Placed<HashMap<u32, String>> {
        let mut goes = HashMap::new();
        for (number, name) in at_hand.scopes.names.iter().enumerate() {
            let relation = match name.role {
                NameRole::ColumnOf(relation) | NameRole::NewColumnOf(relation) => relation as usize,
                NameRole::RelationColumn => number,
                _ => continue,
            };
            let Some(Some(place)) = at_hand.places.get(relation) else { continue };
            if self.removal_from(place).is_none() {
                continue;
            }
            let token = name.tokens.end.saturating_sub(1);
            let column = self.part(token)?;
            let removal = self.names.removal(&place.source_schema, &place.source_table, &column);
            if let Some(removal) = removal {
                goes.insert(token, removal.origin.clone());
            }
        }
        Ok(goes)
    }

    fn note_removed(&mut self, token: u32, at_hand: &Placing) -> Placed<()> {
        let names = at_hand.scopes.names.iter().enumerate();
        let mut found = names.filter(|(_, name)| name.tokens.end == token + 1);
        let Some((number, name)) = found.next() else { return Ok(()) };
        let relation = match name.role {
            NameRole::ColumnOf(relation) | NameRole::NewColumnOf(relation) => relation as usize,
            _ => number,
        };
        let column = self.part(token)?;
        self.note_gone(column, relation, at_hand);
        Ok(())
    }

    fn note_gone(&mut self, column: String, relation: usize, at_hand: &Placing) {
        let Some(Some(place)) = at_hand.places.get(relation) else { return };
        let at = ledger::Place {
            schema: place.target_schema.clone(),
            table: place.target_table.clone(),
            column,
            rule: REMOVED_RULE.to_owned(),
            ..ledger::Place::default()
        };
        if !self.removed.columns.iter().any(|change| change.place == at) {
            self.removed.columns.push(Change::of_removed(at));
        }
    }

    fn go(&mut self, span: Range<usize>, text: Vec<u8>) {
        self.removed.gone.push(span.clone());
        self.replaced.push(Replacement { span, text });
    }

    /// Takes columns out of definitions, with the constraints, indexes and comments that name them.
    fn remove_parts(
        &mut self,
        statement: &Statement,
        number: usize,
        at_hand: &Placing,
        goes: &HashMap<u32, String>,
    ) -> Placed<()> {
        let parts = &at_hand.scopes.shapes.parts;
        let mut first = 0;
        while let Some(part) = parts.get(first) {
            // The parts of a list stand one behind the other, but for lists inside of them.
            let list: Vec<_> =
                parts.iter().skip(first).take_while(|other| other.list == part.list).collect();
            first += list.len();
            let mut gone = Vec::new();
            for (at, part) in list.iter().enumerate() {
                let is_gone = match part.kind {
                    PartKind::Like => false,
                    PartKind::Column(name) | PartKind::ChangedColumn(name) => {
                        goes.contains_key(&name)
                    }
                    PartKind::Constraint | PartKind::AddedConstraint | PartKind::Whole(_) => {
                        let names = self.names_removed(&part.tokens, at_hand, goes)?;
                        self.removed.dependents += u64::from(names);
                        names
                    }
                };
                if is_gone {
                    gone.push(at);
                }
            }
            let Some(last) = list.get(gone.last().copied().unwrap_or(usize::MAX)) else { continue };
            let tag = match last.kind {
                PartKind::Whole(tag) => Some(tag),
                PartKind::ChangedColumn(_) | PartKind::AddedConstraint => {
                    let is_table = self.script.begins_with(statement, self.sql, &["alter"])
                        && self.script.alters_table(statement, self.sql);
                    (is_table && gone.len() == list.len()).then_some("ALTER TABLE")
                }
                PartKind::Column(_) | PartKind::Constraint | PartKind::Like => None,
            };
            if let Some(tag) = tag {
                self.go(statement.span.clone(), NOTHING.to_vec());
                self.removed.tags.push((number, tag));
                continue;
            }
            let spans: Vec<_> = list.iter().map(|part| self.tokens_span(&part.tokens)).collect();
            for span in Script::without_parts(&spans, &gone) {
                self.go(span, Vec::new());
            }
        }
        Ok(())
    }

    pub(super) fn tokens_span(&self, tokens: &Range<u32>) -> Range<usize> {
        let last = self.script.token_span(tokens.end.saturating_sub(1), self.sql);
        self.script.token_span(tokens.start, self.sql).start..last.end
    }

    /// Whether some tokens name a column that goes.
    fn names_removed(
        &self,
        tokens: &Range<u32>,
        at_hand: &Placing,
        goes: &HashMap<u32, String>,
    ) -> Placed<bool> {
        if goes.keys().any(|token| tokens.contains(token)) {
            return Ok(true);
        }
        for (number, name) in at_hand.scopes.names.iter().enumerate() {
            if name.role != NameRole::Column || !tokens.contains(&name.tokens.start) {
                continue;
            }
            let parts: Vec<u32> = name.tokens.clone().step_by(2).collect();
            let Some((last, qualifier)) = parts.split_last() else { continue };
            let column = self.part(*last)?;
            let found = match qualifier {
                [] => self.bare(at_hand, name.block, number, &column)?,
                _ => self.qualified(at_hand, name.block, qualifier, &column)?,
            };
            if found.removed.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes values out of an INSERT, UPDATE or MERGE.
    fn remove_values(
        &mut self,
        statement: &Statement,
        at_hand: &Placing,
        goes: &HashMap<u32, String>,
        unlisted: Option<&UnlistedInsert>,
    ) -> Placed<()> {
        let is_gone = |token: u32| goes.contains_key(&token);
        let places = unlisted.map(|unlisted| unlisted.gone.as_slice()).unwrap_or_default();
        let parts = self.script.removed_parts(statement, self.sql, &is_gone, places);
        let Some(parts) = parts else {
            if let Some(unlisted) = unlisted {
                return Err(self.without_list(at_hand, unlisted.relation()));
            }
            let Some((token, origin)) = goes.iter().min_by_key(|(token, _)| **token) else {
                return Ok(());
            };
            let what =
                format!("is a column that {origin} removes, with values that cannot be told");
            let hint = "Leave the column out of the statement, or give its values one by one, in \
                        VALUES or as plain items of a SELECT, beside those of others.";
            return Err(self.refusal(*token, &what, hint));
        };
        if let (Some(unlisted), Some((at, count))) = (unlisted, parts.unlisted) {
            let Some(text) = unlisted.list(count, at_hand, self) else {
                return Err(self.without_list(at_hand, unlisted.relation()));
            };
            self.replaced.push(Replacement { span: at..at, text });
            for column in unlisted.removed(count) {
                self.note_gone(column.clone(), unlisted.relation() as usize, at_hand);
            }
        }
        self.keep_parameters(&parts, at_hand)?;
        for span in &parts.emptied {
            let text = self.unchanged(statement, span, at_hand)?;
            self.go(span.clone(), text);
        }
        for span in parts.spans {
            self.go(span, Vec::new());
        }
        Ok(())
    }

    /// An assignment that changes nothing, in the place of those that go: the rows and triggers are those
    /// of the statement.
    fn unchanged(
        &mut self,
        statement: &Statement,
        span: &Range<usize>,
        at_hand: &Placing,
    ) -> Placed<Vec<u8>> {
        let Body::Write(write) = &statement.body else { return Ok(Vec::new()) };
        let target = at_hand.scopes.blocks.iter().find_map(|block| Some((block, block.target?)));
        let place = |relation: u32| at_hand.places.get(relation as usize)?.as_ref();
        let Some((block, place)) = target.and_then(|(block, at)| Some((block, place(at)?))) else {
            return Ok(Vec::new());
        };
        let Some(known) = self.catalog.relation(&place.key()) else {
            return Err(self.need(place.key()));
        };
        let stays = |column: &&crate::catalog::RelationColumn| {
            !column.is_generated && !column.is_identity_always
        };
        let Some(column) = known.columns().iter().find(stays) else {
            let message = "nothing but columns that rules remove are set".to_owned();
            return Err(self.error("0A000", span, message, "Leave the statement out."));
        };
        let has_alias = block.sources.first().is_some_and(|source| source.alias.is_some());
        let table = match has_alias {
            true => self.script.target_name(write, self.sql).to_vec(),
            false => quoted_identifier(&place.target_table).into_bytes(),
        };
        let column = quoted_identifier(&column.column.name).into_bytes();
        Ok([&column, &b" = "[..], &table, b".", &column].concat())
    }

    /// Parameters of what goes keep their numbers and types: a query that is never executed names them.
    fn keep_parameters(&mut self, parts: &RemovedParts, at_hand: &Placing) -> Placed<()> {
        let mut items = Vec::new();
        for lost in &parts.lost {
            let text = self.sql.get(lost.span.clone()).unwrap_or_default();
            for name in &at_hand.scopes.names {
                let span = self.tokens_span(&name.tokens);
                let is_inside = lost.span.contains(&span.start);
                let is_known = name.tokens.len() == 1
                    && matches!(name.role, NameRole::InSchema | NameRole::Other);
                if is_inside && !is_known {
                    let what = "stands beside a parameter in a value that is removed";
                    let hint = "Give the column a parameter or a constant, or leave it out.";
                    return Err(self.refusal(name.tokens.start, what, hint));
                }
            }
            items.push(match lost.is_bare {
                true => [text, b"::text"].concat(),
                false => [b"(", text, b")"].concat(),
            });
        }
        if items.is_empty() {
            return Ok(());
        }
        let query =
            [b"dms_proxy_removed AS (SELECT ", items.join(&b", "[..]).as_slice(), b")"].concat();
        let text = match parts.has_with {
            true => [&query, &b", "[..]].concat(),
            false => [b"WITH ", query.as_slice(), b" "].concat(),
        };
        self.replaced.push(Replacement { span: parts.with_at..parts.with_at, text });
        Ok(())
    }

    /// Takes columns out of the list of a COPY, and notes which fields of its rows go.
    fn remove_fields(
        &mut self,
        statement: &Statement,
        number: usize,
        goes: &HashMap<u32, String>,
    ) -> Placed<()> {
        let Body::Copy(copy) = &statement.body else { return Ok(()) };
        let starts: Vec<usize> =
            goes.keys().map(|token| self.script.token_span(*token, self.sql).start).collect();
        let spans = copy.column_spans.iter().enumerate();
        let gone: Vec<usize> = spans
            .filter(|(_, span)| starts.contains(&span.start))
            .map(|(place, _)| place)
            .collect();
        let listed = copy.column_spans.len();
        if gone.is_empty() || gone.len() == listed {
            return Ok(());
        }
        for span in Script::without_parts(&copy.column_spans, &gone) {
            self.go(span, Vec::new());
        }
        self.removed.fields.insert(number, (gone, listed));
        Ok(())
    }
}
