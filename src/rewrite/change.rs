//! What rules did to a text or to the values of a message, as counts, notices and the ledger want it. Plain
//! data: nothing is counted here.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalog::{Name, Relation, RelationColumn};
use crate::ledger::{Place, Road};
use crate::mapping::RuleId;
use crate::value::{NUL_RULE, Refusal, ValueRule};
use crate::wire::{ErrorAbout, OwnError, printable};

/// The rule that names go by.
pub const NAMES_RULE: &str = "renamed";

/// The name under which code is counted that holds names which rules rename.
pub const CODE_RULE: &str = "code-with-names";

/// The name under which columns are counted that do not reach the target.
pub const REMOVED_RULE: &str = "column-removed";

/// The name under which constraints, indexes and comments are counted that go with such a column.
pub const DEPENDENT_RULE: &str = "dropped-with-column";

/// Something that a rule did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where, as far as it is known, with the name of the rule under which the ledger keeps it.
    pub place: Place,
    /// The rule.
    pub by: By,
    /// How often.
    pub count: u64,
    /// The value, where samples are asked for.
    pub sample: Option<String>,
}

/// The kind of rule that did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A row of the type mapping.
    Type(RuleId),
    /// U+0000 in the text, as a byte or as an escape in a string constant.
    Nul,
    /// A rule about values.
    Value(ValueRule),
    /// The preparation of tables.
    TablePrep,
    /// Rules about names.
    Names,
    /// A constant with code that holds names which rules rename, and stays as it is.
    CodeWithNames,
    /// A column that does not reach the target.
    ColumnRemoved,
    /// A constraint, index or comment that goes with such a column.
    DroppedWithColumn,
}

/// Why something stands in the place of a part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplacementReason {
    /// A row of the type mapping.
    Type(RuleId),
    /// The rule of this name.
    Rule(&'static str),
    /// A value is refused.
    Refused,
}

impl Change {
    /// What has been done only when the target has done it, and the rest.
    pub fn split_prepared(mut changes: Vec<Change>) -> (Vec<Change>, Vec<Change>) {
        if !changes.iter().any(|change| change.by == By::TablePrep) {
            return (Vec::new(), changes);
        }
        // A text may drop a hundred thousand tables: they stay where they are.
        let others = changes.extract_if(.., |change| change.by != By::TablePrep).collect();
        changes.shrink_to_fit();
        (changes, others)
    }

    /// A change about which no relation is known.
    pub(super) fn anywhere(rule: &str, by: By, count: u64) -> Change {
        let place = Place { rule: rule.to_owned(), ..Place::default() };
        Change { place, by, count, sample: None }
    }

    /// The same, of what came by this road.
    pub(super) fn by(mut self, road: Road) -> Change {
        self.place.road = road;
        self
    }

    /// U+0000 that were mended as bytes of a text.
    pub fn of_raw_nuls(count: u64) -> Change {
        Change::anywhere(NUL_RULE, By::Nul, count).by(Road::Query)
    }

    /// Names that became those of the target: of a relation, or of none.
    pub(super) fn of_names(place: Place, count: u64) -> Change {
        let place = Place { rule: NAMES_RULE.to_owned(), road: Road::Query, ..place };
        Change { place, by: By::Names, count, sample: None }
    }

