//! The columns of tables that a text creates and then writes to, of which the catalog knows nothing
//! before it runs. Reads the text as the target gets it; knows no types but by their names.
//!
//! Source: PostgreSQL manual, CREATE TABLE; `src/backend/parser/gram.y`.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::next_statement;
use super::passing::pass_statement;
use super::walker::{VALUES_MAX, Walker};
use crate::encoding::Encoding;
use crate::statement::Lexing;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood};
use crate::statement::lexer::{Quoting, TokenKind};

/// The parts of a name.
type Name = Vec<Vec<u8>>;

/// A table that a text creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTable {
    /// The parts of its name, as PostgreSQL keeps them.
    pub name: Vec<Vec<u8>>,
    /// Its columns, in order.
    pub columns: Vec<NewColumn>,
    /// It says IF NOT EXISTS, and the text has not dropped it before.
    pub may_be_there: bool,
}

/// A column of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewColumn {
    /// Its name, as PostgreSQL keeps it.
    pub name: Vec<u8>,
    /// Its type in lower case, of several words with a blank between: `character varying`. Empty for a
    /// type with a schema of its own. Quotes stay: `"char"`.
    pub type_name: String,
    /// The numbers behind the type.
    pub modifiers: Vec<i32>,
    /// Whether it is an array.
    pub is_array: bool,
    /// Whether it takes no NULL.
    pub is_not_null: bool,
    /// `GENERATED ALWAYS AS IDENTITY`
    pub is_identity_always: bool,
    /// `GENERATED ALWAYS AS (...) STORED`
    pub is_generated: bool,
}

/// The tables of which it is certain that they have these columns wherever the text names them.
///
/// A table is left out that the text writes to before it creates it, and where the text changes
/// definitions or settings behind it; so is one whose columns stand elsewhere (AS, LIKE, INHERITS, OF).
/// Takes any bytes, in time linear to their number.
pub fn new_tables(sql: &[u8], lexing: Lexing) -> Vec<NewTable> {
    let mut cursor = Cursor::new(sql, lexing, Quoting::default());
    let mut found = Found::default();
    while next_statement(&mut cursor).is_some() {
        let first = cursor;
        found.read(&mut cursor, lexing.encoding);
        pass_statement(&mut cursor, first);
    }
    let changes = found.changes;
    let certain = |(at, table): (usize, Option<NewTable>)| table.filter(|_| at == changes);
    found.tables.into_values().filter_map(certain).collect()
}

#[derive(Default)]
struct Found {
    /// Each with the changes before it; none for one that is not certain.
    tables: HashMap<Name, (usize, Option<NewTable>)>,
    dropped: HashSet<Name>,
    /// Statements that may change what a name stands for, or the columns of a table.
    changes: usize,
}

impl Found {
    fn read(&mut self, cursor: &mut Cursor<'_>, encoding: Encoding) {
        const WRITES: &[&str] = &["insert", "update", "merge", "with", "explain", "prepare"];
        const HARMLESS: &[&str] = &[
            "analyze", "begin", "comment", "commit", "delete", "end", "execute", "grant", "lock",
            "revoke", "show", "start", "table", "truncate", "vacuum", "values",
        ];
        let mut sink = |_: &_, _| ControlFlow::Break(());
        let mut walker = Walker::new(*cursor, encoding, &mut sink);
        if cursor.is("create") {
            if let Some((name, table)) = walker.create_table() {
                self.create(name, table.ok());
            }
        } else if cursor.is("copy") {
            walker.cursor.bump();
            if let Ok(name) = walker.relation() {
                self.note_used(name);
            }
        } else if cursor.is_any(WRITES) {
            walker.statement();
            if let Some(head) = walker.into_head(cursor) {
                self.note_used(head.name);
            }
        } else if !cursor.is_any(HARMLESS) && (!cursor.is("select") || sets_config(*cursor)) {
            self.changes += 1;
            self.dropped.extend(walker.dropped_tables().unwrap_or_default());
        }
    }

