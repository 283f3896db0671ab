//! What the values of a text go into, and what has to change in it for them to arrive: constants are
//! spelled anew, clauses are added. Finds the columns; what becomes of a value is decided elsewhere.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use memchr::{memchr, memmem};

use super::Session;
use super::parameters::{ParameterUse, Parameters};
use super::relations::{Name, Relation, RelationColumn, name_of_prepared};
use crate::ledger::Place;
use crate::statement::{
    self, CopyIn, ExecuteConstant, Replacement, Slot, SlotColumn, SlotValue, Writes, WritesHead,
    constant_text, execute_constants, for_each_slot, for_each_write, mend_json_constant,
    quoted_boolean, quoted_hex, quoted_text, without_columns, write_heads,
};
use crate::value::assignment::may_be_inferred;
use crate::value::type_oid::{BOOL, BYTEA};
use crate::value::{Findings, NulPolicy, Refusal, SilentLoss, ValueKind, ValueRule, Verdict};
use crate::wire::{self, ErrorAbout, OwnError};

/// Texts from this size on are looked at for their relations first.
const LONG_TEXT_BYTES: usize = 8 * 1024;

/// Values of one statement that are looked at; the server judges those beyond them.
const SLOTS_MAX: usize = 500_000;

/// Bytes of notices that wait for the client at most.
const NOTICE_BYTES_MAX: usize = 16 * 1024;

/// An expression that every server refuses when it analyses it, at this place in the text: so all in
/// front of it happens as it would in front of an error of the server's own.
const FAILING_EXPRESSION: &[u8] = b"NULL::pg_catalog.varchar(0)";

/// Something that a rule did to the values of a column.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) relation: Arc<Relation>,
    pub(super) column: String,
    pub(super) rule: ValueRule,
    pub(super) count: u64,
    /// The value, where samples are asked for.
    pub(super) sample: Option<String>,
}

/// What a text writes to.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The relations whose columns have to be known before the text goes.
    pub(super) relations: Vec<Name>,
    /// The first relation that gets the value of a parameter, as far as the text names it.
    pub(super) place: Option<Place>,
    /// What it gives to the parameters of prepared statements and may be JSON with U+0000.
    executes: Vec<ExecuteConstant>,
}

/// Whether DEFAULT may stand where the value does: in VALUES and in assignments, not in a SELECT.
fn takes_default(sql: &[u8], head: &WritesHead, slot: &Slot) -> bool {
    let source = head.overriding_at.and_then(|at| sql.get(at..at + b"values".len()));
    matches!(slot.column, SlotColumn::Named(_))
        || source.is_none_or(|word| word.eq_ignore_ascii_case(b"values"))
}

fn place_of(name: &Name) -> Place {
    let mut parts = name.iter().rev().map(|part| wire::printable(part));
    let table = parts.next().unwrap_or_default();
    Place { table, schema: parts.next().unwrap_or_default(), ..Place::default() }
}

/// What has to change in a text.
#[derive(Debug, Default)]
pub(super) struct Planned {
    /// In order.
    pub(super) replacements: Vec<Replacement>,
    /// The statements of the text whose command tag has to be this one.
    pub(super) tags: Vec<(usize, &'static str)>,
    /// Constants whose JSON holds an escaped U+0000.
    json_constants: Vec<Range<usize>>,
    /// What a Bind has to know.
    pub(super) parameters: Option<Arc<Parameters>>,
    pub(super) changes: Vec<Change>,
    /// A value is refused: its place is taken by what the target refuses for it.
    pub(super) refused: Option<OwnError>,
}

impl Relation {
    /// The relation as a place of the ledger.
    pub(super) fn place(&self) -> Place {
        Place { schema: self.schema.clone(), table: self.table.clone(), ..Place::default() }
    }

