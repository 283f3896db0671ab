//! What the values of a text go into, and what has to change in it for them to arrive: constants are
//! spelled anew, clauses are added. Finds the columns; what becomes of a value is decided in `value`.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use memchr::{memchr, memmem};

use super::change::{ValueChanges, changes_values, place_of, refusal};
use super::known::Known;
use super::nul::Mending;
use super::parameters::{self, ParameterUse, Parameters};
use super::{Needs, Rules};
use crate::catalog::{Freshness, Relation, RelationColumn};
use crate::ledger::Place;
use crate::statement::{
    self, Replacement, Slot, SlotColumn, SlotValue, Writes, WritesHead, constant_text,
    execute_constants, for_each_slot, for_each_write, quoted_boolean, quoted_hex, quoted_text,
    without_columns, write_heads,
};
use crate::value::assignment::may_be_inferred;
use crate::value::type_oid::{BOOL, BYTEA};
use crate::value::{Findings, NulPolicy, ValueKind, ValueRule, Verdict};
use crate::wire::OwnError;

/// Texts from this size on are looked at for their relations first.
const LONG_TEXT_BYTES: usize = 8 * 1024;

/// Values of one statement that are looked at; the server judges those beyond them.
const SLOTS_MAX: usize = 500_000;

/// An expression that every server refuses when it analyses it, at this place in the text: so all in
/// front of it happens as it would in front of an error of the server's own.
const FAILING_EXPRESSION: &[u8] = b"NULL::pg_catalog.varchar(0)";

/// The bytes of a JSON escape that may spell U+0000.
const JSON_NUL: &[u8] = b"u0000";

/// What has to be known about the relations that the text writes to.
pub(super) fn needs(sql: &[u8], declared: &[u32], rules: &Rules<'_>, needs: &mut Needs) {
    for constant in execute_constants(sql, rules.lexing) {
        needs.prepared(&constant.statement);
    }
    if !statement::may_write(sql) {
        return;
    }
    let has_only_constants = has_only_constants(sql, rules);
    if has_only_constants || rules.policy.leaves_out_generated {
        for head in write_heads(sql, rules.lexing) {
            needs.relation(&head.name, Freshness::MayBeOld);
        }
    }
    if has_only_constants {
        return;
    }
    for_each_slot(sql, rules.lexing, &mut |head: &WritesHead, slot: Slot| {
        if !needs.has_last(&head.name) && matters(sql, &slot, declared, rules) {
            needs.relation(&head.name, Freshness::MayBeOld);
        }
        ControlFlow::Continue(())
    });
}

/// Whether the text is long, and all its values are constants of which nothing but their type can matter:
/// then its relations are looked at first, and its values only if they have to be.
fn has_only_constants(sql: &[u8], rules: &Rules<'_>) -> bool {
    sql.len() >= LONG_TEXT_BYTES && !rules.policy.judges_rows() && memchr(b'$', sql).is_none()
}

/// What constants of a text may have to be spelled anew, looked for once.
struct Spellings<'s> {
    sql: &'s [u8],
    holds_bytes: OnceCell<bool>,
    holds_json_nul: OnceCell<bool>,
}

