//! What the parameters of a prepared statement hold, asked for by a Describe of our own in front of
//! the client's Bind. It cuts no pipeline: a Flush makes the target answer, no Sync ends anything.

use std::sync::Arc;

use super::Session;
use super::expected_replies::{Expected, Notes, Request};
use crate::value::{ValueKind, type_oid::kind_of};
use crate::wire::{self, tag};

impl Session {
    /// The frames that ask, and the note of what they will be answered. The client waits.
    pub(super) fn look_up(&mut self, statement: &[u8]) -> Vec<u8> {
        self.looks_up = Some(statement.into());
        let notes = Notes { looks_up: true, ..Notes::default() };
        self.replies.push(Expected::with(Request::LookUp, notes));
        let mut frames = wire::with_body(tag::DESCRIBE, &[b"S", statement, b"\0"]);
        frames.extend(wire::with_body(tag::FLUSH, &[]));
        frames
    }

    /// A Parse goes to the target: where it declares every type, nothing has to be asked up to the
    /// next Sync.
    pub(super) fn note_declared_types(&mut self, statement: &[u8], types: &[u8]) {
        let oids = wire::parameter_oids(types);
        if oids.is_empty() || oids.contains(&0) {
            self.prepared.forget_kinds(statement);
        } else {
            self.prepared.declare_kinds(statement, oids.into_iter().map(kind_of).collect());
        }
    }

    /// A frame of the answer.
    pub(super) fn on_look_up_frame(&mut self, frame_tag: u8, body: &[u8]) {
        match frame_tag {
            tag::PARAMETER_DESCRIPTION => {
                let kinds: Arc<[ValueKind]> =
                    wire::parameter_oids(body).into_iter().map(kind_of).collect();
                if let Some(statement) = &self.looks_up {
                    self.prepared.set_kinds(statement, kinds);
                }
            }
            tag::ROW_DESCRIPTION | tag::NO_DATA => {
                if let Some(statement) = self.looks_up.take()
                    && self.prepared.kinds(&statement).is_none()
                {
                    // A target that does not say is not asked again.
                    self.prepared.set_kinds(&statement, Arc::default());
                }
                self.replies.on_completion(frame_tag);
            }
            _ => {}
        }
    }
}
