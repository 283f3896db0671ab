//! Constants that EXECUTE passes to parameters: what INSERT does to a constant of a column is done to them. Finds no
//! parameters.

use super::constants::ConstantPlan;
use super::text_relations::TextRelations;
use super::written::{Written, matters};
use super::{Needs, Rules};
use crate::statement::script::Script;
use crate::statement::{Slot, SlotColumn, SlotValue, cast_constant};

/// The prepared statements whose parameters decide over a constant.
pub(super) fn needs(script: &Script, sql: &[u8], rules: &Rules<'_>, needs: &mut Needs) {
    for execution in script.executions(sql) {
        let may_be_fitted = |slot: &Slot| match slot.value {
            SlotValue::Parameter(_) => false,
            SlotValue::Other => {
                // `CAST(0 AS bit)`; in INSERT the cast meets the column.
                let core = sql.get(slot.core.clone()).unwrap_or_default();
                matters(sql, slot, &[], rules) || cast_constant(core).is_some()
            }
            _ => matters(sql, slot, &[], rules),
        };
        if execution.arguments.iter().any(may_be_fitted) {
            needs.prepared(&execution.statement);
        }
    }
}

/// What becomes of them.
pub(super) fn plan(
    script: &Script,
    sql: &[u8],
    known: &TextRelations<'_>,
    rules: &Rules<'_>,
    written: &mut Written,
) {
    for execution in script.executions(sql) {
        let known = known.catalog().prepared(&execution.statement);
        let Some(relation) = known else { continue };
        let mut plan = ConstantPlan { sql, rules, relation, written, is_argument: true };
        for (number, slot) in (1..).zip(&execution.arguments) {
            let SlotColumn::Index(at) = slot.column else { continue };
            let is_parameter = matches!(slot.value, SlotValue::Parameter(_));
            if let Some(column) = relation.columns().get(at).filter(|_| !is_parameter) {
                plan.constant(number, slot, column);
            }
        }
        // The target gets no further than to what is refused.
        if written.refused.is_some() {
            return;
        }
    }
}
