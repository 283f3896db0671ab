//! One statement after the other: what kind it is, and who knows its shape. Finds, changes nothing.

use std::ops::Range;

use super::cursor::{Cursor, NotUnderstood, Understood};
use super::expression::Until;
use super::lexer::{Quoting, Token, TokenKind};
use super::table_statement::table_statement;
use super::types::Position;
use super::{Lexing, Script};
use crate::encoding::Encoding;
use crate::mapping::{Dialect, Mapping, Place};

/// What `sql` contains that the proxy acts on. `mapping` says which types are replaced.
///
/// Takes any bytes, in time linear to their number.
pub fn read(sql: &[u8], lexing: Lexing, mapping: &Mapping) -> Script {
    let mut finder = Finder::new(sql, lexing, mapping);
    while finder.next_statement().is_some() {}
    finder.script
}

/// The statements of a text one by one, each with what it contains.
#[derive(Debug)]
pub struct Statements<'a> {
    finder: Finder<'a>,
}

impl<'a> Statements<'a> {
    /// The statements of `sql`.
    pub fn new(sql: &'a [u8], lexing: Lexing, mapping: &'a Mapping) -> Statements<'a> {
        Statements { finder: Finder::new(sql, lexing, mapping) }
    }

    /// The offset where the next statement starts; the end of the text if there is none.
    pub fn next_offset(&mut self) -> usize {
        while self.finder.cursor.eat_kind(TokenKind::Semicolon) {}
        self.finder.cursor.token.start
    }

    /// Goes on at `offset`, as after rows of data that stand between two statements.
    pub fn seek(&mut self, offset: usize) {
        self.finder.cursor.seek(offset);
    }
}

impl Iterator for Statements<'_> {
    /// The bytes of the statement, without its semicolon, and what it contains; spans count from
    /// the start of the whole text.
    type Item = (Range<usize>, Script);

    fn next(&mut self) -> Option<Self::Item> {
        let span = self.finder.next_statement()?;
        Some((span, std::mem::take(&mut self.finder.script)))
    }
}

/// Reads statements and notes what it finds.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) mapping: &'a Mapping,
    pub(super) encoding: Encoding,
    pub(super) script: Script,
    /// The end of the last type that the mapping was asked about.
    pub(super) types_until: usize,
    /// Whether the statement is one of those that define, in which `OPTIONS (...)` lists names.
    pub(super) definition: bool,
    /// Whether the statement may have a body in `BEGIN ATOMIC ... END`.
    pub(super) routine_body: bool,
    /// Whether the statement defines tables or what hangs on their columns, so that its casts have
    /// the types that columns have.
    pub(super) table_definition: bool,
    /// The schema, if it is named, and the table that the statement is about.
    pub(super) relation: Option<(Option<Token>, Token)>,
}

