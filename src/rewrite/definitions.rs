//! Constants in DEFAULT, CHECK and generated expressions, spelled for the types that their columns have on the
//! target. Finds no types.

use std::ops::Range;
use std::sync::Arc;

use super::change::{Change, ValueChanges};
use super::constant_types::{date_text, is_date, is_national, spelled};
use super::date_arrays::bad_elements;
use super::text_relations::TextRelations;
use super::{Needs, ReplacementReason, Rules};
use crate::catalog::{Freshness, Relation, RelationColumn};
use crate::statement::script::Script;
use crate::statement::{
    DefinedTable, DefinitionItem, DefinitionKind, DoubleQuoted, Replacement, Slot, SlotColumn,
    SlotValue, cast_constant, quoted_text, without_national,
};
use crate::value::assignment::is_number;
use crate::value::{Column, Findings, NumbersAsDates, ValueRule, Verdict, number_as_date};

/// The relations that have to be known: those that get a constant by ALTER TABLE whose column decides over it.
pub(super) fn needs(
    script: &Script,
    sql: &[u8],
    definitions: &[DefinedTable],
    rules: &Rules<'_>,
    needs: &mut Needs,
) {
    for definition in definitions {
        if definition.kind != DefinitionKind::Alter {
            continue;
        }
        let mut matters = false;
        script.definition_items(definition, sql, &|_| true, &mut |item| {
            matters |= match item {
                DefinitionItem::Condition { .. } => true,
                DefinitionItem::Constant(slot) | DefinitionItem::Branch(slot) => match slot.value {
                    SlotValue::Null | SlotValue::Default => false,
                    SlotValue::String => {
                        let written = sql.get(slot.core.clone()).unwrap_or_default();
                        without_national(written).is_some() || rules.policy.judges_values()
                    }
                    _ => true,
                },
                DefinitionItem::DoubleQuoted(quoted) => {
                    let may_be_text = rules.policy.mapping.has_double_quoted_text();
                    may_be_text && (quoted.may_be_column || rules.policy.judges_values())
                }
            };
        });
        if matters {
            needs.relation(&definition.name, Freshness::Exact);
        }
    }
}

/// What becomes of the expressions of definitions.
#[derive(Debug, Default)]
pub(super) struct Defined {
    pub(super) replaced: Vec<(Replacement, ReplacementReason)>,
    pub(super) changes: Vec<Change>,
}

pub(super) fn plan(
    script: &Script,
    sql: &[u8],
    definitions: &[DefinedTable],
    known: &TextRelations<'_>,
    rules: &Rules<'_>,
) -> Defined {
    let mut defined = Defined::default();
    let (mut changes, mut relations) = (ValueChanges::default(), Vec::new());
    for definition in definitions.iter().filter(|definition| !definition.expressions.is_empty()) {
        let (relation, is_certain) = relation(definition, known);
        let relation = Arc::new(relation);
        // Its address stands for it in the changes.
        relations.push(Arc::clone(&relation));
        let mut plan = DefinitionPlan {
            sql,
            rules,
            relation: &relation,
            is_certain,
            defined: &mut defined,
            changes: &mut changes,
        };
        let is_column = |name: &[u8]| relation.position(name).is_some();
        script.definition_items(definition, sql, &is_column, &mut |item| plan.item(&item));
    }
    defined.changes = changes.into_changes();
    defined
}

/// The table with the columns that a definition gives it, and whether these are all.
fn relation(definition: &DefinedTable, known: &TextRelations<'_>) -> (Relation, bool) {
    let before = match definition.kind {
        DefinitionKind::Create { .. } | DefinitionKind::NotTable => None,
        DefinitionKind::Alter => known.relation(&definition.name),
    };
    let is_known = definition.kind != DefinitionKind::Alter || before.is_some();
    (before.unwrap_or_default().behind(definition), definition.is_certain && is_known)
}

/// What becomes of the expressions of one definition.
struct DefinitionPlan<'p> {
    sql: &'p [u8],
    rules: &'p Rules<'p>,
    relation: &'p Arc<Relation>,
    /// Whether it has no other columns.
    is_certain: bool,
    defined: &'p mut Defined,
    changes: &'p mut ValueChanges,
}

