//! What the parameters of a prepared statement hold, asked for by a Describe of our own in front of
//! the client's Bind. It cuts no pipeline: a Flush makes the target answer, no Sync ends anything.

use std::collections::HashMap;

use super::Session;
use super::expected_replies::{Expected, Notes, Request};
use super::own_statement::{OwnAnswer, OwnStatement};
use crate::value::assignment::FIRST_USER_OID;
use crate::value::{ValueKind, type_oid::kind_of};
use crate::wire::{self, tag};

impl Session {
    /// The frames that ask, and the note of what they will be answered. The client waits.
    pub(super) fn look_up(&mut self, statement: &[u8]) -> Vec<u8> {
        self.looks_up = Some(LookUp { statement: statement.into(), oids: Vec::new() });
        let notes = Notes { looks_up: true, ..Notes::default() };
        self.replies.push(Expected::with(Request::LookUp, notes));
        let mut frames = wire::with_body(tag::DESCRIBE, &[b"S", statement, b"\0"]);
        frames.extend(wire::with_body(tag::FLUSH, &[]));
        frames
    }

    /// A Parse goes to the target: where it declares every type, and all of them are known, nothing has
    /// to be asked up to the next Sync.
    pub(super) fn note_declared_types(&mut self, statement: &[u8], types: &[u8]) {
        let oids = wire::parameter_oids(types);
        let is_known = |oid: &u32| *oid != 0 && !self.user_types.lacks(*oid);
        if oids.is_empty() || !oids.iter().all(is_known) {
            self.prepared.forget_kinds(statement);
        } else {
            let kinds = oids.into_iter().map(|oid| self.user_types.kind_of(oid)).collect();
            self.prepared.declare_kinds(statement, kinds);
        }
    }

    /// A frame of the answer.
    pub(super) fn on_look_up_frame(&mut self, frame_tag: u8, body: &[u8]) {
        match frame_tag {
            tag::PARAMETER_DESCRIPTION => {
                if let Some(looked_up) = &mut self.looks_up {
                    looked_up.oids = wire::parameter_oids(body);
                }
            }
            tag::ROW_DESCRIPTION | tag::NO_DATA => {
                self.replies.on_completion(frame_tag);
                self.on_parameter_types();
            }
            _ => {}
        }
    }

    /// The types are known; what is under those that users have made is asked for in turn.
    fn on_parameter_types(&mut self) {
        let Some(looked_up) = self.looks_up.take() else { return };
        let is_unknown = |oid: &u32| self.user_types.lacks(*oid);
        let unknown: Vec<u32> = looked_up.oids.iter().copied().filter(is_unknown).collect();
        if unknown.is_empty() {
            let kinds = looked_up.oids.iter().map(|oid| self.user_types.kind_of(*oid)).collect();
            // A target that does not say is not asked again either.
            self.prepared.set_kinds(&looked_up.statement, kinds);
            return;
        }
        self.looks_up = Some(looked_up);
        self.own_to_target = self.ask_in_pipeline(OwnStatement::UserTypes(unknown));
    }

    /// What is under the types is known, as far as it can be.
    pub(super) fn on_user_types(&mut self, asked: &[u32], answer: &OwnAnswer) {
        if self.user_types.0.len() >= USER_TYPES_MAX {
            self.user_types.0.clear();
        }
        self.user_types.0.extend(asked.iter().map(|oid| (*oid, *oid)));
        for row in &answer.rows {
            let number = |index: usize| {
                let text = row.get(index)?.as_deref()?;
                std::str::from_utf8(text).ok()?.parse::<u32>().ok()
            };
            if let (Some(oid), Some(base)) = (number(0), number(1)) {
                self.user_types.0.insert(oid, base);
            }
        }
        self.on_parameter_types();
    }
}

/// A statement whose parameters are looked up.
#[derive(Debug)]
pub(super) struct LookUp {
    statement: Box<[u8]>,
    oids: Vec<u32>,
}

/// What is under the types that users have made, by OID. An OID is never given to another type while
/// a session knows it by a statement of its own.
#[derive(Debug, Default)]
pub(super) struct UserTypes(HashMap<u32, u32>);

/// Types remembered at most.
const USER_TYPES_MAX: usize = 10_000;

impl UserTypes {
    /// Whether it has to be asked for first.
    fn lacks(&self, oid: u32) -> bool {
        oid >= FIRST_USER_OID && !self.0.contains_key(&oid)
    }

    fn kind_of(&self, oid: u32) -> ValueKind {
        kind_of(self.0.get(&oid).copied().unwrap_or(oid))
    }
}
