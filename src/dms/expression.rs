//! Expressions of add-column rules, which AWS DMS writes in the words of SQLite, in PostgreSQL's; touches
//! nothing else.
//!
//! Only what gives the same value for a row in both is taken. Everything else is named and refused.

mod symbols;

use crate::mapping::{ExpressionPiece as Piece, RowExpression};
use symbols::{Symbol, cut};

/// Brackets and CASEs within each other.
const DEPTH_MAX: u32 = 32;

/// What an expression of a rule gives for each row.
///
/// # Errors
/// A sentence about what is not taken.
pub(super) fn row_expression(text: &str) -> Result<RowExpression, String> {
    let tokens = cut(text)?;
    let mut reader = ExpressionReader { tokens: &tokens, at: 0, depth: 0 };
    let term = reader.any()?;
    match (reader.peek(), term.kind) {
        (Some(token), _) => Err(format!("its expression goes on with {}", token.shown())),
        (None, TermKind::Truth) => {
            Err("its expression gives true or false; put it into a CASE".into())
        }
        (None, kind) => Ok(RowExpression { pieces: term.pieces, is_text: kind == TermKind::Text }),
    }
}

/// What is known of the type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TermKind {
    Text,
    Number,
    /// That of a column.
    Column,
    Null,
    Truth,
}

#[derive(Clone, Debug)]
struct Term {
    pieces: Vec<Piece>,
    kind: TermKind,
}

impl Term {
    fn sql(text: impl Into<String>, kind: TermKind) -> Term {
        Term { pieces: vec![Piece::Sql(text.into())], kind }
    }

    /// The same as a text, as SQLite makes one of any value.
    fn text(self) -> Result<Term, String> {
        match self.kind {
            TermKind::Text => Ok(self),
            TermKind::Truth => Err("its expression takes true or false as a text".into()),
            _ => Ok(joined(&["CAST(", " AS text)"], vec![self], TermKind::Text)),
        }
    }
}

/// Terms with texts around and between them, one text more than terms.
fn joined(texts: &[&str], terms: Vec<Term>, kind: TermKind) -> Term {
    let mut pieces = Vec::new();
    let mut texts = texts.iter();
    let mut sql = |pieces: &mut Vec<Piece>| {
        pieces.extend(texts.next().map(|text| Piece::Sql((*text).to_owned())));
    };
    sql(&mut pieces);
    for term in terms {
        pieces.extend(term.pieces);
        sql(&mut pieces);
    }
    Term { pieces, kind }
}

/// `NAME(first, second, ...)`
fn call(name: &str, terms: Vec<Term>, kind: TermKind) -> Term {
    let open = format!("{name}(");
    let mut texts = vec![open.as_str()];
    texts.extend(terms.iter().skip(1).map(|_| ", "));
    texts.push(")");
    joined(&texts, terms, kind)
}

/// Terms of which each may be the value: as texts, where one of them is a text.
fn alike(terms: Vec<Term>) -> Result<(Vec<Term>, TermKind), String> {
    let has = |kind| terms.iter().any(|term: &Term| term.kind == kind);
    if has(TermKind::Truth) {
        return Err("its expression has true or false for a value".into());
    }
    if has(TermKind::Text) {
        let texts = terms.into_iter().map(Term::text).collect::<Result<Vec<_>, _>>()?;
        return Ok((texts, TermKind::Text));
    }
    let kind = match () {
        () if has(TermKind::Column) => TermKind::Column,
        () if has(TermKind::Number) => TermKind::Number,
        () => TermKind::Null,
    };
    Ok((terms, kind))
}

/// One operator between two values.
fn compared(left: Term, operator: &str, right: Term) -> Result<Term, String> {
    let is_text = left.kind == TermKind::Text || right.kind == TermKind::Text;
    if is_text && (left.kind == TermKind::Number || right.kind == TermKind::Number) {
        return Err("its expression compares a number with a text".into());
    }
    let (terms, _) = alike(vec![left, right])?;
    // SQLite compares the bytes of texts.
    let (between, end) = match is_text {
        true => (format!(" COLLATE \"C\" {operator} "), " COLLATE \"C\")"),
        false => (format!(" {operator} "), ")"),
    };
    Ok(joined(&["(", &between, end], terms, TermKind::Truth))
}

