//! The columns of tables that a text creates and then writes to, of which the catalog knows nothing
//! before it runs. Reads the text as the target gets it; knows no types but by their names.
//!
//! Source: PostgreSQL manual, CREATE TABLE; `src/backend/parser/gram.y`.

use std::collections::{HashMap, HashSet};

use super::walker::{VALUES_MAX, Walker};
use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;
use crate::statement::parts::{Body, Statement};
use crate::statement::{Edit, Write};

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
/// `cursor` is at the start of the text; `edits` are the types that the target gets instead of those that
/// are written.
pub(in crate::statement) fn new_tables(
    statements: &[Statement],
    cursor: Cursor<'_>,
    encoding: Encoding,
    edits: &[Edit],
) -> Vec<NewTable> {
    let mut found = Found::default();
    for statement in statements {
        let mut cursor = cursor.up_to(statement.tokens.end as usize);
        cursor.go_to(statement.tokens.start as usize);
        found.read(statement, Walker::new(cursor, encoding, None), edits);
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
    fn read(&mut self, statement: &Statement, mut walker: Walker<'_, '_>, edits: &[Edit]) {
        const WRITES: &[&str] = &["insert", "update", "merge", "with", "explain", "prepare"];
        const HARMLESS: &[&str] = &[
            "analyze", "begin", "comment", "commit", "delete", "end", "execute", "grant", "lock",
            "revoke", "show", "start", "table", "truncate", "vacuum", "values",
        ];
        let cursor = walker.cursor;
        let sets_config = statement.effects.touches_settings();
        if let Body::Write(write) = &statement.body {
            let Write { relation, .. } = &**write;
            self.note_used(walker.kept_parts(relation));
        } else if cursor.is("create") {
            if let Some((name, table)) = walker.create_table(edits) {
                self.create(name, table.ok());
            }
        } else if cursor.is("copy") {
            walker.cursor.bump();
            if let Ok(name) = walker.relation() {
                self.note_used(walker.kept_parts(&name));
            }
        } else if !cursor.is_any(WRITES)
            && !cursor.is_any(HARMLESS)
            && (!cursor.is("select") || sets_config)
        {
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

/// Words that go on with a type's name.
const FURTHER: &[&str] =
    &["character", "char", "precision", "time", "varying", "with", "without", "zone"];

impl NewColumn {
    /// Takes the modifiers of a type as the mapping spells it, and whether it is an array; gives its
    /// name.
    fn take_type(&mut self, text: &str) -> String {
        let (name, rest) = text.split_once('(').unwrap_or((text, ""));
        let (modifiers, behind) = rest.split_once(')').unwrap_or((rest, ""));
        let numbers: Result<Vec<i32>, _> =
            modifiers.split(',').map(|number| number.trim().parse()).collect();
        self.modifiers = numbers.unwrap_or_default();
        self.is_array = text.ends_with(']');
        let words = [name, behind].map(|part| part.split('[').next().unwrap_or_default());
        let words = words.iter().flat_map(|part| part.split_ascii_whitespace());
        let name = words.collect::<Vec<_>>().join(" ");
        let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
        match name {
            quoted if quoted.starts_with('"') && !quoted.contains('.') => quoted.to_owned(),
            qualified if qualified.contains('.') => String::new(),
            name => name.to_ascii_lowercase(),
        }
    }
}

impl Walker<'_, '_> {
    /// The name of the table that the statement creates, and what it says of it. `None` for another
    /// statement.
    fn create_table(&mut self, edits: &[Edit]) -> Option<(Name, Result<NewTable, NotUnderstood>)> {
        self.cursor.bump();
        while self.cursor.is_any(&["global", "local", "temp", "temporary", "unlogged"]) {
            self.cursor.bump();
        }
        if !self.cursor.eat("table") {
            return None;
        }
        let may_be_there = self.cursor.eat_all(&["if", "not", "exists"]);
        let name = self.relation().ok()?;
        let name = self.kept_parts(&name);
        let columns = self.definitions(edits);
        let table = columns.map(|columns| NewTable { name: name.clone(), columns, may_be_there });
        Some((name, table))
    }

    /// `DROP TABLE [IF EXISTS] name, ...`.
    fn dropped_tables(&mut self) -> Result<Vec<Name>, NotUnderstood> {
        if !self.cursor.eat_all(&["drop", "table"]) {
            return Err(NotUnderstood);
        }
        self.cursor.eat_all(&["if", "exists"]);
        let mut names = Vec::new();
        loop {
            let name = self.relation()?;
            names.push(self.kept_parts(&name));
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(names);
            }
        }
    }

    fn definitions(&mut self, edits: &[Edit]) -> Result<Vec<NewColumn>, NotUnderstood> {
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
                columns.push(self.definition(edits)?);
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
                let listed = self.column_list()?;
                keys = listed.into_iter().map(|column| self.kept(column.name)).collect();
            } else {
                self.pass_token()?;
            }
        }
        Ok(keys)
    }

    /// One column with its type and its constraints.
    fn definition(&mut self, edits: &[Edit]) -> Result<NewColumn, NotUnderstood> {
        let name = self.column_name()?;
        let mut column = NewColumn { name: self.kept(name), ..NewColumn::default() };
        self.read_type(&mut column, edits)?;
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
    pub(super) fn read_type(&mut self, column: &mut NewColumn, edits: &[Edit]) -> Understood {
        let start = self.cursor.token.start;
        let at = edits.binary_search_by_key(&start, |edit| edit.span.start);
        let mut name = match at.ok().and_then(|at| edits.get(at)) {
            Some(edit) => {
                while self.cursor.token.start < edit.span.end {
                    self.cursor.bump();
                }
                column.take_type(&edit.text)
            }
            None => self.type_name()?,
        };
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
        column.is_array |= self.cursor.at(TokenKind::OpenBracket) || self.cursor.is("array");
        column.type_name = name;
        Ok(())
    }

    /// The first word of the type at the cursor; empty where it has a schema of its own.
    fn type_name(&mut self) -> Result<String, NotUnderstood> {
        if self.cursor.is("pg_catalog") && self.cursor.peek().kind == TokenKind::Dot {
            self.cursor.bump();
            self.cursor.bump();
        }
        let token = self.cursor.token;
        self.label()?;
        let bytes = self.cursor.bytes(token);
        let name = match token.kind {
            TokenKind::Word => String::from_utf8(bytes.to_ascii_lowercase()),
            _ => String::from_utf8(bytes.to_vec()),
        };
        let mut name = name.unwrap_or_default();
        while self.cursor.eat_kind(TokenKind::Dot) {
            self.label()?;
            name.clear();
        }
        Ok(name)
    }

    /// `( number, ... )`; none of them where anything else is among them.
    fn modifiers(&mut self) -> Result<Vec<i32>, NotUnderstood> {
        let mut behind = self.cursor;
        behind.skip_brackets()?;
        let mut numbers = Vec::new();
        self.cursor.bump();
        while self.cursor.token.start < behind.previous().start {
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
            TokenKind::Open => self.cursor.skip_brackets(),
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
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    /// The tables, by name: `name? column:type(modifiers)flags ...`.
    fn found(sql: &str) -> Vec<String> {
        found_by(sql, MappingOptions::default())
    }

    fn found_by(sql: &str, options: MappingOptions) -> Vec<String> {
        let mapping = Mapping::new(options).unwrap();
        let sql = sql.as_bytes();
        let script = Script::read(sql, Lexing::default(), &mapping, &mut Scratch::default());
        let mut tables: Vec<String> = script
            .new_tables(sql)
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

    #[test]
    fn types_are_those_that_the_target_gets() {
        for (source, columns, expected) in [
            (
                "oracle",
                "a NUMBER(10,2) NOT NULL, b VARCHAR2(9 CHAR), c TIMESTAMP(3) WITH LOCAL TIME ZONE, \
                 d RAW(3), PRIMARY KEY (b)",
                "t a:decimal(10,2)! b:varchar(9)! c:varchar(65535) d:bytea()",
            ),
            (
                "dms",
                "a UINT4 PRIMARY KEY, b STRING(7), c DATETIME, d CLOB, e uint2[]",
                "t a:bigint()! b:varchar(7) c:timestamp() d:text() e:integer()[]",
            ),
            (
                "sqlserver",
                "a nvarchar(max), b sys.geography, c int[], d money",
                "t a:text() b:text() c:integer()[] d:decimal(19,4)",
            ),
        ] {
            let options = MappingOptions { source: source.into(), ..Default::default() };
            assert_eq!(found_by(&format!("CREATE TABLE t ({columns})"), options), [expected]);
        }
        let options = MappingOptions { source: "sqlserver".into(), ..Default::default() };
        assert!(found_by("CREATE TABLE [t] (a int)", options).is_empty());
    }
}
