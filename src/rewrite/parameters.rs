//! Prepared statements whose parameters go straight into columns: what the client declared them to be, what
//! the target is told or left to infer, and what is found in their values. Knows no frames.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::change::{Change, changes_values, refusal};
use super::{Rules, names};
use crate::catalog::{Name, Relation, RelationColumn};
use crate::ledger::Road;
use crate::mapping::Mask;
use crate::value::assignment::{should_be_inferred, should_be_told};
use crate::value::{
    BindFinding, BindParameter, BindRefusal, Column, ColumnJudge, ValueRule, needs_rewriting,
};
use crate::wire::{BindBody, OwnError};

/// The parameters of one prepared statement.
#[derive(Debug)]
pub struct Parameters {
    /// The target's name of the relation.
    pub name: Name,
    /// The relation.
    pub relation: Arc<Relation>,
    /// By number, from `$1`; none for one that does not go straight into a column. Those that go into
    /// the same column share what is known of it.
    list: Vec<Option<BindParameter>>,
    /// The types that the client declared, where the target is told others.
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
    /// The parameters by number, from `$1`; none for one that does not go straight into a column.
    pub fn list(&self) -> &[Option<BindParameter>] {
        &self.list
    }

    /// The OIDs for a ParameterDescription, as the client declared them: what the target says of the
    /// others stays. `None` where the target was told what the client declared.
    pub fn described(&self, by_target: &[u32]) -> Option<Vec<u32>> {
        let declared = self.declared.as_ref()?;
        let oids = by_target.iter().enumerate().map(|(index, &by_target)| {
            declared.get(index).copied().filter(|oid| *oid != 0).unwrap_or(by_target)
        });
        Some(oids.collect())
    }

    /// The types that the target is told, where they are others than those that are declared.
    pub(super) fn told_types(&self) -> Option<&[u32]> {
        self.told.as_deref()
    }

    /// Whether values of any are masked.
    pub fn are_masked(&self) -> bool {
        let judges = self.list.iter().flatten().filter_map(|parameter| parameter.judge.as_ref());
        judges.into_iter().any(|judge| judge.mask().is_some())
    }

    /// Whether the target was told other types than the client declared.
    pub fn is_retyped(&self) -> bool {
        self.told.is_some()
    }

    /// Whether a Bind, of which `front` is there, may hold values that cannot stay as they are.
    pub fn need_rewriting(&self, front: &BindBody<'_>) -> bool {
        needs_rewriting(front, &self.list)
    }

    /// The part of a Parse that declares types, where it has to be another one.
    pub fn told(&self) -> Option<Vec<u8>> {
        let told = self.told.as_ref()?;
        let count = u16::try_from(told.len()).ok()?;
        let mut bytes = count.to_be_bytes().to_vec();
        bytes.extend(told.iter().flat_map(|oid| oid.to_be_bytes()));
        Some(bytes)
    }

    /// What was found in the values of a Bind, by columns.
    pub fn changes(&self, found: Vec<BindFinding>) -> Vec<Change> {
        let change = |found: BindFinding| {
            let BindFinding { index, rule, count, sample } = found;
            Change::of_values(&self.relation, self.column(index), rule, count, sample)
                .by(Road::Parameter)
        };
        found.into_iter().map(change).collect()
    }

    /// The error for a Bind with a value that is refused; `None` for a value that goes into no column.
    pub fn refusal(&self, refused: &BindRefusal) -> Option<OwnError> {
        let parameter = self.list.get(refused.index)?.as_ref()?;
        let place = format!("parameter ${}", refused.index + 1);
        Some(refusal(&self.relation, &refused.refusal, &parameter.column.name, &place))
    }

    /// Whether what was found is of a kind that wants an exact answer about the relation. So does any
    /// value that is refused.
    pub fn wants_exact(&self, found: &[BindFinding]) -> bool {
        let is_spelled = |found: &BindFinding| {
            let parameter = self.list.get(found.index).and_then(Option::as_ref);
            found.rule == ValueRule::TypeConverted
                && parameter.is_some_and(BindParameter::is_spelled_for_column)
        };
        found.iter().any(|found| changes_values(found.rule) || is_spelled(found))
    }

