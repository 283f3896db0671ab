//! Statements that are one COPY FROM STDIN or change rows, and the names by which the extended protocol knows them. Sends
//! nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change_text::ChangeText;
use super::facts::SessionFacts;
use super::request::CopyRequest;
use super::series::SeriesText;
use super::unanswered::{SentName, Unanswered};
use crate::statement::script::{Body, Scratch, Script};
use crate::statement::{CopyStatement, TransactionWord};
use crate::wire::{self, tag};

/// Prepared statements and portals that are remembered.
const NAMES_MAX: usize = 1000;

/// Texts of the extended protocol whose rows may be set aside.
#[derive(Debug, Default)]
pub(super) struct Texts {
    statements: BTreeMap<Vec<u8>, Arc<KnownText>>,
    portals: BTreeMap<Vec<u8>, (Arc<KnownText>, u64)>,
    /// Those that the target has not confirmed.
    unanswered: Unanswered,
    /// Pipelines that have ended, with which portals end outside of a transaction.
    ended: u64,
    scratch: Scratch,
}

/// A text whose rows may be set aside.
#[derive(Debug)]
pub(super) enum KnownText {
    Copy(Box<CopyText>),
    Change(Arc<ChangeText>),
    Series(SeriesText),
    /// It begins or ends a transaction, or needs one.
    Word(TransactionWord),
}

/// A statement that is one COPY FROM STDIN.
#[derive(Debug)]
pub(super) struct CopyText {
    pub(super) sql: Vec<u8>,
    pub(super) copy: CopyStatement,
}

impl CopyText {
    /// What is asked for when it is executed.
    pub(super) fn request(&self, is_extended: bool) -> CopyRequest {
        let CopyStatement { name, columns, options, .. } = &self.copy;
        CopyRequest {
            sql: self.sql.clone(),
            relation: name.clone(),
            columns: columns.clone(),
            options: options.clone(),
            is_extended,
        }
    }
}

impl Texts {
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.portals.is_empty()
    }

    /// A pipeline ends.
    pub(super) fn note_end(&mut self) {
        self.ended += 1;
    }

    /// A Parse, a Bind or a message that ends a pipeline goes to the target. One that was not read has an empty body.
    pub(super) fn note_sent(&mut self, frame_tag: u8, body: &[u8]) {
        let name = wire::cstring(body).map(|(name, _)| name.to_vec());
        if name.is_none() && frame_tag == tag::PARSE {
            self.statements.clear();
        } else if name.is_none() && frame_tag == tag::BIND {
            self.portals.clear();
        }
        let name = name.unwrap_or_default();
        let has_room = self.unanswered.push(match frame_tag {
            tag::PARSE => SentName::Statement(name),
            tag::BIND => SentName::Portal(name),
            _ => SentName::End,
        });
        if !has_room {
            self.statements.clear();
            self.portals.clear();
        }
    }

    /// The target has answered to a message that has gone.
    pub(super) fn note_answer(&mut self, frame_tag: u8) {
        match frame_tag {
            tag::PARSE_COMPLETE | tag::BIND_COMPLETE => self.unanswered.note_complete(),
            tag::READY_FOR_QUERY => self.unanswered.note_ready(),
            tag::ERROR_RESPONSE => {
                for name in self.unanswered.take_failed() {
                    self.forget(&name);
                }
            }
            _ => {}
        }
    }

    /// The target has answered everything.
    pub(super) fn note_quiet(&mut self) {
        self.unanswered.clear();
    }

    /// It is not known what a name stands for.
    pub(super) fn forget(&mut self, name: &SentName) {
        match name {
            SentName::Statement(name) => drop(self.statements.remove(name)),
            SentName::Portal(name) => drop(self.portals.remove(name)),
            SentName::End => {}
        }
    }

    /// Whether a statement has this name.
    pub(super) fn has_statement(&self, name: &[u8]) -> bool {
        self.statements.contains_key(name)
    }

    /// The known text that a message is about. `is_open` says that there is a transaction of the client's.
    pub(super) fn look(
        &mut self,
        frame_tag: u8,
        body: &[u8],
        is_open: bool,
        facts: &SessionFacts,
    ) -> Option<Arc<KnownText>> {
        match frame_tag {
            tag::QUERY => {
                self.statements.remove(&b""[..]);
                let (sql, _) = wire::cstring(body)?;
                self.read(sql, Vec::new(), is_open, facts)
            }
            tag::PARSE => {
                let parse = wire::parse_view(body)?;
                self.statements.remove(parse.name);
                let types = wire::parameter_oids(parse.parameter_types);
                let text = self.read(parse.sql, types, false, facts)?;
                if matches!(*text, KnownText::Series(_)) {
                    return None;
                }
                if self.statements.len() < NAMES_MAX {
                    self.statements.insert(parse.name.to_vec(), Arc::clone(&text));
                }
                Some(text)
            }
            tag::BIND => {
                let (portal, rest) = wire::cstring(body)?;
                let (statement, _) = wire::cstring(rest)?;
                self.portals.remove(portal);
                let text = self.statements.get(statement).cloned()?;
                if self.portals.len() < NAMES_MAX {
                    self.portals.insert(portal.to_vec(), (Arc::clone(&text), self.ended));
                }
                Some(text)
            }
            tag::CLOSE => {
                let (kind, rest) = body.split_first()?;
                let (name, _) = wire::cstring(rest)?;
                match kind {
                    b'S' => drop(self.statements.remove(name)),
                    _ => drop(self.portals.remove(name)),
                }
                None
            }
            _ => {
                let (portal, _) = wire::cstring(body)?;
                let (text, bound_at) = self.portals.get(portal)?;
                (is_open || *bound_at == self.ended).then(|| Arc::clone(text))
            }
        }
    }

    /// Whether an Execute with this body begins a transaction.
    pub(super) fn begins_transaction(&self, body: &[u8]) -> bool {
        let portal = wire::cstring(body).and_then(|(portal, _)| self.portals.get(portal));
        portal.is_some_and(|(text, _)| matches!(&**text, KnownText::Word(TransactionWord::Begins)))
    }

    /// The text, if it is one statement whose rows can be set aside, or several.
    fn read(
        &mut self,
        sql: &[u8],
        types: Vec<u32>,
        is_open: bool,
        facts: &SessionFacts,
    ) -> Option<Arc<KnownText>> {
        let script = Script::read(sql, facts.lexing, &facts.policy.mapping, &mut self.scratch);
        for statement in &*script.statements {
            match ended_statements(sql.get(statement.span.clone()).unwrap_or_default()) {
                Some(Ended::Named(name)) => drop(self.statements.remove(&name)),
                Some(Ended::All) => self.statements.clear(),
                None => {}
            }
        }
        let found = match &*script.statements {
            [statement] => match &statement.body {
                // What FREEZE asks for holds in the transaction that made the table, not in a savepoint.
                Body::Copy(copy) if !freezes(sql) => {
                    let copy = (**copy).clone();
                    Some(KnownText::Copy(Box::new(CopyText { sql: sql.to_vec(), copy })))
                }
                _ => match script.transaction_word(statement, sql) {
                    Some(word) if facts.word(word, true).is_some() => Some(KnownText::Word(word)),
                    _ => ChangeText::read(sql, types, facts, &script)
                        .map(|text| KnownText::Change(Arc::new(text))),
                },
            },
            [] => None,
            _ => SeriesText::read(sql, facts, &script, is_open).map(KnownText::Series),
        };
        script.give_back(&mut self.scratch);
        found.map(Arc::new)
    }
}

