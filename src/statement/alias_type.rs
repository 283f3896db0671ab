//! Types that SQL Server and ASE make of others: where they are made, and columns that have them. Finds, changes
//! nothing.

use std::ops::Range;

use super::aliases::AliasType;
use super::cursor::{Cursor, NotUnderstood, Understood, is_reserved};
use super::finder::{Finder, Position, Until};
use super::lexer::{Quoting, Token, TokenKind};
use super::name::{folded_name, is_bracketed};
use super::tokens::{Extent, Tokens};
use super::{Edit, Effects, Fault, Lexing, apply};
use crate::mapping::{Dialect, Place, RuleId};

/// The arguments of `sp_addtype`, by their names and in their order.
const ARGUMENTS: [&[u8]; 4] = [b"typename", b"phystype", b"nulltype", b"owner"];

/// The error for a type that makes identity columns.
const SQLSTATE_UNSUPPORTED: &str = "0A000";

impl<'a> Finder<'a> {
    /// Whether the source has types that are made of others.
    pub(super) fn has_alias_types(&self) -> bool {
        matches!(self.mapping.dialect(), Dialect::Source(table) if table.brackets)
    }

    /// `FROM type [NULL | NOT NULL]`, behind CREATE TYPE and a name, whose first token is at `name`: what
    /// PostgreSQL calls a domain. The cursor is at FROM.
    pub(super) fn alias_type(&mut self, name: Cursor<'a>) -> Understood {
        let Some(rule) = self.mapping.alias_rule() else {
            return self.expression(Place::Cast, Until::Statement);
        };
        let word = name.previous();
        let from = self.cursor.token;
        self.found.edits.push(Edit { span: word.start..word.end, text: "DOMAIN".to_owned(), rule });
        let (schema, name) = self.name_of_alias(name, rule)?;
        self.cursor.bump();
        let edits = self.found.edits.len();
        let start = self.cursor.token.start;
        self.type_name(Place::Definition, Position::Signature)?;
        let written = start..self.cursor.previous().end;
        let text = match self.found.edits.get_mut(edits) {
            Some(edit) => {
                let text = edit.text.clone();
                edit.text.insert_str(0, "AS ");
                edit.span.start = from.start;
                text
            }
            None => {
                let text = self.cursor.sql().get(written.clone()).unwrap_or_default();
                let text = std::str::from_utf8(text).map_err(|_| NotUnderstood)?.to_owned();
                let span = from.start..written.end;
                self.found.edits.push(Edit { span, text: format!("AS {text}"), rule });
                text
            }
        };
        let is_not_null = self.cursor.is("not");
        self.expression(Place::Definition, Until::Statement)?;
        self.found.aliases.add(AliasType { schema, name, text, is_not_null });
        Ok(())
    }

    /// The schema and the name of a new type; brackets become quotes.
    fn name_of_alias(
        &mut self,
        mut name: Cursor<'a>,
        rule: RuleId,
    ) -> Result<(Option<Vec<u8>>, Vec<u8>), NotUnderstood> {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        while name.index() < self.cursor.index() {
            let token = name.token;
            let part = folded_name(&name, token);
            if is_bracketed(&name, token) {
                let text = quoted(&part).ok_or(NotUnderstood)?;
                self.found.edits.push(Edit { span: token.start..token.end, text, rule });
            }
            parts.push(part.into_owned());
            name.bump();
            name.eat_kind(TokenKind::Dot);
        }
        let last = parts.pop().ok_or(NotUnderstood)?;
        Ok((parts.pop(), last))
    }