impl<'s> Spellings<'s> {
    fn new(sql: &'s [u8]) -> Spellings<'s> {
        Spellings { sql, holds_bytes: OnceCell::new(), holds_json_nul: OnceCell::new() }
    }

    fn holds(&self, pieces: &[&[u8]]) -> bool {
        pieces.iter().any(|piece| memmem::find(self.sql, piece).is_some())
    }

    /// Whether constants may have to be spelled anew for any column of the relation.
    fn may_change_for(&self, relation: &Relation) -> bool {
        relation.columns().iter().any(|column| match column.column.type_oid {
            BOOL => true,
            BYTEA => *self.holds_bytes.get_or_init(|| self.holds(&[b"x'", b"X'", b"0x", b"0X"])),
            _ if column.column.kind() == ValueKind::Json => {
                *self.holds_json_nul.get_or_init(|| self.holds(&[JSON_NUL]))
            }
            _ => false,
        })
    }
}

/// Whether the type of its column decides over a value.
fn matters(sql: &[u8], slot: &Slot, declared: &[u32], rules: &Rules<'_>) -> bool {
    if rules.policy.judges_rows() {
        return slot.value != SlotValue::Default;
    }
    match slot.value {
        SlotValue::Integer | SlotValue::Other => quoted_boolean(sql, slot.span.clone()).is_some(),
        SlotValue::BitString | SlotValue::HexInteger => true,
        SlotValue::String => may_be_json_nul(sql, &slot.span),
        SlotValue::Parameter(number) | SlotValue::SourceParameter(number) => {
            // Without a type the target infers it, and values in binary format may be of another.
            let index = usize::from(number).wrapping_sub(1);
            let declared_oid = declared.get(index).copied().unwrap_or(0);
            declared_oid == 0 || may_be_inferred(declared_oid)
        }
        _ => false,
    }
}

fn may_be_json_nul(sql: &[u8], span: &Range<usize>) -> bool {
    let written = sql.get(span.clone()).unwrap_or_default();
    memmem::find(written, JSON_NUL).is_some()
}

/// Whether DEFAULT may stand where the value does: in VALUES and in assignments, not in a SELECT.
fn takes_default(sql: &[u8], head: &WritesHead, slot: &Slot) -> bool {
    let source = head.overriding_at.and_then(|at| sql.get(at..at + b"values".len()));
    matches!(slot.column, SlotColumn::Named(_))
        || source.is_none_or(|word| word.eq_ignore_ascii_case(b"values"))
}

/// What becomes of the values of a text.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) replacements: Vec<Replacement>,
    /// Constants whose JSON may hold an escaped U+0000.
    pub(super) json_constants: Vec<Range<usize>>,
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
}

/// What has to change in the text, whose relations are known as far as they can be.
pub(super) fn plan(
    text: &Mending<'_>,
    declared: &[u32],
    known: &Known<'_>,
    rules: &Rules<'_>,
) -> Written {
    let sql = text.sql();
    let mut written = Written::default();
    if rules.policy.values.nul != NulPolicy::Reject {
        written.plan_json(sql, known, rules);
    }
    let has_parameters = memchr(b'$', sql).is_some();
    if known.is_empty() && !has_parameters || !statement::may_write(sql) {
        return written;
    }
    if has_only_constants(sql, rules) && !any_may_respell(sql, known, rules) {
        return written;
    }
    for_each_write(sql, rules.lexing, SLOTS_MAX, &mut |writes: Writes| {
        written.note_place(&writes);
        let Some(relation) = known.relation(&writes.head.name) else {
            return ControlFlow::Continue(());
        };
        written.relations.relation(&writes.head.name, Freshness::MayBeOld);
        let mut plan =
            Plan { sql, rules, declared, relation: &relation, written: &mut written, acts: false };
        plan.write(&writes);
        if plan.acts && !known.is_exact(&writes.head.name) {
            written.wants_exact.relation(&writes.head.name, Freshness::Exact);
        }
        // The target gets no further than to what is refused.
        match &written.refused {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        }
    });
    written
}

fn any_may_respell(sql: &[u8], known: &Known<'_>, rules: &Rules<'_>) -> bool {
    let (mut seen, spellings) = (HashSet::new(), Spellings::new(sql));
    write_heads(sql, rules.lexing).into_iter().any(|head| {
        let relation = known.relation(&head.name);
        let is_new = seen.insert(head.name);
        relation.filter(|_| is_new).is_some_and(|relation| spellings.may_change_for(&relation))
    })
}

