//! What has to go from an INSERT, UPDATE or MERGE for columns to be removed from it: they in lists, their
//! values in rows, their assignments. Finds, changes nothing.

use std::ops::Range;

use super::element::{Ends, element, parameter};
use super::left_out::{without, without_columns};
use super::row_value::Value;
use super::walker::Walker;
use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;
use crate::statement::parts::Statement;
use crate::statement::plain_rows::PlainItems;
use crate::statement::script::Script;

/// What goes from a statement with some of its columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RemovedParts {
    /// The bytes that go, with the commas that belong to them.
    pub spans: Vec<Range<usize>>,
    /// Lists of assignments of which nothing is left.
    pub emptied: Vec<Range<usize>>,
    /// Expressions among what goes that have parameters which stand nowhere else.
    pub lost: Vec<LostParameter>,
    /// Where a common table expression may be put, and whether there are others.
    pub with_at: usize,
    /// There are common table expressions.
    pub has_with: bool,
    /// Where the list of an INSERT without one would stand, and how many values each of its rows has.
    pub unlisted: Option<(usize, usize)>,
}

/// An expression that goes and has parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostParameter {
    /// The expression.
    pub span: Range<usize>,
    /// It is a parameter and nothing else.
    pub is_bare: bool,
}

/// What goes from the statement at the cursor for the columns to be removed whose names are at tokens of
/// which `is_gone` says so. An error where it cannot be told for each row, or where nothing of an INSERT
/// would be left.
fn removed_parts(
    statement: Cursor<'_>,
    encoding: Encoding,
    is_gone: &dyn Fn(u32) -> bool,
    unlisted: &[usize],
) -> Result<RemovedParts, NotUnderstood> {
    let walker = Walker::new(statement, encoding, None);
    let parts = RemovedParts::default();
    let mut removal = Removal { walker, is_gone, unlisted, parts, values: vec![] };
    removal.statement(statement)?;
    removal.parts.spans.sort_by_key(|span| span.start);
    removal.find_lost(statement);
    Ok(removal.parts)
}

impl Script {
    /// What goes from a statement for the columns to be removed whose names are at tokens of which `is_gone`
    /// says so, and at the places `unlisted` of rows of an INSERT without a list. `None` where it cannot be told
    /// for each row, or where nothing of an INSERT would be left.
    pub fn removed_parts(
        &self,
        statement: &Statement,
        sql: &[u8],
        is_gone: &dyn Fn(u32) -> bool,
        unlisted: &[usize],
    ) -> Option<RemovedParts> {
        let cursor = self.statement_cursor(statement, sql);
        removed_parts(cursor, self.lexing.encoding, is_gone, unlisted).ok()
    }

    /// The spans that take some parts, with the commas that belong to them, out of a list.
    pub fn without_parts(parts: &[Range<usize>], gone: &[usize]) -> Vec<Range<usize>> {
        without(parts, gone)
    }
}

struct Removal<'a, 'g> {
    walker: Walker<'a, 'static>,
    is_gone: &'g dyn Fn(u32) -> bool,
    /// The places of columns to be removed, for an INSERT without a list.
    unlisted: &'g [usize],
    parts: RemovedParts,
    /// Values that go and may have parameters.
    values: Vec<LostParameter>,
}

impl Removal<'_, '_> {
    fn statement(&mut self, statement: Cursor<'_>) -> Understood {
        let walker = &mut self.walker;
        walker.pass_prefix()?;
        let mut at = walker.cursor;
        self.parts.has_with = at.eat("with");
        if self.parts.has_with && at.is("recursive") && !at.token_is(at.peek(), "as") {
            at.bump();
        }
        self.parts.with_at = at.token.start;
        walker.prefix()?;
        if walker.cursor.eat_all(&["insert", "into"]) {
            self.insert(statement)?;
        } else if walker.cursor.eat("update") {
            walker.target()?;
            self.alias("set")?;
            self.walker.expect("set")?;
            self.assignments()?;
        } else {
            if !walker.cursor.eat_all(&["merge", "into"]) {
                return Err(NotUnderstood);
            }
            self.merge()?;
        }
        self.walker.pass_rest()
    }

    fn alias(&mut self, word: &str) -> Understood {
        let walker = &mut self.walker;
        if walker.cursor.eat("as") || walker.cursor.at_name() && !walker.cursor.is(word) {
            walker.column_name()?;
        }
        Ok(())
    }

