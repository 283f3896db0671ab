//! Elements of ARRAY constructors that are dates which do not exist. Knows spellings; finds neither columns nor
//! constants.

use std::ops::Range;

use super::Rules;
use super::constant_types::{date_text, is_date};
use crate::catalog::Relation;
use crate::statement::{array_elements, cast_constant, quoted_text};
use crate::value::type_oid::{DATE, TIMESTAMP};
use crate::value::{Column, Findings, ValueRule, Verdict};

/// An element that gives way.
pub(super) struct BadElement {
    /// Where it stands in the expression.
    pub(super) span: Range<usize>,
    pub(super) text: Vec<u8>,
    pub(super) rule: ValueRule,
    /// What was found, where that is shown.
    pub(super) sample: Option<String>,
}

/// The elements of an expression that goes into a column whose elements are dates, and of which the policy makes
/// another value. Each keeps a type, on which that of the array may depend.
pub(super) fn bad_elements(
    core: &[u8],
    column: &Column,
    relation: &Relation,
    rules: &Rules<'_>,
) -> Vec<BadElement> {
    if !is_date(column.element_oid) {
        return Vec::new();
    }
    let type_name = match column.element_oid {
        DATE => "date",
        TIMESTAMP => "timestamp",
        _ => "timestamptz",
    };
    let type_oid = column.element_oid;
    // An element takes NULL whatever the column takes.
    let element = Column { type_oid, element_oid: 0, is_nullable: true, ..column.clone() };
    let judge = rules.judge_any(relation, &element);
    let bad = |span: Range<usize>| {
        let text = element_text(core.get(span.clone())?)?;
        let mut findings = Findings::default();
        let instead = match judge.judge_text(&text, &mut findings) {
            Verdict::Null => b"NULL".to_vec(),
            Verdict::Replace(value) => quoted_text(&value, rules.lexing),
            Verdict::Keep | Verdict::Refuse(_) => return None,
        };
        let sample = findings.take_sample();
        let (rule, _) = findings.take().into_iter().next()?;
        let text = [&instead, b"::pg_catalog.".as_slice(), type_name.as_bytes()].concat();
        Some(BadElement { span, text, rule, sample })
    };
    array_elements(core).into_iter().filter_map(bad).collect()
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
