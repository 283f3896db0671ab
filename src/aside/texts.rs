//! Statements that are one COPY FROM STDIN, and the names by which the extended protocol knows them. Sends
//! nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::facts::SessionFacts;
use super::request::CopyRequest;
use crate::statement::CopyStatement;
use crate::statement::script::{Body, Scratch, Script};
use crate::wire::{self, tag};

/// Prepared statements and portals that are remembered.
const NAMES_MAX: usize = 1000;

/// Texts of the extended protocol that ask for the rows of a COPY.
#[derive(Debug, Default)]
pub(super) struct Texts {
    statements: BTreeMap<Vec<u8>, Arc<CopyText>>,
    portals: BTreeMap<Vec<u8>, Arc<CopyText>>,
    /// Something was executed since the last Sync.
    has_executed: bool,
    scratch: Scratch,
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

    /// The COPY whose rows are set aside that begins with this message, if one does.
    pub(super) fn copy_that_begins(
        &mut self,
        frame_tag: u8,
        body: &[u8],
        facts: &SessionFacts,
    ) -> Option<Arc<CopyText>> {
        match frame_tag {
            tag::QUERY => {
                self.statements.remove(&b""[..]);
                let (sql, _) = wire::cstring(body)?;
                self.read(sql, facts).filter(|text| text.is_set_aside(facts))
            }
            tag::PARSE => {
                let parse = wire::parse_view(body)?;
                self.statements.remove(parse.name);
                let text = self.read(parse.sql, facts)?;
                if self.statements.len() < NAMES_MAX {
                    self.statements.insert(parse.name.to_vec(), text);
                }
                None
            }
            tag::BIND => {
                let (portal, rest) = wire::cstring(body)?;
                let (statement, _) = wire::cstring(rest)?;
                self.portals.remove(portal);
                let text = self.statements.get(statement).cloned()?;
                if self.portals.len() < NAMES_MAX {
                    self.portals.insert(portal.to_vec(), text);
                }
                None
            }
            tag::CLOSE => {
                let (kind, rest) = body.split_first()?;
                let (name, _) = wire::cstring(rest)?;
                let names = if *kind == b'S' { &mut self.statements } else { &mut self.portals };
                names.remove(name);
                None
            }
            _ => {
                let (portal, _) = wire::cstring(body)?;
                let text = self.portals.get(portal).cloned()?;
                (!self.has_executed && text.is_set_aside(facts)).then_some(text)
            }
        }
    }

    /// A message with this tag goes to the target as it is; `is_own` says that it is one of the session's own.
    pub(super) fn note_passed(&mut self, frame_tag: u8, is_own: bool) {
        match frame_tag {
            tag::EXECUTE if is_own => {}
            tag::EXECUTE => self.has_executed = true,
            tag::SYNC => self.has_executed = false,
            _ => {}
        }
    }

    /// The text, if it is one COPY FROM STDIN whose rows can go on in batches.
    fn read(&mut self, sql: &[u8], facts: &SessionFacts) -> Option<Arc<CopyText>> {
        let script = Script::read(sql, facts.lexing, &facts.policy.mapping, &mut self.scratch);
        let found = match &*script.statements {
            [statement] => match &statement.body {
                // What FREEZE asks for holds in the transaction that made the table, not in a savepoint.
                Body::Copy(copy) if !freezes(sql) => Some((**copy).clone()),
                _ => None,
            },
            _ => None,
        };
        script.give_back(&mut self.scratch);
        found.map(|copy| Arc::new(CopyText { sql: sql.to_vec(), copy }))
    }
}

impl CopyText {
    fn is_set_aside(&self, facts: &SessionFacts) -> bool {
        let mut parts = self.copy.name.iter().rev().map(|part| wire::printable(part));
        let table = parts.next().unwrap_or_default();
        let schema = parts.next().unwrap_or_else(|| "public".to_owned());
        facts.sets_aside(&schema, &table)
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
