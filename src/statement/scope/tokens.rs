//! What a reading tells of single tokens, for those who replace names.

use std::borrow::Cow;
use std::ops::Range;

use super::{NameRole, ScopeName, ScopeWalker, Scopes, narrow};
use crate::statement::cursor::{Cursor, is_name, is_reserved, is_text};
use crate::statement::lexer::{Quoting, TokenKind};
use crate::statement::name::kept_at;
use crate::statement::parts::Statement;
use crate::statement::script::Script;
use crate::statement::slots::Write;
use crate::statement::tokens::{Extent, Tokens};

impl Script {
    /// The names of a statement.
    pub fn scopes(&self, statement: &Statement, sql: &[u8]) -> Scopes {
        let cursor = self.cursor(sql);
        let mut cursor = cursor.up_to(statement.tokens.end as usize);
        cursor.go_to(statement.tokens.start as usize);
        ScopeWalker::new(cursor, self.lexing.encoding).walk()
    }

    /// The part of a name that a token is, as PostgreSQL keeps it; `None` for `U&"name"`, whose escapes are
    /// not read here.
    pub fn name_part<'a>(&'a self, token: u32, sql: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let mut cursor = self.cursor(sql);
        cursor.go_to(token as usize);
        let is_unicode = cursor.at(TokenKind::UnicodeName);
        (!is_unicode).then(|| kept_at(self.cursor(sql), token, self.lexing.encoding))
    }

    /// Whether a token is a word that names nothing without quotes.
    pub fn is_keyword(&self, token: u32, sql: &[u8]) -> bool {
        let cursor = self.cursor_at(token, sql);
        cursor.at(TokenKind::Word) && is_reserved(cursor.bytes(cursor.token))
    }

    /// Whether a token is a string constant.
    pub fn is_constant(&self, token: u32, sql: &[u8]) -> bool {
        is_text(self.cursor_at(token, sql).token.kind)
    }

    /// What a plain string constant holds, `'...'` without escapes; `None` for any other token.
    pub fn plain_constant<'a>(&'a self, token: u32, sql: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let cursor = self.cursor_at(token, sql);
        let bytes = cursor.bytes(cursor.token);
        let inside = bytes.strip_prefix(b"'")?.strip_suffix(b"'")?;
        let is_plain = cursor.at(TokenKind::Text)
            || cursor.at(TokenKind::EscapeText) && !inside.contains(&b'\\');
        // A constant that goes on in another line has quotes between its parts.
        let goes_on = inside.split(|byte| *byte == b'\n').skip(1).any(|line| line.contains(&b'\''));
        if !is_plain || goes_on {
            return None;
        }
        let text = inside.to_vec();
        let mut content = Vec::with_capacity(text.len());
        let mut bytes = text.iter();
        while let Some(byte) = bytes.next() {
            content.push(*byte);
            if *byte == b'\'' {
                bytes.next();
            }
        }
        Some(Cow::Owned(content))
    }

    /// Whether a constant with code holds a name of which `is_it` is true; keywords are asked about, too.
    pub fn constant_names(
        &self,
        token: u32,
        sql: &[u8],
        is_it: &mut dyn FnMut(&[u8]) -> bool,
    ) -> bool {
        let cursor = self.cursor_at(token, sql);
        let bytes = cursor.bytes(cursor.token);
        let inside = match cursor.token.kind {
            TokenKind::DollarText => {
                let tag = memchr::memchr(b'$', bytes.get(1..).unwrap_or_default());
                let tag = tag.map_or(0, |end| end + 2);
                bytes.get(tag..bytes.len().saturating_sub(tag)).unwrap_or_default()
            }
            _ => bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default(),
        };
        let cut = Tokens::cut(inside, 0, self.lexing, Quoting::default(), Extent::Text, Vec::new());
        let Ok(tokens) = cut else { return true };
        let mut cursor = Cursor::new(inside, tokens.entries(), 0);
        while !cursor.at(TokenKind::End) {
            let name = kept_at(cursor, narrow(cursor.index()), self.lexing.encoding);
            if cursor.at_name() && is_it(&name) {
                return true;
            }
            cursor.bump();
        }
        false
    }

    /// Whether nothing of an item of a select list stands behind a token.
    pub fn ends_item(&self, token: u32, sql: &[u8]) -> bool {
        let mut cursor = self.cursor_at(token, sql);
        cursor.bump();
        let ends = [TokenKind::Comma, TokenKind::Semicolon, TokenKind::End];
        ends.contains(&cursor.token.kind) || cursor.is("from")
    }

    /// Whether the first schema that SET search_path names is at a token.
    pub fn sets_path(&self, token: u32, sql: &[u8]) -> bool {
        let cursor = self.cursor_at(token, sql);
        let is = |count, words: &[&str]| {
            words.iter().any(|word| cursor.token_is(cursor.back(count), word))
        };
        let sets = |count| is(count, &["set", "session", "local"]);
        let names = |count| is(count, &["search_path", "schema"]) && sets(count + 1);
        let is_equal = cursor.bytes(cursor.back(1)) == b"=" || is(1, &["to"]);
        is_equal && names(2) || names(1)
    }

    /// The schemas that a statement makes the search_path, if it does.
    pub fn stated_path(&self, statement: &Statement, sql: &[u8]) -> Option<Vec<String>> {
        if !self.cursor_at(statement.tokens.start, sql).is("set") {
            return None;
        }
        let scopes = self.scopes(statement, sql);
        let first = scopes.names.first()?;
        if !self.sets_path(first.tokens.start, sql) {
            return None;
        }
        let text = |name: &ScopeName| {
            let token = name.tokens.start;
            let schema = self.plain_constant(token, sql).or_else(|| self.name_part(token, sql));
            String::from_utf8(schema.unwrap_or_default().into_owned()).unwrap_or_default()
        };
        let schemas = scopes.names.iter().filter(|name| name.role == NameRole::Schema);
        Some(schemas.map(text).collect())
    }

    /// Whether a statement begins with one of these words.
    pub fn begins_with(&self, statement: &Statement, sql: &[u8], words: &[&str]) -> bool {
        self.cursor_at(statement.tokens.start, sql).is_any(words)
    }

    /// Whether a statement gives the fields of a value in parentheses as columns: `(e).*`.
    pub fn expands_rows(&self, statement: &Statement, sql: &[u8]) -> bool {
        let mut cursor = self.statement_cursor(statement, sql);
        while !cursor.at(TokenKind::End) {
            let expands = cursor.previous().kind == TokenKind::Dot
                && cursor.back(2).kind == TokenKind::Close
                && cursor.bytes(cursor.token).starts_with(b"*");
            if expands {
                return true;
            }
            cursor.bump();
        }
        false
    }

    /// Whether a statement has one of these words anywhere.
    pub fn has_word(&self, statement: &Statement, sql: &[u8], words: &[&str]) -> bool {
        let mut cursor = self.statement_cursor(statement, sql);
        while !cursor.at(TokenKind::End) {
            if cursor.is_any(words) {
                return true;
            }
            cursor.bump();
        }
        false
    }

    /// Whether a statement assigns to several columns at once, `(a, b) = ...`, as far as that may be.
    pub fn assigns_rows(&self, statement: &Statement, sql: &[u8]) -> bool {
        let mut cursor = self.statement_cursor(statement, sql);
        while !cursor.at(TokenKind::End) {
            let begins = cursor.is("set") || cursor.at(TokenKind::Comma);
            cursor.bump();
            if begins && cursor.at(TokenKind::Open) {
                let mut behind = cursor;
                if behind.skip_brackets().is_err() || behind.is_operator("=") {
                    return true;
                }
            }
        }
        false
    }

    /// Whether an INSERT has rows of its own, or none, and not those of a query.
    pub fn inserts_rows(&self, write: &Write, sql: &[u8]) -> bool {
        let mut cursor = self.cursor(sql);
        cursor.go_to(write.name_tokens().end as usize);
        if cursor.eat("as") {
            cursor.bump();
        }
        if cursor.at(TokenKind::Open) && cursor.skip_brackets().is_err() {
            return false;
        }
        if cursor.eat("overriding") {
            cursor.bump();
            cursor.eat("value");
        }
        cursor.is("values") || cursor.eat_all(&["default", "values"])
    }

    /// Whether a statement is ALTER TABLE.
    pub fn alters_table(&self, statement: &Statement, sql: &[u8]) -> bool {
        let mut cursor = self.cursor_at(statement.tokens.start, sql);
        cursor.eat_all(&["alter", "table"])
    }

    /// Whether a statement may use the places of columns beside their names: a set operation, or a number in
    /// ORDER BY or GROUP BY.
    pub fn uses_places(&self, statement: &Statement, sql: &[u8]) -> bool {
        let mut cursor = self.statement_cursor(statement, sql);
        let mut is_behind_by = false;
        while !cursor.at(TokenKind::End) {
            is_behind_by |= cursor.is("by");
            let previous = cursor.previous();
            let begins = cursor.token_is(previous, "by") || previous.kind == TokenKind::Comma;
            let is_place = cursor.at(TokenKind::Number) && is_behind_by && begins;
            if is_place || cursor.is_any(&["union", "intersect", "except"]) {
                return true;
            }
            cursor.bump();
        }
        false
    }

    /// Whether a statement has code in a constant: DO.
    pub fn runs_code(&self, statement: &Statement, sql: &[u8]) -> bool {
        self.cursor_at(statement.tokens.start, sql).is("do")
    }

    /// Whether a statement creates a table.
    pub fn creates_table(&self, statement: &Statement, sql: &[u8]) -> bool {
        let mut cursor = self.cursor_at(statement.tokens.start, sql);
        const WORDS: &[&str] =
            &["create", "global", "local", "temporary", "temp", "unlogged", "foreign"];
        let creates = cursor.is("create");
        while cursor.is_any(WORDS) {
            cursor.bump();
        }
        creates && cursor.is("table")
    }

    fn cursor_at<'a>(&'a self, token: u32, sql: &'a [u8]) -> Cursor<'a> {
        let mut cursor = self.cursor(sql);
        cursor.go_to(token as usize);
        cursor
    }

    /// Where a token stands.
    pub fn token_span(&self, token: u32, sql: &[u8]) -> Range<usize> {
        let mut cursor = self.cursor(sql);
        cursor.go_to(token as usize);
        cursor.token.start..cursor.token.end
    }

    /// The tokens of a statement that are names or may be, keywords among them.
    pub fn name_tokens<'a>(
        &'a self,
        statement: &Statement,
        sql: &'a [u8],
    ) -> impl Iterator<Item = u32> + 'a {
        let mut cursor = self.cursor(sql);
        statement.tokens.clone().filter(move |index| {
            cursor.go_to(*index as usize);
            is_name(cursor.token.kind)
        })
    }
}