    fn create(&mut self, name: Name, table: Option<NewTable>) {
        let table = table.map(|table| NewTable {
            may_be_there: table.may_be_there && !self.dropped.contains(&name),
            ..table
        });
        // One that was written to or created before stood for another one there.
        let known = self.tables.entry(name).and_modify(|(_, known)| *known = None);
        known.or_insert((self.changes, table));
    }

    fn note_used(&mut self, name: Name) {
        self.tables.entry(name).or_default();
    }
}

/// Whether a statement calls `set_config`, which may change search_path.
fn sets_config(mut cursor: Cursor<'_>) -> bool {
    while !matches!(cursor.token.kind, TokenKind::End | TokenKind::Semicolon) {
        if cursor.is("set_config") {
            return true;
        }
        cursor.bump();
    }
    false
}

impl Walker<'_, '_> {
    /// The name of the table that the statement creates, and what it says of it. `None` for another
    /// statement.
    fn create_table(&mut self) -> Option<(Name, Result<NewTable, NotUnderstood>)> {
        self.cursor.bump();
        while self.cursor.is_any(&["global", "local", "temp", "temporary", "unlogged"]) {
            self.cursor.bump();
        }
        if !self.cursor.eat("table") {
            return None;
        }
        let may_be_there = self.cursor.eat_all(&["if", "not", "exists"]);
        let name = self.relation().ok()?;
        let columns = self.definitions();
        let table = columns.map(|columns| NewTable { name: name.clone(), columns, may_be_there });
        Some((name, table))
    }

    /// `DROP TABLE [IF EXISTS] name, ...`.
    fn dropped_tables(&mut self) -> Result<Vec<Name>, NotUnderstood> {
        if !self.cursor.eat_all(&["drop", "table"]) {
            return Err(NotUnderstood);
        }
        self.cursor.eat_all(&["if", "exists"]);
        let mut names = vec![self.relation()?];
        while self.cursor.eat_kind(TokenKind::Comma) {
            names.push(self.relation()?);
        }
        Ok(names)
    }

