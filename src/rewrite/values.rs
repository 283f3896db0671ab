//! What the values of a text go into, and what has to change in it for them to arrive: constants are
//! spelled anew, clauses are added. Finds the columns; what becomes of a value is decided in `value`.

use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::memchr;

use super::change::place_of;
use super::constant_columns::ColumnSpellings;
use super::constants::ConstantPlan;
use super::parameters::{self, ParameterUse};
use super::text_relations::TextRelations;
use super::written::{Written, matters, may_be_json_escape};
use super::{Needs, ReplacementReason, Rules, compared, executed, names};
use crate::catalog::{Catalog, Freshness, Moment, Name, Relation, RelationColumn};
use crate::statement::script::{ConstantPurpose, NotedConstant, Script, Statement};
use crate::statement::{ParameterUses, Slot, SlotColumn, SlotValue, StringConstant, Write};
use crate::value::ValueRule;

/// Texts from this size on are looked at for their relations first.
const LONG_TEXT_BYTES: usize = 8 * 1024;

/// Values of one statement that are looked at; the server judges those beyond them.
const SLOTS_MAX: usize = 500_000;

/// What has to be known about the relations that the text writes to.
pub(super) fn needs(
    script: &Script,
    sql: &[u8],
    declared: &[u32],
    (catalog, now): (&Catalog, Moment),
    rules: &Rules<'_>,
    needs: &mut Needs,
) {
    executed::needs(script, sql, rules, needs);
    let by_policy = rules.policy.leaves_out_generated || rules.policy.overrides_identity;
    let wants_all = has_only_constants(sql, rules) || by_policy;
    for (statement, write) in script.writes() {
        // Then its values need not be looked at.
        if catalog.is_at_hand(&names::target_of(&write.name), now) {
            continue;
        }
        let mut wants =
            wants_all || write.is_prepare && !script.prepared_types(statement, sql).is_empty();
        if !wants {
            script.slots(write, sql, &mut |slot| {
                wants = matters(sql, &slot, declared, rules);
                if wants { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        if wants {
            needs.relation(&write.name, Freshness::MayBeOld);
        }
    }
}

/// Whether the text is long, and all its values are constants of which nothing but their type can matter:
/// then its relations are looked at first, and its values only if they have to be.
fn has_only_constants(sql: &[u8], rules: &Rules<'_>) -> bool {
    sql.len() >= LONG_TEXT_BYTES && !rules.policy.judges_rows() && memchr(b'$', sql).is_none()
}

/// Whether DEFAULT may stand where the value does: in VALUES and in assignments, not in a SELECT.
fn takes_default(sql: &[u8], write: &Write, slot: &Slot) -> bool {
    let source = write.overriding_at.and_then(|at| sql.get(at..at + b"values".len()));
    matches!(slot.column, SlotColumn::Named(_))
        || source.is_none_or(|word| word.eq_ignore_ascii_case(b"values"))
}

/// The relations of a text of nothing but INSERTs of constants none of which is spelled anew, as far as they are
/// known: nothing else becomes of it. `None` for any other text.
pub(super) fn untouched(
    script: &Script,
    sql: &[u8],
    catalog: &Catalog,
    rules: &Rules<'_>,
) -> Option<Vec<Name>> {
    let judges = !rules.masks.is_empty() || rules.policy.judges_rows();
    let may_be = rules.settings.rewrite && !judges && script.has_only_rows();
    if !may_be || memchr(b'$', sql).is_some() {
        return None;
    }
    let (mut written, spellings) = (Needs::default(), ColumnSpellings::new(sql));
    for (_, write) in script.writes() {
        let Some(relation) = catalog.relation(&names::target_of(&write.name)) else { continue };
        if spellings.may_change_for(script.constant_kinds(write), relation)
            && may_respell_rows((script, sql), write, relation, &spellings)
        {
            return None;
        }
        written.relation(&write.name, Freshness::MayBeOld);
    }
    Some(written.into_relations())
}

/// Whether constants in the rows of an INSERT may be spelled anew for the columns at their places.
fn may_respell_rows(
    (script, sql): (&Script, &[u8]),
    write: &Write,
    relation: &Relation,
    spellings: &ColumnSpellings<'_>,
) -> bool {
    let listed = script.listed_columns(write, sql);
    let listed: Vec<_> = listed.iter().map(|name| relation.position(name)).collect();
    script.constant_kinds_by_place(write).enumerate().any(|(place, kinds)| {
        let column = index_of(&listed, place).and_then(|index| relation.columns().get(index));
        column.is_some_and(|column| spellings.may_change(kinds, column))
    })
}

/// What has to change in the text, whose relations are known as far as they can be.
pub(super) fn plan(
    script: &Script,
    sql: &[u8],
    declared: &[u32],
    known: &TextRelations<'_>,
    rules: &Rules<'_>,
) -> Written {
    let mut written = Written::default();
    let is_mended = |constant: &&StringConstant| may_be_json_escape(sql, constant, rules);
    written.json_constants.extend(json_constants(script).filter(is_mended).cloned());
    let has_parameters = memchr(b'$', sql).is_some();
    if known.is_empty() && !has_parameters {
        return written;
    }
    let may_skip = rules.masks.is_empty() && has_only_constants(sql, rules);
    let spellings = ColumnSpellings::new(sql);
    for (statement, write) in script.writes() {
        let name = &write.name;
        let Some(relation) = known.relation(name) else {
            if has_parameters {
                written.note_place(script, write, sql, name);
            }
            continue;
        };
        written.relations.relation(name, Freshness::MayBeOld);
        let kinds = script.constant_kinds(write);
        if may_skip && !spellings.may_change_for(kinds, &relation) {
            continue;
        }
        let listed = script.listed_columns(write, sql);
        let mut plan = WritePlan {
            script,
            write,
            sql,
            rules,
            relation: &relation,
            written: &mut written,
            listed: listed.iter().map(|name| relation.position(name)).collect(),
            dropped: Vec::new(),
            given: GivenParameters {
                elsewhere: has_parameters.then(|| script.parameter_uses(write, sql)),
                ..GivenParameters::default()
            },
            identity: None,
            overriding: Vec::new(),
        };
        plan.drop_items();
        plan.slots();
        plan.parameters(name, statement, declared, known);
        if std::mem::take(&mut written.acts) && !known.is_exact(name) {
            written.wants_exact.relation(name, Freshness::Exact);
        }
        // The target gets no further than to what is refused.
        if written.refused.is_some() {
            break;
        }
    }
    if written.refused.is_none() {
        executed::plan(script, sql, known, rules, &mut written);
    }
    written
}

/// The constants that a cast makes JSON.
fn json_constants(script: &Script) -> impl Iterator<Item = &StringConstant> {
    let is_json = |noted: &&NotedConstant| noted.purpose == ConstantPurpose::JsonByCast;
    script.constants.iter().filter(is_json).map(|noted| &noted.constant)
}

/// The index of the column at a place in the list of a statement, or without one in the table.
fn index_of(listed: &[Option<usize>], at: usize) -> Option<usize> {
    if listed.is_empty() { Some(at) } else { listed.get(at).copied().flatten() }
}

/// The parameters that a statement gives to columns.
#[derive(Debug, Default)]
struct GivenParameters {
    uses: Vec<ParameterUse>,
    /// Where else the parameters stand, those of a PREPARE apart.
    elsewhere: Option<ParameterUses>,
    /// A value is a parameter, whatever it goes into.
    is_any: bool,
}

/// What becomes of the values of one statement.
pub(super) struct WritePlan<'p> {
    pub(super) script: &'p Script,
    pub(super) write: &'p Write,
    pub(super) sql: &'p [u8],
    pub(super) rules: &'p Rules<'p>,
    pub(super) relation: &'p Arc<Relation>,
    pub(super) written: &'p mut Written,
    /// The columns that the statement lists, by their indexes in the relation.
    pub(super) listed: Vec<Option<usize>>,
    /// The places of columns that are taken out of the statement, in order.
    dropped: Vec<usize>,
    given: GivenParameters,
    /// A column GENERATED ALWAYS AS IDENTITY that gets a value.
    pub(super) identity: Option<&'p RelationColumn>,
    /// The inserts of a MERGE in which it does.
    pub(super) overriding: Vec<usize>,
}

impl<'p> WritePlan<'p> {
    fn slots(&mut self) {
        let (script, write, sql) = (self.script, self.write, self.sql);
        let mut number = 0;
        script.slots(write, sql, &mut |slot| {
            number += 1;
            if let Some(elsewhere) = &mut self.given.elsewhere {
                elsewhere.leave_out(&slot);
            }
            self.slot(number, &slot);
            if number < SLOTS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        self.overriding_clauses();
    }

    /// What has to be known about the parameters.
    fn parameters(
        &mut self,
        name: &Name,
        statement: &Statement,
        declared: &[u32],
        known: &TextRelations<'_>,
    ) {
        if self.given.is_any && self.written.place.is_none() {
            self.written.place = Some(place_of(name));
        }
        self.written.parameters = None;
        let declared = &*compared::types_of(self.script, statement, self.sql, declared);
        if let Some(elsewhere) = &mut self.given.elsewhere {
            let text = (self.script, statement, self.sql);
            let (_, uses) = compared::compared(text, declared, known, Some(name), elsewhere);
            self.given.uses.extend(uses);
        }
        let elsewhere = self.given.elsewhere.take().filter(|_| !self.given.uses.is_empty());
        if let Some(elsewhere) = elsewhere.map(ParameterUses::into_numbers) {
            let uses = &self.given.uses;
            let planned =
                parameters::plan(name, self.relation, uses, &elsewhere, declared, self.rules);
            match self.write.is_prepare {
                true => {
                    let text = (self.script, statement, self.sql);
                    self.written.infer_prepared(text, planned.as_deref());
                }
                false => self.written.parameters = planned,
            }
        }
    }

    /// One value; `number` counts them from 1.
    fn slot(&mut self, number: usize, slot: &Slot) {
        self.given.is_any |=
            matches!(slot.value, SlotValue::Parameter(_) | SlotValue::SourceParameter(_));
        let index = match &slot.column {
            SlotColumn::Named(name) => self.relation.position(name),
            SlotColumn::Index(at) => index_of(&self.listed, *at),
        };
        let relation = self.relation;
        let found = index.and_then(|index| Some((index, relation.columns().get(index)?)));
        let Some((index, column)) = found else { return };
        let is_default = slot.value == SlotValue::Default;
        if column.is_identity_always && !is_default && self.overrides(slot, column) {
            return;
        }
        let is_dropped =
            matches!(slot.column, SlotColumn::Index(at) if self.dropped.binary_search(&at).is_ok());
        let left_out = is_dropped
            || column.is_generated
                && !is_default
                && self.rules.policy.leaves_out_generated
                && takes_default(self.sql, self.write, slot);
        let is_read = matches!(slot.value, SlotValue::SourceParameter(_));
        if left_out && !is_dropped && !is_read {
            let rule = ValueRule::GeneratedLeftOut;
            self.written.replace(
                slot.span.clone(),
                b"DEFAULT",
                ReplacementReason::Rule(rule.name()),
            );
            self.written.note(self.relation, column, rule, 1, None);
        }
        match slot.value {
            SlotValue::SourceParameter(_) if left_out => {}
            SlotValue::Parameter(parameter) | SlotValue::SourceParameter(parameter) => {
                let parameter = usize::from(parameter).saturating_sub(1);
                let is_left_out = left_out;
                self.given.uses.push(ParameterUse {
                    index: parameter,
                    column: index,
                    is_left_out,
                    is_read,
                    is_compared: false,
                });
            }
            _ if left_out => {}
            _ => self.constant(number, slot, column),
        }
    }

    /// Takes generated columns out of an INSERT with a SELECT.
    fn drop_items(&mut self) {
        let relation = self.relation;
        if !self.rules.policy.leaves_out_generated || !relation.has_generated() {
            return;
        }
        let names: Vec<&[u8]> = relation.columns().iter().map(|column| &*column.name).collect();
        // They are not needed for anything else meanwhile.
        let listed = std::mem::take(&mut self.listed);
        let generated = |at: usize| {
            let column = relation.columns().get(index_of(&listed, at)?)?;
            column.is_generated.then_some(column)
        };
        let is_left_out = |at| generated(at).is_some();
        let found = self.script.without_columns(self.write, self.sql, &names, &is_left_out);
        if let Some((replacements, dropped)) = found {
            let reason = ReplacementReason::Rule(ValueRule::GeneratedLeftOut.name());
            self.written.replaced.extend(replacements.into_iter().map(|found| (found, reason)));
            for column in dropped.iter().filter_map(|at| generated(*at)) {
                self.written.note(self.relation, column, ValueRule::GeneratedLeftOut, 1, None);
            }
            self.dropped = dropped;
        }
        self.listed = listed;
    }

    fn constant(&mut self, number: usize, slot: &Slot, column: &RelationColumn) {
        let Self { sql, rules, relation, .. } = *self;
        let mut plan =
            ConstantPlan { sql, rules, relation, written: &mut *self.written, is_argument: false };
        plan.constant(number, slot, column);
    }
}
