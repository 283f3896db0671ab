//! `COPY ... FROM STDIN` in its three spellings, as far as its options shape the row stream.
//!
//! Source: PostgreSQL manual, COPY, with the syntax from before 9.0 and from before 7.3.

use super::constant::text_constant;
use super::cursor::{Cursor, NotUnderstood, Understood};
use super::finder::{Finder, Until};
use super::lexer::TokenKind;
use super::name::kept_name;
use super::parts::Body;
use super::{CopyStatement, Effects};
use crate::encoding::Encoding;
use crate::mapping::Place;
use crate::value::{CopyFormat, CopyOptions, ForcedColumns};

/// The options as far as they are said; they may come in any order.
#[derive(Debug, Default)]
struct Said {
    format: Option<CopyFormat>,
    delimiter: Option<Vec<u8>>,
    null: Option<Vec<u8>>,
    quote: Option<Vec<u8>>,
    escape: Option<Vec<u8>>,
    default: Option<Vec<u8>>,
    encoding: Option<Vec<u8>>,
    header_lines: u64,
    force_null: ForcedColumns,
    force_not_null: ForcedColumns,
}

/// The lines that the value of HEADER stands for.
fn header_lines(value: &[u8]) -> u64 {
    match value.to_ascii_lowercase().as_slice() {
        b"false" | b"off" => 0,
        number if number.first().is_some_and(u8::is_ascii_digit) => {
            str::from_utf8(number).ok().and_then(|number| number.parse().ok()).unwrap_or(1)
        }
        // What is none of `true`, `on`, `match` is refused.
        _ => 1,
    }
}

impl Said {
    fn options(self) -> CopyOptions {
        let mut options = CopyOptions::new(self.format.unwrap_or(CopyFormat::Text));
        let byte = |text: Option<Vec<u8>>| text.and_then(|text| text.first().copied());
        if let Some(delimiter) = byte(self.delimiter) {
            options.delimiter = delimiter;
        }
        if let Some(quote) = byte(self.quote) {
            options.quote = quote;
            options.escape = quote;
        }
        if let Some(escape) = byte(self.escape) {
            options.escape = escape;
        }
        if let Some(null) = self.null {
            options.null = null;
        }
        let name = self.encoding.and_then(|name| String::from_utf8(name).ok());
        options.encoding = name.as_deref().map(Encoding::from_name);
        options.encoding_name = name;
        options.default = self.default;
        options.header_lines = self.header_lines;
        options.force_null = self.force_null;
        options.force_not_null = self.force_not_null;
        options
    }

    /// Where the value of the text option goes that the current word names.
    fn text_option(&mut self, cursor: &Cursor<'_>) -> Option<&mut Option<Vec<u8>>> {
        let mut buffer = [0; 10];
        let word = cursor.bytes(cursor.token);
        let name = buffer.get_mut(..word.len())?;
        name.copy_from_slice(word);
        name.make_ascii_lowercase();
        match &*name {
            b"delimiter" | b"delimiters" => Some(&mut self.delimiter),
            b"null" => Some(&mut self.null),
            b"default" => Some(&mut self.default),
            b"quote" => Some(&mut self.quote),
            b"escape" => Some(&mut self.escape),
            b"encoding" => Some(&mut self.encoding),
            _ => None,
        }
    }
}

