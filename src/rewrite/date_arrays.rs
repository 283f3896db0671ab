//! Dates that do not exist, as elements of ARRAY constructors and as constants that reach a column on other ways than
//! as its value. Knows spellings; finds neither columns nor constants.

use std::ops::Range;

use super::constant_types::{date_text, is_date};
use super::{ReplacementReason, Rules};
use crate::catalog::Relation;
use crate::statement::{array_elements, cast_constant, quoted_text};
use crate::value::type_oid::{DATE, TIMESTAMP};
use crate::value::{Column, Findings, ValueRule, Verdict};

/// A date that gives way.
pub(super) struct BadDate {
    /// Where it stands in the expression.
    pub(super) span: Range<usize>,
    pub(super) text: Vec<u8>,
    pub(super) rule: ValueRule,
    /// What was found, where that is shown.
    pub(super) sample: Option<String>,
}

impl BadDate {
    pub(super) fn reason(&self) -> ReplacementReason {
        ReplacementReason::Rule(self.rule.name())
    }
}

/// The elements of an expression that goes into a column whose elements are dates, and of which the policy makes
/// another value. Each keeps a type, on which that of the array may depend.
pub(super) fn bad_elements(
    core: &[u8],
    column: &Column,
    relation: &Relation,
    rules: &Rules<'_>,
) -> Vec<BadDate> {
    if !is_date(column.element_oid) {
        return Vec::new();
    }
    let type_oid = column.element_oid;
    // An element takes NULL whatever the column takes.
    let element = Column { type_oid, element_oid: 0, is_nullable: true, ..column.clone() };
    let bad = |span: Range<usize>| {
        let written = core.get(span.clone())?;
        let bad = bad_date(written, true, &element, relation, rules)?;
        Some(BadDate { span, ..bad })
    };
    array_elements(core).into_iter().filter_map(bad).collect()
}

/// A constant that goes into a column of dates, if the policy makes another value of it; `is_typed` says that it has
/// to keep its type.
pub(super) fn bad_date(
    written: &[u8],
    is_typed: bool,
    column: &Column,
    relation: &Relation,
    rules: &Rules<'_>,
) -> Option<BadDate> {
    let text = element_text(written)?;
    let mut findings = Findings::default();
    let instead = match rules.judge_any(relation, column).judge_text(&text, &mut findings) {
        Verdict::Null => b"NULL".to_vec(),
        Verdict::Replace(value) => quoted_text(&value, rules.lexing),
        Verdict::Keep | Verdict::Refuse(_) => return None,
    };
    let sample = findings.take_sample();
    let (rule, _) = findings.take().into_iter().next()?;
    let type_name = match column.type_oid {
        DATE => "::pg_catalog.date",
        TIMESTAMP => "::pg_catalog.timestamp",
        _ => "::pg_catalog.timestamptz",
    };
    let type_name = if is_typed { type_name } else { "" };
    let text = [&instead, type_name.as_bytes()].concat();
    Some(BadDate { span: 0..written.len(), text, rule, sample })
}

/// What stands between the quotes of a string, also of one that is cast to a date.
fn element_text(element: &[u8]) -> Option<Vec<u8>> {
    let string = match element {
        [b'e' | b'E' | b'n' | b'N', string @ ..] => string,
        string => string,
    };
    match string {
        [b'\'', text @ .., b'\''] if !text.contains(&b'\'') => Some(text.to_vec()),
        _ => date_text(&cast_constant(element)?),
    }
}
