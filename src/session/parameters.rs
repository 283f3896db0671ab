//! Prepared statements whose parameters go straight into columns: what the client declared them to
//! be, what the target was left to infer, and what a Bind has to become for it.

use std::sync::Arc;

use super::Session;
use super::relations::Relation;
use super::value_rules::Change;
use crate::value::assignment::{should_be_inferred, should_be_told};
use crate::value::{BindParameter, ColumnJudge, needs_rewriting, rewrite_bind};
use crate::wire::OwnError;

/// The parameters of one prepared statement.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) relation: Arc<Relation>,
    /// By number, from `$1`; none for one that does not go straight into a column.
    list: Vec<Option<BindParameter>>,
    /// The types that the client declared, where the target was told others.
    declared: Option<Box<[u32]>>,
    /// The types that the target is told, where they are others.
    told: Option<Box<[u32]>>,
}

/// Two statements are planned alike only if they are the same one.
impl PartialEq for Parameters {
    fn eq(&self, other: &Parameters) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Parameters {}

impl Parameters {
    /// The OIDs for a ParameterDescription, as the client declared them: what the target says of
    /// the others stays.
    pub(super) fn described(&self, by_target: &[u32]) -> Option<Vec<u32>> {
        let declared = self.declared.as_ref()?;
        let oids = by_target.iter().enumerate().map(|(index, &by_target)| {
            declared.get(index).copied().filter(|oid| *oid != 0).unwrap_or(by_target)
        });
        Some(oids.collect())
    }

    /// Whether the target was told other types than the client declared.
    pub(super) fn is_retyped(&self) -> bool {
        self.told.is_some()
    }

    /// Whether a Bind, of which `front` is there, may hold values that cannot stay as they are.
    pub(super) fn need_rewriting(&self, front: &[u8]) -> bool {
        needs_rewriting(front, &self.list)
    }