impl Written {
    /// Notes the constants that are JSON whatever they go into.
    fn plan_json(&mut self, sql: &[u8], known: &Known<'_>, rules: &Rules<'_>) {
        self.json_constants = statement::json_casts(sql, rules.lexing);
        for constant in execute_constants(sql, rules.lexing) {
            let taken = known.catalog().prepared(&constant.statement);
            let kind = taken.and_then(|taken| taken.get(constant.index));
            if kind == Some(&ValueKind::Json) {
                self.json_constants.push(constant.span);
            }
        }
    }

    fn note_place(&mut self, writes: &Writes) {
        let is_parameter = |slot: &Slot| {
            matches!(slot.value, SlotValue::Parameter(_) | SlotValue::SourceParameter(_))
        };
        if self.place.is_none() && writes.slots.iter().any(is_parameter) {
            self.place = Some(place_of(&writes.head.name));
        }
    }
}

/// What becomes of the values of one statement.
struct Plan<'p> {
    sql: &'p [u8],
    rules: &'p Rules<'p>,
    declared: &'p [u32],
    relation: &'p Arc<Relation>,
    written: &'p mut Written,
    /// A rule has decided over a value that stores another one than the server would store.
    acts: bool,
}

impl Plan<'_> {
    fn write(&mut self, writes: &Writes) {
        let relation = self.relation;
        let listed: Vec<Option<usize>> =
            writes.head.columns.iter().map(|name| relation.position(name)).collect();
        let index_of = |at: usize| {
            if listed.is_empty() { Some(at) } else { listed.get(at).copied().flatten() }
        };
        let dropped = self.drop_items(writes, &index_of);
        let (mut uses, mut identity) = (Vec::new(), None);
        for (number, slot) in writes.slots.iter().enumerate() {
            let index = match &slot.column {
                SlotColumn::Named(name) => relation.position(name),
                SlotColumn::Index(at) => index_of(*at),
            };
            let found = index.and_then(|index| Some((index, relation.columns().get(index)?)));
            let Some((index, column)) = found else { continue };
            let is_default = slot.value == SlotValue::Default;
            if column.is_identity_always && !is_default {
                identity.get_or_insert(column);
            }
            let is_dropped =
                matches!(slot.column, SlotColumn::Index(at) if dropped.binary_search(&at).is_ok());
            let left_out = is_dropped
                || column.is_generated
                    && !is_default
                    && self.rules.policy.leaves_out_generated
                    && takes_default(self.sql, &writes.head, slot);
            let is_read = matches!(slot.value, SlotValue::SourceParameter(_));
            if left_out && !is_dropped && !is_read {
                self.replace(slot.span.clone(), b"DEFAULT");
                self.note(column, ValueRule::GeneratedLeftOut, 1, None);
            }
            match slot.value {
                SlotValue::SourceParameter(_) if left_out => {}
                SlotValue::Parameter(parameter) | SlotValue::SourceParameter(parameter) => {
                    let parameter = usize::from(parameter).saturating_sub(1);
                    let is_left_out = left_out;
                    uses.push(ParameterUse {
                        index: parameter,
                        column: index,
                        is_left_out,
                        is_read,
                    });
                }
                _ if left_out => {}
                _ => self.constant(number, slot, column),
            }
        }
        if let (Some(column), Some(at), true) =
            (identity, writes.head.overriding_at, self.rules.policy.overrides_identity)
        {
            self.replace(at..at, b" OVERRIDING SYSTEM VALUE ");
            self.note(column, ValueRule::OverridingSystemValue, 1, None);
        }
        if !writes.head.is_prepare {
            let (name, elsewhere) = (&writes.head.name, &writes.parameters_elsewhere);
            self.written.parameters =
                parameters::plan(name, relation, &uses, elsewhere, self.declared, self.rules);
        }
    }

    /// Takes generated columns out of an INSERT with a SELECT; gives their places in it, in order.
    fn drop_items(
        &mut self,
        writes: &Writes,
        index_of: &dyn Fn(usize) -> Option<usize>,
    ) -> Vec<usize> {
        let relation = self.relation;
        if !self.rules.policy.leaves_out_generated || !relation.has_generated() {
            return Vec::new();
        }
        let names: Vec<&[u8]> = relation.columns().iter().map(|column| &*column.name).collect();
        let generated = |at: usize| {
            let column = relation.columns().get(index_of(at)?)?;
            column.is_generated.then_some(column)
        };
        let is_left_out = |at| generated(at).is_some();
        let (span, lexing) = (writes.span.clone(), self.rules.lexing);
        let dropped = without_columns(self.sql, span, lexing, &names, &is_left_out);
        let Some((replacements, dropped)) = dropped else { return Vec::new() };
        self.written.replacements.extend(replacements);
        for column in dropped.iter().filter_map(|at| generated(*at)) {
            self.note(column, ValueRule::GeneratedLeftOut, 1, None);
        }
        dropped
    }

    fn constant(&mut self, number: usize, slot: &Slot, column: &RelationColumn) {
        let span = || slot.span.clone();
        let type_oid = column.column.type_oid;
        let spelled = match slot.value {
            SlotValue::Integer | SlotValue::Other if type_oid == BOOL => {
                quoted_boolean(self.sql, span()).map(str::to_owned)
            }
            SlotValue::BitString | SlotValue::HexInteger if type_oid == BYTEA => {
                // As text in a column of another type it would be another value.
                self.acts = true;
                quoted_hex(self.sql, span(), self.rules.lexing)
            }
            _ => None,
        };
        if let Some(spelled) = spelled {
            self.replace(span(), spelled.as_bytes());
            self.note(column, ValueRule::TypeConverted, 1, None);
        } else if self.rules.policy.judges_values() {
            self.judge(number, slot, column);
        } else if slot.value == SlotValue::String
            && column.column.kind() == ValueKind::Json
            && self.rules.policy.values.nul != NulPolicy::Reject
            && may_be_json_nul(self.sql, &slot.span)
        {
            self.acts = true;
            self.written.json_constants.push(span());
        }
    }

    fn judge(&mut self, number: usize, slot: &Slot, column: &RelationColumn) {
        let lexing = self.rules.lexing;
        let text = match slot.value {
            SlotValue::String => constant_text(self.sql, slot.span.clone(), lexing),
            SlotValue::Integer | SlotValue::Number => {
                self.sql.get(slot.span.clone()).map(<[u8]>::to_vec)
            }
            _ => None,
        };
        let Some(text) = text else { return };
        let judge = self.rules.judge_any(self.relation, &column.column);
        let mut findings = Findings::default();
        let verdict = judge.judge_text(&text, &mut findings);
        let sample = findings.take_sample();
        for (rule, count) in findings.take() {
            self.note(column, rule, count, sample.clone());
        }
        match verdict {
            Verdict::Keep => {}
            Verdict::Replace(value) => {
                self.replace(slot.span.clone(), &quoted_text(&value, lexing));
            }
            Verdict::Null => self.replace(slot.span.clone(), b"NULL"),
            // All behind the first is never reached.
            Verdict::Refuse(_) if self.written.refused.is_some() => {}
            Verdict::Refuse(refused) => {
                self.acts = true;
                let at = format!("value {}", number + 1);
                let position = Some(self.rules.position(self.sql, slot.span.start));
                let error = refusal(self.relation, &refused, &column.column.name, &at);
                self.written.refused = Some(OwnError { position, ..error });
                self.replace(slot.span.clone(), FAILING_EXPRESSION);
            }
        }
    }

    fn replace(&mut self, span: Range<usize>, text: &[u8]) {
        self.written.replacements.push(Replacement { span, text: text.to_vec() });
    }

    fn note(
        &mut self,
        column: &RelationColumn,
        rule: ValueRule,
        count: u64,
        sample: Option<String>,
    ) {
        self.acts |= changes_values(rule);
        self.written.changes.note(self.relation, column, rule, count, sample);
    }
}
