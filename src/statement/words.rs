//! What a statement says about dms.* settings and savepoints, for targets that cannot be asked. Reads
//! tokens that are there; knows no session.

use super::constant::text_constant;
use super::cursor::Cursor;
use super::lexer::TokenKind;
use super::name::kept_name;
use super::parts::{Body, Statement};
use super::script::Script;
use super::{DmsSetting, Effects};
use crate::encoding::Encoding;

/// What a statement says about settings and savepoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A setting is set, or put back where there is no value.
    Set(DmsSetting),
    /// All of them are put back: RESET ALL, DISCARD ALL.
    ResetAll,
    /// SAVEPOINT, with its name.
    Savepoint(Vec<u8>),
    /// RELEASE SAVEPOINT, with its name.
    Release(Vec<u8>),
    /// ROLLBACK TO SAVEPOINT, with its name.
    RollbackTo(Vec<u8>),
}

impl Script {
    /// What each statement of the text says, in their order; nothing if none of them says anything.
    pub fn words(&self, sql: &[u8]) -> Vec<Option<Word>> {
        let words: Vec<Option<Word>> =
            self.statements.iter().map(|statement| self.word(statement, sql)).collect();
        if words.iter().all(Option::is_none) { Vec::new() } else { words }
    }

    fn word(&self, statement: &Statement, sql: &[u8]) -> Option<Word> {
        if let Body::Setting(setting) = &statement.body {
            return Some(Word::Set((**setting).clone()));
        }
        let mut cursor = self.statement(&statement.tokens, sql);
        let encoding = self.lexing.encoding;
        if statement.effects.touches_settings() {
            return touching(&mut cursor, statement.effects, encoding);
        }
        let word: fn(Vec<u8>) -> Word = if cursor.eat("savepoint") {
            Word::Savepoint
        } else if cursor.eat("release") {
            cursor.eat("savepoint");
            Word::Release
        } else if cursor.eat("rollback") || cursor.eat("abort") {
            let _ = cursor.eat("work") || cursor.eat("transaction");
            if !cursor.eat("to") {
                return None;
            }
            cursor.eat("savepoint");
            Word::RollbackTo
        } else {
            return None;
        };
        kept_name(cursor.token.kind, cursor.bytes(cursor.token), encoding).map(word)
    }
}

/// `RESET ALL`, `DISCARD ALL`, `RESET dms.name` and `SELECT set_config('dms.name', 'value', is_local)`.
fn touching(cursor: &mut Cursor<'_>, effects: Effects, encoding: Encoding) -> Option<Word> {
    let start = cursor.token.start;
    let set = |name: &[u8], value: Option<String>, is_local, end| {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        Some(Word::Set(DmsSetting { name, value, is_local, span: start..end }))
    };
    if effects.resets_role() {
        return Some(Word::ResetAll);
    }
    if cursor.eat("reset") {
        cursor.bump();
        if !cursor.eat_kind(TokenKind::Dot) {
            return None;
        }
        let name = kept_name(cursor.token.kind, cursor.bytes(cursor.token), encoding)?;
        return set(&name, None, false, cursor.token.end);
    }
    if !cursor.eat("select") {
        return None;
    }
    if cursor.eat("pg_catalog") && !cursor.eat_kind(TokenKind::Dot) {
        return None;
    }
    if !cursor.eat("set_config") || !cursor.eat_kind(TokenKind::Open) {
        return None;
    }
    let name = text_constant(cursor, encoding)?;
    let name = name.split_at_checked(4).filter(|(head, _)| head.eq_ignore_ascii_case(b"dms."))?.1;
    if !cursor.eat_kind(TokenKind::Comma) {
        return None;
    }
    let value = String::from_utf8(text_constant(cursor, encoding)?).ok()?;
    if !cursor.eat_kind(TokenKind::Comma) {
        return None;
    }
    let is_local = cursor.is("true");
    if !is_local && !cursor.is("false") {
        return None;
    }
    set(name, Some(value), is_local, cursor.token.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::Scratch;

    fn said(sql: &str) -> Vec<String> {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let script =
            Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut Scratch::default());
        let text = |word: Option<Word>| match word {
            None => "-".to_owned(),
            Some(Word::Set(set)) => {
                let local = if set.is_local { "local " } else { "" };
                format!("{local}{}={}", set.name, set.value.unwrap_or("default".into()))
            }
            Some(Word::ResetAll) => "all".into(),
            Some(Word::Savepoint(name)) => format!("+{}", name.escape_ascii()),
            Some(Word::Release(name)) => format!("-{}", name.escape_ascii()),
            Some(Word::RollbackTo(name)) => format!("<{}", name.escape_ascii()),
        };
        script.words(sql.as_bytes()).into_iter().map(text).collect()
    }

    #[test]
    fn statements_say_what_becomes_of_settings() {
        assert!(said("SELECT 1; INSERT INTO t VALUES (1)").is_empty());
        assert_eq!(said("BEGIN; SET LOCAL dms.fk = 'off'"), ["-", "local fk=off"]);
        assert_eq!(said("SET dms.phase TO DEFAULT"), ["phase=default"]);
        assert_eq!(said("reset /* it */ DMS.Phase"), ["phase=default"]);
        assert_eq!(said("RESET ALL; DISCARD ALL"), ["all", "all"]);
        assert_eq!(said("SELECT set_config('dms.phase', 'cdc', true)"), ["local phase=cdc"]);
        assert_eq!(said("SELECT pg_catalog.set_config('DMS.fk', 'off', false)"), ["fk=off"]);
        assert!(said("SELECT set_config('search_path', 'x', false)").is_empty());
    }

    #[test]
    fn savepoints_have_the_names_that_the_server_keeps() {
        let sql = "SAVEPOINT A; RELEASE \"B\"; RELEASE SAVEPOINT b; ROLLBACK TO a; ROLLBACK; \
                   ABORT WORK TO SAVEPOINT c; ROLLBACK TRANSACTION TO d; ROLLBACK AND CHAIN";
        assert_eq!(said(sql), ["+a", "-B", "-b", "<a", "-", "<c", "<d", "-"]);
    }
}
