//! Whether a statement changes single rows, and where its text has them: what can be tried again row by row.
//! Finds, changes nothing.
//!
//! Source: PostgreSQL manual, INSERT, UPDATE, DELETE and MERGE.

use std::ops::Range;

use super::element::parameter;
use super::joined_rows::{find, joined, listed, reads_relation};
use super::stated::{StatedValue, stated};
use super::walker::Walker;
use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, NotUnderstood};
use crate::statement::lexer::TokenKind;
use crate::statement::name::{kept_at, kept_parts};

/// What a statement does to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowChangeKind {
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// MERGE.
    Merge,
}

/// An INSERT, UPDATE, DELETE or MERGE of rows that its text or its parameters have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// What it does.
    pub kind: RowChangeKind,
    /// The parts of the relation's name, as PostgreSQL keeps them.
    pub relation: Vec<Vec<u8>>,
    /// The columns that an INSERT lists, likewise.
    pub columns: Vec<Vec<u8>>,
    /// The bytes of the rows behind VALUES, each with its parentheses: of an INSERT, and of another statement where
    /// they are what its rows are joined with. None where they cannot be tried one by one.
    pub rows: Vec<Range<usize>>,
    /// How many values the first of them has.
    pub width: usize,
    /// Whether an INSERT says what becomes of conflicts.
    pub has_conflict_clause: bool,
    /// Whether an UPDATE or DELETE says which rows it means.
    pub has_condition: bool,
    /// What an UPDATE states of the row that it means, where that is plain values.
    pub stated: Option<Vec<StatedValue>>,
    /// Its parameters, in order.
    pub parameters: Vec<(Range<usize>, u16)>,
    /// Its bytes, without its semicolon.
    pub span: Range<usize>,
}

/// What a statement changes. `None` for another statement, for one that gives rows back, and for one that takes
/// its rows from another relation: an error of those is not about one row of the client's.
pub(in crate::statement) fn row_change(
    statement: Cursor<'_>,
    span: Range<usize>,
    encoding: Encoding,
) -> Option<RowChange> {
    if statement.is_any(&["explain", "prepare"]) || says(statement, "returning") {
        return None;
    }
    let mut walker = Walker::new(statement, encoding, None);
    walker.prefix().ok()?;
    let mut change = read(&mut walker).ok()??;
    change.parameters = parameters(statement);
    change.span = span;
    Some(change)
}

fn read(walker: &mut Walker<'_, '_>) -> Result<Option<RowChange>, NotUnderstood> {
    use RowChangeKind::{Delete, Insert, Merge, Update};
    let kind = if walker.cursor.eat_all(&["insert", "into"]) {
        Insert
    } else if walker.cursor.eat("update") {
        Update
    } else if walker.cursor.eat_all(&["delete", "from"]) {
        Delete
    } else if walker.cursor.eat_all(&["merge", "into"]) {
        Merge
    } else {
        return Ok(None);
    };
    let relation = if kind == Insert { walker.relation()? } else { walker.target()? };
    let mut change = RowChange {
        kind,
        relation: kept_parts(walker.cursor, &relation, walker.encoding),
        columns: Vec::new(),
        rows: Vec::new(),
        width: 0,
        has_conflict_clause: false,
        has_condition: says(walker.cursor, "where"),
        stated: None,
        parameters: Vec::new(),
        span: 0..0,
    };
    let is_of_rows = match kind {
        Insert => insert(walker, &mut change)?,
        Update => {
            change.stated = stated(walker.cursor, walker.encoding);
            joined(walker.cursor, "from", &mut change.rows)
        }
        Delete | Merge => joined(walker.cursor, "using", &mut change.rows),
    };
    Ok(is_of_rows.then_some(change))
}