    /// A column's type that texts have made of another one: it gets that, and is NOT NULL where it is and the
    /// column says nothing. Whether one stands at the cursor; if so it was passed. `is_new` says that the column
    /// is defined here.
    pub(super) fn aliased(&mut self, column: Token, is_new: bool) -> bool {
        if self.found.aliases.is_empty() || !self.cursor.at_name() {
            return false;
        }
        let mut behind = self.cursor;
        let mut name = folded_name(&behind, behind.token);
        let mut schema = None;
        behind.bump();
        if behind.at(TokenKind::Dot) && behind.peek().kind != TokenKind::Dot {
            behind.bump();
            schema = Some(std::mem::replace(&mut name, folded_name(&behind, behind.token)));
            behind.bump();
        }
        let alias = self.found.aliases.find(schema.as_deref(), &name).cloned();
        let Some(alias) = alias else { return false };
        let Some(rule) = self.mapping.alias_rule() else { return false };
        if self.mapping.overrides_written()
            && self.overridden(Place::Definition, Position::Column(column))
        {
            return true;
        }
        let span = self.cursor.token.start..behind.previous().end;
        let end = span.end;
        let adds = alias.is_not_null && is_new && !says_null(behind);
        let edit = Edit { span, text: alias.text.clone(), rule };
        self.cursor = behind;
        self.types_until = end;
        self.found.edits.push(edit);
        if adds {
            self.found.edits.push(Edit { span: end..end, text: " NOT NULL".to_owned(), rule });
        }
        true
    }

    /// `[EXEC | EXECUTE] sp_addtype name, type [, null]`: CREATE TYPE of older versions, and of ASE. Whether it
    /// stands at the cursor.
    pub(super) fn add_type(&mut self) -> Result<bool, NotUnderstood> {
        let first = self.cursor.token;
        let mut ahead = self.cursor;
        let _ = ahead.eat("exec") || ahead.eat("execute");
        // `database..name` leaves out the schema.
        let is_point = |cursor: &Cursor<'_>, token| matches!(cursor.bytes(token), b"." | b"..");
        while ahead.at_name() && is_point(&ahead, ahead.peek()) {
            ahead.bump();
            while is_point(&ahead, ahead.token) {
                ahead.bump();
            }
        }
        let is_it =
            ahead.at_name() && folded_name(&ahead, ahead.token).eq_ignore_ascii_case(b"sp_addtype");
        let Some(rule) = self.mapping.alias_rule().filter(|_| is_it) else { return Ok(false) };
        ahead.bump();
        self.cursor = ahead;
        self.definition = true;
        self.effects |= Effects::CHANGES_RELATIONS;
        let arguments = self.arguments_of_procedure()?;
        let span = first.start..self.cursor.previous().end;
        let [Some(name), Some(base), null, _] = arguments else { return Err(NotUnderstood) };
        let null = null.unwrap_or_default().to_ascii_lowercase();
        let null = match null.trim_ascii() {
            b"" => "",
            b"null" => " NULL",
            b"not null" | b"nonull" => " NOT NULL",
            b"identity" => {
                self.refuse_identity(span, &name);
                return Ok(true);
            }
            _ => return Err(NotUnderstood),
        };
        let base = std::str::from_utf8(&base).map_err(|_| NotUnderstood)?;
        let name = spelled_name(&name).ok_or(NotUnderstood)?;
        let text = format!("CREATE TYPE {name} FROM {base}{null}");
        let text = self.mapped(&text, span.clone())?;
        self.found.edits.push(Edit { span, text, rule });
        Ok(true)
    }

    fn refuse_identity(&mut self, span: Range<usize>, name: &[u8]) {
        let fault = Fault {
            span,
            sqlstate: SQLSTATE_UNSUPPORTED,
            message: format!(
                "type {} makes identity columns, which no type of PostgreSQL does",
                spelled_name(name).unwrap_or_default()
            ),
            hint: "Write the type at the columns that have it, with GENERATED AS IDENTITY."
                .to_owned(),
        };
        self.found.fault.get_or_insert_with(|| Box::new(fault));
    }

