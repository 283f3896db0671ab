//! COPY streams that a text asks for: what their fields go into, and the columns that are left out of them.
//! Reads no row.

use std::sync::Arc;

use super::names::RemovedFields;
use super::text_relations::TextRelations;
use super::{Needs, ReplacementReason, Rules};
use crate::catalog::{Freshness, Relation};
use crate::mapping::Mask;
use crate::statement::script::Script;
use crate::statement::{CopyStatement, Replacement};
use crate::value::{CopyColumn, CopyFormat, CopyOptions, CopyScanner, ValueKind, ValueRule};

/// A COPY stream that the client will send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyStream {
    /// What the statement says about the stream.
    pub options: CopyOptions,
    /// What each field holds; none where it could not be found out.
    pub kinds: Arc<[ValueKind]>,
    /// The index of each field's column in the relation.
    pub fields: Vec<Option<usize>>,
    /// The relation, where it is known.
    pub relation: Option<Arc<Relation>>,
    /// The places of fields whose columns do not reach the target, in order.
    pub removed: Vec<usize>,
    /// Columns whose values are masked.
    masks: Vec<(String, Mask)>,
}

impl CopyStream {
    /// What becomes of each field, where the rows have to be taken apart; `None` where they need not.
    pub fn columns(&self, rules: &Rules<'_>) -> Option<Vec<CopyColumn>> {
        let relation = self.relation.as_ref().filter(|relation| !relation.is_missing());
        let relation = match relation {
            Some(relation) => relation,
            None if self.removed.is_empty() => return None,
            None => return Some(self.fields_alone()),
        };
        let column = |index: &Option<usize>| relation.columns().get((*index)?);
        let left_out = |index: &Option<usize>| {
            rules.policy.leaves_out_generated
                && column(index).is_some_and(|column| column.is_generated)
        };
        let leaves_out = self.fields.iter().any(left_out);
        let is_binary = self.options.format == CopyFormat::Binary;
        let fits = self.fields.iter().filter_map(column).any(|column| match is_binary {
            true => column.column.takes_other_binary(),
            // Escapes of JSON in an array stand behind those of the array and of the stream.
            false => column.column.takes_words() || column.column.kind() == ValueKind::JsonArray,
        });
        if !rules.policy.judges_values()
            && !leaves_out
            && !fits
            && self.removed.is_empty()
            && self.masks.is_empty()
        {
            return None;
        }
        let columns = self.fields.iter().enumerate().map(|(place, index)| match column(index) {
            _ if self.is_removed(place) => CopyColumn::LeftOut,
            Some(_) if left_out(index) => CopyColumn::LeftOut,
            Some(column) => {
                let judge = rules.judge_any(relation, &column.column);
                let numbers = rules.numbers_as_dates(relation, &column.column);
                let mask = self.masks.iter().find(|(name, _)| *name == column.column.name);
                let judge = judge.masking(mask.map(|(_, mask)| *mask));
                CopyColumn::Judged(judge.reading_numbers(numbers))
            }
            None => CopyColumn::Kept,
        });
        Some(columns.collect())
    }

    /// The columns where nothing is known of the relation.
    fn fields_alone(&self) -> Vec<CopyColumn> {
        let column = |place| match self.is_removed(place) {
            true => CopyColumn::LeftOut,
            false => CopyColumn::Kept,
        };
        (0..self.fields.len()).map(column).collect()
    }

    fn is_removed(&self, place: usize) -> bool {
        self.removed.binary_search(&place).is_ok()
    }

    /// The client sends fields for columns, too, that the statement which the target gets does not list.
    pub fn remove(&mut self, removed: &RemovedFields) {
        let RemovedFields { places, listed, .. } = removed;
        let mut kinds = self.kinds.to_vec();
        let kept = listed.saturating_sub(places.len());
        self.fields.resize(kept, None);
        kinds.resize(kept, ValueKind::Other);
        for place in places {
            let at = (*place).min(self.fields.len());
            self.fields.insert(at, None);
            kinds.insert(at, ValueKind::Other);
        }
        self.kinds = kinds.into();
        self.removed.clone_from(places);
    }

