//! Parameters that hold names which a statement looks up: `relname = $1`, `to_regclass($1)`. Their values become the
//! target's names at Bind, by the search_path of that moment. Knows no frames.

use std::collections::BTreeMap;

use super::RenamedText;
use super::constants::{name_in, spelled_relation};
use super::look_up_names::{Holds, LookUps, LookedUp, WrittenAt};
use super::relations::{FoundRelation, Path, Place, RelationFinder};
use crate::catalog::{Catalog, Need};
use crate::mapping::NameRules;
use crate::statement::scope::{Comparison, ParameterRole, RoleOfParameter};
use crate::statement::script::Statement;
use crate::value::{GivenValue, type_oid};

/// A parameter that is compared with a column of a catalog, and with nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ComparedParameter {
    /// From 0.
    pub(super) index: usize,
    pub(super) holds: Holds,
    by: Comparison,
    is_negated: bool,
}

impl ComparedParameter {
    /// Whether what it is compared with has to be the same.
    pub(super) fn is_equal(&self) -> bool {
        self.by == Comparison::Equality && !self.is_negated
    }
}

/// Parameters that hold names of relations, and of their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NamedParameters {
    /// By their indexes, with whether the server takes them for texts.
    relations: Vec<(usize, bool)>,
    /// A column, and the relation that it is of.
    columns: Vec<(usize, usize)>,
}

impl NamedParameters {
    pub(super) fn are_none(&self) -> bool {
        self.relations.is_empty() && self.columns.is_empty()
    }

    pub(super) fn has_relations(&self) -> bool {
        !self.relations.is_empty()
    }
}

/// The parameters of a prepared statement that hold names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameParameters {
    /// What the statement itself looks up beside them.
    constants: LookUps,
    compared: Vec<ComparedParameter>,
    named: NamedParameters,
    /// The types that the client declared.
    declared: Box<[u32]>,
    /// Those whose values come back in rows, by parameters of the proxy's own behind the client's.
    echoed: Vec<usize>,
    /// The client's own.
    count: usize,
}

impl NameParameters {
    pub(super) fn new(
        constants: LookUps,
        compared: Vec<ComparedParameter>,
        named: NamedParameters,
    ) -> NameParameters {
        NameParameters { constants, compared, named, ..NameParameters::default() }
    }

    /// The same where the values of these come back, behind the `count` of the client.
    pub(super) fn echoing(self, echoed: Vec<usize>, count: usize) -> NameParameters {
        NameParameters { echoed, count, ..self }
    }

    /// How many parameters the client has; `None` where the proxy has none of its own.
    pub fn client_count(&self) -> Option<usize> {
        (!self.echoed.is_empty()).then_some(self.count)
    }

    /// The values of the proxy's own parameters.
    fn own_values<'v>(
        &self,
        value_of: impl Fn(usize) -> Option<(&'v str, bool)>,
    ) -> impl Iterator<Item = GivenValue> {
        let value =
            |index: &usize| value_of(*index).map_or("", |(text, _)| text).as_bytes().to_vec();
        let values: Vec<Vec<u8>> = self.echoed.iter().map(value).collect();
        let indexes = self.count..;
        indexes.zip(values).map(|(index, value)| GivenValue { index, value })
    }

    /// The same for parameters that are declared to be of these types.
    pub fn declared(self, declared: &[u32]) -> NameParameters {
        NameParameters { declared: declared.into(), ..self }
    }