    fn definitions(&mut self) -> Result<Vec<NewColumn>, NotUnderstood> {
        let mut columns: Vec<NewColumn> = Vec::new();
        let mut keys = HashSet::new();
        self.expect_kind(TokenKind::Open)?;
        loop {
            if self.cursor.is("like") {
                return Err(NotUnderstood);
            }
            if self.at_table_constraint() {
                keys.extend(self.table_constraint()?);
            } else {
                columns.push(self.definition()?);
            }
            if columns.len() > VALUES_MAX {
                return Err(NotUnderstood);
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        self.expect_kind(TokenKind::Close)?;
        while !matches!(self.cursor.token.kind, TokenKind::End | TokenKind::Semicolon) {
            if self.cursor.is_any(&["inherits", "as"]) {
                return Err(NotUnderstood);
            }
            self.pass_token()?;
        }
        for column in &mut columns {
            column.is_not_null |= keys.contains(&column.name);
        }
        Ok(columns)
    }

    fn at_table_constraint(&self) -> bool {
        let next = self.cursor.peek();
        let excludes = next.kind == TokenKind::Open || self.cursor.token_is(next, "using");
        self.cursor.is_any(&["constraint", "check", "primary", "unique", "foreign"])
            || self.cursor.is("exclude") && excludes
    }

    /// Passes a constraint of the table; gives the columns of a primary key.
    fn table_constraint(&mut self) -> Result<Vec<Vec<u8>>, NotUnderstood> {
        let mut keys = Vec::new();
        while !self.at_end_of_definition() {
            if self.cursor.eat_all(&["primary", "key"]) && self.cursor.at(TokenKind::Open) {
                keys = self.column_list()?.into_iter().map(|column| column.name).collect();
            } else {
                self.pass_token()?;
            }
        }
        Ok(keys)
    }

    /// One column with its type and its constraints.
    fn definition(&mut self) -> Result<NewColumn, NotUnderstood> {
        let mut column = NewColumn { name: self.column_name()?, ..NewColumn::default() };
        self.read_type(&mut column)?;
        while !self.at_end_of_definition() {
            if self.cursor.eat_all(&["not", "null"]) || self.cursor.eat_all(&["primary", "key"]) {
                column.is_not_null = true;
            } else if self.cursor.eat_all(&["generated", "always", "as"]) {
                column.is_identity_always = self.cursor.is("identity");
                let has_expression = self.cursor.at(TokenKind::Open);
                self.pass_token()?;
                column.is_generated = has_expression && self.cursor.is("stored");
            } else {
                self.pass_token()?;
            }
        }
        Ok(column)
    }

    /// The type at the cursor, of however many words.
    fn read_type(&mut self, column: &mut NewColumn) -> Understood {
        const FURTHER: &[&str] =
            &["character", "char", "precision", "time", "varying", "with", "without", "zone"];
        if self.cursor.is("pg_catalog") && self.cursor.peek().kind == TokenKind::Dot {
            self.cursor.bump();
            self.cursor.bump();
        }
        let token = self.cursor.token;
        if !self.cursor.at_name() {
            return Err(NotUnderstood);
        }
        let mut name = match token.kind {
            TokenKind::Word => String::from_utf8(self.cursor.bytes(token).to_ascii_lowercase()),
            _ => String::from_utf8(self.cursor.bytes(token).to_vec()),
        }
        .unwrap_or_default();
        self.cursor.bump();
        while self.cursor.eat_kind(TokenKind::Dot) {
            self.label()?;
            name.clear();
        }
        loop {
            if self.cursor.at(TokenKind::Open) && column.modifiers.is_empty() {
                column.modifiers = self.modifiers()?;
            } else if self.cursor.is_any(FURTHER) {
                let word = self.cursor.bytes(self.cursor.token);
                name.push(' ');
                name.extend(word.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
                self.cursor.bump();
            } else {
                break;
            }
        }
        column.is_array = self.cursor.at(TokenKind::OpenBracket) || self.cursor.is("array");
        column.type_name = name;
        Ok(())
    }

    /// `( number, ... )`; none of them where anything else is among them.
    fn modifiers(&mut self) -> Result<Vec<i32>, NotUnderstood> {
        let mut behind = self.cursor;
        behind.skip_parentheses()?;
        let mut numbers = Vec::new();
        self.cursor.bump();
        while self.cursor.token.start < behind.previous.start {
            let digits = std::str::from_utf8(self.cursor.bytes(self.cursor.token));
            match (self.cursor.token.kind, digits.map(str::parse)) {
                (TokenKind::Comma, _) => {}
                (TokenKind::Number, Ok(Ok(number))) => numbers.push(number),
                _ => {
                    numbers.clear();
                    break;
                }
            }
            self.cursor.bump();
        }
        self.cursor = behind;
        Ok(numbers)
    }

    fn at_end_of_definition(&self) -> bool {
        matches!(self.cursor.token.kind, TokenKind::Comma | TokenKind::Close)
    }

    /// Passes one token, or all of a parenthesis.
    fn pass_token(&mut self) -> Understood {
        match self.cursor.token.kind {
            TokenKind::Open => self.cursor.skip_parentheses(),
            TokenKind::End | TokenKind::Semicolon | TokenKind::Unterminated | TokenKind::Close => {
                Err(NotUnderstood)
            }
            _ => {
                self.cursor.bump();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables, by name: `name? column:type(modifiers)flags ...`.
    fn found(sql: &str) -> Vec<String> {
        let mut tables: Vec<String> = new_tables(sql.as_bytes(), Lexing::default())
            .iter()
            .map(|table| {
                let column = |column: &NewColumn| {
                    let name = String::from_utf8(column.name.clone()).unwrap();
                    let modifiers: Vec<String> =
                        column.modifiers.iter().map(ToString::to_string).collect();
                    let flags = [
                        (column.is_array, "[]"),
                        (column.is_not_null, "!"),
                        (column.is_identity_always, "i"),
                        (column.is_generated, "g"),
                    ];
                    let flags: String =
                        flags.iter().filter(|(is, _)| *is).map(|(_, flag)| *flag).collect();
                    format!(" {name}:{}({}){flags}", column.type_name, modifiers.join(","))
                };
                let name = table.name.join(&b"."[..]);
                let name = String::from_utf8(name).unwrap();
                let mark = if table.may_be_there { "?" } else { "" };
                format!("{name}{mark}{}", table.columns.iter().map(column).collect::<String>())
            })
            .collect();
        tables.sort();
        tables
    }

    #[test]
    fn columns_have_names_types_and_flags() {
        for (columns, expected) in [
            ("a boolean, \"B b\" VarChar (37) NOT NULL", " a:boolean() B b:varchar(37)!"),
            (
                "a character varying(9) COLLATE \"C\", b double precision, c timestamp(3) with time zone",
                " a:character varying(9) b:double precision() c:timestamp with time zone(3)",
            ),
            (
                "a numeric(10, 2)[], b int ARRAY[3], c \"char\"",
                " a:numeric(10,2)[] b:int()[] c:\"char\"()",
            ),
            ("a pg_catalog.int4, b s.t, c text", " a:int4() b:() c:text()"),
            (
                "a int GENERATED ALWAYS AS IDENTITY (START 3), b int GENERATED ALWAYS AS (a + 1) STORED, \
                 c int GENERATED BY DEFAULT AS IDENTITY, d int GENERATED ALWAYS AS (a) VIRTUAL",
                " a:int()i b:int()g c:int() d:int()",
            ),
            (
                "a int DEFAULT (1 + 2), b text CHECK (b IS NOT NULL), CONSTRAINT k PRIMARY KEY (a, c), \
                 c int, UNIQUE (b), EXCLUDE USING gist (c WITH =), exclude text",
                " a:int()! b:text() c:int()! exclude:text()",
            ),
            ("a int PRIMARY KEY, b int REFERENCES o (x) ON DELETE CASCADE", " a:int()! b:int()"),
        ] {
            let sql = format!("CREATE TABLE t ({columns}) WITH (fillfactor = 70); INSERT");
            assert_eq!(found(&sql), [format!("t{expected}")], "{sql}");
        }
    }

    #[test]
    fn only_what_is_certain_is_found() {
        for (sql, expected) in [
            ("CREATE TEMP TABLE S.t (a int); INSERT INTO s.t VALUES (1)", &["s.t a:int()"][..]),
            (
                "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE TABLE u (b int); CREATE INDEX ON t (a)",
                &["t a:int()", "u b:int()"],
            ),
            ("CREATE TABLE IF NOT EXISTS t (a int)", &["t? a:int()"]),
            ("DROP TABLE IF EXISTS o, t; CREATE TABLE IF NOT EXISTS t (a int)", &["t a:int()"]),
            ("INSERT INTO t VALUES (1); DROP TABLE t; CREATE TABLE t (a int)", &[]),
            ("COPY t FROM STDIN; CREATE TABLE t (a int)", &[]),
            ("CREATE TABLE t (a int); DROP TABLE t; CREATE TABLE t (a text)", &[]),
            ("CREATE TABLE t (a int); ALTER TABLE t ADD b int", &[]),
            ("CREATE TABLE t (a int); SET search_path = s; CREATE TABLE u (a int)", &["u a:int()"]),
            ("CREATE TABLE t (a int); SELECT set_config('search_path', 's', true)", &[]),
            ("CREATE TABLE t (a int); SELECT 1; BEGIN; COMMIT", &["t a:int()"]),
            ("CREATE TABLE t AS SELECT 1; CREATE TABLE u (a) AS SELECT 1", &[]),
            ("CREATE TABLE t (LIKE u); CREATE TABLE v (a int) INHERITS (t)", &[]),
            ("CREATE TABLE t OF s; CREATE TABLE t PARTITION OF s DEFAULT", &[]),
            ("CREATE TABLE t (a int", &[]),
            ("CREATE TABLE t (a)", &[]),
            ("CREATE VIEW t (a) AS SELECT 1", &[]),
        ] {
            assert_eq!(found(sql), expected, "{sql}");
        }
    }
}