    /// The error for a value that a policy refuses; `place` says where the value stands.
    pub(super) fn refusal(&self, refusal: &Refusal, column: &str, place: &str) -> OwnError {
        OwnError {
            detail: Some(format!(
                "Table \"{}\".\"{}\", column \"{column}\", {place}.",
                self.schema, self.table
            )),
            about: Some(Box::new(ErrorAbout {
                context: None,
                schema: Some(self.schema.clone()),
                table: Some(self.table.clone()),
                column: Some(column.to_owned()),
            })),
            ..OwnError::new(refusal.sqlstate, refusal.message.clone())
        }
        .with_hint(refusal.hint.clone())
    }
}

impl Session {
    /// What the text writes to.
    pub(super) fn written(&self, sql: &[u8], declared: &[u32]) -> Written {
        let mut written = Written::default();
        if !self.context.settings.rewrite {
            return written;
        }
        written.executes = execute_constants(sql, self.context.lexing);
        for constant in &written.executes {
            let name = name_of_prepared(&constant.statement);
            if written.relations.last() != Some(&name) {
                written.relations.push(name);
            }
        }
        if !statement::may_write(sql) {
            return written;
        }
        let has_only_constants = self.has_only_constants(sql);
        if has_only_constants || self.context.policy.leaves_out_generated {
            for head in write_heads(sql, self.context.lexing) {
                if written.relations.last() != Some(&head.name) {
                    written.relations.push(head.name);
                }
            }
        }
        if has_only_constants {
            return written;
        }
        for_each_slot(sql, self.context.lexing, &mut |head: &WritesHead, slot: Slot| {
            let relations = &mut written.relations;
            if relations.last() != Some(&head.name) && self.matters(sql, &slot, declared) {
                relations.push(head.name.clone());
            }
            let is_parameter =
                matches!(slot.value, SlotValue::Parameter(_) | SlotValue::SourceParameter(_));
            if written.place.is_none() && is_parameter {
                written.place = Some(place_of(&head.name));
            }
            ControlFlow::Continue(())
        });
        written
    }

    /// Whether the text is long, and all its values are constants of which nothing but their type
    /// can matter: then its relations are looked at first, and its values only if they have to be.
    fn has_only_constants(&self, sql: &[u8]) -> bool {
        sql.len() >= LONG_TEXT_BYTES && !self.context.policy.judges_rows() && memchr(b'$', sql).is_none()
    }

    /// Whether constants may have to be spelled anew for any column of the relation.
    fn may_respell(&self, sql: &[u8], relation: &Relation) -> bool {
        let holds = |pieces: &[&str]| {
            pieces.iter().any(|piece| memmem::find(sql, piece.as_bytes()).is_some())
        };
        relation.columns.iter().any(|column| match column.column.type_oid {
            BOOL => true,
            BYTEA => holds(&["x'", "X'", "0x", "0X"]),
            _ => column.column.kind() == ValueKind::Json && holds(&["u0000"]),
        })
    }

    /// Whether the type of its column decides over a value.
    fn matters(&self, sql: &[u8], slot: &Slot, declared: &[u32]) -> bool {
        if self.context.policy.judges_rows() {
            return !matches!(slot.value, SlotValue::Default);
        }
        let written = || sql.get(slot.span.clone()).unwrap_or_default();
        match slot.value {
            SlotValue::Integer | SlotValue::Other => {
                quoted_boolean(sql, slot.span.clone()).is_some()
            }
            SlotValue::BitString | SlotValue::HexInteger => true,
            SlotValue::String => memmem::find(written(), b"u0000").is_some(),
            SlotValue::Parameter(number) | SlotValue::SourceParameter(number) => {
                // Without a type the target infers it, and values in binary format may be of another.
                let index = usize::from(number).wrapping_sub(1);
                let declared_oid = declared.get(index).copied().unwrap_or(0);
                declared_oid == 0 || may_be_inferred(declared_oid)
            }
            _ => false,
        }
    }