struct ExpressionReader<'t> {
    tokens: &'t [Symbol],
    at: usize,
    depth: u32,
}

impl ExpressionReader<'_> {
    fn peek(&self) -> Option<&Symbol> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Symbol::Sign(found)) if *found == sign);
        self.at += usize::from(is_it);
        is_it
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is_it =
            matches!(self.peek(), Some(Symbol::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.eat(sign) { Ok(()) } else { Err(format!("its expression lacks a {sign}")) }
    }

    fn expect_word(&mut self, word: &str) -> Result<(), String> {
        if self.eat_word(word) { Ok(()) } else { Err(format!("its expression lacks {word}")) }
    }

    /// Any expression.
    fn any(&mut self) -> Result<Term, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("its expression is too deep".into());
        }
        let mut left = self.all()?;
        while self.eat_word("or") {
            let right = self.all()?;
            left = self.logical(left, " OR ", right)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn all(&mut self) -> Result<Term, String> {
        let mut left = self.condition()?;
        while self.eat_word("and") {
            let right = self.condition()?;
            left = self.logical(left, " AND ", right)?;
        }
        Ok(left)
    }

    fn logical(&self, left: Term, operator: &str, right: Term) -> Result<Term, String> {
        match (left.kind, right.kind) {
            (TermKind::Truth, TermKind::Truth) => {
                Ok(joined(&["(", operator, ")"], vec![left, right], TermKind::Truth))
            }
            _ => Err("AND and OR in its expression stand between comparisons".into()),
        }
    }

    fn condition(&mut self) -> Result<Term, String> {
        let mut negations = 0_u32;
        while self.eat_word("not") {
            negations += 1;
        }
        let mut term = self.comparison()?;
        if negations > 0 && term.kind != TermKind::Truth {
            return Err("NOT in its expression stands in front of a comparison".into());
        }
        if negations % 2 == 1 {
            term = joined(&["(NOT ", ")"], vec![term], TermKind::Truth);
        }
        Ok(term)
    }

    fn comparison(&mut self) -> Result<Term, String> {
        let left = self.concatenation()?;
        if self.eat_word("is") {
            let is_not = self.eat_word("not");
            self.expect_word("null")?;
            let end = if is_not { " IS NOT NULL)" } else { " IS NULL)" };
            return Ok(joined(&["(", end], vec![left], TermKind::Truth));
        }
        let operators =
            [("==", "="), ("=", "="), ("<>", "<>"), ("!=", "<>"), ("<=", "<="), (">=", ">=")];
        let operators = operators.into_iter().chain([("<", "<"), (">", ">")]);
        for (sign, operator) in operators {
            if self.eat(sign) {
                let right = self.concatenation()?;
                return compared(left, operator, right);
            }
        }
        Ok(left)
    }

    fn concatenation(&mut self) -> Result<Term, String> {
        let mut left = self.value()?;
        while self.eat("||") {
            let right = self.value()?;
            left = joined(&["(", " || ", ")"], vec![left.text()?, right.text()?], TermKind::Text);
        }
        Ok(left)
    }

    fn value(&mut self) -> Result<Term, String> {
        let Some(token) = self.peek().cloned() else {
            return Err("its expression ends too soon".into());
        };
        self.at += 1;
        match token {
            Symbol::Text(text) => Ok(Term::sql(constant(&text), TermKind::Text)),
            Symbol::Number(number) => Ok(Term::sql(number, TermKind::Number)),
            Symbol::Sign("-") => match self.peek().cloned() {
                Some(Symbol::Number(number)) => {
                    self.at += 1;
                    Ok(Term::sql(format!("(-{number})"), TermKind::Number))
                }
                _ => Err("its expression computes with numbers, which is not taken".into()),
            },
            Symbol::Sign("(") => {
                let term = self.any()?;
                self.expect(")")?;
                Ok(term)
            }
            Symbol::Sign(sign) => Err(format!("its expression has a {sign} that is not taken")),
            Symbol::Variable(name) => variable(&name),
            Symbol::Word(word) if word.eq_ignore_ascii_case("null") => {
                Ok(Term::sql("NULL", TermKind::Null))
            }
            Symbol::Word(word) if word.eq_ignore_ascii_case("case") => self.case(),
            Symbol::Word(word) => self.function(&word.to_ascii_lowercase()),
        }
    }

    fn case(&mut self) -> Result<Term, String> {
        let operand = match self.peek() {
            Some(Symbol::Word(word)) if word.eq_ignore_ascii_case("when") => None,
            _ => Some(self.any()?),
        };
        let (mut conditions, mut results) = (Vec::new(), Vec::new());
        while self.eat_word("when") {
            let when = self.any()?;
            let when = match &operand {
                Some(operand) => compared(operand.clone(), "=", when)?,
                None => when,
            };
            if when.kind != TermKind::Truth {
                return Err("a CASE in its expression has no comparison behind WHEN".into());
            }
            conditions.push(when);
            self.expect_word("then")?;
            results.push(self.any()?);
        }
        let has_else = self.eat_word("else");
        results.push(if has_else { self.any()? } else { Term::sql("NULL", TermKind::Null) });
        self.expect_word("end")?;
        let (results, kind) = alike(results)?;
        let mut pieces = vec![Piece::Sql("(CASE".to_owned())];
        let mut results = results.into_iter();
        for (condition, result) in conditions.into_iter().zip(results.by_ref()) {
            pieces.extend(joined(&[" WHEN ", " THEN ", ""], vec![condition, result], kind).pieces);
        }
        for otherwise in results {
            pieces.extend(joined(&[" ELSE ", " END)"], vec![otherwise], kind).pieces);
        }
        Ok(Term { pieces, kind })
    }

    fn arguments(&mut self, name: &str) -> Result<Vec<Term>, String> {
        if !self.eat("(") {
            return Err(format!("{name} in its expression is not taken; a column is ${name}"));
        }
        let mut terms = Vec::new();
        if self.eat(")") {
            return Ok(terms);
        }
        loop {
            terms.push(self.any()?);
            if self.eat(")") {
                return Ok(terms);
            }
            self.expect(",")?;
        }
    }

    fn function(&mut self, name: &str) -> Result<Term, String> {
        let start = self.at;
        let arguments = self.arguments(name)?;
        let count = arguments.len();
        let texts = |terms: Vec<Term>| {
            terms.into_iter().map(Term::text).collect::<Result<Vec<Term>, String>>()
        };
        match (name, count) {
            // SQLite knows the case of ASCII letters alone.
            ("lower" | "upper", 1) => {
                let open = format!("{name}(");
                Ok(joined(&[&open, " COLLATE \"C\")"], texts(arguments)?, TermKind::Text))
            }
            ("trim", 1 | 2) => Ok(call("btrim", texts(arguments)?, TermKind::Text)),
            ("ltrim" | "rtrim", 1 | 2) | ("replace", 3) => {
                Ok(call(name, texts(arguments)?, TermKind::Text))
            }
            ("coalesce", 2..) | ("ifnull", 2) => {
                let (terms, kind) = alike(arguments)?;
                Ok(call("coalesce", terms, kind))
            }
            ("nullif", 2) => {
                let (terms, kind) = alike(arguments)?;
                Ok(call("nullif", terms, kind))
            }
            ("substr" | "substring", 2 | 3) => {
                self.check_places(start)?;
                let mut terms = arguments.into_iter();
                let text = terms.next().map(Term::text).transpose()?;
                Ok(call("substr", text.into_iter().chain(terms).collect(), TermKind::Text))
            }
            _ => Err(format!(
                "the function {name} with {count} arguments is not taken; those that are: lower, \
                 upper, trim, ltrim, rtrim, replace, substr, coalesce, ifnull, nullif"
            )),
        }
    }

    /// Places in a text are whole numbers from 1, lengths from 0: SQLite and PostgreSQL differ over others.
    fn check_places(&self, start: usize) -> Result<(), String> {
        let read = self.tokens.get(start..self.at).unwrap_or_default();
        let (place, length) = match read {
            [
                ..,
                Symbol::Sign(","),
                Symbol::Number(place),
                Symbol::Sign(","),
                Symbol::Number(length),
                Symbol::Sign(")"),
            ] => (place, Some(length)),
            [.., Symbol::Sign(","), Symbol::Number(place), Symbol::Sign(")")] => (place, None),
            _ => return Err("substr in its expression takes plain numbers".into()),
        };
        let place: Option<u32> = place.parse().ok();
        let length: Option<u32> = length.map_or(Some(0), |length| length.parse().ok());
        match (place, length) {
            (Some(1..=1_000_000_000), Some(0..=1_000_000_000)) => Ok(()),
            _ => Err("substr in its expression begins at 1 or later".into()),
        }
    }
}

