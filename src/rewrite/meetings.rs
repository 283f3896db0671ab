//! Expressions that meet columns on other ways than as a plain value: what is cast so that the target takes it
//! for the column's type. Finds no meetings.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::compared::{column_of, compared, may_matter, may_meet, types_of};
use super::constant_types::{bytes, is_date};
use super::date_arrays::bad_date;
use super::parameters;
use super::text_relations::TextRelations;
use super::written::{Written, may_be_json_escape};
use super::{ReplacementReason, Rules};
use crate::catalog::{Freshness, Name, Relation, RelationColumn};
use crate::statement::script::{Body, Script};
use crate::statement::{
    Leaf, Meeting, MeetingKind, MetValue, Replacement, RowsSpan, timestamp_literal,
};
use crate::value::assignment::VARCHAR_37;
use crate::value::type_oid::{BIT, BYTEA, TEXT, TIMESTAMP, TIMESTAMPTZ, VARCHAR};
use crate::value::{Cast, Column, ValueKind, ValueRule, cast_for_assignment, cast_for_comparison};

/// The parameters of statements that write nothing.
pub(super) fn plan_queries(
    (script, sql): (&Script, &[u8]),
    declared: &[u32],
    known: &TextRelations<'_>,
    rules: &Rules<'_>,
    written: &mut Written,
) {
    for statement in &script.statements {
        if statement.body != Body::Other || !may_meet(script, statement, sql, declared) {
            continue;
        }
        let declared = &*types_of(script, statement, sql, declared);
        let mut elsewhere = script.all_parameters(statement, sql);
        let (name, uses) =
            compared((script, statement, sql), declared, known, None, &mut elsewhere);
        let found = name.and_then(|name| Some((known.relation(&name)?, name)));
        let Some((relation, name)) = found else { continue };
        let elsewhere = elsewhere.into_numbers();
        let planned = parameters::plan(&name, &relation, &uses, &elsewhere, declared, rules);
        match statement.is_prepare {
            true => written.infer_prepared((script, statement, sql), planned.as_deref()),
            false => written.parameters = planned,
        }
    }
}

/// Casts what meets a column of another type. `declared` are the types of parameters.
pub(super) fn plan(
    (script, sql): (&Script, &[u8]),
    declared: &[u32],
    known: &TextRelations<'_>,
    rules: &Rules<'_>,
    written: &mut Written,
) {
    let told = written.parameters.as_ref().and_then(|parameters| parameters.told_types());
    let told: Option<Box<[u32]>> = told.map(Into::into);
    for statement in &script.statements {
        if !may_meet(script, statement, sql, declared) {
            continue;
        }
        let mut plan =
            MeetingPlan { sql, known, rules, written, seen: HashSet::new(), rows: BTreeMap::new() };
        let types = types_of(script, statement, sql, told.as_deref().unwrap_or(declared));
        let told = plan.written.prepared.remove(&statement.span.start);
        for meeting in script.meetings(statement, sql, told.as_deref().unwrap_or(&types)) {
            plan.meet(&meeting);
        }
        plan.wrap_rows();
    }
}

/// What becomes of the expressions of one statement.
struct MeetingPlan<'p> {
    sql: &'p [u8],
    known: &'p TextRelations<'p>,
    rules: &'p Rules<'p>,
    written: &'p mut Written,
    /// Where expressions stand that are cast already.
    seen: HashSet<(usize, usize)>,
    /// By where they stand.
    rows: BTreeMap<(usize, usize), CastRows>,
}

/// Rows of which columns are cast, by their places.
struct CastRows {
    rows: Rc<RowsSpan>,
    casts: BTreeMap<usize, Cast>,
}

