//! One statement after the other: what kind it is, and who knows its shape. Finds, changes nothing.

use std::ops::Range;

use super::aliases::AliasTypes;
use super::cursor::{Cursor, NotUnderstood, Understood, narrow};
use super::lexer::{Token, TokenKind};
use super::parts::{Body, Statement};
use super::slots::{Write, read_write};
use super::table_statement::table_statement;
use super::{Edit, Effects, Fault};
use crate::encoding::Encoding;
use crate::mapping::{Mapping, Place};

/// Places at which definitions could not be read and that are remembered.
const ODD_SPOTS_MAX: usize = 10_000;

/// How far an expression goes. A semicolon outside parentheses always ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// To the end of the statement.
    Statement,
    /// To a comma or to a closing parenthesis that was not opened inside.
    Element,
    /// To a comma, or to the next action of ALTER TABLE.
    Action,
    /// To the next `CREATE` (an element of CREATE SCHEMA), or to the end of the statement.
    Create,
}

/// What makes the finder think that a type stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// It is the type of this column of a table.
    Column(Token),
    /// It stands behind `::`, or behind the AS of a CAST.
    Cast,
    /// It is part of a domain, a type, or what a routine takes or gives.
    Signature,
    /// It looks like one; a wrong guess must do no harm.
    Guess,
}

/// What was found in the statements that were read.
#[derive(Debug, Default)]
pub(super) struct FoundStatements {
    pub(super) statements: Vec<Statement>,
    pub(super) edits: Vec<Edit>,
    pub(super) fault: Option<Box<Fault>>,
    pub(super) not_understood: usize,
    /// Where definitions could not be read.
    pub(super) odd_spots: Vec<usize>,
    pub(super) unknown_types: usize,
    /// The types that this text and those before it have made of others.
    pub(super) aliases: AliasTypes,
    /// A statement may be an EXECUTE.
    pub(super) may_execute: bool,
}

/// Reads statements and notes what it finds.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) mapping: &'a Mapping,
    pub(super) encoding: Encoding,
    pub(super) found: FoundStatements,
    /// What the statement may change.
    pub(super) effects: Effects,
    /// What the statement is.
    pub(super) body: Body,
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
    /// The types of a routine's arguments.
    pub(super) argument_types: Vec<Range<usize>>,
}