    fn insert(&mut self, statement: Cursor<'_>) -> Understood {
        self.walker.relation()?;
        if self.walker.cursor.eat("as") {
            self.walker.column_name()?;
        }
        let list_at = self.walker.cursor.previous().end;
        let (listed, gone) = self.list()?;
        self.walker.overriding()?;
        let is_bracketed = self.walker.cursor.at(TokenKind::Open)
            && self.walker.cursor.token_is(self.walker.cursor.peek(), "values");
        if is_bracketed {
            self.walker.cursor.bump();
        }
        if listed.is_empty() && !self.unlisted.is_empty() {
            self.walker.expect("values")?;
            self.unlisted_rows(list_at)?;
        } else if !gone.is_empty() {
            if self.walker.cursor.eat("values") {
                self.parts.spans.extend(without(&listed, &gone));
                self.rows(listed.len(), &gone)?;
                if is_bracketed {
                    self.walker.expect_kind(TokenKind::Close)?;
                }
                self.end_of_rows()?;
            } else {
                self.selected(statement, &listed, &gone)?;
            }
        } else if is_bracketed {
            // Behind it the statement goes on as behind any query.
            self.walker.pass_until(|cursor| cursor.at(TokenKind::Close))?;
            self.walker.cursor.bump();
        }
        self.walker.pass_to_assignments()?;
        if self.walker.cursor.eat_all(&["do", "update", "set"]) {
            self.assignments()?;
        }
        Ok(())
    }

    /// Takes values out of the rows of an INSERT without a list, whose first row says how many there are.
    fn unlisted_rows(&mut self, list_at: usize) -> Understood {
        let first = self.walker.cursor;
        let mut count = 0;
        self.walker.values_in_parentheses(|_, _, _| count += 1)?;
        self.walker.cursor = first;
        let gone: Vec<usize> = self.unlisted.iter().copied().filter(|at| *at < count).collect();
        if gone.len() == count {
            return Err(NotUnderstood);
        }
        self.parts.unlisted = Some((list_at, count));
        self.rows(count, &gone)?;
        self.end_of_rows()
    }

    /// Rows of VALUES are all that an INSERT gets.
    fn end_of_rows(&self) -> Understood {
        let cursor = self.walker.cursor;
        let ends = matches!(cursor.token.kind, TokenKind::Semicolon | TokenKind::End);
        if ends || cursor.is_any(&["on", "returning"]) { Ok(()) } else { Err(NotUnderstood) }
    }

    /// Takes columns out of an INSERT with a SELECT.
    fn selected(
        &mut self,
        statement: Cursor<'_>,
        listed: &[Range<usize>],
        gone: &[usize],
    ) -> Understood {
        let sql = self.walker.cursor.sql();
        let names: Vec<&[u8]> =
            listed.iter().map(|span| sql.get(span.clone()).unwrap_or_default()).collect();
        let is_left_out = |at| gone.contains(&at);
        let found = without_columns(statement, self.walker.encoding, &names, &is_left_out);
        let (replacements, left_out) = found.ok_or(NotUnderstood)?;
        if left_out != gone {
            return Err(NotUnderstood);
        }
        let spans: Vec<Range<usize>> = replacements.into_iter().map(|found| found.span).collect();
        // Of parameters only whole items go.
        let mut cursor = statement;
        while !cursor.at(TokenKind::End) {
            let span = cursor.token.start..cursor.token.end;
            let goes = || spans.iter().any(|gone| gone.contains(&span.start));
            if cursor.at(TokenKind::Parameter) && goes() {
                self.values.push(LostParameter { span, is_bare: true });
            }
            cursor.bump();
        }
        self.parts.spans.extend(spans);
        Ok(())
    }

    /// The list of columns at the cursor, if there is one, and the places of those that go.
    fn list(&mut self) -> Result<(Vec<Range<usize>>, Vec<usize>), NotUnderstood> {
        let (mut listed, mut gone) = (Vec::new(), Vec::new());
        let walker = &mut self.walker;
        if !walker.cursor.at(TokenKind::Open) || walker.before_query() {
            return Ok((listed, gone));
        }
        loop {
            walker.cursor.bump();
            let start = walker.cursor.token.start;
            let column = walker.column()?;
            if (self.is_gone)(column.name) {
                gone.push(listed.len());
            }
            listed.push(start..walker.cursor.previous().end);
            if !walker.cursor.at(TokenKind::Comma) {
                break;
            }
        }
        walker.expect_kind(TokenKind::Close)?;
        if gone.len() == listed.len() { Err(NotUnderstood) } else { Ok((listed, gone)) }
    }