/// The rest of an INSERT; whether its rows are in the text.
fn insert(walker: &mut Walker<'_, '_>, change: &mut RowChange) -> Result<bool, NotUnderstood> {
    if walker.cursor.eat("as") {
        walker.column_name()?;
    }
    if walker.cursor.at(TokenKind::Open) && !walker.before_query() {
        let columns = walker.column_list()?;
        let name = |index: u32| kept_at(walker.cursor, index, walker.encoding).into_owned();
        change.columns = columns.into_iter().map(|column| name(column.name)).collect();
    }
    walker.overriding()?;
    change.has_conflict_clause = says(walker.cursor, "conflict");
    if walker.cursor.is_any(&["select", "with", "table"]) || walker.cursor.at(TokenKind::Open) {
        let is_select = walker.cursor.is("select");
        return Ok(is_select && !reads_relation(walker.cursor, "from"));
    }
    if walker.cursor.eat("values") {
        change.width = width(walker.cursor);
        change.rows = rows(&mut walker.cursor)?;
    }
    Ok(true)
}

/// The rows behind VALUES; none if another query is made of them.
fn rows(cursor: &mut Cursor<'_>) -> Result<Vec<Range<usize>>, NotUnderstood> {
    let rows = listed(cursor)?;
    let ends =
        matches!(cursor.token.kind, TokenKind::Semicolon | TokenKind::End) || cursor.is("on");
    if ends { Ok(rows) } else { Err(NotUnderstood) }
}

/// How many items the list in parentheses at the cursor has.
fn width(mut cursor: Cursor<'_>) -> usize {
    let mut count = 1;
    cursor.bump();
    while !matches!(cursor.token.kind, TokenKind::Close | TokenKind::End) {
        count += usize::from(cursor.at(TokenKind::Comma));
        let is_list = matches!(cursor.token.kind, TokenKind::Open | TokenKind::OpenBracket);
        if !is_list || cursor.skip_brackets().is_err() {
            cursor.bump();
        }
    }
    count
}

/// Whether a word stands outside of parentheses.
fn says(mut cursor: Cursor<'_>, word: &str) -> bool {
    find(&mut cursor, word)
}