    /// Names in the values of parameters that became those of the target.
    pub fn of_given_names(count: usize) -> Option<Change> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let change = Change::anywhere(NAMES_RULE, By::Names, count).by(Road::Parameter);
        (count > 0).then_some(change)
    }

    /// Constants with code that hold names which rules rename.
    pub(super) fn of_code(count: u64) -> Change {
        Change::anywhere(CODE_RULE, By::CodeWithNames, count).by(Road::Constant)
    }

    /// A column that does not reach the target.
    pub(super) fn of_removed(place: Place) -> Change {
        Change { place, by: By::ColumnRemoved, count: 1, sample: None }
    }

    /// Constraints, indexes and comments that go with columns.
    pub(super) fn of_dependents(count: u64) -> Change {
        Change::anywhere(DEPENDENT_RULE, By::DroppedWithColumn, count)
    }

    /// U+0000 that were mended as escapes in constants.
    pub(super) fn of_constants(count: u64) -> Change {
        Change::anywhere(NUL_RULE, By::Nul, count).by(Road::Constant)
    }

    /// Escapes for half of a surrogate pair that were mended in constants.
    pub(super) fn of_half_surrogates(count: u64) -> Change {
        let rule = ValueRule::InvalidUtf8Replaced;
        Change::anywhere(rule.name(), By::Value(rule), count).by(Road::Constant)
    }

    /// What a rule did to values of parameters that go into no column that is known.
    pub fn of_parameters(place: Place, rule: ValueRule, count: u64) -> Change {
        let place = Place { rule: rule.name().to_owned(), road: Road::Parameter, ..place };
        Change { place, by: By::Value(rule), count, sample: None }
    }

    /// What a rule did to values of a column.
    pub(super) fn of_values(
        relation: &Relation,
        column: &str,
        rule: ValueRule,
        count: u64,
        sample: Option<String>,
    ) -> Change {
        let place =
            Place { column: column.to_owned(), rule: rule.name().to_owned(), ..place(relation) };
        Change { place, by: By::Value(rule), count, sample }
    }
}

/// The relation as a place of the ledger.
pub fn place(relation: &Relation) -> Place {
    let Relation { schema, table, .. } = relation;
    Place { schema: schema.clone(), table: table.clone(), ..Place::default() }
}

/// The same for a relation of which only the name is known.
pub fn place_of(name: &Name) -> Place {
    let mut parts = name.iter().rev().map(|part| printable(part));
    let table = parts.next().unwrap_or_default();
    Place { table, schema: parts.next().unwrap_or_default(), ..Place::default() }
}

/// Whether what is stored is another value than the server would store, so that the rule may not act on
/// an answer of the catalog that may be old.
pub(super) fn changes_values(rule: ValueRule) -> bool {
    let keeps = matches!(rule, ValueRule::TypeConverted | ValueRule::OverridingSystemValue);
    // Which columns are masked is known for sure when a text is read.
    let is_mask = rule == ValueRule::Masked;
    !keeps && !is_mask && !rule.is_silent_loss()
}

/// The error for a value that a policy refuses; `at` says where the value stands.
pub fn refusal(relation: &Relation, refusal: &Refusal, column: &str, at: &str) -> OwnError {
    let Relation { schema, table, .. } = relation;
    if table.is_empty() {
        // The parameters of a prepared statement.
        let detail = Some(format!("Parameter {column}, {at}."));
        let error = OwnError::new(refusal.sqlstate, refusal.message.clone());
        return OwnError { detail, ..error }.with_hint(refusal.hint.clone());
    }
    OwnError {
        detail: Some(format!("Table \"{schema}\".\"{table}\", column \"{column}\", {at}.")),
        about: Some(Box::new(ErrorAbout {
            context: None,
            schema: Some(schema.clone()),
            table: Some(table.clone()),
            column: Some(column.to_owned()),
        })),
        ..OwnError::new(refusal.sqlstate, refusal.message.clone())
    }
    .with_hint(refusal.hint.clone())
}

/// Changes of values, one entry a relation, column and rule however many values there are.
#[derive(Debug, Default)]
pub(super) struct ValueChanges {
    changes: Vec<Change>,
    /// The index of each by relation, column and rule.
    at: HashMap<(usize, Vec<u8>, ValueRule), usize>,
}

impl ValueChanges {
    pub(super) fn note(
        &mut self,
        relation: &Arc<Relation>,
        column: &RelationColumn,
        rule: ValueRule,
        count: u64,
        sample: Option<String>,
    ) {
        // Two statements of a text have the same relation behind the same pointer.
        let key = (Arc::as_ptr(relation).addr(), column.name.clone(), rule);
        let index = *self.at.entry(key).or_insert(self.changes.len());
        match self.changes.get_mut(index) {
            Some(change) => change.count += count,
            None => {
                let name = &column.column.name;
                let change = Change::of_values(relation, name, rule, count, sample);
                // These are about the statement, whatever the value is.
                let road = match rule {
                    ValueRule::OverridingSystemValue | ValueRule::GeneratedLeftOut => Road::Query,
                    _ => Road::Constant,
                };
                self.changes.push(change.by(road));
            }
        }
    }

    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}