    /// The same for what is known of the relation now; `None` where that is what was known before.
    /// SharedColumns are found by their names, and the types that the target was told stay.
    pub fn renewed(&self, relation: &Arc<Relation>, rules: &Rules<'_>) -> Option<Parameters> {
        if Arc::ptr_eq(relation, &self.relation) || *relation == self.relation {
            return None;
        }
        let mut indexes: HashMap<&str, Option<usize>> = HashMap::new();
        for (index, column) in relation.columns().iter().enumerate() {
            // Of two that are printed alike neither is meant for sure.
            let same = indexes.entry(&column.column.name).and_modify(|index| *index = None);
            same.or_insert(Some(index));
        }
        let mut columns = SharedColumns::new(relation, rules);
        let mut renew = |parameter: &BindParameter| {
            let index = *indexes.get(parameter.column.name.as_str())?;
            let mask = parameter.judge.as_ref().and_then(|judge| judge.mask());
            let (column, judge) = columns.shared(index?, mask)?;
            Some(BindParameter { column, judge, ..parameter.clone() })
        };
        let list = self.list.iter().map(|parameter| renew(parameter.as_ref()?)).collect();
        Some(Parameters {
            name: self.name.clone(),
            relation: Arc::clone(relation),
            list,
            declared: self.declared.clone(),
            told: self.told.clone(),
        })
    }

    /// What it takes in memory, in bytes, but for the relation.
    pub fn bytes(&self) -> usize {
        let oids = |oids: &Option<Box<[u32]>>| oids.as_ref().map_or(0, |oids| size_of_val(&**oids));
        size_of_val(self.list.as_slice()) + oids(&self.declared) + oids(&self.told)
    }

    fn column(&self, index: usize) -> &str {
        let parameter = self.list.get(index).and_then(Option::as_ref);
        parameter.map_or("", |parameter| &parameter.column.name)
    }
}

/// A parameter of a statement and a column that it goes into.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParameterUse {
    /// From 0.
    pub(super) index: usize,
    /// The index of the column in the relation.
    pub(super) column: usize,
    /// The value was left out of the text.
    pub(super) is_left_out: bool,
    /// It stands in rows that the statement reads from by a name.
    pub(super) is_read: bool,
    /// It is compared with the column: nothing is stored.
    pub(super) is_compared: bool,
}

/// What parameters share that go into the same column.
struct SharedColumns<'c> {
    relation: &'c Relation,
    rules: &'c Rules<'c>,
    judges: HashMap<usize, Arc<ColumnJudge>>,
}

impl<'c> SharedColumns<'c> {
    fn new(relation: &'c Relation, rules: &'c Rules<'c>) -> SharedColumns<'c> {
        SharedColumns { relation, rules, judges: HashMap::new() }
    }

    /// A column and who judges its values; `known` is how they are masked, where the text at hand says nothing.
    fn shared(
        &mut self,
        index: usize,
        known: Option<Mask>,
    ) -> Option<(Arc<Column>, Option<Arc<ColumnJudge>>)> {
        let RelationColumn { column, .. } = self.relation.columns().get(index)?;
        let (relation, rules) = (self.relation, self.rules);
        let mask = known.or_else(|| rules.mask_of(relation, column));
        let judge = (mask.is_some() || rules.policy.judges_values()).then(|| {
            let judge = self.judges.entry(index);
            let new = || Arc::new(rules.judge_any(relation, column).masking(mask));
            Arc::clone(judge.or_insert_with(new))
        });
        Some((Arc::clone(column), judge))
    }
}

/// What has to be known about the parameters of a statement that writes to `relation`, if anything.
/// `elsewhere` are the numbers of parameters that stand anywhere else as well, sorted.
pub(super) fn plan(
    name: &Name,
    relation: &Arc<Relation>,
    uses: &[ParameterUse],
    elsewhere: &[u16],
    declared: &[u32],
    rules: &Rules<'_>,
) -> Option<Arc<Parameters>> {
    let count = uses.iter().map(|used| used.index + 1).max()?;
    if count > declared.len().saturating_add(uses.len()).saturating_add(elsewhere.len()) {
        // There are numbers between that nothing refers to: the target refuses that.
        return None;
    }
    let mut plan = ParameterPlan {
        elsewhere,
        declared,
        columns: SharedColumns::new(relation, rules),
        list: vec![None; count],
        told: declared.to_vec(),
        torn: HashSet::new(),
    };
    let stays = plan.staying(uses).unwrap_or_default();
    for used in uses {
        if used.is_left_out {
            plan.leave_out(used, &stays);
        } else {
            plan.give(used);
        }
    }
    plan.tell(uses);
    let ParameterPlan { list, told, .. } = plan;
    let matters = |parameter: &BindParameter| {
        parameter.is_inferred || parameter.judge.is_some() || parameter.declared_oid == 0
    };
    if told == declared && !list.iter().flatten().any(matters) {
        return None;
    }
    let changed = told != declared;
    Some(Arc::new(Parameters {
        name: names::target_of(name).into_owned(),
        relation: Arc::clone(relation),
        list,
        declared: changed.then(|| declared.into()),
        told: changed.then(|| told.into()),
    }))
}

struct ParameterPlan<'p> {
    elsewhere: &'p [u16],
    declared: &'p [u32],
    columns: SharedColumns<'p>,
    list: Vec<Option<BindParameter>>,
    told: Vec<u32>,
    /// The indexes of those that go into columns of different types, or elsewhere.
    torn: HashSet<usize>,
}

