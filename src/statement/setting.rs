//! SET, RESET, SHOW and DISCARD: the settings that the proxy follows or puts back. Changes nothing.

use super::constant::text_constant;
use super::cursor::Understood;
use super::finder::{Finder, Until};
use super::lexer::TokenKind;
use super::parts::Body;
use super::{DmsSetting, DmsShow, Effects};
use crate::mapping::Place;

const ROLE: &[u8] = b"session_replication_role";

/// Settings that change how the server reads text; `SET NAMES` is another word for one of them.
const LEXING: [&[u8]; 3] = [b"standard_conforming_strings", b"client_encoding", b"names"];

/// Settings that make the session another user's; `SET SESSION AUTHORIZATION` has a word of its own.
const USER: [&[u8]; 3] = [b"role", b"session_authorization", b"authorization"];

/// What a statement may do that changes settings which are not named.
const ANY_SETTING: Effects =
    Effects::TOUCHES_SETTINGS.and(Effects::CHANGES_LEXING).and(Effects::CHANGES_USER);

impl<'a> Finder<'a> {
    /// `SET [SESSION | LOCAL] name { = | TO } value`.
    pub(super) fn set(&mut self) -> Understood {
        let start = self.cursor.token.start;
        self.cursor.bump();
        let is_local = self.cursor.is("local");
        if self.cursor.is_any(&["session", "local"]) {
            self.cursor.bump();
        }
        if !self.cursor.at_name() {
            return self.expression(Place::Cast, Until::Statement);
        }
        // A name with escapes is not read.
        let is_any = self.cursor.at(TokenKind::UnicodeName);
        self.effects |= ANY_SETTING.when(is_any);
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
        self.effects |= Effects::CHANGES_LEXING.when(is_one_of(name, &LEXING));
        self.effects |= Effects::CHANGES_USER.when(is_one_of(name, &USER));
        if let Some(part) = dms {
            self.effects |= Effects::TOUCHES_SETTINGS;
            if assigned {
                self.dms_setting(part, is_local, start);
            }
        } else if assigned && name.eq_ignore_ascii_case(ROLE) {
            let is_reset = self.cursor.is("default");
            self.effects |= if is_reset { Effects::RESETS_ROLE } else { Effects::SETS_ROLE };
        }
        self.expression(Place::Cast, Until::Statement)
    }

    /// `SHOW dms.name`.
    pub(super) fn show(&mut self) -> Understood {
        let start = self.cursor.token.start;
        self.cursor.bump();
        let is_ours = self.cursor.at_name() && self.part().eq_ignore_ascii_case(b"dms");
        if is_ours && self.cursor.eat_kind(TokenKind::Dot) && self.cursor.at_name() {
            let name = self.part();
            let ends = matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End);
            if let Some(name) = std::str::from_utf8(name).ok().filter(|_| ends) {
                let span = start..self.cursor.previous().end;
                self.body = Body::Show(Box::new(DmsShow { name: name.to_ascii_lowercase(), span }));
            }
        }
        self.expression(Place::Cast, Until::Statement)
    }

    /// Notes `dms.name` with the literal value at the cursor, if that is all there is.
    fn dms_setting(&mut self, name: &[u8], is_local: bool, start: usize) {
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
        let end = self.cursor.previous().end;
        let (value, span) = match value.map(String::from_utf8) {
            Some(Ok(value)) => (Some(value), first.start..end),
            Some(Err(_)) => return,
            None => (None, start..end),
        };
        let setting = DmsSetting { name: name.to_ascii_lowercase(), value, is_local, span };
        self.body = Body::Setting(Box::new(setting));
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
            self.effects |= Effects::RESETS_ROLE | ANY_SETTING;
        } else if self.cursor.at_name() {
            self.effects |= ANY_SETTING.when(self.cursor.at(TokenKind::UnicodeName));
            let name = self.part();
            let touches = name.eq_ignore_ascii_case(b"dms") && self.cursor.at(TokenKind::Dot);
            self.effects |= Effects::RESETS_ROLE.when(name.eq_ignore_ascii_case(ROLE));
            self.effects |= Effects::TOUCHES_SETTINGS.when(touches);
            self.effects |= Effects::CHANGES_LEXING.when(is_one_of(name, &LEXING));
            // `RESET SESSION AUTHORIZATION` has two words.
            let is_user = is_one_of(name, &USER) || name.eq_ignore_ascii_case(b"session");
            self.effects |= Effects::CHANGES_USER.when(is_user);
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

fn is_one_of(name: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}