fn parameters(mut cursor: Cursor<'_>) -> Vec<(Range<usize>, u16)> {
    let mut found = Vec::new();
    while !cursor.at(TokenKind::End) {
        let token = cursor.token;
        if token.kind == TokenKind::Parameter
            && let Some(number) = parameter(cursor.bytes(token))
        {
            found.push((token.start..token.end, number));
        }
        cursor.bump();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    fn shown(sql: &str) -> Option<String> {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let lexing = Lexing::default();
        let script = Script::read(sql.as_bytes(), lexing, &mapping, &mut Scratch::default());
        let [statement] = &*script.statements else { panic!("{sql}") };
        let change = script.row_change(statement, sql.as_bytes())?;
        let join = |parts: &[Vec<u8>], by: &[u8]| String::from_utf8(parts.join(by)).unwrap();
        let rows: Vec<&str> = change.rows.iter().map(|row| &sql[row.clone()]).collect();
        let RowChange { kind, relation, columns, .. } = &change;
        let clauses = (change.has_conflict_clause, change.has_condition);
        let parameters: Vec<u16> = change.parameters.iter().map(|(_, number)| *number).collect();
        Some(format!(
            "{kind:?} {} [{}] {rows:?} {clauses:?} {parameters:?}",
            join(relation, b"."),
            join(columns, b",")
        ))
    }

    #[test]
    fn rows_are_those_of_the_text() {
        let many: String = (0..200).map(|number| format!(", ({number}, 'a')")).collect();
        let change = shown(&format!("INSERT INTO t VALUES (0, ')'){many}")).unwrap();
        assert_eq!(change.matches("\", \"(").count(), 200, "{change}");
        assert!(change.contains("\"(199, 'a')\"]"), "{change}");
        for (sql, expected) in [
            (
                "INSERT INTO s.\"T\" AS x (a, B) VALUES ($1, f($2)), ($3, 'x') ON CONFLICT DO NOTHING;",
                "Insert s.T [a,b] [\"($1, f($2))\", \"($3, 'x')\"] (true, false) [1, 2, 3]",
            ),
            ("INSERT INTO t DEFAULT VALUES", "Insert t [] [] (false, false) []"),
            ("INSERT INTO t (a) SELECT $1", "Insert t [a] [] (false, false) [1]"),
            ("INSERT INTO t SELECT a FROM (VALUES (1)) v (a)", "Insert t [] [] (false, false) []"),
            ("UPDATE ONLY t SET a = $2 WHERE id = $1", "Update t [] [] (false, true) [2, 1]"),
            ("UPDATE t SET a = (SELECT 1 FROM u WHERE true)", "Update t [] [] (false, false) []"),
            ("DELETE FROM a.b WHERE id = 1", "Delete a.b [] [] (false, true) []"),
            (
                "MERGE INTO t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
                "Merge t [] [] (false, false) []",
            ),
            ("WITH x AS (SELECT 1) DELETE FROM t", "Delete t [] [] (false, false) []"),
            (
                "MERGE INTO t USING (VALUES (1, 'a'), (-2, NULL)) s (a, b) ON a = id WHEN MATCHED THEN DELETE",
                "Merge t [] [\"(1, 'a')\", \"(-2, NULL)\"] (false, false) []",
            ),
            (
                "UPDATE t SET v = n FROM (VALUES (1), (2)) AS s (n) WHERE n = id;",
                "Update t [] [\"(1)\", \"(2)\"] (false, true) []",
            ),
            (
                "DELETE FROM t USING (VALUES (true), (false)) s",
                "Delete t [] [\"(true)\", \"(false)\"] (false, false) []",
            ),
        ] {
            assert_eq!(shown(sql).as_deref(), Some(expected), "{sql}");
        }
    }

    #[test]
    fn the_values_of_a_row_are_counted() {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        for (sql, width) in [
            ("INSERT INTO t VALUES (f(1, 2), ARRAY[1, 2], ',', $1), (1, 2, 3, 4)", 4),
            ("INSERT INTO t VALUES (1)", 1),
            ("INSERT INTO t DEFAULT VALUES", 0),
        ] {
            let (sql, lexing) = (sql.as_bytes(), Lexing::default());
            let script = Script::read(sql, lexing, &mapping, &mut Scratch::default());
            let change = script.row_change(&script.statements[0], sql).unwrap();
            assert_eq!(change.width, width);
        }
    }

    #[test]
    fn an_update_states_plain_values() {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let shown = |sql: &str| {
            let sql = sql.as_bytes();
            let script = Script::read(sql, Lexing::default(), &mapping, &mut Scratch::default());
            let change = script.row_change(&script.statements[0], sql).unwrap();
            let pair = |(name, span): StatedValue| [&name, &b" "[..], &sql[span]].concat();
            let stated: Vec<Vec<u8>> = change.stated?.into_iter().map(pair).collect();
            Some(String::from_utf8(stated.join(&b"; "[..])).unwrap())
        };
        for (sql, expected) in [
            (
                "UPDATE t SET A = -1, \"B\" = $2::date[] WHERE t.c = E'x' AND d IS NULL AND e = date '1'",
                Some("a -1; B $2::date[]; c E'x'; e date '1'"),
            ),
            ("UPDATE t x SET a = CAST($1 AS numeric(3, 2)) WHERE b = true;", None),
            (
                "UPDATE s.t SET a = CAST($1 AS numeric(3, 2)) WHERE b = true;",
                Some("a CAST($1 AS numeric(3, 2)); b true"),
            ),
            ("UPDATE t SET a = b WHERE c = 1", None),
            ("UPDATE t SET a = 1 + 1 WHERE c = 1", None),
            ("UPDATE t SET a = 1 WHERE c = 1 OR d = 2", None),
            ("UPDATE t SET a = 1 WHERE c > 1", None),
            ("UPDATE t SET (a, b) = (1, 2) WHERE c = 1", None),
            ("UPDATE t SET a[1] = 1 WHERE c = 1", None),
            ("UPDATE t SET a = 1", None),
        ] {
            assert_eq!(shown(sql).as_deref(), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_not_about_rows_of_the_client_s_is_none() {
        for sql in [
            "SELECT 1",
            "INSERT INTO t VALUES (1) RETURNING a",
            "EXPLAIN DELETE FROM t",
            "PREPARE p AS DELETE FROM t",
            "INSERT INTO t SELECT * FROM u",
            "INSERT INTO t VALUES (1) UNION SELECT 2",
            "INSERT INTO t (TABLE u)",
            "UPDATE t SET a = u.a FROM u WHERE u.id = t.id",
            "DELETE FROM t USING u WHERE u.id = t.id",
            "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
            "TRUNCATE t",
        ] {
            assert_eq!(shown(sql), None, "{sql}");
        }
    }
}