impl ParameterPlan<'_> {
    /// Whether each parameter still stands somewhere in the text as it goes to the target, where any is left out.
    fn staying(&self, uses: &[ParameterUse]) -> Option<Vec<bool>> {
        if !uses.iter().any(|used| used.is_left_out) {
            return None;
        }
        let mut stays = vec![false; self.list.len()];
        let elsewhere = self.elsewhere.iter().map(|number| usize::from(*number).wrapping_sub(1));
        let given = uses.iter().filter(|used| !used.is_left_out).map(|used| used.index);
        for index in elsewhere.chain(given) {
            if let Some(stays) = stays.get_mut(index) {
                *stays = true;
            }
        }
        Some(stays)
    }

    /// A parameter whose value is left out. Where nothing refers to it any more, the target cannot infer
    /// its type.
    fn leave_out(&mut self, used: &ParameterUse, stays: &[bool]) {
        self.told.resize(self.told.len().max(used.index + 1), 0);
        let is_gone = stays.get(used.index) == Some(&false);
        let column = self.columns.relation.columns().get(used.column);
        if let (Some(oid), Some(column)) = (self.told.get_mut(used.index), column)
            && is_gone
            && *oid == 0
        {
            *oid = column.column.type_oid;
        }
    }

    /// A parameter whose value goes into a column.
    fn give(&mut self, used: &ParameterUse) {
        let Some((column, judge)) = self.columns.shared(used.column, None) else { return };
        let number = u16::try_from(used.index + 1).unwrap_or_default();
        let Some(slot) = self.list.get_mut(used.index) else { return };
        let is_torn = self.elsewhere.binary_search(&number).is_ok()
            || slot.as_ref().is_some_and(|known| {
                known.column.type_oid != column.type_oid || known.column.modifier != column.modifier
            });
        let declared_oid = self.declared.get(used.index).copied().unwrap_or(0);
        let SharedColumns { relation, rules, .. } = self.columns;
        let numbers = rules.numbers_as_dates(relation, &column);
        let is_inferred = should_be_inferred(declared_oid, &column);
        let is_told = should_be_told(declared_oid, &column);
        let mut parameter = BindParameter { declared_oid, is_inferred, numbers, column, judge };
        parameter.is_inferred |= parameter.is_number_as_date();
        if is_torn || used.is_read && !is_told && !parameter.is_number_as_date() {
            self.torn.insert(used.index);
        }
        if used.is_compared {
            parameter.judge = None;
        }
        *slot = match slot.take() {
            _ if self.torn.contains(&used.index) => None,
            Some(assigned) if used.is_compared => Some(assigned),
            _ => Some(parameter),
        };
    }

    /// Puts the types that the target is told in the place of those that are declared.
    fn tell(&mut self, uses: &[ParameterUse]) {
        for used in uses.iter().filter(|used| !used.is_left_out) {
            let Some(parameter) = self.list.get(used.index).and_then(Option::as_ref) else {
                continue;
            };
            if used.is_read {
                self.told.resize(self.told.len().max(used.index + 1), 0);
            }
            if let Some(told) = self.told.get_mut(used.index) {
                match (used.is_read, parameter.is_inferred) {
                    (true, _) => *told = parameter.column.type_oid,
                    (false, true) => *told = 0,
                    (false, false) => {}
                }
            }
        }
    }
}