impl DefinitionPlan<'_> {
    fn column(&self, name: &[u8]) -> Option<RelationColumn> {
        self.relation.columns().get(self.relation.position(name)?).cloned()
    }

    fn item(&mut self, item: &DefinitionItem) {
        match item {
            DefinitionItem::Constant(slot) | DefinitionItem::Branch(slot) => {
                let SlotColumn::Named(name) = &slot.column else { return };
                let is_branch = matches!(item, DefinitionItem::Branch(_));
                let column = self.column(name);
                // A string would be text there.
                let column = column.filter(|column| column.column.type_oid != 0 || !is_branch);
                if let Some(column) = column {
                    self.constant(slot, &column);
                }
            }
            DefinitionItem::Condition { column, span } => {
                let column = self.column(column);
                let Some(column) = column.filter(|column| is_number(column.column.type_oid)) else {
                    return;
                };
                let rule = ValueRule::TypeConverted;
                let reason = ReplacementReason::Rule(rule.name());
                for (at, text) in [(span.start, "("), (span.end, ")::pg_catalog.int4")] {
                    let replacement = Replacement { span: at..at, text: text.into() };
                    self.defined.replaced.push((replacement, reason));
                }
                self.changes.note(self.relation, &column, rule, 1, None);
            }
            DefinitionItem::DoubleQuoted(quoted) => self.double_quoted(quoted),
        }
    }

    /// To some sources double quotes make a string constant, unless it is a column, in any case of letters.
    fn double_quoted(&mut self, quoted: &DoubleQuoted) {
        let is_column = |column: &RelationColumn| column.name.eq_ignore_ascii_case(&quoted.text);
        let is_text = !quoted.may_be_column
            || self.is_certain && !self.relation.columns().iter().any(is_column);
        if !is_text || !self.rules.policy.mapping.has_double_quoted_text() {
            return;
        }
        let column = quoted.column.as_ref().and_then(|name| self.column(name));
        let judged = column.as_ref().and_then(|column| self.judged(&quoted.text, column));
        let (rule, text) = judged.unwrap_or_else(|| {
            (ValueRule::TypeConverted, quoted_text(&quoted.text, self.rules.lexing))
        });
        self.replace(&quoted.span, text, rule, &column.unwrap_or_default());
    }

    fn constant(&mut self, slot: &Slot, column: &RelationColumn) {
        let core = self.sql.get(slot.core.clone()).unwrap_or_default();
        let date = self.date(slot, core, &column.column);
        let rule = ValueRule::TypeConverted;
        if let Some(date) = date {
            self.replace(&slot.span, date.into_bytes(), ValueRule::NumberToDate, column);
        } else if let Some(text) = spelled(slot.value, core, &column.column, self.rules.lexing) {
            self.replace(&slot.span, text.into_bytes(), rule, column);
        } else if let Some((rule, text)) = self.judge(slot, core, column) {
            self.replace(&slot.span, text, rule, column);
        } else if slot.value == SlotValue::Other && self.rules.policy.judges_values() {
            for bad in bad_elements(core, &column.column, self.relation, self.rules) {
                let span = slot.core.start + bad.span.start..slot.core.start + bad.span.end;
                self.replace(&span, bad.text, bad.rule, column);
            }
        } else if is_national(core, column.column.type_oid) {
            let prefix = slot.core.start..slot.core.start + 1;
            self.replace(&prefix, Vec::new(), rule, column);
        }
    }

    /// The constant of the date that a number stands for, where the configuration says what numbers mean.
    fn date(&self, slot: &Slot, core: &[u8], column: &Column) -> Option<String> {
        let numbers = self.rules.numbers_as_dates(self.relation, column);
        let is_number = matches!(slot.value, SlotValue::Integer | SlotValue::Number);
        if numbers == NumbersAsDates::Reject || !is_number {
            return None;
        }
        let date = number_as_date(numbers, column.type_oid, core)?;
        Some(format!("'{}'", String::from_utf8(date).ok()?))
    }

    /// A date that does not exist, which the server would refuse, and the table with it.
    fn judge(
        &self,
        slot: &Slot,
        core: &[u8],
        column: &RelationColumn,
    ) -> Option<(ValueRule, Vec<u8>)> {
        let lexing = self.rules.lexing;
        let text = match (slot.value, &slot.constant) {
            (SlotValue::String, Some(constant)) => constant.value(self.sql, lexing.encoding),
            (SlotValue::Other, _) => cast_constant(core).and_then(|cast| date_text(&cast)),
            // The date of zeros, to MySQL.
            (SlotValue::Integer, _) if core == b"0" => {
                self.rules.policy.mapping.has_backslash_escapes().then(|| b"0000-00-00".to_vec())
            }
            _ => None,
        };
        self.judged(&text?, column)
    }

    /// The constant for what becomes of a date, if it is another one.
    fn judged(&self, text: &[u8], column: &RelationColumn) -> Option<(ValueRule, Vec<u8>)> {
        if !is_date(column.column.type_oid) || !self.rules.policy.judges_values() {
            return None;
        }
        // A column without NULL may have NULL as its DEFAULT: then it has none.
        let nullable = Column { is_nullable: true, ..(*column.column).clone() };
        let mut findings = Findings::default();
        let judge = self.rules.judge_any(self.relation, &nullable);
        let verdict = judge.judge_text(text, &mut findings);
        let rule = findings.take().first().map_or(ValueRule::TypeConverted, |(rule, _)| *rule);
        match verdict {
            Verdict::Replace(value) => Some((rule, quoted_text(&value, self.rules.lexing))),
            Verdict::Null => Some((rule, b"NULL".to_vec())),
            Verdict::Keep | Verdict::Refuse(_) => None,
        }
    }

    fn replace(
        &mut self,
        span: &Range<usize>,
        mut text: Vec<u8>,
        rule: ValueRule,
        column: &RelationColumn,
    ) {
        // A word may touch the parenthesis that goes.
        let byte = |at: Option<usize>| at.and_then(|at| self.sql.get(at));
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        if is_word(byte(span.start.checked_sub(1))) || text.first() == Some(&b' ') {
            text = [b" ", text.trim_ascii_start()].concat();
        }
        if is_word(byte(Some(span.end))) {
            text.push(b' ');
        }
        let replacement = Replacement { span: span.clone(), text };
        let reason = ReplacementReason::Rule(rule.name());
        self.defined.replaced.push((replacement, reason));
        self.changes.note(self.relation, column, rule, 1, None);
    }
}