impl MeetingPlan<'_> {
    fn meet(&mut self, meeting: &Meeting) {
        let Some((name, relation, index)) = column_of(meeting, self.known) else { return };
        let Some(column) = relation.columns().get(index) else { return };
        let is_assigned = matches!(meeting.kind, MeetingKind::Slot | MeetingKind::Assigned);
        if is_assigned {
            self.note_json(meeting, column);
            self.dates(meeting, name, &relation, column);
        }
        if !may_matter(meeting) || column.is_generated && self.rules.policy.leaves_out_generated {
            return;
        }
        let cast = match (is_assigned, column.column.type_oid) {
            (true, BYTEA) if meeting.type_oid == BIT => {
                let lexing = self.rules.lexing;
                let spelled = self.respelled(meeting, |constant| bytes(constant, lexing));
                spelled.and_then(|()| cast_for_assignment(TEXT, &column.column))
            }
            (true, VARCHAR) if is_wide_timestamp(meeting, &column.column) => {
                if self.respelled(meeting, quoted_timestamp).is_some() {
                    self.note(name, &relation, column);
                }
                None
            }
            (true, _) => cast_for_assignment(meeting.type_oid, &column.column),
            (false, _) => {
                let elements = meeting.kind == MeetingKind::Elements;
                cast_for_comparison(meeting.type_oid, &column.column, elements)
            }
        };
        let Some(cast) = cast else { return };
        match &meeting.value {
            MetValue::Expression { span, .. } => {
                if !self.seen.insert((span.start, span.end)) {
                    return;
                }
                self.insert(span.start, cast.front.as_bytes());
                self.insert(span.end, cast.back.as_bytes());
            }
            MetValue::Rows(rows, index) => {
                let place = (rows.span.start, rows.span.end);
                let new = || CastRows { rows: Rc::clone(rows), casts: BTreeMap::new() };
                let known = self.rows.entry(place).or_insert_with(new);
                known.casts.entry(*index).or_insert(cast);
            }
        }
        self.note(name, &relation, column);
    }

    /// What was done is counted, and wants an exact answer.
    fn note(&mut self, name: &Name, relation: &Arc<Relation>, column: &RelationColumn) {
        let changes = &mut self.written.changes;
        changes.note(relation, column, ValueRule::TypeConverted, 1, None);
        if !self.known.is_exact(name) {
            self.written.wants_exact.relation(name, Freshness::Exact);
        }
    }

    /// Dates that do not exist, of which the policy makes others. What is nothing but a constant has been judged as
    /// that.
    fn dates(
        &mut self,
        meeting: &Meeting,
        name: &Name,
        relation: &Arc<Relation>,
        column: &RelationColumn,
    ) {
        let is_plain = matches!(meeting.value, MetValue::Expression { is_plain: true, .. });
        let is_judged = meeting.kind == MeetingKind::Slot && is_plain;
        let rules = self.rules;
        if is_judged || !is_date(column.column.type_oid) || !rules.policy.judges_values() {
            return;
        }
        for leaf in &*meeting.leaves {
            let (span, is_typed) = match leaf {
                Leaf::Text(constant) => (&constant.span, false),
                Leaf::Constant(span) => (span, true),
                Leaf::Parameter(_) => continue,
            };
            let written = self.sql.get(span.clone()).unwrap_or_default();
            let Some(bad) = bad_date(written, is_typed, &column.column, relation, rules) else {
                continue;
            };
            if self.seen.insert((span.start, span.end)) {
                self.written.replace(span.clone(), &bad.text, bad.reason());
                self.written.changes.note(relation, column, bad.rule, 1, bad.sample);
                if !self.known.is_exact(name) {
                    self.written.wants_exact.relation(name, Freshness::Exact);
                }
            }
        }
    }

    /// JSON that a column gets may hold escapes that are mended.
    fn note_json(&mut self, meeting: &Meeting, column: &RelationColumn) {
        if !matches!(column.column.kind(), ValueKind::Json | ValueKind::JsonArray) {
            return;
        }
        for leaf in &*meeting.leaves {
            match leaf {
                Leaf::Parameter(number) => self.written.json_parameters.push(*number),
                Leaf::Text(constant) if may_be_json_escape(self.sql, constant, self.rules) => {
                    self.written.json_constants.push(constant.clone());
                }
                Leaf::Text(_) | Leaf::Constant(_) => {}
            }
        }
    }

    /// Spells all constants anew whose values reach the column; `None` where there are others, or something else.
    fn respelled(
        &mut self,
        meeting: &Meeting,
        spell: impl Fn(&[u8]) -> Option<String>,
    ) -> Option<()> {
        let mut spelled: Vec<(Range<usize>, String)> = Vec::new();
        for leaf in meeting.leaves.iter().filter(|_| meeting.is_of_leaves) {
            match leaf {
                Leaf::Constant(span) => {
                    let constant = self.sql.get(span.clone()).unwrap_or_default();
                    spelled.push((span.clone(), spell(constant)?));
                }
                Leaf::Text(_) => {}
                Leaf::Parameter(_) => return None,
            }
        }
        let is_any = !spelled.is_empty();
        for (span, text) in spelled {
            if self.seen.insert((span.start, span.end)) {
                let replacement = Replacement { span, text: text.into_bytes() };
                let reason = ReplacementReason::Rule(ValueRule::TypeConverted.name());
                self.written.replaced.push((replacement, reason));
            }
        }
        is_any.then_some(())
    }

    fn insert(&mut self, at: usize, text: &[u8]) {
        let replacement = Replacement { span: at..at, text: text.to_vec() };
        let reason = ReplacementReason::Rule(ValueRule::TypeConverted.name());
        self.written.replaced.push((replacement, reason));
    }

    /// Rows of which columns are cast become those of a query around them.
    fn wrap_rows(&mut self) {
        for CastRows { rows, casts } in std::mem::take(&mut self.rows).into_values() {
            let mut front =
                if rows.is_function { b"(SELECT ".to_vec() } else { b"SELECT ".to_vec() };
            let mut names = Vec::new();
            for (index, name) in rows.names.iter().enumerate() {
                if index > 0 {
                    front.extend(b", ");
                    names.extend(b", ");
                }
                let inner = format!("c{}", index + 1);
                match casts.get(&index) {
                    Some(cast) => {
                        front.extend(format!("{}{inner}{}", cast.front, cast.back).bytes())
                    }
                    None => front.extend(inner.bytes()),
                }
                if !name.is_empty() {
                    front.extend(b" AS \"");
                    front.extend(doubled(name));
                    front.extend(b"\"");
                }
                names.extend(inner.bytes());
            }
            front.extend(if rows.is_function { &b" FROM "[..] } else { b" FROM (" });
            let close = if rows.is_function { "" } else { ")" };
            let mut back = format!("{close} AS dms_rows (").into_bytes();
            back.extend(names);
            back.extend(if rows.is_function { &b"))"[..] } else { b")" });
            self.insert(rows.span.start, &front);
            self.insert(rows.span.end, &back);
        }
    }
}

/// Whether digits of seconds would be rounded on their way into a text.
fn is_wide_timestamp(meeting: &Meeting, column: &Column) -> bool {
    let is_slot = match (&meeting.value, meeting.leaves.as_slice()) {
        // It has been spelled anew as the constant that it is.
        (MetValue::Expression { span, .. }, [Leaf::Constant(leaf)]) => {
            meeting.kind == MeetingKind::Slot && span == leaf
        }
        _ => false,
    };
    let is_wide = column.modifier == VARCHAR_37 && !is_slot;
    is_wide && matches!(meeting.type_oid, TIMESTAMP | TIMESTAMPTZ)
}

/// The string that stands for a typed timestamp.
fn quoted_timestamp(constant: &[u8]) -> Option<String> {
    let (text, _) = timestamp_literal(constant)?;
    Some(format!(" '{}'", std::str::from_utf8(text).ok()?))
}

/// A name between its quotes.
fn doubled(name: &[u8]) -> impl Iterator<Item = u8> + '_ {
    name.iter().flat_map(|byte| {
        let times = if *byte == b'"' { 2 } else { 1 };
        std::iter::repeat_n(*byte, times)
    })
}