    /// Takes values out of the rows at the cursor, each of which has to have one for each column.
    fn rows(&mut self, count: usize, gone: &[usize]) -> Understood {
        loop {
            self.row(count, gone)?;
            while self.walker.cursor.at(TokenKind::PlainRows) {
                let (sql, run) = (self.walker.cursor.sql(), self.walker.cursor.token);
                for row in PlainItems::new(sql, run.start..run.end) {
                    let inside = row.span.start + 1..row.span.end.saturating_sub(1);
                    let values: Vec<_> =
                        PlainItems::new(sql, inside).map(|item| item.span).collect();
                    self.take_out(&values, count, gone)?;
                }
                self.walker.cursor.bump();
            }
            if !self.walker.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    fn row(&mut self, count: usize, gone: &[usize]) -> Understood {
        let sql = self.walker.cursor.sql();
        let (mut values, mut lost) = (Vec::new(), Vec::new());
        let (_, star) = self.walker.values_in_parentheses(|_, index, value| {
            let span = value.span();
            if gone.contains(&index) {
                lost.extend(with_parameters(sql, &value));
            }
            values.push(span);
        })?;
        if star {
            return Err(NotUnderstood);
        }
        self.values.append(&mut lost);
        self.take_out(&values, count, gone)
    }

    fn take_out(&mut self, values: &[Range<usize>], count: usize, gone: &[usize]) -> Understood {
        if values.len() != count {
            return Err(NotUnderstood);
        }
        self.parts.spans.extend(without(values, gone));
        Ok(())
    }

    fn assignments(&mut self) -> Understood {
        let (mut all, mut gone) = (Vec::new(), Vec::new());
        let sql = self.walker.cursor.sql();
        loop {
            let walker = &mut self.walker;
            let start = walker.cursor.token.start;
            if walker.cursor.at(TokenKind::Open) {
                let targets = walker.column_list()?;
                if targets.iter().any(|target| (self.is_gone)(target.name)) {
                    return Err(NotUnderstood);
                }
                walker.expect_assignment()?;
                element(&mut walker.cursor, Ends::Clause)?;
            } else {
                let target = walker.column()?;
                walker.expect_assignment()?;
                let value = Value::Element(element(&mut walker.cursor, Ends::Clause)?);
                if (self.is_gone)(target.name) {
                    gone.push(all.len());
                    self.values.extend(with_parameters(sql, &value));
                }
            }
            all.push(start..walker.cursor.previous().end);
            if !walker.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        if gone.len() < all.len() {
            self.parts.spans.extend(without(&all, &gone));
        } else if let (Some(first), Some(last)) = (all.first(), all.last()) {
            self.parts.emptied.push(first.start..last.end);
        }
        Ok(())
    }

    fn merge(&mut self) -> Understood {
        self.walker.target()?;
        self.alias("using")?;
        self.walker.expect("using")?;
        self.walker.pass_to("when")?;
        while self.walker.cursor.eat("when") {
            self.walker.pass_to("then")?;
            self.walker.cursor.bump();
            if self.walker.cursor.eat_all(&["update", "set"]) {
                self.assignments()?;
            } else if self.walker.cursor.eat("insert") {
                let (listed, gone) = self.list()?;
                self.walker.overriding()?;
                if !self.walker.cursor.eat_all(&["default", "values"]) {
                    self.walker.expect("values")?;
                    match listed.is_empty() {
                        true => self.walker.cursor.skip_brackets()?,
                        false => self.row(listed.len(), &gone)?,
                    }
                    self.parts.spans.extend(without(&listed, &gone));
                }
            } else if !self.walker.cursor.eat("delete")
                && !self.walker.cursor.eat_all(&["do", "nothing"])
            {
                return Err(NotUnderstood);
            }
        }
        Ok(())
    }

    /// Which of the values that go have parameters that stand nowhere else.
    fn find_lost(&mut self, mut cursor: Cursor<'_>) {
        if self.values.is_empty() {
            return;
        }
        let (mut stays, mut goes): (Vec<u16>, Vec<(u16, usize)>) = (Vec::new(), Vec::new());
        while !cursor.at(TokenKind::End) {
            let number = cursor.at(TokenKind::Parameter).then(|| cursor.bytes(cursor.token));
            if let Some(number) = number.and_then(parameter) {
                let start = cursor.token.start;
                let is_in = |spans: &[Range<usize>]| {
                    let behind = spans.partition_point(|span| span.start <= start);
                    behind
                        .checked_sub(1)
                        .and_then(|at| spans.get(at))
                        .is_some_and(|span| span.contains(&start))
                };
                match is_in(&self.parts.spans) || is_in(&self.parts.emptied) {
                    true => goes.push((number, start)),
                    false => stays.push(number),
                }
            }
            cursor.bump();
        }
        stays.sort_unstable();
        let mut told: Vec<u16> = Vec::new();
        for value in std::mem::take(&mut self.values) {
            let inside = goes.iter().filter(|(_, start)| value.span.contains(start));
            let lost: Vec<u16> = inside
                .map(|(number, _)| *number)
                .filter(|number| stays.binary_search(number).is_err() && !told.contains(number))
                .collect();
            if !lost.is_empty() {
                told.extend(lost);
                self.parts.lost.push(value);
            }
        }
    }
}

/// A value that goes, if it may have parameters.
fn with_parameters(sql: &[u8], value: &Value) -> Option<LostParameter> {
    let (span, is_bare) = (value.span(), value.parameter().is_some());
    let holds = sql.get(span.clone()).is_some_and(|text| text.contains(&b'$'));
    holds.then_some(LostParameter { span, is_bare })
}

#[cfg(test)]
mod tests {
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    /// The statement without the columns called `g`, and what is lost with them.
    fn removed(sql: &str) -> Option<(String, Vec<String>)> {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let text = sql.as_bytes();
        let script = Script::read(text, Lexing::default(), &mapping, &mut Scratch::default());
        let statement = script.statements.first()?;
        let is_gone = |token| script.name_part(token, text).as_deref() == Some(b"g");
        let parts = script.removed_parts(statement, text, &is_gone, &[])?;
        let mut left = String::new();
        let mut at = 0;
        let mut spans = parts.spans;
        spans.extend(parts.emptied);
        spans.sort_by_key(|span| span.start);
        for span in spans {
            left += &sql[at..span.start];
            at = span.end;
        }
        left += &sql[at..];
        Some((left, parts.lost.into_iter().map(|lost| sql[lost.span].to_owned()).collect()))
    }

    #[test]
    fn columns_and_their_values_go() {
        for (sql, expected, lost) in [
            (
                "INSERT INTO t (a, g) VALUES (1, 2), (3, 'x')",
                "INSERT INTO t (a) VALUES (1), (3)",
                &[][..],
            ),
            (
                "INSERT INTO t (g, a) VALUES ($1, $2), ($3, $1)",
                "INSERT INTO t (a) VALUES ($2), ($1)",
                &["$3"],
            ),
            (
                "INSERT INTO t (a, g, b) VALUES (f(1, 2), lower($2), 3) ON CONFLICT (a) DO UPDATE SET g = 1, b = $3, a = 2",
                "INSERT INTO t (a, b) VALUES (f(1, 2), 3) ON CONFLICT (a) DO UPDATE SET b = $3, a = 2",
                &["lower($2)"],
            ),
            (
                "WITH s AS (SELECT 1) INSERT INTO t (a, g) SELECT x, $2 FROM s",
                "WITH s AS (SELECT 1) INSERT INTO t (a) SELECT x FROM s",
                &["$2"],
            ),
            ("UPDATE t SET g = $1, a = 2 WHERE b = $2", "UPDATE t SET a = 2 WHERE b = $2", &["$1"]),
            ("UPDATE t SET a = 2, g = $1 WHERE b = $1", "UPDATE t SET a = 2 WHERE b = $1", &[]),
            ("UPDATE t x SET g = 1", "UPDATE t x SET ", &[]),
            (
                "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET g = s.g, a = 1 WHEN NOT MATCHED THEN INSERT (a, g) VALUES (s.a, s.g)",
                "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a)",
                &[],
            ),
        ] {
            let (left, found) = removed(sql).unwrap_or_else(|| panic!("{sql}"));
            assert_eq!(left, expected);
            assert_eq!(found, lost, "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_understood() {
        for sql in [
            "INSERT INTO t (g) VALUES (1)",
            "INSERT INTO t (a, g) VALUES (1, 2), (3)",
            "INSERT INTO t (a, g) VALUES (1, 2) UNION SELECT 1, 2",
            "INSERT INTO t (a, g) SELECT * FROM s",
            "INSERT INTO t (a, g) TABLE s",
            "UPDATE t SET (a, g) = (1, 2)",
            "DELETE FROM t",
        ] {
            assert_eq!(removed(sql), None, "{sql}");
        }
    }
}
