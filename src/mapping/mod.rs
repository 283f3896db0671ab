//! The type mapping as rows of data: source type, DMS type, PostgreSQL type. Touches no other module.

/// A row of the mapping in force, as an index into [`Mapping::rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u16);

/// The mapping in force.
#[derive(Debug)]
pub struct Mapping {}
