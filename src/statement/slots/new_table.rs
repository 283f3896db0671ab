//! The columns of tables that a text creates and then writes to, of which the catalog knows nothing
//! before it runs. Reads the text as the target gets it; knows no types but by their names.
//!
//! Source: PostgreSQL manual, CREATE TABLE; `src/backend/parser/gram.y`.

use std::collections::{HashMap, HashSet};

use super::defined::{DefinedName, DefinedTable, DefinitionKind, NewColumn};
use super::walker::Walker;
use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, NotUnderstood};
use crate::statement::lexer::TokenKind;
use crate::statement::parts::{Body, Statement};
use crate::statement::{Edit, TableStatementKind};

/// A table that a text creates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTable {
    /// The parts of its name, as PostgreSQL keeps them.
    pub name: Vec<Vec<u8>>,
    /// Its columns, in order.
    pub columns: Vec<NewColumn>,
    /// The indexes of the columns of its primary key.
    pub primary_key: Vec<usize>,
    /// It says IF NOT EXISTS, and the text has not dropped it before.
    pub may_be_there: bool,
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

impl NewTable {
    /// The table that a definition creates, if it is certain.
    pub fn of(definition: DefinedTable) -> Option<NewTable> {
        let DefinedTable { name, kind, columns, primary_key, is_certain, .. } = definition;
        let DefinitionKind::Create { may_be_there } = kind else { return None };
        let place = |key: &Vec<u8>| columns.iter().position(|column| column.name == *key);
        let primary_key = primary_key.iter().filter_map(place).collect();
        is_certain.then_some(NewTable { name, columns, primary_key, may_be_there })
    }

    /// Takes the changes of an ALTER TABLE that are certain.
    fn alter(&mut self, definition: &DefinedTable) {
        for column in &definition.columns {
            match self.columns.iter_mut().find(|known| known.name == column.name) {
                Some(known) => known.clone_from(column),
                None => self.columns.push(column.clone()),
            }
        }
        let place = |key: &Vec<u8>| self.columns.iter().position(|column| column.name == *key);
        let added: Vec<usize> = definition.primary_key.iter().filter_map(place).collect();
        if !added.is_empty() {
            self.primary_key = added;
        }
        for at in &self.primary_key {
            if let Some(column) = self.columns.get_mut(*at) {
                column.is_not_null = true;
            }
        }
    }
}

/// The definitions of tables in a text, in order. `cursor` is at the start of the text.
pub(in crate::statement) fn definitions(
    statements: &[Statement],
    cursor: Cursor<'_>,
    encoding: Encoding,
    edits: &[Edit],
) -> Vec<DefinedTable> {
    let defines = |statement: &&Statement| match &statement.body {
        Body::Definition => true,
        Body::Table(table) => matches!(table.kind, TableStatementKind::Create { .. }),
        _ => false,
    };
    let read = |statement: &Statement| {
        let mut cursor = cursor.up_to(statement.tokens.end as usize);
        cursor.go_to(statement.tokens.start as usize);
        let walker = || Walker::new(cursor, encoding, None);
        walker().table_definition(edits).or_else(|| walker().other_definition(edits))
    };
    statements.iter().filter(defines).filter_map(read).collect()
}

#[derive(Default)]
struct Found {
    /// Each with the changes before it; none for one that is not certain.
    tables: HashMap<DefinedName, (usize, Option<NewTable>)>,
    dropped: HashSet<DefinedName>,
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
            let relation = &write.at.relation;
            self.note_used(walker.kept_parts(relation));
        } else if cursor.is("create") {
            if let Some(definition) = walker.table_definition(edits) {
                self.create(definition.name.clone(), NewTable::of(definition));
            }
        } else if cursor.is("alter") && self.alter(&mut walker, edits) {
            // It is known what has changed.
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

    fn create(&mut self, name: DefinedName, table: Option<NewTable>) {
        let table = table.map(|table| NewTable {
            may_be_there: table.may_be_there && !self.dropped.contains(&name),
            ..table
        });
        // One that was written to or created before stood for another one there.
        let known = self.tables.entry(name).and_modify(|(_, known)| *known = None);
        known.or_insert((self.changes, table));
    }

    /// Takes the changes of an ALTER TABLE; whether they are all that changes.
    fn alter(&mut self, walker: &mut Walker<'_, '_>, edits: &[Edit]) -> bool {
        let Some(definition) = walker.table_definition(edits).filter(|one| one.is_certain) else {
            return false;
        };
        // One that was not created here is another one's.
        let known = self.tables.entry(definition.name.clone()).or_default();
        if let (_, Some(table)) = known {
            table.alter(&definition);
        }
        true
    }

    fn note_used(&mut self, name: DefinedName) {
        self.tables.entry(name).or_default();
    }
}

impl Walker<'_, '_> {
    /// `DROP TABLE [IF EXISTS] name, ...`.
    fn dropped_tables(&mut self) -> Result<Vec<DefinedName>, NotUnderstood> {
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
            .new_tables(sql, &script.edits)
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
            ("CREATE TABLE t (a int); ALTER TABLE t ADD b int", &["t a:int() b:int()"]),
            ("CREATE TABLE t (a int); ALTER TABLE ONLY t ADD PRIMARY KEY (a)", &["t a:int()!"]),
            (
                "CREATE TABLE t (a int); ALTER TABLE t ALTER a TYPE text USING a::text",
                &["t a:text()"],
            ),
            ("CREATE TABLE t (a int); ALTER TABLE t RENAME a TO b", &[]),
            ("CREATE TABLE t (a int); ALTER TABLE t DROP a", &[]),
            ("CREATE TABLE t (a int); ALTER TABLE u SET SCHEMA s", &[]),
            ("CREATE TABLE t (a int); ALTER TABLE u ADD b int, DROP c", &[]),
            ("CREATE TABLE t (a int); ALTER TABLE u ADD b int", &["t a:int()"]),
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