    /// The values of the arguments of a procedure, up to the end of the statement.
    fn arguments_of_procedure(&mut self) -> Result<[Option<Vec<u8>>; 4], NotUnderstood> {
        let mut arguments = [const { None }; 4];
        let cursor = &mut self.cursor;
        let mut at = 0;
        loop {
            if cursor.is_operator("@") {
                cursor.bump();
                let name = folded_name(cursor, cursor.token);
                at = ARGUMENTS.iter().position(|one| *one == &*name).ok_or(NotUnderstood)?;
                cursor.bump();
                if !cursor.is_operator("=") {
                    return Err(NotUnderstood);
                }
                cursor.bump();
            }
            *arguments.get_mut(at).ok_or(NotUnderstood)? = Some(argument(cursor)?);
            cursor.bump();
            at += 1;
            if !cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        match cursor.token.kind {
            TokenKind::Semicolon | TokenKind::End => Ok(arguments),
            _ => Err(NotUnderstood),
        }
    }

    /// What becomes of a statement that is written in the place of the one at `span`.
    fn mapped(&mut self, text: &str, span: Range<usize>) -> Result<String, NotUnderstood> {
        let lexing = Lexing { encoding: self.encoding, ..Lexing::default() };
        let quoting = Quoting { brackets: true, ..Quoting::default() };
        let sql = text.as_bytes();
        let tokens = Tokens::cut(sql, 0, lexing, quoting, Extent::Text, Vec::new());
        let tokens = tokens.map_err(|_| NotUnderstood)?;
        let cursor = Cursor::new(sql, tokens.entries(), 0);
        let mut inner = Finder::new(cursor, self.encoding, self.mapping, Vec::new());
        inner.found.aliases = self.found.aliases.clone();
        inner.next_statement();
        if inner.found.not_understood > 0 || !inner.cursor.at(TokenKind::End) {
            return Err(NotUnderstood);
        }
        let inner = inner.found;
        if let Some(fault) = inner.fault {
            self.found.fault.get_or_insert_with(|| Box::new(Fault { span, ..*fault }));
        }
        self.found.aliases = inner.aliases;
        let text = String::from_utf8(apply(sql, &inner.edits)).ok();
        text.filter(|text| text.is_ascii()).ok_or(NotUnderstood)
    }
}

/// The value of the argument at the cursor.
fn argument(cursor: &Cursor<'_>) -> Result<Vec<u8>, NotUnderstood> {
    let bytes = cursor.bytes(cursor.token);
    let text = match cursor.token.kind {
        TokenKind::Text => bytes,
        TokenKind::NationalText => bytes.get(1..).unwrap_or_default(),
        _ if cursor.at_name() => {
            let name = folded_name(cursor, cursor.token);
            // Its letters are those that a column may write.
            let is_word = cursor.at(TokenKind::Word);
            return Ok(if is_word { bytes.to_vec() } else { name.into_owned() });
        }
        _ => return Err(NotUnderstood),
    };
    let inside = text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'"));
    let inside = std::str::from_utf8(inside.ok_or(NotUnderstood)?).map_err(|_| NotUnderstood)?;
    Ok(inside.replace("''", "'").into_bytes())
}

/// Whether the column whose type was passed says whether it takes NULL.
fn says_null(mut cursor: Cursor<'_>) -> bool {
    loop {
        match cursor.token.kind {
            TokenKind::Comma | TokenKind::Close | TokenKind::Semicolon | TokenKind::End => {
                return false;
            }
            TokenKind::Open => {
                if cursor.skip_brackets().is_err() {
                    return false;
                }
            }
            _ if cursor.is("null") && !cursor.token_is(cursor.previous(), "default") => {
                return true;
            }
            _ => cursor.bump(),
        }
    }
}

/// The name as a column writes it without quotes, or in quotes where it must have them.
fn spelled_name(name: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(name).ok()?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match is_plain && text.chars().all(is_word) && !is_reserved(name) {
        true => Some(text.to_owned()),
        false => quoted(name),
    }
}

/// The name in double quotes.
fn quoted(name: &[u8]) -> Option<String> {
    // Positions behind it count its characters.
    let text = std::str::from_utf8(name).ok().filter(|text| text.is_ascii())?;
    Some(format!("\"{}\"", text.replace('"', "\"\"")))
}
