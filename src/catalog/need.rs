//! What a text needs to know of the target, and when. Plain data.

use std::sync::Arc;

use crate::wire::TransactionStatus;

/// The parts of a relation's name, as PostgreSQL keeps them: table; schema, table; or database, schema,
/// table.
pub type Name = Vec<Vec<u8>>;

/// What can be asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A relation.
    Relation(Name),
    /// A prepared statement, by its name.
    Prepared(Vec<u8>),
    /// The routines of a name.
    Routine(Name),
    /// The schemas in which names without one are looked up.
    SearchPath,
}

/// How old an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// Some seconds: enough where the same value is stored whatever has changed meanwhile, or where an
    /// old answer leads to an error.
    MayBeOld,
    /// It was given for the text at hand, or under a lock of the transaction that keeps the definition
    /// from being changed. Whatever changes a value wants this.
    Exact,
}

/// Something that has to be known before a text goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Need {
    /// What has to be known.
    pub subject: Subject,
    /// How old that may be.
    pub freshness: Freshness,
}

/// The moment at which something has to be known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// The proxy's clock, in seconds.
    pub seconds: u64,
    /// How many transactions the proxy has seen change definitions.
    pub definitions: u64,
    /// The status of the last ReadyForQuery.
    pub status: TransactionStatus,
    /// Whether the target still owes answers, so that its status may be another one by now.
    pub is_owed: bool,
}

/// What is known of relations does not change within an edition, and none of it gets too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edition {
    pub(super) changes: u64,
    pub(super) seconds: u64,
    pub(super) definitions: u64,
}

/// What a statement that goes to the target does, as far as it matters here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent<'s> {
    /// It may change what the name of a relation stands for: definitions, settings.
    pub changes_relations: bool,
    /// It ends a transaction or rolls back a part of one.
    pub ends_transaction: bool,
    /// The relations that it writes to, if any.
    pub writes: Option<&'s Arc<[Name]>>,
}
