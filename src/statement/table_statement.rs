//! DROP TABLE, TRUNCATE and CREATE TABLE: which tables they are about and what was asked for. Finds,
//! changes nothing.

use std::ops::Range;

use super::cursor::Cursor;
use super::lexer::{Token, TokenKind};
use super::name::kept_name;
use crate::encoding::Encoding;

/// A statement that prepares tables for a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableStatement {
    /// The statement without its semicolon.
    pub span: Range<usize>,
    /// Which statement of the text it is, from 0.
    pub number: usize,
    /// What it does.
    pub kind: TableStatementKind,
    /// The tables, each as the text spells it.
    pub tables: Vec<TableReference>,
}

/// What a statement does to its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableStatementKind {
    /// DROP TABLE.
    Drop {
        /// IF EXISTS is there.
        if_exists: bool,
        /// CASCADE is there.
        cascade: bool,
    },
    /// TRUNCATE.
    Truncate {
        /// RESTART IDENTITY is there.
        restart_identity: bool,
        /// CASCADE is there.
        cascade: bool,
    },
    /// CREATE TABLE, but for temporary ones.
    Create {
        /// Where `IF NOT EXISTS` could be inserted; `None` where it is there.
        if_not_exists_at: Option<usize>,
    },
}

/// A table in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReference {
    /// Its name in the text, without ONLY and `*`.
    pub span: Range<usize>,
    /// The parts of its name as PostgreSQL keeps them.
    pub name: Vec<Vec<u8>>,
    /// ONLY is in front of it.
    pub only: bool,
}

/// The statement that starts at `cursor`, if it is one of these and nothing in it is unknown.
/// `number` says which one of the text it is.
pub(super) fn table_statement(
    mut cursor: Cursor<'_>,
    encoding: Encoding,
    number: usize,
) -> Option<TableStatement> {
    let start = cursor.token.start;
    let statement =
        |kind, tables, end: usize| Some(TableStatement { span: start..end, number, kind, tables });
    if cursor.eat("create") {
        while cursor.eat("unlogged") {}
        if !cursor.eat("table") {
            return None;
        }
        let at = cursor.token.start;
        let there = cursor.eat_all(&["if", "not", "exists"]);
        let table = table(&mut cursor, encoding)?;
        let if_not_exists_at = (!there).then_some(at);
        return statement(TableStatementKind::Create { if_not_exists_at }, vec![table], at);
    }
    let drops = cursor.eat_all(&["drop", "table"]);
    if !drops && !cursor.eat("truncate") {
        return None;
    }
    let if_exists = drops && cursor.eat_all(&["if", "exists"]);
    if !drops {
        cursor.eat("table");
    }
    let mut tables = Vec::new();
    loop {
        let only = !drops && cursor.eat("only");
        let found = table(&mut cursor, encoding)?;
        tables.push(TableReference { only, ..found });
        if cursor.is_operator("*") {
            cursor.bump();
        }
        if !cursor.eat_kind(TokenKind::Comma) {
            break;
        }
    }
    let restart_identity = !drops && cursor.eat_all(&["restart", "identity"]);
    if !drops && !restart_identity {
        cursor.eat_all(&["continue", "identity"]);
    }
    let cascade = cursor.eat("cascade");
    if !cascade {
        cursor.eat("restrict");
    }
    if !matches!(cursor.token.kind, TokenKind::Semicolon | TokenKind::End) {
        return None;
    }
    let kind = if drops {
        TableStatementKind::Drop { if_exists, cascade }
    } else {
        TableStatementKind::Truncate { restart_identity, cascade }
    };
    statement(kind, tables, cursor.previous().end)
}

fn table(cursor: &mut Cursor<'_>, encoding: Encoding) -> Option<TableReference> {
    let start = cursor.token.start;
    let part = |cursor: &mut Cursor<'_>| {
        let Token { kind, .. } = cursor.token;
        let name = kept_name(kind, cursor.bytes(cursor.token), encoding)?;
        cursor.bump();
        Some(name)
    };
    let mut name = vec![part(cursor)?];
    while cursor.eat_kind(TokenKind::Dot) {
        name.push(part(cursor)?);
    }
    Some(TableReference { span: start..cursor.previous().end, name, only: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    fn read(sql: &str) -> Script {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut Scratch::default())
    }

    fn found(sql: &str) -> Vec<TableStatement> {
        read(sql).table_statements().cloned().collect()
    }

    fn names(statement: &TableStatement) -> Vec<String> {
        let part = |part: &Vec<u8>| String::from_utf8(part.clone()).unwrap();
        let tables = statement.tables.iter();
        tables.map(|table| table.name.iter().map(part).collect::<Vec<_>>().join(".")).collect()
    }

    #[test]
    fn statements_that_prepare_tables_are_found_with_their_tables() {
        let sql = "SELECT 1; DROP TABLE IF EXISTS s.A, \"B\"\"c\" CASCADE; truncate only a, b * \
                   restart identity; CREATE UNLOGGED TABLE t (a int); TRUNCATE TABLE x";
        let all = found(sql);
        let kinds: Vec<_> =
            all.iter().map(|statement| (statement.number, statement.kind)).collect();
        let at = sql.find("t (a int)");
        assert_eq!(
            kinds,
            [
                (1, TableStatementKind::Drop { if_exists: true, cascade: true }),
                (2, TableStatementKind::Truncate { restart_identity: true, cascade: false }),
                (3, TableStatementKind::Create { if_not_exists_at: at }),
                (4, TableStatementKind::Truncate { restart_identity: false, cascade: false }),
            ]
        );
        assert_eq!(names(&all[0]), ["s.a", "B\"c"]);
        assert_eq!(names(&all[1]), ["a", "b"]);
        assert!(all[1].tables[0].only && !all[1].tables[1].only);
        assert_eq!(&sql[all[1].span.clone()], "truncate only a, b * restart identity");
        assert_eq!(&sql[all[0].tables[1].span.clone()], "\"B\"\"c\"");
    }

    #[test]
    fn texts_that_load_rows_are_told_from_others() {
        let loads = |sql: &str| read(sql).effects.loads();
        for sql in [
            "INSERT INTO t VALUES (1)",
            "SELECT 1; DELETE FROM t",
            "COPY t FROM STDIN",
            "WITH x AS (SELECT 1) /* all */ UPDATE t SET a = 1",
            "with x as (insert into t select 1 returning *) select * from x",
        ] {
            assert!(loads(sql), "{sql}");
        }
        for sql in [
            "SELECT * FROM t FOR UPDATE",
            "WITH x AS (SELECT 1) SELECT * FROM t FOR UPDATE; SELECT (1)",
            "WITH x AS (SELECT 'insert') SELECT 1",
            "COPY t TO STDOUT",
            "CREATE TABLE insert_into (a int)",
        ] {
            assert!(!loads(sql), "{sql}");
        }
    }

    #[test]
    fn others_are_left_alone() {
        for sql in [
            "DROP VIEW v",
            "DROP TABLE",
            "DROP TABLE a b",
            "DROP TABLE U&\"x\"",
            "TRUNCATE a, ",
            "CREATE TEMP TABLE t (a int)",
            "CREATE FOREIGN TABLE t (a int) SERVER s",
            "CREATE INDEX i ON t (a)",
            "EXPLAIN DROP TABLE t",
        ] {
            assert_eq!(found(sql), [], "{sql}");
        }
    }
}