    /// Whether what is known of the relation decides over the rows. A relation that is not there may be by
    /// now, with any columns.
    fn goes_by_columns(&self, rules: &Rules<'_>) -> bool {
        self.relation.as_ref().is_none_or(|relation| relation.is_missing())
            || CopyScanner::goes_by_kinds(&self.options, &self.kinds)
            || self.columns(rules).is_some()
    }
}

/// The relations of streams. What is known of one may be old where no rule goes by its columns.
pub(super) fn needs(script: &Script, needs: &mut Needs) {
    for copy in script.copies() {
        needs.relation(&copy.name, Freshness::MayBeOld);
    }
}

/// The streams, and the replacements that take columns whose fields are left out of the list of a COPY.
/// Relations by whose columns a rule would change values go to `wants_exact` where what is known of them
/// may be old.
pub(super) fn plan(
    script: &Script,
    sql: &[u8],
    known: &TextRelations<'_>,
    rules: &Rules<'_>,
    replaced: &mut Vec<(Replacement, ReplacementReason)>,
    wants_exact: &mut Needs,
) -> Vec<CopyStream> {
    let streams = script.copies().map(|copy| {
        let mut goes_by_columns = false;
        if rules.settings.rewrite && rules.policy.leaves_out_generated {
            let reason = ReplacementReason::Rule(ValueRule::GeneratedLeftOut.name());
            let found = without_generated(sql, copy, known);
            goes_by_columns = found.is_some();
            replaced.extend(found.map(|found| (found, reason)));
        }
        let stream = stream(copy, known, rules);
        goes_by_columns = goes_by_columns || stream.goes_by_columns(rules);
        if rules.settings.rewrite && goes_by_columns && !known.is_exact(&copy.name) {
            wants_exact.relation(&copy.name, Freshness::Exact);
        }
        stream
    });
    streams.collect()
}

fn stream(copy: &CopyStatement, known: &TextRelations<'_>, rules: &Rules<'_>) -> CopyStream {
    let relation = known.relation(&copy.name);
    let fields = relation.as_ref().map_or_else(Vec::new, |relation| {
        match copy.columns.as_slice() {
            // COPY leaves generated columns out where none are listed.
            [] => {
                let columns = relation.columns().iter().enumerate();
                let given = columns.filter(|(_, column)| !column.is_generated);
                given.map(|(index, _)| Some(index)).collect()
            }
            listed => listed.iter().map(|name| relation.position(name)).collect(),
        }
    });
    let kind = |index: &Option<usize>| {
        let column = relation.as_ref().and_then(|relation| relation.columns().get((*index)?));
        column.map_or(ValueKind::Other, |column| column.column.kind())
    };
    let kinds = fields.iter().map(kind).collect();
    let removed = Vec::new();
    let masks = relation.as_ref().map_or_else(Vec::new, |relation| {
        let column = |index: &Option<usize>| relation.columns().get((*index)?);
        let columns = fields.iter().filter_map(column);
        let masked = columns.filter_map(|column| {
            let mask = rules.mask_of(relation, &column.column)?;
            Some((column.column.name.clone(), mask))
        });
        masked.collect()
    });
    CopyStream { options: copy.options.clone(), kinds, fields, relation, removed, masks }
}

fn without_generated(
    sql: &[u8],
    copy: &CopyStatement,
    known: &TextRelations<'_>,
) -> Option<Replacement> {
    let relation = known.relation(&copy.name)?;
    let is_generated = |name: &[u8]| {
        let column = relation.position(name).and_then(|at| relation.columns().get(at));
        column.is_some_and(|column| column.is_generated)
    };
    let listed = copy.columns.iter().zip(&copy.column_spans);
    let kept: Vec<&[u8]> = listed
        .filter(|(name, _)| !is_generated(name))
        .map(|(_, span)| sql.get(span.clone()).unwrap_or_default())
        .collect();
    let (first, last) = (copy.column_spans.first()?, copy.column_spans.last()?);
    let leaves_some = !kept.is_empty() && kept.len() < copy.columns.len();
    leaves_some.then(|| Replacement { span: first.start..last.end, text: kept.join(&b", "[..]) })
}
