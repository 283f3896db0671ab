//! What a statement is about, for those who count: the tables that it writes to or changes, and the savepoints
//! that it names. Reads tokens that are there; changes nothing.

use super::cursor::Cursor;
use super::lexer::TokenKind;
use super::name::kept_name;
use super::parts::{Body, Statement};
use super::script::Script;
use super::slots::WriteKind;
use crate::encoding::Encoding;

/// What a statement is about. Names are in their parts, as PostgreSQL keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatementSubject {
    /// Nothing that is counted.
    #[default]
    None,
    /// It writes rows to this table.
    Writes(Vec<Vec<u8>>),
    /// It makes, changes, empties or drops these tables.
    Defines(Vec<Vec<Vec<u8>>>),
    /// `SAVEPOINT name`
    Savepoint(Vec<u8>),
    /// `RELEASE name`
    Release(Vec<u8>),
    /// `ROLLBACK TO name`
    RollbackTo(Vec<u8>),
}

impl Script {
    /// Whether the statement that stands there defines something.
    pub fn defines_at(&self, at: usize, sql: &[u8]) -> bool {
        const WORDS: &[&str] = &["create", "alter", "comment", "drop", "grant", "revoke"];
        let index = self.statements.partition_point(|statement| statement.span.end <= at);
        let statement = self.statements.get(index);
        statement.is_some_and(|found| self.statement(&found.tokens, sql).is_any(WORDS))
    }

    /// The word by which a command tag would name a statement; its first word where that is not
    /// known to write behind another one.
    pub fn verb<'a>(&self, statement: &Statement, sql: &'a [u8]) -> &'a [u8] {
        match &statement.body {
            Body::Write(write) => match write.kind {
                WriteKind::Insert => b"INSERT",
                WriteKind::Update => b"UPDATE",
                WriteKind::Merge => b"MERGE",
            },
            _ => {
                let cursor = self.statement_cursor(statement, sql);
                sql.get(cursor.token.start..cursor.token.end).unwrap_or_default()
            }
        }
    }

    /// What a statement of the text is about.
    pub fn subject(&self, statement: &Statement, sql: &[u8]) -> StatementSubject {
        match &statement.body {
            Body::Write(write) => StatementSubject::Writes(write.name.clone()),
            Body::Copy(copy) => StatementSubject::Writes(copy.name.clone()),
            Body::Table(table) => {
                let names = table.tables.iter().map(|table| table.name.clone());
                StatementSubject::Defines(names.collect())
            }
            Body::Setting(_) | Body::Show(_) | Body::Routines(_) => StatementSubject::None,
            Body::Other | Body::Definition => {
                let cursor = self.statement_cursor(statement, sql);
                other(cursor, self.lexing.encoding).unwrap_or_default()
            }
        }
    }
}

fn other(mut cursor: Cursor<'_>, encoding: Encoding) -> Option<StatementSubject> {
    if cursor.eat("delete") {
        cursor.eat("from").then_some(())?;
        cursor.eat("only");
        return name(&mut cursor, encoding).map(StatementSubject::Writes);
    }
    if cursor.eat("alter") {
        cursor.eat("table").then_some(())?;
        cursor.eat_all(&["if", "exists"]);
        cursor.eat("only");
        let name = name(&mut cursor, encoding)?;
        return Some(StatementSubject::Defines(vec![name]));
    }
    if cursor.eat("create") {
        let _ = cursor.eat("global") || cursor.eat("local");
        let _ = ["temporary", "temp", "unlogged"].iter().any(|word| cursor.eat(word));
        cursor.eat("table").then_some(())?;
        cursor.eat_all(&["if", "not", "exists"]);
        let name = name(&mut cursor, encoding)?;
        return Some(StatementSubject::Defines(vec![name]));
    }
    if cursor.eat("savepoint") {
        return part(&mut cursor, encoding).map(StatementSubject::Savepoint);
    }
    if cursor.eat("release") {
        cursor.eat("savepoint");
        return part(&mut cursor, encoding).map(StatementSubject::Release);
    }
    if cursor.eat("rollback") {
        if !cursor.eat("work") {
            cursor.eat("transaction");
        }
        cursor.eat("to").then_some(())?;
        cursor.eat("savepoint");
        return part(&mut cursor, encoding).map(StatementSubject::RollbackTo);
    }
    None
}

fn part(cursor: &mut Cursor<'_>, encoding: Encoding) -> Option<Vec<u8>> {
    let name = kept_name(cursor.token.kind, cursor.bytes(cursor.token), encoding)?;
    cursor.bump();
    Some(name)
}

fn name(cursor: &mut Cursor<'_>, encoding: Encoding) -> Option<Vec<Vec<u8>>> {
    let mut parts = vec![part(cursor, encoding)?];
    while cursor.eat_kind(TokenKind::Dot) {
        parts.push(part(cursor, encoding)?);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::Scratch;

    fn subjects(sql: &str) -> Vec<StatementSubject> {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let mut scratch = Scratch::default();
        let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
        script.statements.iter().map(|one| script.subject(one, sql.as_bytes())).collect()
    }

    fn named(parts: &[&str]) -> Vec<Vec<u8>> {
        parts.iter().map(|part| part.as_bytes().to_vec()).collect()
    }

    #[test]
    fn statements_are_named_by_their_verbs() {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let verb = |sql: &str| {
            let mut scratch = Scratch::default();
            let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
            String::from_utf8(script.verb(&script.statements[0], sql.as_bytes()).to_vec()).unwrap()
        };
        for (sql, expected) in [
            ("/* a */ select 1", "select"),
            ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "INSERT"),
            ("EXPLAIN update t SET a = 1", "UPDATE"),
            ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH"),
            ("(SELECT 1)", "("),
            ("create table t (a int)", "create"),
            ("COPY t FROM STDIN", "COPY"),
        ] {
            assert_eq!(verb(sql), expected, "{sql}");
        }
    }

    #[test]
    fn tables_and_savepoints_are_named() {
        use StatementSubject::*;
        for (sql, expected) in [
            ("INSERT INTO S.\"T\" VALUES (1)", Writes(named(&["s", "T"]))),
            ("UPDATE t SET a = 1", Writes(named(&["t"]))),
            ("DELETE FROM ONLY a.t WHERE b = 1", Writes(named(&["a", "t"]))),
            ("COPY t (a) FROM STDIN", Writes(named(&["t"]))),
            ("TRUNCATE a, b", Defines(vec![named(&["a"]), named(&["b"])])),
            ("ALTER TABLE IF EXISTS ONLY t ADD a int", Defines(vec![named(&["t"])])),
            ("CREATE UNLOGGED TABLE IF NOT EXISTS s.t (a int)", Defines(vec![named(&["s", "t"])])),
            ("CREATE TABLE t (a int)", Defines(vec![named(&["t"])])),
            ("CREATE INDEX i ON t (a)", None),
            ("SAVEPOINT S", Savepoint(b"s".to_vec())),
            ("RELEASE SAVEPOINT \"S\"", Release(b"S".to_vec())),
            ("ROLLBACK TRANSACTION TO SAVEPOINT s", RollbackTo(b"s".to_vec())),
            ("ROLLBACK", None),
            ("SELECT 1", None),
            ("COPY t TO STDOUT", None),
        ] {
            assert_eq!(subjects(sql), [expected], "{sql}");
        }
    }
}
