//! A constant and the column that it goes into: spelled anew for the column's type, mended, or judged by the
//! policies. Finds no columns.

use std::sync::Arc;

use super::change::refusal;
use super::constant_types::{self, date_text, is_date, is_national};
use super::date_arrays::bad_elements;
use super::written::{Written, may_be_json_nul};
use super::{ReplacementReason, Rules};
use crate::catalog::{Relation, RelationColumn};
use crate::statement::{
    Slot, SlotValue, cast_constant, quoted_boolean, quoted_integer, quoted_number, quoted_text,
    timestamp_literal,
};
use crate::value::assignment::{VARCHAR_37, is_number};
use crate::value::type_oid::{BOOL, BYTEA, VARCHAR};
use crate::value::{
    Findings, NulPolicy, NumbersAsDates, Refusal, ValueKind, ValueRule, Verdict, is_too_precise,
    number_as_date,
};
use crate::wire::OwnError;

/// An expression that every server refuses when it analyses it, at this place in the text: so all in
/// front of it happens as it would in front of an error of the server's own.
const FAILING_EXPRESSION: &[u8] = b"NULL::pg_catalog.varchar(0)";

/// Constants of a text, each with the column or parameter that it goes into.
pub(super) struct ConstantPlan<'p, 'w> {
    pub(super) sql: &'p [u8],
    pub(super) rules: &'p Rules<'p>,
    pub(super) relation: &'p Arc<Relation>,
    pub(super) written: &'w mut Written,
    /// They are arguments of EXECUTE, where `CAST(0 AS bit)` is a constant as well; in a statement that writes
    /// it is an expression that meets its column.
    pub(super) is_argument: bool,
}

