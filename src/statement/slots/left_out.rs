//! What has to go from an `INSERT ... SELECT` for some of its columns to be left out: they in the list
//! of columns, their items in the select list.

use std::ops::Range;

use super::element::{Ends, element};
use super::row_value::{VALUES_MAX, Value};
use super::walker::Walker;
use crate::encoding::Encoding;
use crate::statement::Replacement;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;

/// Functions that give one value of one row, so that a query without their call has the same rows.
const PLAIN_FUNCTIONS: &[&str] = &[
    "abs",
    "btrim",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "coalesce",
    "concat",
    "concat_ws",
    "date_part",
    "date_trunc",
    "extract",
    "floor",
    "format",
    "greatest",
    "initcap",
    "least",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "mod",
    "nullif",
    "overlay",
    "position",
    "power",
    "replace",
    "right",
    "round",
    "rpad",
    "rtrim",
    "sign",
    "sqrt",
    "substr",
    "substring",
    "to_char",
    "to_date",
    "to_number",
    "to_timestamp",
    "trim",
    "trunc",
    "upper",
];

/// The INSERT with a SELECT that a text is.
#[derive(Debug, Default)]
struct InsertSelect {
    /// The names that it lists.
    columns: Vec<Range<usize>>,
    /// Where a list could stand.
    list_at: usize,
    items: Vec<InsertItem>,
}

/// One item of the select list.
#[derive(Debug)]
struct InsertItem {
    /// With its alias.
    span: Range<usize>,
    /// Whether the query gives the same rows without it.
    can_go: bool,
}

/// The replacements that take columns out of the `INSERT INTO ... SELECT` at the cursor, and which they
/// are, by place in its list or, without one, in the table. `names` are all columns of the table, as
/// PostgreSQL keeps them; `is_left_out` tells of a place in its list, or in theirs, whether it is to go.
///
/// `None` for any other statement, where nothing is to go, and where the rows or the meaning of other
/// parts of the query might be others afterwards: `*`, DISTINCT, set operations, GROUP BY, ORDER BY,
/// and items that have parameters inside, subqueries, or calls of functions other than well-known plain
/// ones.
pub(in crate::statement) fn without_columns(
    statement: Cursor<'_>,
    encoding: Encoding,
    names: &[&[u8]],
    is_left_out: &dyn Fn(usize) -> bool,
) -> Option<(Vec<Replacement>, Vec<usize>)> {
    let insert = Walker::new(statement, encoding, None).insert_select().ok()?;
    let InsertSelect { columns, list_at, items } = insert;
    let gone: Vec<usize> = (0..items.len()).filter(|&index| is_left_out(index)).collect();
    let can_go = |index: &usize| items.get(*index).is_some_and(|item| item.can_go);
    let (first, fits) = (gone.first()?, columns.is_empty() || columns.len() == items.len());
    if !fits || items.len() > names.len() || gone.len() == items.len() || !gone.iter().all(can_go) {
        return None;
    }
    let mut spans = without(&columns, &gone);
    let spans_of_items: Vec<Range<usize>> = items.into_iter().map(|item| item.span).collect();
    spans.extend(without(&spans_of_items, &gone));
    let mut replacements: Vec<Replacement> =
        spans.into_iter().map(|span| Replacement { span, text: Vec::new() }).collect();
    if columns.is_empty() && first + gone.len() < spans_of_items.len() {
        // What comes behind would go into other columns.
        let kept = (0..spans_of_items.len()).filter(|index| !gone.contains(index));
        let kept: Vec<Vec<u8>> =
            kept.filter_map(|index| names.get(index)).map(|name| quoted(name)).collect();
        let text = [b" (", kept.join(&b", "[..]).as_slice(), b") "].concat();
        replacements.insert(0, Replacement { span: list_at..list_at, text });
    }
    Some((replacements, gone))
}