impl<'a> Finder<'a> {
    /// A finder at the first token. `statements` lends its memory.
    pub(super) fn new(
        cursor: Cursor<'a>,
        encoding: Encoding,
        mapping: &'a Mapping,
        statements: Vec<Statement>,
    ) -> Finder<'a> {
        Finder {
            cursor,
            mapping,
            encoding,
            found: FoundStatements { statements, ..FoundStatements::default() },
            effects: Effects::default(),
            body: Body::Other,
            types_until: 0,
            definition: false,
            routine_body: false,
            table_definition: false,
            relation: None,
            argument_types: Vec::new(),
        }
    }

    /// Reads one statement up to its semicolon; whether there was one.
    pub(super) fn next_statement(&mut self) -> bool {
        while self.cursor.eat_kind(TokenKind::Semicolon) {}
        if self.cursor.at(TokenKind::End) {
            return false;
        }
        let first = self.cursor;
        let (edits, unknown) = (self.found.edits.len(), self.found.unknown_types);
        let odd_spots = self.found.odd_spots.len();
        let faulty = self.found.fault.is_some();
        self.effects = Effects::default();
        self.body = Body::Other;
        let insert = if first.is("insert") { read_write(first, self.encoding) } else { None };
        let insert = match insert.filter(|insert| insert.is_understood) {
            Some(insert) if insert.has_only_values => {
                self.push_insert(first, insert);
                return true;
            }
            insert => insert,
        };
        let known = self.statement();
        let understood = known.is_ok() && self.at_end();
        if !understood {
            // Nothing is half rewritten. What is not DDL either fails on the target too, or has
            // no type where one was expected, and is not counted.
            self.found.edits.truncate(edits);
            self.found.unknown_types = unknown;
            if !faulty {
                self.found.fault = None;
            }
            if self.definition {
                self.found.odd_spots.truncate(odd_spots);
                self.note_odd_spot(self.cursor.token.start);
            }
            self.skip_rest(first);
        }
        // What was passed in a list leaves the rest of the statement as it was read.
        self.found.not_understood += usize::from(self.found.odd_spots.len() > odd_spots);
        let tokens = first.index()..self.cursor.index();
        let insert = insert.filter(|insert| insert.tokens.end == narrow(tokens.end));
        let write = insert.or_else(|| self.write(first, tokens.end));
        let is_prepare = write.as_ref().is_some_and(|write| write.is_prepare);
        if let Some(write) = write {
            self.body = Body::Write(Box::new(write));
        }
        self.found.statements.push(Statement {
            // The semicolon stays: what is behind it may not be SQL, such as the rows of a COPY.
            span: first.token.start..self.cursor.previous().end,
            tokens: narrow(tokens.start)..narrow(tokens.end),
            is_prepare: is_prepare || first.is("prepare"),
            may_be_query: first.is_any(&["select", "delete", "with", "explain", "values"])
                || first.at(TokenKind::Open),
            effects: self.effects,
            body: std::mem::take(&mut self.body),
        });
        true
    }

    /// An INSERT of constants and parameters alone: there are no types in it to be found.
    fn push_insert(&mut self, first: Cursor<'a>, insert: Write) {
        self.cursor.go_to(insert.tokens.end as usize);
        self.found.statements.push(Statement {
            span: first.token.start..self.cursor.previous().end,
            tokens: insert.tokens.clone(),
            is_prepare: false,
            may_be_query: false,
            effects: Effects::LOADS,
            body: Body::Write(Box::new(insert)),
        });
    }

    /// What the statement writes, whose first token is at `first` and that ends in front of the token of
    /// an index.
    fn write(&self, first: Cursor<'a>, end: usize) -> Option<Write> {
        const WORDS: &[&str] = &["insert", "update", "merge", "with", "explain", "prepare"];
        let may_write = self.body == Body::Other && first.is_any(WORDS);
        if may_write { read_write(first.up_to(end), self.encoding) } else { None }
    }

    /// Notes where a definition could not be read.
    pub(super) fn note_odd_spot(&mut self, offset: usize) {
        if self.found.odd_spots.len() < ODD_SPOTS_MAX {
            self.found.odd_spots.push(offset);
        }
    }

    fn at_end(&self) -> bool {
        matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End)
    }

    /// Passes the rest of a statement that starts at `first`. The body of one that creates a routine
    /// has semicolons of its own.
    fn skip_rest(&mut self, first: Cursor<'a>) {
        let creates = first.is("create");
        let mut bodies = 0_usize;
        loop {
            match self.cursor.token.kind {
                TokenKind::End => return,
                TokenKind::Semicolon if bodies == 0 => return,
                TokenKind::Open => {
                    if self.cursor.skip_brackets().is_err() {
                        return self.cursor.go_to_end();
                    }
                    continue;
                }
                TokenKind::Word if creates && self.cursor.previous().kind != TokenKind::Dot => {
                    let begins = self.cursor.is("begin")
                        && self.cursor.token_is(self.cursor.peek(), "atomic");
                    if begins || (bodies > 0 && self.cursor.is("case")) {
                        bodies += 1;
                    } else if bodies > 0 && self.cursor.is("end") {
                        bodies -= 1;
                    }
                }
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
        let first = self.cursor;
        if self.has_alias_types() && self.add_type()? {
            return Ok(());
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
                b"drop" | b"truncate" | b"create" if self.cursor.index() == first.index() => {
                    let number = self.found.statements.len();
                    if let Some(found) = table_statement(first, self.encoding, number) {
                        self.body = Body::Table(Box::new(found));
                    }
                    return self.dispatch(word);
                }
                b"show" if self.cursor.index() == first.index() => return self.show(),
                _ => return self.dispatch(word),
            }
        }
    }

    fn dispatch(&mut self, word: &[u8]) -> Understood {
        let loads = matches!(word, b"insert" | b"update" | b"delete" | b"merge" | b"truncate")
            || word == b"with" && self.with_loads();
        self.effects |= Effects::LOADS.when(loads);
        match word {
            b"select" | b"insert" | b"update" | b"delete" | b"with" | b"values" | b"merge"
            | b"begin" | b"table" | b"fetch" | b"declare" | b"start" | b"close" | b"move"
            | b"lock" | b"show" | b"release" | b"analyze" | b"vacuum" | b"truncate" | b"listen"
            | b"unlisten" | b"notify" => self.expression(Place::Cast, Until::Statement),
            b"execute" => {
                self.found.may_execute = true;
                self.expression(Place::Cast, Until::Statement)
            }
            // A COPY that cannot be read is passed on as it is.
            b"copy" => self.copy(),
            b"set" => {
                self.effects |= Effects::CHANGES_RELATIONS;
                self.set()
            }
            b"reset" | b"discard" => {
                self.effects |= Effects::CHANGES_RELATIONS;
                self.reset()
            }
            b"commit" | b"end" | b"rollback" | b"abort" => {
                self.effects |= Effects::ENDS_TRANSACTION;
                self.expression(Place::Cast, Until::Statement)
            }
            b"create" | b"alter" | b"drop" | b"comment" | b"grant" | b"revoke" | b"import" => {
                self.effects |= Effects::CHANGES_RELATIONS;
                self.definition = true;
                self.define(word)
            }
            _ => {
                let runs_code = matches!(word, b"do" | b"call");
                self.effects |= Effects::CHANGES_RELATIONS;
                let by_code = Effects::CHANGES_LEXING | Effects::CHANGES_USER;
                self.effects |= by_code.when(runs_code);
                self.expression(Place::Cast, Until::Statement)
            }
        }
    }

    /// Whether the WITH at the cursor has a statement that loads rows, in parentheses or behind them.
    fn with_loads(&self) -> bool {
        let mut cursor = self.cursor;
        while !cursor.at(TokenKind::End) {
            let follows = matches!(cursor.previous().kind, TokenKind::Open | TokenKind::Close);
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
                return self.cursor.skip_brackets();
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
                self.effects |= Effects::ENDS_TRANSACTION;
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
