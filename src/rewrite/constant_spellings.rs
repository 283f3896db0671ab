//! Whether a long text has constants that some column wants spelled in another way. Reads no statement.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use memchr::memmem;

use crate::catalog::Relation;
use crate::value::ValueKind;
use crate::value::assignment::{VARCHAR_37, is_number};
use crate::value::type_oid::{BOOL, BYTEA, VARCHAR};

/// The bytes of a JSON escape that may spell U+0000.
pub(super) const JSON_NUL: &[u8] = b"u0000";

/// What constants of a text may have to be spelled anew, looked for once.
pub(super) struct ConstantSpellings<'s> {
    sql: &'s [u8],
    holds_bytes: OnceCell<bool>,
    holds_boolean: OnceCell<bool>,
    holds_json_nul: OnceCell<bool>,
    holds_national: OnceCell<bool>,
    /// What was found out about a relation, by its address.
    relations: HashMap<usize, bool>,
}

impl<'s> ConstantSpellings<'s> {
    pub(super) fn new(sql: &'s [u8]) -> ConstantSpellings<'s> {
        ConstantSpellings {
            sql,
            holds_bytes: OnceCell::new(),
            holds_boolean: OnceCell::new(),
            holds_json_nul: OnceCell::new(),
            holds_national: OnceCell::new(),
            relations: HashMap::new(),
        }
    }

    fn holds(&self, pieces: &[&[u8]]) -> bool {
        pieces.iter().any(|piece| memmem::find(self.sql, piece).is_some())
    }

    /// Whether constants may have to be spelled anew for any column of the relation.
    pub(super) fn may_change_for(&mut self, relation: &Arc<Relation>) -> bool {
        let address = Arc::as_ptr(relation).addr();
        if let Some(found) = self.relations.get(&address) {
            return *found;
        }
        let found = self.may_change_any(relation);
        self.relations.insert(address, found);
        found
    }

    fn may_change_any(&self, relation: &Relation) -> bool {
        const NATIONAL: &[&[u8]] = &[b",N'", b" N'", b"(N'", b",n'", b" n'", b"(n'"];
        if *self.holds_national.get_or_init(|| self.holds(NATIONAL)) {
            return true;
        }
        relation.columns().iter().any(|column| match column.column.type_oid {
            BOOL => true,
            oid if is_number(oid) => *self
                .holds_boolean
                .get_or_init(|| self.holds(&[b"rue", b"RUE", b"alse", b"ALSE", b"b'", b"B'"])),
            VARCHAR if column.column.modifier == VARCHAR_37 => true,
            BYTEA => *self.holds_bytes.get_or_init(|| self.holds(&[b"x'", b"X'", b"0x", b"0X"])),
            _ if column.column.kind() == ValueKind::Json => {
                *self.holds_json_nul.get_or_init(|| self.holds(&[JSON_NUL]))
            }
            _ => false,
        })
    }
}
