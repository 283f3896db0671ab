//! What becomes of the values of a text, as it is found out, and which constants the type of their column decides
//! over. Data; finds no columns.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use memchr::memmem;

use super::change::{ValueChanges, changes_values, place_of};
use super::constant_columns::JSON_NUL;
use super::parameters::Parameters;
use super::{Needs, ReplacementReason, Rules};
use crate::catalog::{Name, Relation, RelationColumn};
use crate::ledger::Place;
use crate::statement::script::{Script, Statement};
use crate::statement::{
    Replacement, Slot, SlotValue, StringConstant, Write, quoted_boolean, timestamp_literal,
    without_national,
};
use crate::value::assignment::may_be_inferred;
use crate::value::type_oid::{JSONB, TIMESTAMP, TIMESTAMPTZ};
use crate::value::{ColumnJudge, NulPolicy, ValueRule};
use crate::wire::OwnError;

/// Whether the type of its column decides over a value.
pub(super) fn matters(sql: &[u8], slot: &Slot, declared: &[u32], rules: &Rules<'_>) -> bool {
    if rules.policy.judges_rows() {
        return slot.value != SlotValue::Default;
    }
    match slot.value {
        SlotValue::Integer | SlotValue::Other => {
            let written = sql.get(slot.core.clone()).unwrap_or_default();
            quoted_boolean(sql, slot.span.clone()).is_some() || timestamp_literal(written).is_some()
        }
        SlotValue::BitString | SlotValue::HexInteger | SlotValue::Boolean => true,
        SlotValue::String => {
            let written = sql.get(slot.core.clone()).unwrap_or_default();
            without_national(written).is_some() || may_be_json_nul(sql, &slot.span)
        }
        SlotValue::Parameter(number) | SlotValue::SourceParameter(number) => {
            // Without a type the target infers it, and values in binary format may be of another.
            let index = usize::from(number).wrapping_sub(1);
            let declared_oid = declared.get(index).copied().unwrap_or(0);
            declared_oid == 0 || may_be_inferred(declared_oid)
        }
        _ => false,
    }
}

pub(super) fn may_be_json_nul(sql: &[u8], span: &Range<usize>) -> bool {
    let written = sql.get(span.clone()).unwrap_or_default();
    memmem::find(written, JSON_NUL).is_some()
}

/// Whether a constant may hold a JSON escape that is mended.
pub(super) fn may_be_json_escape(sql: &[u8], constant: &StringConstant, rules: &Rules<'_>) -> bool {
    let values = &rules.policy.values;
    let is_nul = values.nul != NulPolicy::Reject && may_be_json_nul(sql, &constant.span);
    is_nul || values.mends_halves(rules.lexing.encoding) && constant.may_hold_half(sql)
}

/// What becomes of the values of a text.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) replaced: Vec<(Replacement, ReplacementReason)>,
    /// Constants whose JSON may hold an escape that is mended.
    pub(super) json_constants: Vec<StringConstant>,
    /// The numbers of parameters that hold JSON.
    pub(super) json_parameters: Vec<u16>,
    /// What a Bind has to know.
    pub(super) parameters: Option<Arc<Parameters>>,
    pub(super) changes: ValueChanges,
    /// A value is refused: its place is taken by what the target refuses for it.
    pub(super) refused: Option<OwnError>,
    /// The relations that the text writes to, as far as they are known.
    pub(super) relations: Needs,
    /// The first relation that gets the value of a parameter, as far as the text names it.
    pub(super) place: Option<Place>,
    /// Relations of which an answer that may be old is known, and over whose values a rule has decided
    /// that changes them.
    pub(super) wants_exact: Needs,
    /// The types that the target is told for the parameters of a PREPARE, where they are others, by the place of the
    /// statement.
    pub(super) prepared: HashMap<usize, Box<[u32]>>,
    /// Who judges the values of a column, by its address.
    pub(super) judges: HashMap<usize, ColumnJudge>,
    /// A rule has decided over a value of the statement at hand that stores another one than the server would
    /// store.
    pub(super) acts: bool,
}

impl Written {
    pub(super) fn replace(&mut self, span: Range<usize>, text: &[u8], reason: ReplacementReason) {
        let replacement = Replacement { span, text: text.to_vec() };
        self.replaced.push((replacement, reason));
    }

    /// What a rule has done to values of the statement at hand.
    pub(super) fn note(
        &mut self,
        relation: &Arc<Relation>,
        column: &RelationColumn,
        rule: ValueRule,
        count: u64,
        sample: Option<String>,
    ) {
        self.acts |= changes_values(rule);
        self.changes.note(relation, column, rule, count, sample);
    }

    /// Leaves the types to the server that a PREPARE declares and that do not fit the columns, as a Parse does. But
    /// the arguments of its EXECUTE are not checked: what the declared type checks on its way into text stays.
    pub(super) fn infer_prepared(
        &mut self,
        (script, statement, sql): (&Script, &Statement, &[u8]),
        planned: Option<&Parameters>,
    ) {
        let Some(told) = planned.and_then(Parameters::told_types) else { return };
        let reason = ReplacementReason::Rule(ValueRule::TypeConverted.name());
        let mut told: Box<[u32]> = told.into();
        for ((span, declared), told) in
            script.prepared_types(statement, sql).into_iter().zip(&mut told)
        {
            if matches!(declared, JSONB | TIMESTAMP | TIMESTAMPTZ) {
                *told = declared;
            } else if declared != 0 && *told == 0 {
                self.replace(span, b"unknown", reason);
            }
        }
        self.prepared.insert(statement.span.start, told);
    }

    /// Notes the place of a statement about whose relation nothing is known.
    pub(super) fn note_place(&mut self, script: &Script, write: &Write, sql: &[u8], name: &Name) {
        if self.place.is_some() {
            return;
        }
        script.slots(write, sql, &mut |slot| match slot.value {
            SlotValue::Parameter(_) | SlotValue::SourceParameter(_) => {
                self.place = Some(place_of(name));
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
    }
}