impl Finder<'_> {
    /// A statement that starts with COPY.
    pub(super) fn copy(&mut self) -> Understood {
        self.cursor.bump();
        let mut said = Said::default();
        if self.cursor.is("binary") && super::cursor::is_name(self.cursor.peek().kind) {
            self.cursor.bump();
            said.format = Some(CopyFormat::Binary);
        }
        if !self.cursor.at_name() {
            return self.expression(Place::Cast, Until::Statement);
        }
        let start = self.cursor.token.start;
        let mut name = vec![self.folded_name()];
        while self.cursor.eat_kind(TokenKind::Dot) {
            if !super::cursor::is_name(self.cursor.token.kind) {
                return Err(NotUnderstood);
            }
            name.push(self.folded_name());
        }
        let relation = start..self.cursor.previous().end;
        let (mut columns, mut column_spans) = (Vec::new(), Vec::new());
        if self.cursor.eat_kind(TokenKind::Open) {
            while self.cursor.at_name() {
                column_spans.push(self.cursor.token.start..self.cursor.token.end);
                columns.push(self.folded_name());
                self.cursor.eat_kind(TokenKind::Comma);
            }
            if !self.cursor.eat_kind(TokenKind::Close) {
                return Err(NotUnderstood);
            }
        }
        self.cursor.eat_all(&["with", "oids"]);
        if !self.cursor.eat("from") || !self.cursor.is_any(&["stdin", "stdout"]) {
            return self.expression(Place::Cast, Until::Statement);
        }
        self.cursor.bump();
        self.cursor.eat("using");
        if self.cursor.eat("delimiters") {
            said.delimiter = text_constant(&mut self.cursor, self.encoding);
        }
        self.cursor.eat("with");
        if self.cursor.at(TokenKind::Open) {
            self.copy_options(&mut said)?;
        } else {
            self.old_copy_options(&mut said);
        }
        let text = self.cursor.sql().get(relation).unwrap_or_default();
        // A relation in another encoding is named as far as its bytes are Latin-1.
        let relation = String::from_utf8(text.to_vec())
            .unwrap_or_else(|_| text.iter().copied().map(char::from).collect());
        let options = said.options();
        let copy = CopyStatement { relation, name, columns, column_spans, options };
        self.effects |= Effects::LOADS;
        self.body = Body::Copy(Box::new(copy));
        self.expression(Place::Cast, Until::Statement)
    }

    /// `( option [value], ... )`.
    fn copy_options(&mut self, said: &mut Said) -> Understood {
        self.cursor.bump();
        loop {
            if self.cursor.eat("format") {
                said.format = Some(self.copy_format()?);
            } else if self.cursor.eat("header") {
                said.header_lines = self.header_value();
            } else if self.cursor.eat("force_null") {
                said.force_null = self.listed_columns();
            } else if self.cursor.eat("force_not_null") {
                said.force_not_null = self.listed_columns();
            } else if let Some(option) = said.text_option(&self.cursor) {
                self.cursor.bump();
                *option = text_constant(&mut self.cursor, self.encoding)
                    .or_else(|| self.cursor.at_name().then(|| self.folded_name()));
            }
            self.expression(Place::Cast, Until::Element)?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Err(NotUnderstood);
            }
        }
    }

    /// The value of an option that is spelled as a name.
    fn folded_name(&mut self) -> Vec<u8> {
        let token = self.cursor.token;
        // A name that cannot be read is the name of nothing.
        let name = kept_name(token.kind, self.cursor.bytes(token), self.encoding);
        let name = name.unwrap_or_default();
        self.cursor.bump();
        name
    }

    fn copy_format(&mut self) -> Result<CopyFormat, NotUnderstood> {
        let name = match text_constant(&mut self.cursor, self.encoding) {
            Some(name) => name,
            None if self.cursor.at_name() => self.folded_name(),
            None => return Err(NotUnderstood),
        };
        match name.as_slice() {
            b"text" => Ok(CopyFormat::Text),
            b"csv" => Ok(CopyFormat::Csv),
            b"binary" => Ok(CopyFormat::Binary),
            _ => Err(NotUnderstood),
        }
    }

    /// `CSV HEADER NULL AS '' ...`: options behind one another, as before 9.0.
    fn old_copy_options(&mut self, said: &mut Said) {
        while self.cursor.at(TokenKind::Word) && !self.cursor.is("where") {
            if self.cursor.eat("csv") {
                said.format = Some(CopyFormat::Csv);
            } else if self.cursor.eat("binary") {
                said.format = Some(CopyFormat::Binary);
            } else if self.cursor.eat("header") {
                said.header_lines = 1;
            } else if self.cursor.eat("force") {
                let is_not = self.cursor.eat("not");
                let is_null = self.cursor.is("null");
                // NULL or QUOTE, then columns or `*`.
                self.cursor.bump();
                let columns = self.forced_columns();
                match (is_null, is_not) {
                    (true, false) => said.force_null = columns,
                    (true, true) => said.force_not_null = columns,
                    (false, _) => {}
                }
            } else if let Some(option) = said.text_option(&self.cursor) {
                self.cursor.bump();
                self.cursor.eat("as");
                if let Some(text) = text_constant(&mut self.cursor, self.encoding) {
                    *option = Some(text);
                }
            } else {
                self.cursor.bump();
            }
        }
    }

    /// Columns in parentheses, or `*`.
    fn listed_columns(&mut self) -> ForcedColumns {
        self.cursor.eat_kind(TokenKind::Open);
        let columns = self.forced_columns();
        self.cursor.eat_kind(TokenKind::Close);
        columns
    }

    fn forced_columns(&mut self) -> ForcedColumns {
        if self.cursor.is_operator("*") {
            self.cursor.bump();
            return ForcedColumns::All;
        }
        let mut names = Vec::new();
        while self.cursor.at_name() {
            names.push(self.folded_name());
            if !self.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        ForcedColumns::Named(names)
    }

    /// The value of HEADER, which stands for true where there is none.
    fn header_value(&mut self) -> u64 {
        if let Some(text) = text_constant(&mut self.cursor, self.encoding) {
            return header_lines(&text);
        }
        let value = self.cursor.bytes(self.cursor.token);
        match self.cursor.token.kind {
            TokenKind::Word | TokenKind::Number => {
                self.cursor.bump();
                header_lines(value)
            }
            _ => 1,
        }
    }
}
