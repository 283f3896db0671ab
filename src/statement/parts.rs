//! What a reading notes: statements with what they are, and string constants with why they are noted.

use std::ops::Range;

use super::constant::StringConstant;
use super::{CopyStatement, DmsSetting, DmsShow, Effects, TableStatement, Write};

/// One statement of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its bytes, with what stands in front of it (EXPLAIN, PREPARE, WITH), without its semicolon.
    pub span: Range<usize>,
    /// The indexes of its tokens.
    pub(super) tokens: Range<u32>,
    /// Whether it stands behind `PREPARE ... AS`, so that its parameters are those of EXECUTE.
    pub is_prepare: bool,
    /// Whether it may be a query or a DELETE.
    pub(super) may_be_query: bool,
    /// What it may change.
    pub effects: Effects,
    /// What it is, as far as the proxy acts on it.
    pub body: Body,
}

impl Statement {
    /// Whether it may be a query or a DELETE.
    pub fn is_query(&self) -> bool {
        self.may_be_query
    }

    /// Whether it is an INSERT of constants and parameters, and nothing else.
    pub(super) fn has_only_rows(&self) -> bool {
        match &self.body {
            Body::Write(write) => write.has_only_values && !write.is_prepare,
            _ => false,
        }
    }
}

/// What a statement is, as far as the proxy acts on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// Any other statement.
    #[default]
    Other,
    /// INSERT, UPDATE or MERGE, also behind EXPLAIN, PREPARE and WITH.
    Write(Box<Write>),
    /// `COPY ... FROM STDIN`.
    Copy(Box<CopyStatement>),
    /// DROP TABLE, TRUNCATE or CREATE TABLE; see [`super::script::Script::new_tables`] for columns.
    Table(Box<TableStatement>),
    /// ALTER, COMMENT, DROP, GRANT and REVOKE of routines, with their arguments.
    Routines(Vec<RoutineReference>),
    /// ALTER TABLE, a CREATE TABLE that prepares nothing for a load, CREATE INDEX or CREATE DOMAIN.
    Definition,
    /// `SET [SESSION | LOCAL] dms.name { = | TO } constant`.
    Setting(Box<DmsSetting>),
    /// `SHOW dms.name`.
    Show(Box<DmsShow>),
}

/// A routine that a statement is about and does not create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutineReference {
    /// The tokens of its name.
    pub(super) name: Range<u32>,
    /// The types of the arguments that it is known by, name and modifiers.
    pub arguments: Vec<Range<usize>>,
}

/// A string constant, and why it may have to be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedConstant {
    /// Where it stands and how it is spelled.
    pub constant: StringConstant,
    /// Why it is noted.
    pub purpose: ConstantPurpose,
}

/// Why a string constant is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstantPurpose {
    /// One of its escapes may spell U+0000; see [`StringConstant::mend_nul`].
    SpellsNul,
    /// A cast makes it `json` or `jsonb`, and it has `\u0000` in its bytes; see
    /// [`StringConstant::mend_json`].
    JsonByCast,
}
