//! Sequences that rely on nothing unnamed behind a COPY by Execute.

use crate::differential::message::Message;

/// Leaves out what refers to an unnamed statement or portal of before a COPY by Execute. Its Sync is followed by a Close of
/// both, so that there is none.
pub(super) fn without_unnamed_behind_copy(messages: Vec<Message>) -> Vec<Message> {
    let mut kept = Vec::new();
    let mut lost = Lost::default();
    for message in messages {
        if lost.refers(&message) {
            continue;
        }
        let ends = lost.note(&message);
        kept.push(message);
        if ends {
            kept.extend([b'S', b'P'].map(|kind| Message::Close { kind, name: String::new() }));
        }
    }
    kept
}

/// What is not there any more.
#[derive(Debug, Default)]
struct Lost {
    /// A COPY may have run since the unnamed ones were closed.
    has_copied: bool,
    /// A statement of a name is a COPY, which may be executed at any time.
    has_named: bool,
    /// Its rows may not have ended.
    is_open: bool,
    statement: bool,
    portal: bool,
}

impl Lost {
    fn refers(&self, message: &Message) -> bool {
        match message {
            Message::Bind { statement, .. } => self.statement && statement.is_empty(),
            Message::Describe { kind: b'S', name } => self.statement && name.is_empty(),
            Message::Describe { name, .. } | Message::Execute { portal: name, .. } => {
                self.portal && name.is_empty()
            }
            _ => false,
        }
    }

    /// Whether this is the Sync behind a COPY.
    fn note(&mut self, message: &Message) -> bool {
        match message {
            Message::Parse { name, sql, .. } => {
                self.statement &= !name.is_empty();
                let has = |part: &[u8]| sql.windows(part.len()).any(|at| at == part);
                if sql.starts_with(b"COPY") && has(b"FROM STDIN") {
                    self.has_copied = true;
                    self.has_named |= !name.is_empty();
                    self.is_open = !has(b"missing");
                }
            }
            Message::Bind { portal, .. } => self.portal &= !portal.is_empty(),
            Message::Execute { .. } if self.has_copied => {
                (self.statement, self.portal) = (true, true)
            }
            Message::CopyDone | Message::CopyFail(_) => self.is_open = false,
            Message::Sync if self.has_copied && !self.is_open => {
                let has_named = self.has_named;
                *self = Lost { has_copied: has_named, has_named, ..Lost::default() };
                return true;
            }
            _ => {}
        }
        false
    }
}