/// A constant, however the server reads backslashes.
fn constant(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

/// A column, or one of the names that AWS DMS gives to what it knows of a row.
fn variable(name: &str) -> Result<Term, String> {
    let (piece, kind) = match name {
        "AR_M_SOURCE_SCHEMA" => (Piece::SourceSchema, TermKind::Text),
        "AR_M_SOURCE_TABLE_NAME" => (Piece::SourceTable, TermKind::Text),
        "AR_M_MODIFIED_SCHEMA" => (Piece::TargetSchema, TermKind::Text),
        "AR_M_MODIFIED_TABLE_NAME" => (Piece::TargetTable, TermKind::Text),
        _ if name.starts_with("AR_H_") => {
            return Err(format!(
                "${name} tells of the stream of changes, which a proxy does not see"
            ));
        }
        _ if name.starts_with("AR_M_") => return Err(format!("${name} is not known to a proxy")),
        _ => (Piece::Column(name.to_owned()), TermKind::Column),
    };
    Ok(Term { pieces: vec![piece], kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> Result<String, String> {
        let expression = row_expression(text)?;
        let piece = |piece: Piece| match piece {
            Piece::Sql(text) => text,
            Piece::Column(name) => format!("\"{name}\""),
            other => format!("{other:?}"),
        };
        Ok(expression.pieces.into_iter().map(piece).collect())
    }

    #[test]
    fn expressions_are_written_as_postgresql_reads_them() {
        for (text, expected) in [
            ("'it''s'", "'it''s'"),
            (r"'a\b'", r"E'a\\b'"),
            ("$ID", "\"ID\""),
            ("-1.5", "(-1.5)"),
            ("$A || ' ' || $B", "((CAST(\"A\" AS text) || ' ') || CAST(\"B\" AS text))"),
            ("lower($A)", "lower(CAST(\"A\" AS text) COLLATE \"C\")"),
            ("substr('abc', 1, 2)", "substr('abc', 1, 2)"),
            ("ifnull($A, $B)", "coalesce(\"A\", \"B\")"),
            ("coalesce($A, '-')", "coalesce(CAST(\"A\" AS text), '-')"),
            (
                "CASE WHEN $A > 5 AND $B IS NOT NULL THEN 1 ELSE 0 END",
                "(CASE WHEN ((\"A\" > 5) AND (\"B\" IS NOT NULL)) THEN 1 ELSE 0 END)",
            ),
            (
                "case $A when 'x' then $B end",
                "(CASE WHEN (CAST(\"A\" AS text) COLLATE \"C\" = 'x' COLLATE \"C\") THEN \"B\" ELSE NULL END)",
            ),
            (
                "$AR_M_SOURCE_SCHEMA || '.' || $AR_M_SOURCE_TABLE_NAME",
                "((SourceSchema || '.') || SourceTable)",
            ),
            (
                "$AR_M_MODIFIED_SCHEMA || '.' || $AR_M_MODIFIED_TABLE_NAME",
                "((TargetSchema || '.') || TargetTable)",
            ),
        ] {
            assert_eq!(sql(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_taken_is_named() {
        for (text, part) in [
            ("", "ends too soon"),
            ("$A $B", "goes on with $B"),
            ("$A = 1", "true or false"),
            ("$A + 1", "goes on with +"),
            ("random()", "function random with 0"),
            ("datetime('now')", "function datetime"),
            ("$AR_H_TIMESTAMP", "stream of changes"),
            ("$AR_M_SOURCE_COLUMN_DATATYPE", "not known to a proxy"),
            ("\u{2018}a\u{2019}", "typographic quotes"),
            ("'a", "nothing ends"),
            ("substr($A, -1)", "plain numbers"),
            ("substr($A, 0)", "begins at 1"),
            ("NAME", "a column is $name"),
            ("'a' > 1", "compares a number with a text"),
            ("'a'; DROP", "has ';'"),
            (&"(".repeat(100), "too deep"),
        ] {
            let error = sql(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
