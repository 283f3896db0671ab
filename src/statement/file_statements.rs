//! The statements of a script file one by one, with what is not SQL between them: rows behind a COPY,
//! lines for psql. Changes nothing.

use super::Lexing;
use super::script::{Scratch, Script, quoting};
use super::tokens::statement_start;
use crate::mapping::Mapping;

/// The statements of a text one by one, each with what it contains. Each is cut into tokens when it is
/// asked for, as what is behind it may not be SQL.
#[derive(Debug)]
pub struct FileStatements<'a> {
    sql: &'a [u8],
    lexing: Lexing,
    mapping: &'a Mapping,
    scratch: Scratch,
    offset: usize,
}

impl<'a> FileStatements<'a> {
    /// The statements of `sql`.
    pub fn new(sql: &'a [u8], lexing: Lexing, mapping: &'a Mapping) -> FileStatements<'a> {
        FileStatements { sql, lexing, mapping, scratch: Scratch::default(), offset: 0 }
    }

    /// The offset where the next statement starts; the end of the text if there is none.
    pub fn next_offset(&mut self) -> usize {
        self.offset = statement_start(self.sql, self.offset, self.lexing, quoting(self.mapping));
        self.offset
    }

    /// Goes on at `offset`, as after rows of data that stand between two statements.
    pub fn seek(&mut self, offset: usize) {
        self.offset = offset.min(self.sql.len());
    }

    /// Takes the memory of a statement that is done with.
    pub fn give_back(&mut self, script: Script) {
        script.give_back(&mut self.scratch);
    }
}

impl Iterator for FileStatements<'_> {
    /// A script with this one statement; spans count from the start of the whole text. One that is too
    /// long has none, and is the last.
    type Item = Script;

    fn next(&mut self) -> Option<Script> {
        let (sql, scratch) = (self.sql, &mut self.scratch);
        let script = Script::read_statement(sql, self.offset, self.lexing, self.mapping, scratch);
        self.offset = script.statements.first().map_or(sql.len(), |statement| statement.span.end);
        (script.is_too_long || !script.statements.is_empty()).then_some(script)
    }
}