impl<'a> Finder<'a> {
    fn new(sql: &'a [u8], lexing: Lexing, mapping: &'a Mapping) -> Finder<'a> {
        Finder {
            cursor: Cursor::new(sql, lexing, quoting(mapping)),
            mapping,
            encoding: lexing.encoding,
            script: Script::default(),
            types_until: 0,
            definition: false,
            routine_body: false,
            table_definition: false,
            relation: None,
        }
    }

    /// Reads one statement up to its semicolon; `None` at the end of the text.
    fn next_statement(&mut self) -> Option<Range<usize>> {
        while self.cursor.eat_kind(TokenKind::Semicolon) {}
        if self.cursor.at(TokenKind::End) {
            return None;
        }
        let start = self.cursor.token.start;
        let edits = self.script.edits.len();
        let unknown = self.script.unknown_types;
        let faulty = self.script.fault.is_some();
        let known = self.statement();
        let understood = known.is_ok() && self.at_end();
        if !understood {
            // Nothing is half rewritten. What is not DDL either fails on the target too, or has
            // no type where one was expected, and is not counted.
            self.script.edits.truncate(edits);
            self.script.unknown_types = unknown;
            if !faulty {
                self.script.fault = None;
            }
            self.script.not_understood += usize::from(self.definition);
            self.skip_rest();
        }
        self.script.statements += 1;
        // The semicolon stays: what is behind it may be no SQL, such as the rows of a COPY.
        Some(start..self.cursor.previous.end)
    }

    fn at_end(&self) -> bool {
        matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End)
    }

    fn skip_rest(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.cursor.token.kind {
                TokenKind::End => return,
                TokenKind::Semicolon if depth == 0 => return,
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.cursor.bump();
        }
    }

    /// Reads a statement up to its semicolon.
    fn statement(&mut self) -> Understood {
        self.definition = false;
        self.routine_body = false;
        self.table_definition = false;
        self.relation = None;
        if self.cursor.is_any(&["drop", "truncate", "create"]) {
            let number = self.script.statements;
            let found = table_statement(self.cursor, self.encoding, number);
            self.script.table_statements.extend(found);
        }
        // EXPLAIN and PREPARE are in front of another statement: go on with that one.
        loop {
            let mut buffer = [0; 8];
            let Some(word) = lower(&self.cursor, &mut buffer) else {
                return self.expression(Place::Cast, Until::Statement);
            };
            match word {
                b"explain" => self.explain()?,
                b"prepare" => {
                    if self.prepare()? {
                        return Ok(());
                    }
                }
                _ => return self.dispatch(word),
            }
        }
    }

    fn dispatch(&mut self, word: &[u8]) -> Understood {
        self.script.loads |=
            matches!(word, b"insert" | b"update" | b"delete" | b"merge" | b"truncate")
                || word == b"with" && self.with_loads();
        match word {
            b"select" | b"insert" | b"update" | b"delete" | b"with" | b"values" | b"merge"
            | b"begin" | b"table" | b"fetch" | b"execute" | b"declare" | b"start" | b"close"
            | b"move" | b"lock" | b"show" | b"release" | b"analyze" | b"vacuum" | b"truncate"
            | b"listen" | b"unlisten" | b"notify" => self.expression(Place::Cast, Until::Statement),
            // A COPY that was not understood is no COPY, or none that concerns us.
            b"copy" => self.copy(),
            b"set" => {
                self.script.changes_relations = true;
                self.set()
            }
            b"reset" | b"discard" => {
                self.script.changes_relations = true;
                self.reset()
            }
            b"commit" | b"end" | b"rollback" | b"abort" => {
                self.script.ends_transaction = true;
                self.expression(Place::Cast, Until::Statement)
            }
            b"create" | b"alter" | b"drop" | b"comment" | b"grant" | b"revoke" | b"import" => {
                self.script.changes_relations = true;
                self.definition = true;
                self.define(word)
            }
            _ => {
                self.script.changes_relations = true;
                self.expression(Place::Cast, Until::Statement)
            }
        }
    }

    /// Whether the WITH at the cursor has a statement that loads rows, in parentheses or behind them.
    fn with_loads(&self) -> bool {
        let mut cursor = self.cursor;
        while !cursor.at(TokenKind::End) {
            let follows = matches!(cursor.previous.kind, TokenKind::Open | TokenKind::Close);
            if follows && cursor.is_any(&["insert", "update", "delete", "merge"]) {
                return true;
            }
            if cursor.at(TokenKind::Semicolon) {
                return false;
            }
            cursor.bump();
        }
        false
    }

    /// `EXPLAIN [ANALYZE] [VERBOSE] | EXPLAIN ( option, ... )`.
    fn explain(&mut self) -> Understood {
        self.cursor.bump();
        if self.cursor.at(TokenKind::Open) {
            // `EXPLAIN (SELECT ...)` is legal too; the options are words without a query.
            let next = self.cursor.peek();
            let query = ["select", "with", "values", "table"];
            if next.kind == TokenKind::Word
                && !query.iter().any(|word| self.cursor.token_is(next, word))
            {
                return self.cursor.skip_parentheses();
            }
        }
        while self.cursor.is_any(&["analyze", "analyse", "verbose"]) {
            self.cursor.bump();
        }
        Ok(())
    }

    /// `PREPARE name [(type, ...)] AS`, or the whole of `PREPARE TRANSACTION`; true for that.
    fn prepare(&mut self) -> Result<bool, NotUnderstood> {
        self.cursor.bump();
        if self.cursor.is("transaction") && self.cursor.peek().kind != TokenKind::Open {
            let next = self.cursor.peek();
            if !self.cursor.token_is(next, "as") {
                self.script.ends_transaction = true;
                self.expression(Place::Cast, Until::Statement)?;
                return Ok(true);
            }
        }
        if !self.cursor.at_name() {
            return Err(NotUnderstood);
        }
        self.cursor.bump();
        if self.cursor.eat_kind(TokenKind::Open) {
            self.types(Place::Cast)?;
        }
        if self.cursor.eat("as") { Ok(false) } else { Err(NotUnderstood) }
    }

    /// A list of types and its closing parenthesis.
    fn types(&mut self, place: Place) -> Understood {
        loop {
            self.type_name(place, Position::Guess)?;
            self.expression(place, Until::Element)?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Err(NotUnderstood);
            }
        }
    }
}

/// The quotes of names that the source has beside those of PostgreSQL.
fn quoting(mapping: &Mapping) -> Quoting {
    match mapping.dialect() {
        Dialect::Source(table) => Quoting { backticks: table.backticks, brackets: table.brackets },
        Dialect::Dms | Dialect::PostgreSql(_) => Quoting::default(),
    }
}

/// The current word in lower case; longer ones are cut, which no keyword in question is.
fn lower<'b>(cursor: &Cursor<'_>, buffer: &'b mut [u8; 8]) -> Option<&'b [u8]> {
    if !cursor.at(TokenKind::Word) {
        return None;
    }
    let word = cursor.bytes(cursor.token);
    let buffer = buffer.get_mut(..word.len())?;
    buffer.copy_from_slice(word);
    buffer.make_ascii_lowercase();
    Some(buffer)
}