    /// What has to change in the text, whose relations are known as far as they can be.
    pub(super) fn plan_writes(&self, sql: &[u8], declared: &[u32], written: &Written) -> Planned {
        let mut planned = Planned::default();
        if !self.context.settings.rewrite {
            return planned;
        }
        planned.json_constants = statement::json_casts(sql, self.context.lexing);
        for ExecuteConstant { statement, index, span } in &written.executes {
            let taken = self.relations.get(&name_of_prepared(statement));
            let parameter = taken.and_then(|taken| taken.columns.get(*index));
            if parameter.is_some_and(|parameter| parameter.column.kind() == ValueKind::Json) {
                planned.json_constants.push(span.clone());
            }
        }
        if self.relations.is_empty() || !statement::may_write(sql) {
            return planned;
        }
        if self.has_only_constants(sql) {
            let mut relations =
                written.relations.iter().filter_map(|name| self.relations.get(name));
            if !relations.any(|relation| self.may_respell(sql, relation)) {
                return planned;
            }
        }
        for_each_write(sql, self.context.lexing, SLOTS_MAX, &mut |writes: Writes| {
            let Some(relation) = self.relations.get(&writes.head.name).cloned() else {
                return ControlFlow::Continue(());
            };
            self.plan_write(sql, &writes, &relation, declared, &mut planned);
            // The target gets no further than to what is refused.
            match &planned.refused {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        });
        planned.replacements.sort_by_key(|replacement| replacement.span.start);
        planned
    }

    /// Takes columns whose fields are left out of a COPY out of its list, too.
    pub(super) fn plan_copies(&self, sql: &[u8], copies: &[CopyIn], planned: &mut Planned) {
        if !self.context.settings.rewrite || !self.context.policy.leaves_out_generated {
            return;
        }
        for copy in copies {
            let Some(relation) = self.relations.get(&copy.name) else { continue };
            let left_out = |name: &Vec<u8>| {
                let column = relation.position(name).and_then(|at| relation.columns.get(at));
                column.is_some_and(|column| column.is_generated)
            };
            let listed = copy.columns.iter().zip(&copy.column_spans);
            let kept: Vec<&[u8]> = listed
                .filter(|(name, _)| !left_out(name))
                .map(|(_, span)| sql.get(span.clone()).unwrap_or_default())
                .collect();
            if let (Some(first), Some(last)) = (copy.column_spans.first(), copy.column_spans.last())
                && !kept.is_empty()
                && kept.len() < copy.columns.len()
            {
                planned.replace(first.start..last.end, &kept.join(&b", "[..]));
            }
        }
        planned.replacements.sort_by_key(|replacement| replacement.span.start);
    }

    fn plan_write(
        &self,
        sql: &[u8],
        writes: &Writes,
        relation: &Arc<Relation>,
        declared: &[u32],
        planned: &mut Planned,
    ) {
        let mut uses = Vec::new();
        let mut identity = None;
        let dropped = self.drop_items(sql, writes, relation, planned);
        for (row, slot) in writes.slots.iter().enumerate() {
            let found = match &slot.column {
                SlotColumn::Named(name) => relation.position(name),
                SlotColumn::Index(index) => relation.position_of(&writes.head.columns, *index),
            };
            let Some((index, column)) =
                found.and_then(|index| Some((index, relation.columns.get(index)?)))
            else {
                continue;
            };
            let is_default = slot.value == SlotValue::Default;
            if column.is_identity_always && !is_default {
                identity.get_or_insert(column);
            }
            let is_dropped = matches!(slot.column, SlotColumn::Index(at) if dropped.contains(&at));
            let left_out = is_dropped
                || column.is_generated
                    && !is_default
                    && self.context.policy.leaves_out_generated
                    && takes_default(sql, &writes.head, slot);
            if left_out && !is_dropped && !matches!(slot.value, SlotValue::SourceParameter(_)) {
                planned.replace(slot.span.clone(), b"DEFAULT");
                planned.note(relation, column, ValueRule::GeneratedLeftOut, 1);
            }
            match slot.value {
                SlotValue::Parameter(number) => uses.push(ParameterUse {
                    index: usize::from(number).saturating_sub(1),
                    column: index,
                    is_left_out: left_out,
                    is_read: false,
                }),
                SlotValue::SourceParameter(number) if !left_out => uses.push(ParameterUse {
                    index: usize::from(number).saturating_sub(1),
                    column: index,
                    is_left_out: false,
                    is_read: true,
                }),
                _ if left_out => {}
                _ => self.plan_constant(sql, (row, slot), relation, column, planned),
            }
        }
        if let (Some(column), Some(at), true) =
            (identity, writes.head.overriding_at, self.context.policy.overrides_identity)
        {
            planned.replace(at..at, b" OVERRIDING SYSTEM VALUE ");
            planned.note(relation, column, ValueRule::OverridingSystemValue, 1);
        }
        if !writes.head.is_prepare {
            let elsewhere = &writes.parameters_elsewhere;
            planned.parameters = self.plan_parameters(relation, &uses, elsewhere, declared);
        }
    }

    /// Takes generated columns out of an INSERT with a SELECT; gives their places in it.
    fn drop_items(
        &self,
        sql: &[u8],
        writes: &Writes,
        relation: &Arc<Relation>,
        planned: &mut Planned,
    ) -> Vec<usize> {
        let has_generated = relation.columns.iter().any(|column| column.is_generated);
        if !self.context.policy.leaves_out_generated || !has_generated {
            return Vec::new();
        }
        let names: Vec<&[u8]> = relation.columns.iter().map(|column| &*column.name).collect();
        let generated = |at: usize| {
            let index = relation.position_of(&writes.head.columns, at)?;
            relation.columns.get(index).filter(|column| column.is_generated)
        };
        let is_left_out = |at| generated(at).is_some();
        let span = writes.span.clone();
        let dropped = without_columns(sql, span, self.context.lexing, &names, &is_left_out);
        let Some((replacements, dropped)) = dropped else { return Vec::new() };
        planned.replacements.extend(replacements);
        for column in dropped.iter().filter_map(|at| generated(*at)) {
            planned.note(relation, column, ValueRule::GeneratedLeftOut, 1);
        }
        dropped
    }

    fn plan_constant(
        &self,
        sql: &[u8],
        (number, slot): (usize, &Slot),
        relation: &Arc<Relation>,
        column: &RelationColumn,
        planned: &mut Planned,
    ) {
        let span = || slot.span.clone();
        let type_oid = column.column.type_oid;
        let spelled = match slot.value {
            SlotValue::Integer | SlotValue::Other if type_oid == BOOL => {
                quoted_boolean(sql, span()).map(str::to_owned)
            }
            SlotValue::BitString | SlotValue::HexInteger if type_oid == BYTEA => {
                quoted_hex(sql, span(), self.context.lexing)
            }
            _ => None,
        };
        if let Some(spelled) = spelled {
            planned.replace(span(), spelled.as_bytes());
            planned.note(relation, column, ValueRule::TypeConverted, 1);
            return;
        }
        let Some(judge) = self.judge_of(relation, &column.column) else {
            if slot.value == SlotValue::String && column.column.kind() == ValueKind::Json {
                planned.json_constants.push(span());
            }
            return;
        };
        let text = match slot.value {
            SlotValue::String => constant_text(sql, span(), self.context.lexing),
            SlotValue::Integer | SlotValue::Number => sql.get(span()).map(<[u8]>::to_vec),
            _ => None,
        };
        let Some(text) = text else { return };
        let mut findings = Findings::default();
        let verdict = judge.judge_text(&text, &mut findings);
        let sample = findings.take_sample();
        for (rule, count) in findings.take() {
            planned.note_value(relation, column, rule, count, sample.clone());
        }
        match verdict {
            Verdict::Keep => {}
            Verdict::Replace(value) => planned.replace(span(), &quoted_text(&value, self.context.lexing)),
            Verdict::Null => planned.replace(span(), b"NULL"),
            // All behind the first is never reached.
            Verdict::Refuse(_) if planned.refused.is_some() => {}
            Verdict::Refuse(refusal) => {
                let place = format!("value {}", number + 1);
                let before = sql.get(..slot.span.start).unwrap_or_default();
                let position = Some(self.context.lexing.encoding.count_characters(before) + 1);
                let error = relation.refusal(&refusal, &column.column.name, &place);
                planned.refused = Some(OwnError { position, ..error });
                planned.replace(span(), FAILING_EXPRESSION);
            }
        }
    }

    /// Mends the constants that are JSON, in place.
    pub(super) fn mend_json_constants(&mut self, sql: &mut [u8], planned: &Planned) {
        if self.context.policy.values.nul == NulPolicy::Reject {
            return;
        }
        for span in &planned.json_constants {
            let mended = mend_json_constant(sql, span.clone(), self.context.lexing);
            self.counts.nul_constant += mended;
            self.note_place(Place::default(), "nul-in-constant", mended);
        }
    }

    /// Counts what was done to values.
    pub(super) fn note_changes(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.counts.count_value(change.rule, change.count);
            if change.rule.is_silent_loss() && self.context.policy.values.silent_loss == SilentLoss::Warn {
                let Change { relation, column, rule, count, .. } = &change;
                self.warn_of_loss(relation, column, *rule, *count);
            }
            let place = Place { column: change.column, ..change.relation.place() };
            let mut sample = format!("statement {}", self.counts.statements);
            if let Some(value) = change.sample {
                sample = format!("{sample}: {value}");
            }
            self.note_sample(place, change.rule.name(), change.count, sample);
        }
    }

