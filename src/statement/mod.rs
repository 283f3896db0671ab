//! SQL text in, the places that matter out: types to replace, COPY streams to expect, settings that
//! change, values and the columns they go into. Works on bytes; knows no frames, no sockets, no row values.

mod alias_type;
mod aliases;
mod alter;
mod column_type;
mod compose;
mod constant;
mod constant_kinds;
mod copy;
mod cursor;
mod default_clause;
mod definition;
mod effects;
mod expression;
mod file_statements;
mod finder;
mod identity_clause;
pub mod lexer;
mod modifiers;
mod name;
mod nesting;
mod noted;
mod parts;
mod plain_rows;
mod reach;
mod routine;
pub mod scope;
pub mod script;
mod setting;
mod slots;
mod subject;
mod table_statement;
mod tokens;
mod transaction_word;
mod types;
mod words;
mod written_rows;

use std::ops::Range;

use crate::encoding::Encoding;
use crate::mapping::RuleId;
use crate::value::CopyOptions;

pub use aliases::{AliasType, AliasTypes, FoundTypes};
pub use compose::compose;
pub use constant::{
    CastConstant, Spelling, StringConstant, array_elements, cast_constant, json_escapes_in,
    quoted_boolean, quoted_bytes, quoted_integer, quoted_number, quoted_text, timestamp_literal,
    without_national,
};
pub use constant_kinds::ConstantKinds;
pub use effects::Effects;
pub use file_statements::FileStatements;
pub use reach::{Reach, WRITES_MAX};
pub use slots::{
    DefinedKey, DefinedTable, DefinitionItem, DefinitionKind, DoubleQuoted, Execution, KeyColumn,
    Leaf, LostParameter, Meeting, MeetingKind, MetValue, NewColumn, NewTable, ParameterUses,
    RedundantAssignment, RemovedParts, RowChange, RowChangeKind, RowsSpan, Slot, SlotColumn,
    SlotValue, Write, WriteKind, type_words,
};
pub use subject::StatementSubject;
pub use table_statement::{TableReference, TableStatement, TableStatementKind};
pub use tokens::TOKENS_MAX;
#[cfg(debug_assertions)]
pub use tokens::lexings;
pub use transaction_word::TransactionWord;
pub use words::Word;

/// What the session knows of how the server reads its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexing {
    /// The client encoding in force.
    pub encoding: Encoding,
    /// Whether a backslash is an ordinary character in `'...'` (`standard_conforming_strings`).
    pub standard_conforming_strings: bool,
}

impl Default for Lexing {
    fn default() -> Self {
        Lexing { encoding: Encoding::Utf8, standard_conforming_strings: true }
    }
}

/// One replacement in a text: the bytes of a type, name and modifiers, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes of the original text that are replaced.
    pub span: Range<usize>,
    /// What stands there afterwards; ASCII.
    pub text: String,
    /// The mapping rule that asked for it.
    pub rule: RuleId,
}

/// Bytes that stand in the place of others; an empty span is a place between two bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The bytes of the original text that are replaced.
    pub span: Range<usize>,
    /// What stands there afterwards.
    pub text: Vec<u8>,
}

impl From<&Edit> for Replacement {
    fn from(edit: &Edit) -> Replacement {
        Replacement { span: edit.span.clone(), text: edit.text.clone().into_bytes() }
    }
}

/// A type that the mapping names and cannot map, such as `STRING(0)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The bytes of the type in the original text.
    pub span: Range<usize>,
    /// The SQLSTATE: 22023, or 0A000 for a type that no table knows.
    pub sqlstate: &'static str,
    /// What is wrong, for the message field of an ErrorResponse.
    pub message: String,
    /// What to do about it, for the hint field.
    pub hint: String,
}

/// A `COPY ... FROM STDIN` that the text contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyStatement {
    /// The relation as the text spells it (`"s"."t"`).
    pub relation: String,
    /// The parts of its name, as PostgreSQL keeps them.
    pub name: Vec<Vec<u8>>,
    /// The columns that it lists, as PostgreSQL keeps their names; none for all of them.
    pub columns: Vec<Vec<u8>>,
    /// Where the text lists them.
    pub column_spans: Vec<Range<usize>>,
    /// What its options say about the row stream.
    pub options: CopyOptions,
}

/// A `SET [SESSION | LOCAL] dms.name { = | TO } value` with a literal value, `None` for DEFAULT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmsSetting {
    /// The name behind `dms.`, in lower case.
    pub name: String,
    /// The value without its quotes.
    pub value: Option<String>,
    /// Whether it says LOCAL, so that the setting goes with the transaction.
    pub is_local: bool,
    /// The bytes of the value (of the whole statement where there is none).
    pub span: Range<usize>,
}

/// A `SHOW dms.name`, which only the proxy can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmsShow {
    /// The name behind `dms.`, in lower case.
    pub name: String,
    /// The bytes of the statement.
    pub span: Range<usize>,
}

/// The text with the edits made; see [`replace`].
pub fn apply(sql: &[u8], edits: &[Edit]) -> Vec<u8> {
    replace(sql, &edits.iter().map(Replacement::from).collect::<Vec<_>>())
}

/// The text with the replacements made; every byte outside their spans stays. One whose span does
/// not lie in the text behind the one before it is passed over.
pub fn replace(sql: &[u8], replacements: &[Replacement]) -> Vec<u8> {
    let added: usize = replacements.iter().map(|replacement| replacement.text.len()).sum();
    let mut text = Vec::with_capacity(sql.len() + added);
    let mut position = 0;
    for replacement in replacements {
        let Some(kept) = sql.get(position..replacement.span.start) else { continue };
        text.extend_from_slice(kept);
        text.extend_from_slice(&replacement.text);
        position = replacement.span.end;
    }
    text.extend_from_slice(sql.get(position..).unwrap_or_default());
    text
}