    /// The part of a Parse that declares types, where it has to be another one.
    pub(super) fn told(&self) -> Option<Vec<u8>> {
        let told = self.told.as_ref()?;
        let count = u16::try_from(told.len()).ok()?;
        let mut bytes = count.to_be_bytes().to_vec();
        bytes.extend(told.iter().flat_map(|oid| oid.to_be_bytes()));
        Some(bytes)
    }
}

/// A parameter of a statement and a column that it goes into.
#[derive(Debug)]
pub(super) struct ParameterUse {
    /// From 0.
    pub(super) index: usize,
    /// The index of the column in the relation.
    pub(super) column: usize,
    /// The value was left out of the text.
    pub(super) is_left_out: bool,
    /// It stands in rows that the statement reads from by a name.
    pub(super) is_read: bool,
}

/// Puts the types that the target is told in the place of those that are declared.
fn tell(told: &mut Vec<u32>, list: &[Option<BindParameter>], uses: &[ParameterUse]) {
    for used in uses.iter().filter(|used| !used.is_left_out) {
        let Some(parameter) = list.get(used.index).and_then(Option::as_ref) else { continue };
        if used.is_read {
            told.resize(told.len().max(used.index + 1), 0);
        }
        if let Some(told) = told.get_mut(used.index) {
            match (used.is_read, parameter.is_inferred) {
                (true, _) => *told = parameter.column.type_oid,
                (false, true) => *told = 0,
                (false, false) => {}
            }
        }
    }
}

impl Session {
    /// What has to be known about the parameters of a statement, if anything.
    pub(super) fn plan_parameters(
        &self,
        relation: &Arc<Relation>,
        uses: &[ParameterUse],
        elsewhere: &[u16],
        declared: &[u32],
    ) -> Option<Arc<Parameters>> {
        let count = uses.iter().map(|used| used.index + 1).max()?;
        if count > declared.len().saturating_add(uses.len()).saturating_add(elsewhere.len()) {
            // There are numbers between that nothing refers to: the target refuses that.
            return None;
        }
        let mut list: Vec<Option<BindParameter>> = vec![None; count];
        let mut told = declared.to_vec();
        let mut torn = vec![false; count];
        for used in uses {
            let number = u16::try_from(used.index + 1).unwrap_or_default();
            let Some(slot) = list.get_mut(used.index) else { continue };
            let Some(column) = relation.columns.get(used.column) else { continue };
            if used.is_left_out {
                let stays = |other: &ParameterUse| other.index == used.index && !other.is_left_out;
                let is_gone = !elsewhere.contains(&number) && !uses.iter().any(stays);
                // Nothing refers to it any more, so the target cannot infer its type.
                told.resize(told.len().max(used.index + 1), 0);
                if let Some(oid) = told.get_mut(used.index).filter(|oid| is_gone && **oid == 0) {
                    *oid = column.column.type_oid;
                }
                continue;
            }
            let column = &column.column;
            let Some(torn) = torn.get_mut(used.index) else { continue };
            *torn |= elsewhere.binary_search(&number).is_ok()
                || slot.as_ref().is_some_and(|known: &BindParameter| {
                    known.column.type_oid != column.type_oid
                        || known.column.modifier != column.modifier
                });
            let declared_oid = declared.get(used.index).copied().unwrap_or(0);
            if *torn || used.is_read && !should_be_told(declared_oid, column) {
                *torn = true;
                *slot = None;
                continue;
            }
            let judge = self.judge_of(relation, column).map(Arc::new);
            let is_inferred = should_be_inferred(declared_oid, column);
            let column = Arc::new(column.clone());
            *slot = Some(BindParameter { declared_oid, is_inferred, column, judge });
        }
        tell(&mut told, &list, uses);
        let matters = |parameter: &BindParameter| {
            parameter.is_inferred || parameter.judge.is_some() || parameter.declared_oid == 0
        };
        if told == declared && !list.iter().flatten().any(matters) {
            return None;
        }
        let changed = told != declared;
        Some(Arc::new(Parameters {
            relation: Arc::clone(relation),
            list,
            declared: changed.then(|| declared.into()),
            told: changed.then(|| told.into()),
        }))
    }

    /// The body of a Bind as the target has to get it, `None` where it can stay.
    ///
    /// # Errors
    /// A value is refused.
    pub(super) fn fit_parameters(
        &mut self,
        parameters: &Parameters,
        body: &[u8],
    ) -> Result<(Option<Vec<u8>>, Vec<Change>), OwnError> {
        let name = |index: usize| {
            let parameter = parameters.list.get(index).and_then(Option::as_ref);
            parameter.map_or_else(String::new, |parameter| parameter.column.name.clone())
        };
        match rewrite_bind(body, &parameters.list) {
            Ok((body, found)) => {
                let changes = found.into_iter().map(|found| Change {
                    relation: Arc::clone(&parameters.relation),
                    column: name(found.index),
                    rule: found.rule,
                    count: found.count,
                    sample: found.sample,
                });
                Ok((body, changes.collect()))
            }
            Err(refused) => {
                let place = format!("parameter ${}", refused.index + 1);
                let relation = &parameters.relation;
                Err(relation.refusal(&refused.refusal, &name(refused.index), &place))
            }
        }
    }
}

impl Session {
    /// A judge for a column, where anything is asked of values.
    pub(super) fn judge_of(
        &self,
        relation: &Relation,
        column: &crate::value::Column,
    ) -> Option<ColumnJudge> {
        let asked = self.policy.judges_values();
        asked.then(|| self.row_judge(relation, column))
    }

    /// A judge for a column, whatever is asked.
    pub(super) fn row_judge(
        &self,
        relation: &Relation,
        column: &crate::value::Column,
    ) -> ColumnJudge {
        let bad_dates = self.policy.bad_dates_of(&relation.schema, &relation.table, &column.name);
        ColumnJudge::new(&self.policy.values, bad_dates, column, self.lexing.encoding)
    }
}