/// The spans that take some parts, with the commas that belong to them, out of a list.
pub(super) fn without(parts: &[Range<usize>], gone: &[usize]) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut kept_end = None;
    for (index, part) in parts.iter().enumerate() {
        if gone.binary_search(&index).is_err() {
            kept_end = Some(part.end);
            continue;
        }
        let next = parts.get(index + 1).map(|next| next.start);
        let span = match (kept_end, next) {
            // The comma in front goes, so that it is none at the end either.
            (Some(end), _) => end..part.end,
            (None, Some(next)) => part.start..next,
            (None, None) => part.clone(),
        };
        match spans.last_mut().filter(|last| last.end >= span.start) {
            Some(last) => last.end = span.end,
            None => spans.push(span),
        }
    }
    spans
}

fn quoted(name: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for &byte in name {
        quoted.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    }
    quoted.push(b'"');
    quoted
}

impl Walker<'_, '_> {
    fn insert_select(&mut self) -> Result<InsertSelect, NotUnderstood> {
        let mut insert = InsertSelect::default();
        self.prefix()?;
        if !self.cursor.eat_all(&["insert", "into"]) {
            return Err(NotUnderstood);
        }
        self.relation()?;
        if self.cursor.eat("as") {
            self.column_name()?;
        }
        insert.list_at = self.cursor.previous().end;
        if self.cursor.at(TokenKind::Open) && !self.before_query() {
            loop {
                self.cursor.bump();
                let start = self.cursor.token.start;
                self.column()?;
                insert.columns.push(start..self.cursor.previous().end);
                if !self.cursor.at(TokenKind::Comma) {
                    break;
                }
            }
            self.expect_kind(TokenKind::Close)?;
        }
        self.overriding()?;
        let parenthesis = self.cursor.eat_kind(TokenKind::Open);
        self.expect("select")?;
        self.cursor.eat("all");
        loop {
            insert.items.push(self.item()?);
            self.run(0, &mut |_, _, value: Value| {
                insert.items.push(InsertItem { span: value.span(), can_go: true });
            });
            if insert.items.len() > VALUES_MAX {
                return Err(NotUnderstood);
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        self.plain_rest()?;
        if parenthesis {
            self.expect_kind(TokenKind::Close)?;
            self.plain_rest()?;
        }
        match self.cursor.token.kind {
            TokenKind::End | TokenKind::Semicolon => Ok(insert),
            _ => Err(NotUnderstood),
        }
    }

    fn item(&mut self) -> Result<InsertItem, NotUnderstood> {
        if self.cursor.is("distinct") {
            return Err(NotUnderstood);
        }
        let before = self.cursor;
        let start = self.cursor.token.start;
        let item = element(&mut self.cursor, Ends::Item)?;
        if self.cursor.eat("as") {
            self.label()?;
        }
        let end = self.cursor.previous().end;
        if item.is_star {
            return Err(NotUnderstood);
        }
        let is_whole = item.value != super::SlotValue::Other;
        Ok(InsertItem { span: start..end, can_go: is_whole || is_plain(before, end) })
    }

    /// Passes the rest of a query that does not depend on the places or names of its items.
    fn plain_rest(&mut self) -> Understood {
        const DEPENDENT: &[&str] = &["union", "intersect", "except", "group", "order"];
        self.pass_until(|cursor| match cursor.token.kind {
            TokenKind::End | TokenKind::Semicolon | TokenKind::Close => true,
            TokenKind::Word => cursor.previous().kind != TokenKind::Dot && cursor.is_any(DEPENDENT),
            _ => false,
        })?;
        if self.cursor.at(TokenKind::Word) { Err(NotUnderstood) } else { Ok(()) }
    }
}

/// Whether an expression up to `end` gives one value of one row and has no parameters.
fn is_plain(mut cursor: Cursor<'_>, end: usize) -> bool {
    while cursor.token.start < end && !cursor.at(TokenKind::End) {
        let before = cursor.previous();
        let is_type = before.kind == TokenKind::Cast || cursor.token_is(before, "as");
        let called = cursor.at_name() && !is_type && cursor.peek().kind == TokenKind::Open;
        // A word in front of a parenthesis may be an operator as well.
        const OPERATORS: &[&str] = &["and", "or", "not", "in", "case", "when", "then", "else"];
        let known = || cursor.is_any(PLAIN_FUNCTIONS) || cursor.is_any(OPERATORS);
        let has_more = cursor.at(TokenKind::Parameter) || cursor.is_any(&["select", "over"]);
        if has_more || called && !known() {
            return false;
        }
        cursor.bump();
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    const NAMES: &[&[u8]] = &[b"a", b"B\"", b"g", b"h"];

    fn left_out(sql: &str, places: &[usize]) -> Option<String> {
        let sql = sql.as_bytes();
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let script = Script::read(sql, Lexing::default(), &mapping, &mut Scratch::default());
        let (_, write) = script.writes().next()?;
        let is_left_out = |at| places.contains(&at);
        let (mut replacements, gone) = script.without_columns(write, sql, NAMES, &is_left_out)?;
        assert!(gone.iter().all(|index| places.contains(index)));
        replacements.sort_by_key(|replacement| replacement.span.start);
        Some(String::from_utf8(crate::statement::replace(sql, &replacements)).unwrap())
    }

    #[test]
    fn columns_go_from_both_lists() {
        for (sql, places, expected) in [
            (
                "INSERT INTO t (a, g, h) SELECT x, y * 2 AS g, z FROM s",
                &[1][..],
                "INSERT INTO t (a, h) SELECT x, z FROM s",
            ),
            ("INSERT INTO t (g, a) SELECT g, a FROM s", &[0], "INSERT INTO t (a) SELECT a FROM s"),
            (
                "INSERT INTO t (a, g, h) (SELECT x, round(y, 2) g, (z + 1) \"h\" FROM s WHERE x > 1) ON CONFLICT DO NOTHING",
                &[1, 2],
                "INSERT INTO t (a) (SELECT x FROM s WHERE x > 1) ON CONFLICT DO NOTHING",
            ),
            (
                "INSERT INTO t (g, a, h) SELECT cast(y::varchar(9) AS numeric(9)), x, $3 RETURNING a",
                &[0, 2],
                "INSERT INTO t (a) SELECT x RETURNING a",
            ),
            ("INSERT INTO t SELECT x, y, z", &[2], "INSERT INTO t SELECT x, y"),
            (
                "WITH s AS (SELECT 1) INSERT INTO t AS u SELECT x, y, z, zz FROM s",
                &[2],
                "WITH s AS (SELECT 1) INSERT INTO t AS u (\"a\", \"B\"\"\", \"h\")  SELECT x, y, zz FROM s",
            ),
            (
                "INSERT INTO t SELECT x, y, z FROM s",
                &[0],
                "INSERT INTO t (\"B\"\"\", \"g\")  SELECT y, z FROM s",
            ),
        ] {
            assert_eq!(left_out(sql, places).as_deref(), Some(expected), "{sql}");
        }
    }

    #[test]
    fn what_might_mean_something_else_stays() {
        for sql in [
            "INSERT INTO t (a, g) SELECT * FROM s",
            "INSERT INTO t (a, g) SELECT a, s.* FROM s",
            "INSERT INTO t (a, g) SELECT DISTINCT a, g FROM s",
            "INSERT INTO t (a, g) SELECT a, g FROM s UNION SELECT 1, 2",
            "INSERT INTO t (a, g) (SELECT a, g FROM s) UNION SELECT 1, 2",
            "INSERT INTO t (a, g) SELECT a, g FROM s ORDER BY 2",
            "INSERT INTO t (a, g) SELECT a, max(g) FROM s GROUP BY a",
            "INSERT INTO t (a, g) SELECT a, generate_series(1, 2) FROM s",
            "INSERT INTO t (a, g) SELECT a, $1 + 1",
            "INSERT INTO t (a, g) SELECT a, (SELECT 1)",
            "INSERT INTO t (a, g, h) SELECT a, g",
            "INSERT INTO t (a, g) VALUES (1, 2)",
            "INSERT INTO t (a, g) TABLE s",
            "INSERT INTO t (a, g) SELECT a, g FROM (s",
            "UPDATE t SET a = 1",
            "INSERT INTO t (a, g",
            "INSERT INTO t SELECT",
        ] {
            assert_eq!(left_out(sql, &[1]), None, "{sql}");
        }
        assert_eq!(left_out("INSERT INTO t (a, g) SELECT 1, 2", &[0, 1]), None);
        assert_eq!(left_out("INSERT INTO t (a, g) SELECT 1, 2", &[]), None);
    }
}
