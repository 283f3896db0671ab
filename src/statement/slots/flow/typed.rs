//! What the server takes an expression to be, as far as that can be told from the text. Plain data.

use std::rc::Rc;

use super::Leaf;
use crate::statement::slots::defined::NewColumn;
use crate::value::assignment::{is_number, is_string};
use crate::value::type_oid::{BIT, NUMERIC, TEXT, UNKNOWN, VARBIT, array_of, named};

/// The type of an expression, and whose value it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    /// `UNKNOWN` for what has none of its own; `None` where it cannot be told.
    pub(super) type_oid: Option<u32>,
    /// Parameters and constants whose value it may be.
    pub(super) leaves: Rc<Vec<Leaf>>,
    /// Whether its value is always that of one of them.
    pub(super) is_of_leaves: bool,
}

impl Typed {
    /// A parameter or a constant.
    pub(super) fn leaf(type_oid: Option<u32>, leaf: Leaf) -> Typed {
        Typed { type_oid, leaves: Rc::new(vec![leaf]), is_of_leaves: true }
    }

    /// Something of a type.
    pub(super) fn of(type_oid: Option<u32>) -> Typed {
        Typed { type_oid, ..Typed::default() }
    }

    /// What is one of several, as the arguments of COALESCE or the rows of VALUES: without a type of its own
    /// it becomes text.
    pub(super) fn common<'t>(parts: impl Iterator<Item = &'t Typed>) -> Typed {
        let mut common = Typed { type_oid: Some(UNKNOWN), is_of_leaves: true, ..Typed::default() };
        for part in parts {
            common.add(part);
        }
        common.resolved()
    }

    /// Takes one more in, without a last word about the type.
    pub(super) fn add(&mut self, part: &Typed) {
        self.type_oid = match (self.type_oid, part.type_oid) {
            (Some(known), Some(added)) => common_type(known, added),
            _ => None,
        };
        self.is_of_leaves &= part.is_of_leaves;
        if self.leaves.is_empty() {
            self.leaves = Rc::clone(&part.leaves);
        } else {
            Rc::make_mut(&mut self.leaves).extend(part.leaves.iter().cloned());
        }
    }

    /// The same where the server has to settle for a type.
    pub(super) fn resolved(self) -> Typed {
        let type_oid = self.type_oid.map(|oid| if oid == UNKNOWN { TEXT } else { oid });
        Typed { type_oid, ..self }
    }
}

/// Source: PostgreSQL manual, "UNION, CASE, and Related Constructs".
fn common_type(one: u32, other: u32) -> Option<u32> {
    match (one, other) {
        (UNKNOWN, known) | (known, UNKNOWN) => Some(known),
        _ if one == other => Some(one),
        _ if is_string(one) && is_string(other) => Some(TEXT),
        _ if is_number(one) && is_number(other) => Some(NUMERIC),
        _ => None,
    }
}

/// The OID of a type that was read; `None` for one that is not PostgreSQL's own.
pub(in crate::statement::slots) fn oid_of(column: &NewColumn) -> Option<u32> {
    let type_oid = match column.type_name.as_str() {
        "bit" => BIT,
        "bit varying" | "varbit" => VARBIT,
        name => named(name, &column.modifiers)?.0,
    };
    if column.is_array { array_of(type_oid) } else { Some(type_oid) }
}