    /// The values that take the place of those of a Bind. `value_of` gives the bytes of a value and whether they are
    /// in text format; `None` for NULL and what cannot be read.
    ///
    /// # Errors
    /// This has to be known first.
    pub fn values<'v>(
        &self,
        value_of: impl Fn(usize) -> Option<(&'v str, bool)> + Copy,
        names: &NameRules,
        catalog: &Catalog,
    ) -> Result<Vec<GivenValue>, Vec<Need>> {
        let path = Path::of(names, catalog);
        let finder = RelationFinder { names, catalog, path: &path };
        let text_of = |index: usize, may_be_binary: bool| {
            let (text, is_text) = value_of(index)?;
            let oid = self.declared.get(index).copied().unwrap_or(0);
            let holds_text = TEXTS.contains(&oid);
            (holds_text || oid == 0 && (is_text || may_be_binary)).then_some(text)
        };
        let mut given = Vec::new();
        let mut give = |index: usize, source: &str, spelled: String| {
            if source != spelled {
                given.push(GivenValue { index, value: spelled.into_bytes() });
            }
        };
        let mut relations: BTreeMap<usize, Place> = BTreeMap::new();
        for (index, is_text) in &self.named.relations {
            // What is no name fails on the server, or is an OID.
            let Some(text) = text_of(*index, *is_text) else { continue };
            let Some(parts) = name_in(text) else { continue };
            let place = match finder.relation(&parts) {
                Some(FoundRelation::Place(place)) => place,
                Some(FoundRelation::Needs(needs)) => return Err(needs),
                Some(FoundRelation::Unsure) | None => continue,
            };
            if place.is_renamed(parts.len() > 1) {
                give(*index, text, spelled_relation(&place, parts.len()));
            }
            relations.insert(*index, place);
        }
        for (index, relation) in &self.named.columns {
            if let (Some(text), Some(place)) = (text_of(*index, true), relations.get(relation)) {
                give(*index, text, place.column(names, text));
            }
        }
        let mut look_ups = self.constants.clone();
        for one in &self.compared {
            let Some(text) = text_of(one.index, true) else { continue };
            let at = WrittenAt::Parameter(one.index);
            look_ups.list(one.holds).extend(LookedUp::read(text, at, one.by, one.is_negated));
        }
        let mut found = look_ups.places(finder)?;
        found.extend(relations.into_values().map(Some));
        for renaming in look_ups.renamings(&found, names) {
            if let WrittenAt::Parameter(index) = renaming.at {
                give(index, &renaming.source, renaming.spelled);
            }
        }
        given.sort_by_key(|one| one.index);
        given.extend(self.own_values(value_of));
        Ok(given)
    }

    /// The values that take the place of others where names stay as they are.
    pub fn values_that_stay<'v>(
        &self,
        value_of: impl Fn(usize) -> Option<(&'v str, bool)>,
    ) -> Vec<GivenValue> {
        self.own_values(value_of).collect()
    }

    /// What it takes in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let LookUps { schemas, tables, columns } = &self.constants;
        let names = schemas.iter().chain(tables).chain(columns);
        size_of_val(self)
            + names.map(|one| size_of_val(one) + one.name.len()).sum::<usize>()
            + size_of_val(self.compared.as_slice())
            + size_of_val(self.named.relations.as_slice())
            + size_of_val(self.named.columns.as_slice())
            + size_of_val(&*self.declared)
            + size_of_val(self.echoed.as_slice())
    }
}

/// Types whose values are the same in both formats.
const TEXTS: &[u32] =
    &[type_oid::TEXT, type_oid::VARCHAR, type_oid::BPCHAR, type_oid::NAME, type_oid::UNKNOWN];

impl RenamedText<'_> {
    /// The parameters of a statement that hold names, and nothing else wherever they stand: those that are compared
    /// with columns of catalogs, where it `reads_catalogs` alone, and those that name relations.
    pub(super) fn name_parameters(
        &self,
        statement: &Statement,
        reads_catalogs: bool,
    ) -> (Vec<ComparedParameter>, NamedParameters) {
        let (mut compared, mut named) = (Vec::new(), NamedParameters::default());
        let mut places: BTreeMap<u16, Vec<RoleOfParameter>> = BTreeMap::new();
        for ParameterRole { number, role } in self.script.parameter_roles(statement, self.sql) {
            if role != RoleOfParameter::Tested {
                places.entry(number).or_default().push(role);
            }
        }
        for (number, roles) in places {
            let index = usize::from(number) - 1;
            match roles.first() {
                Some(first @ RoleOfParameter::Relation { is_text })
                    if roles.iter().all(|role| role == first) =>
                {
                    named.relations.push((index, *is_text));
                }
                Some(RoleOfParameter::ColumnOf(relation)) if roles.len() == 1 => {
                    named.columns.push((index, usize::from(*relation) - 1));
                }
                Some(RoleOfParameter::Compared { .. }) if reads_catalogs => {
                    let all: Option<Vec<_>> =
                        roles.iter().map(|role| self.compared(index, *role)).collect();
                    let Some(mut all) = all else { continue };
                    all.dedup();
                    if let [one] = all.as_slice() {
                        compared.push(one.clone());
                    }
                }
                _ => {}
            }
        }
        (compared, named)
    }

    fn compared(&self, index: usize, role: RoleOfParameter) -> Option<ComparedParameter> {
        let RoleOfParameter::Compared { column, by, is_negated } = role else { return None };
        let holds = Holds::of(&self.script.name_part(column, self.sql)?)?;
        Some(ComparedParameter { index, holds, by, is_negated })
    }
}
