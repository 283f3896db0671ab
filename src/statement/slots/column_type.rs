//! The type of a column in a definition, as the target gets it: its words and its modifiers. Knows no types but
//! by their names.

use super::defined::NewColumn;
use super::walker::Walker;
use crate::statement::Edit;
use crate::statement::cursor::{NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;

/// Words that go on with a type's name.
const FURTHER: &[&str] =
    &["character", "char", "precision", "time", "varying", "with", "without", "zone"];

/// The name of a type in lower case, and the numbers behind it.
pub fn type_words(text: &[u8]) -> (String, Vec<i32>) {
    let mut column = NewColumn::default();
    let name = column.take_type(std::str::from_utf8(text).unwrap_or_default());
    let name = if column.is_array { String::new() } else { name };
    (name, column.modifiers)
}

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
    /// The type at the cursor, of however many words.
    pub(super) fn read_type(&mut self, column: &mut NewColumn, edits: &[Edit]) -> Understood {
        let start = self.cursor.token.start;
        let first = self.cursor.index();
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
        column.type_span = start..self.cursor.previous().end;
        if self.cursor.index() == first { Err(NotUnderstood) } else { Ok(()) }
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
}