impl<'p> ConstantPlan<'p, '_> {
    /// What becomes of one; `number` counts the values from 1.
    pub(super) fn constant(&mut self, number: usize, slot: &Slot, column: &RelationColumn) {
        if self.rules.mask_of(self.relation, &column.column).is_some() {
            return self.judge(number, slot, column);
        }
        let span = || slot.span.clone();
        let (type_oid, lexing) = (column.column.type_oid, self.rules.lexing);
        let core = || self.core(slot);
        // What it stands among may touch it.
        let apart = |spelled: String| format!(" {spelled} ");
        let as_default =
            || constant_types::spelled(slot.value, core(), &column.column, lexing).map(apart);
        let spelled = match slot.value {
            SlotValue::Integer | SlotValue::BitString if type_oid == BOOL => {
                quoted_boolean(self.sql, span()).map(str::to_owned)
            }
            SlotValue::Other if type_oid == BOOL => {
                let quoted = quoted_boolean(self.sql, span()).map(str::to_owned);
                quoted.or_else(|| as_default().filter(|_| self.is_argument))
            }
            SlotValue::BitString | SlotValue::HexInteger if type_oid == BYTEA => {
                constant_types::bytes(core(), lexing)
            }
            SlotValue::BitString | SlotValue::HexInteger | SlotValue::Boolean
                if is_number(type_oid) =>
            {
                quoted_number(core()).or_else(as_default)
            }
            // The type would round the digits of the second.
            SlotValue::Other if type_oid == VARCHAR && column.column.modifier == VARCHAR_37 => {
                let literal = timestamp_literal(core());
                let kept = literal.filter(|(text, has_zone)| is_too_precise(text, *has_zone));
                kept.and_then(|(text, _)| Some(format!(" '{}'", std::str::from_utf8(text).ok()?)))
            }
            _ => None,
        };
        // As text in a column of another type it would be another value, but for `'0'` and `'1'`.
        self.written.acts |= spelled.is_some() && type_oid != BOOL;
        let date = self.date(slot, column);
        let replaced = self.written.replaced.len();
        let rule = match date {
            Some(_) => ValueRule::NumberToDate,
            None => ValueRule::TypeConverted,
        };
        if let Some(spelled) = date.or(spelled) {
            self.written.replace(span(), spelled.as_bytes(), ReplacementReason::Rule(rule.name()));
            self.written.note(self.relation, column, rule, 1, None);
        } else if self.rules.policy.judges_values() {
            self.judge(number, slot, column);
        } else if slot.value == SlotValue::String
            && self.rules.policy.values.nul != NulPolicy::Reject
            && may_be_json_nul(self.sql, &slot.span)
        {
            match column.column.kind() {
                ValueKind::Json => {
                    self.written.acts = true;
                    self.written.json_constants.extend(slot.constant.clone());
                }
                // The escape stands behind those of the array.
                ValueKind::JsonArray => self.judge(number, slot, column),
                _ => {}
            }
        }
        if replaced == self.written.replaced.len() {
            self.drop_national(slot, column);
        }
    }

    /// Takes the N off a constant `N'..'` that the column would not take with it.
    fn drop_national(&mut self, slot: &Slot, column: &RelationColumn) {
        let is_text = slot.value == SlotValue::String;
        if is_text && is_national(self.core(slot), column.column.type_oid) {
            let (prefix, rule) = (slot.core.start..slot.core.start + 1, ValueRule::TypeConverted);
            self.written.replace(prefix, b"", ReplacementReason::Rule(rule.name()));
            self.written.note(self.relation, column, rule, 1, None);
        }
    }

    /// The constant of the date that a number stands for, where the configuration says what numbers mean.
    fn date(&self, slot: &Slot, column: &RelationColumn) -> Option<String> {
        let numbers = self.rules.numbers_as_dates(self.relation, &column.column);
        if numbers == NumbersAsDates::Reject {
            return None;
        }
        let number = match slot.value {
            SlotValue::Integer | SlotValue::Number => self.core(slot),
            SlotValue::Other => quoted_integer(self.sql, slot.span.clone())?,
            _ => return None,
        };
        let date = number_as_date(numbers, column.column.type_oid, number)?;
        Some(format!(" '{}'", String::from_utf8(date).ok()?))
    }

    fn judge(&mut self, number: usize, slot: &Slot, column: &RelationColumn) {
        let lexing = self.rules.lexing;
        if slot.value == SlotValue::Other && is_date(column.column.element_oid) {
            self.elements(slot, column);
        }
        let text = match slot.value {
            SlotValue::String => {
                let constant = slot.constant.as_ref();
                constant.and_then(|constant| constant.value(self.sql, lexing.encoding))
            }
            SlotValue::Integer | SlotValue::Number => {
                self.sql.get(slot.span.clone()).map(<[u8]>::to_vec)
            }
            SlotValue::Other if is_date(column.column.type_oid) => {
                cast_constant(self.core(slot)).and_then(|cast| date_text(&cast))
            }
            _ => None,
        };
        let Some(text) = text else { return self.refuse_unread(number, slot, column) };
        // Its address stands for the column as long as the text is planned.
        let (relation, rules) = (self.relation, self.rules);
        let judges = &mut self.written.judges;
        let judge = judges.entry(std::ptr::from_ref(column).addr());
        let judge = judge.or_insert_with(|| rules.judge_any(relation, &column.column));
        let mut findings = Findings::default();
        let verdict = judge.judge_text(&text, &mut findings);
        let sample = findings.take_sample();
        let mut reason = ReplacementReason::Refused;
        for (rule, count) in findings.take() {
            self.written.note(self.relation, column, rule, count, sample.clone());
            if !rule.is_silent_loss() {
                reason = ReplacementReason::Rule(rule.name());
            }
        }
        match verdict {
            Verdict::Keep => {}
            Verdict::Replace(value) => {
                self.written.replace(slot.span.clone(), &quoted_text(&value, lexing), reason);
            }
            Verdict::Null => self.written.replace(slot.span.clone(), b"NULL", reason),
            // All behind the first is never reached.
            Verdict::Refuse(_) if self.written.refused.is_some() => {}
            Verdict::Refuse(refused) => {
                self.written.acts = true;
                let at = format!("value {number}");
                let position = Some(self.rules.position(self.sql, slot.span.start));
                let error = refusal(self.relation, &refused, &column.column.name, &at);
                self.written.refused = Some(OwnError { position, ..error });
                self.written.replace(
                    slot.span.clone(),
                    FAILING_EXPRESSION,
                    ReplacementReason::Refused,
                );
            }
        }
    }

    /// Dates that do not exist in an ARRAY constructor.
    fn elements(&mut self, slot: &Slot, column: &RelationColumn) {
        if self.rules.mask_of(self.relation, &column.column).is_some() {
            return;
        }
        for bad in bad_elements(self.core(slot), &column.column, self.relation, self.rules) {
            let span = slot.core.start + bad.span.start..slot.core.start + bad.span.end;
            self.written.replace(span, &bad.text, ReplacementReason::Rule(bad.rule.name()));
            self.written.note(self.relation, column, bad.rule, 1, bad.sample);
        }
    }

    /// A constant that is to be masked and cannot be read goes nowhere.
    fn refuse_unread(&mut self, number: usize, slot: &Slot, column: &RelationColumn) {
        let is_masked = self.rules.mask_of(self.relation, &column.column).is_some();
        // EXCLUDED has a value that is masked already.
        let head = self.core(slot).get(..b"excluded".len()).unwrap_or_default();
        let may_pass = matches!(slot.value, SlotValue::Null | SlotValue::Default)
            || head.eq_ignore_ascii_case(b"excluded");
        if is_masked && !may_pass && self.written.refused.is_none() {
            let refused = Refusal {
                sqlstate: "0A000",
                message: "the value cannot be masked".to_owned(),
                hint: "Write it as a plain constant.".to_owned(),
            };
            let at = format!("value {number}");
            let position = Some(self.rules.position(self.sql, slot.span.start));
            let error = refusal(self.relation, &refused, &column.column.name, &at);
            self.written.refused = Some(OwnError { position, ..error });
            self.written.replace(slot.span.clone(), FAILING_EXPRESSION, ReplacementReason::Refused);
        }
    }

    /// A constant without parentheses around it.
    fn core(&self, slot: &Slot) -> &'p [u8] {
        self.sql.get(slot.core.clone()).unwrap_or_default()
    }
}
