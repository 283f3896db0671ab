//! SET, RESET and DISCARD: the settings that the proxy follows or puts back. Changes nothing.

use super::DmsSetting;
use super::cursor::Understood;
use super::expression::Until;
use super::finder::Finder;
use super::lexer::TokenKind;
use super::literal::text_constant;
use crate::mapping::Place;

const ROLE: &[u8] = b"session_replication_role";

impl<'a> Finder<'a> {
    /// `SET [SESSION | LOCAL] name { = | TO } value`.
    pub(super) fn set(&mut self) -> Understood {
        let start = self.cursor.token.start;
        self.cursor.bump();
        if self.cursor.is_any(&["session", "local"]) {
            self.cursor.bump();
        }
        if !self.cursor.at_name() {
            return self.expression(Place::Cast, Until::Statement);
        }
        let name = self.part();
        let dms = if name.eq_ignore_ascii_case(b"dms") && self.cursor.eat_kind(TokenKind::Dot) {
            if !self.cursor.at_name() {
                return self.expression(Place::Cast, Until::Statement);
            }
            Some(self.part())
        } else {
            None
        };
        let assigned = self.cursor.is_operator("=") || self.cursor.is("to");
        if assigned {
            self.cursor.bump();
        }
        if let Some(part) = dms {
            self.script.touches_settings = true;
            if assigned {
                self.dms_setting(part, start);
            }
        } else if assigned && name.eq_ignore_ascii_case(ROLE) && self.cursor.is("default") {
            self.script.resets_role = true;
        }
        self.expression(Place::Cast, Until::Statement)
    }

    /// Notes `dms.name` with the literal value at the cursor, if that is all there is.
    fn dms_setting(&mut self, name: &[u8], start: usize) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        let first = self.cursor.token;
        let value = match text_constant(&mut self.cursor, self.encoding) {
            Some(text) => Some(text),
            None if self.cursor.eat("default") => None,
            None => Some(self.bare_value()),
        };
        if !matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End) {
            return;
        }
        let end = self.cursor.previous.end;
        let (value, span) = match value.map(String::from_utf8) {
            Some(Ok(value)) => (Some(value), first.start..end),
            Some(Err(_)) => return,
            None => (None, start..end),
        };
        self.script.settings.push(DmsSetting { name: name.to_ascii_lowercase(), value, span });
    }

    /// A value without quotes: a word in lower case, a quoted name, a number with its sign.
    fn bare_value(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        if self.cursor.is_operator("-") {
            value.push(b'-');
            self.cursor.bump();
        }
        match self.cursor.token.kind {
            TokenKind::Word => value.extend(self.part().to_ascii_lowercase()),
            TokenKind::QuotedName => value.extend(self.part()),
            TokenKind::Number => {
                value.extend(self.cursor.bytes(self.cursor.token));
                self.cursor.bump();
            }
            _ => {}
        }
        value
    }

    /// `RESET { name | ALL }` and `DISCARD ALL`.
    pub(super) fn reset(&mut self) -> Understood {
        self.cursor.bump();
        if self.cursor.is("all") {
            self.script.resets_role = true;
            self.script.touches_settings = true;
        } else if self.cursor.at_name() {
            let name = self.part();
            self.script.resets_role |= name.eq_ignore_ascii_case(ROLE);
            self.script.touches_settings |=
                name.eq_ignore_ascii_case(b"dms") && self.cursor.at(TokenKind::Dot);
        }
        self.expression(Place::Cast, Until::Statement)
    }

    /// Passes a part of a setting's name and gives it without its quotes.
    fn part(&mut self) -> &'a [u8] {
        let (kind, bytes) = (self.cursor.token.kind, self.cursor.bytes(self.cursor.token));
        self.cursor.bump();
        match kind {
            TokenKind::Word => bytes,
            _ => bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default(),
        }
    }
}