impl KnownText {
    pub(super) fn is_set_aside(&self, facts: &SessionFacts) -> bool {
        match self {
            KnownText::Word(_) => false,
            KnownText::Copy(text) => text.is_set_aside(facts),
            KnownText::Change(text) => text.is_set_aside(facts),
            KnownText::Series(text) => text.is_set_aside(facts),
        }
    }
}

impl CopyText {
    fn is_set_aside(&self, facts: &SessionFacts) -> bool {
        facts.sets_aside(&self.copy.name)
    }
}

/// Prepared statements that a statement ends.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    All,
    Named(Vec<u8>),
}

/// What DEALLOCATE and DISCARD ALL end; a name that is not plain may be any.
fn ended_statements(sql: &[u8]) -> Option<Ended> {
    let words = sql.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut words = words.map(<[u8]>::to_ascii_lowercase);
    match &*words.next()? {
        b"discard" => words.next().is_none_or(|word| word != b"plans").then_some(Ended::All),
        b"deallocate" => {
            let name = words.find(|word| word != b"prepare").unwrap_or_default();
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            match name.iter().all(is_plain) && name != b"all" {
                true => Some(Ended::Named(name)),
                false => Some(Ended::All),
            }
        }
        // A comment stands behind the word.
        word if word.starts_with(b"deallocate") || word.starts_with(b"discard") => Some(Ended::All),
        _ => None,
    }
}

/// Whether the word FREEZE is in a text.
fn freezes(sql: &[u8]) -> bool {
    sql.windows(6).any(|word| word.eq_ignore_ascii_case(b"freeze"))
}

/// Whether what a message says is looked at here.
pub(super) fn is_read(frame_tag: u8) -> bool {
    matches!(frame_tag, tag::QUERY | tag::PARSE | tag::BIND | tag::EXECUTE | tag::CLOSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deallocate_ends_statements() {
        let named = |name: &str| Some(Ended::Named(name.into()));
        for (sql, ended) in [
            ("DEALLOCATE s1", named("s1")),
            ("deallocate  Prepare S_1", named("s_1")),
            ("DEALLOCATE \"S 1\"", Some(Ended::All)),
            ("DEALLOCATE ALL", Some(Ended::All)),
            ("Discard All", Some(Ended::All)),
            ("DISCARD PLANS", None),
            ("DEALLOCATE/**/s1", Some(Ended::All)),
            ("deallocate-- c\ns1", Some(Ended::All)),
            ("INSERT INTO t VALUES ('discard')", None),
        ] {
            assert_eq!(ended_statements(sql.as_bytes()), ended, "{sql}");
        }
    }
}