    /// The client gets a WARNING in front of its next ReadyForQuery.
    pub(super) fn warn_of_loss(
        &mut self,
        relation: &Relation,
        column: &str,
        rule: ValueRule,
        count: u64,
    ) {
        let Relation { schema, table, .. } = relation;
        let message = format!(
            "{count} values of \"{schema}\".\"{table}\".\"{column}\" do not arrive as they were \
             sent: {}",
            rule.name()
        );
        let warning = OwnError::new("01000", message)
            .with_hint("values.silent_loss = \"reject\" refuses them.");
        if self.notices.len() < NOTICE_BYTES_MAX {
            self.notices.extend(wire::notice_response(&warning));
        }
    }

    /// Notes in the ledger what a rule did.
    pub(super) fn note_place(&mut self, place: Place, rule: &str, count: u64) {
        let sample = format!("statement {}", self.counts.statements);
        self.note_sample(place, rule, count, sample);
    }

    /// The same with a sample that says where to look.
    pub(super) fn note_sample(&mut self, place: Place, rule: &str, count: u64, sample: String) {
        if count > 0 {
            let place = Place { rule: rule.to_owned(), ..place };
            let seconds = self.context.common.clock_seconds();
            self.entries.note(&place, count, seconds, || Some(sample));
        }
    }
}

impl Planned {
    pub(super) fn replace(&mut self, span: Range<usize>, text: &[u8]) {
        self.replacements.push(Replacement { span, text: text.to_vec() });
    }

    fn note(
        &mut self,
        relation: &Arc<Relation>,
        column: &RelationColumn,
        rule: ValueRule,
        count: u64,
    ) {
        self.note_value(relation, column, rule, count, None);
    }

    fn note_value(
        &mut self,
        relation: &Arc<Relation>,
        column: &RelationColumn,
        rule: ValueRule,
        count: u64,
        sample: Option<String>,
    ) {
        let same = |change: &&mut Change| {
            change.rule == rule
                && change.column == column.column.name
                && Arc::ptr_eq(&change.relation, relation)
        };
        match self.changes.iter_mut().find(same) {
            Some(change) => change.count += count,
            None => self.changes.push(Change {
                relation: Arc::clone(relation),
                column: column.column.name.clone(),
                rule,
                count,
                sample,
            }),
        }
    }
}
