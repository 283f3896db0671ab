//! Which columns want constants spelled in another way, so that rows of others need not be looked at. What becomes
//! of a constant is decided in `constants`.

use std::cell::OnceCell;

use memchr::memmem;

use crate::catalog::{Relation, RelationColumn};
use crate::statement::ConstantKinds;
use crate::value::ValueKind;
use crate::value::assignment::{VARCHAR_37, is_number};
use crate::value::type_oid::{BOOL, BYTEA, VARCHAR};

/// The bytes of a JSON escape that may spell U+0000.
pub(super) const JSON_NUL: &[u8] = b"u0000";

/// Whether constants of a text may be spelled anew. Where a policy judges values, or columns are masked, others may
/// be as well.
pub(super) struct ColumnSpellings<'s> {
    sql: &'s [u8],
    holds_json_nul: OnceCell<bool>,
}

impl<'s> ColumnSpellings<'s> {
    pub(super) fn new(sql: &'s [u8]) -> ColumnSpellings<'s> {
        ColumnSpellings { sql, holds_json_nul: OnceCell::new() }
    }

    /// Whether constants of these kinds may be for any column of a relation.
    pub(super) fn may_change_for(&self, kinds: ConstantKinds, relation: &Relation) -> bool {
        relation.columns().iter().any(|column| self.may_change(kinds, column))
    }

    /// Whether they may be for a column.
    pub(super) fn may_change(&self, kinds: ConstantKinds, column: &RelationColumn) -> bool {
        const OF_BOOLEAN: ConstantKinds =
            ConstantKinds::INTEGER.and(ConstantKinds::BITS).and(ConstantKinds::OTHER);
        const OF_NUMBER: ConstantKinds = ConstantKinds::BITS.and(ConstantKinds::BOOLEAN);
        let by_type = match column.column.type_oid {
            BOOL => kinds.has_any(OF_BOOLEAN),
            BYTEA => kinds.has_any(ConstantKinds::BITS),
            VARCHAR if column.column.modifier == VARCHAR_37 => kinds.has_any(ConstantKinds::OTHER),
            oid if is_number(oid) => kinds.has_any(OF_NUMBER),
            _ => {
                let kind = column.column.kind();
                let is_json = matches!(kind, ValueKind::Json | ValueKind::JsonArray);
                is_json && kinds.has_any(ConstantKinds::STRING) && self.holds_json_nul()
            }
        };
        by_type || kinds.has_any(ConstantKinds::OTHER_STRING)
    }

    fn holds_json_nul(&self) -> bool {
        let is_there = || memmem::find(self.sql, JSON_NUL).is_some();
        *self.holds_json_nul.get_or_init(is_there)
    }
}
