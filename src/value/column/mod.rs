//! A column of the target, or a parameter that goes into one, as far as its values need to know it.

pub mod assignment;
mod cast;
mod kind;
pub mod type_oid;

pub use cast::{Cast, cast_for_assignment, cast_for_comparison};
pub use kind::ValueKind;

use assignment::VARCHAR_37;

/// What the catalog says about a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name, as PostgreSQL keeps it.
    pub name: String,
    /// The OID of its type; of the type underneath where that is a domain.
    pub type_oid: u32,
    /// The OID of the type of its elements where it is an array, 0 otherwise.
    pub element_oid: u32,
    /// Its type modifier (`atttypmod`), -1 where there is none.
    pub modifier: i32,
    /// Whether it takes NULL.
    pub is_nullable: bool,
    /// Its type where a user has made that.
    pub user_type: Option<UserType>,
}

/// A type that a user has made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserType {
    /// Its name as SQL spells it, with its schema.
    pub name: String,
    /// Whether it is an enum.
    pub is_enum: bool,
}

impl Column {
    /// What its values hold.
    pub fn kind(&self) -> ValueKind {
        type_oid::kind_of(self.type_oid)
    }

    /// Whether a COPY in text format is looked through for `true` and `false`: a `smallint` takes the place of
    /// the booleans of other systems.
    pub fn takes_words(&self) -> bool {
        self.type_oid == type_oid::INT2
    }

    /// Whether a COPY in binary format is looked through for fields of another type, as
    /// [`fit_binary`](super::fit_binary) does.
    pub fn takes_other_binary(&self) -> bool {
        match self.type_oid {
            type_oid::VARCHAR => self.modifier == VARCHAR_37,
            type_oid::BOOL
            | type_oid::INT2
            | type_oid::INT4
            | type_oid::INT8
            | type_oid::FLOAT4
            | type_oid::FLOAT8
            | type_oid::UUID
            | type_oid::JSONB => true,
            _ => false,
        }
    }
}
