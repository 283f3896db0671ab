//! The transaction of a load and the savepoint in it: what stands in front of each statement so that it can
//! run, in a simple query or in messages of the extended protocol. Knows texts; not what they are for.

use crate::wire::{self, TransactionStatus, tag};

/// Answers to one statement of ours in messages: twice to Close, to Parse, Bind, Execute, and twice to Close.
const ANSWERS: usize = 7;

/// What begins a transaction of ours. What is looked at when the transaction ends could not be set aside.
const BEGIN: [&str; 2] = ["BEGIN", "SET CONSTRAINTS ALL IMMEDIATE"];

/// How statements of ours travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnWay {
    /// As a simple query.
    Query,
    /// As messages up to a Sync, which leave the client's unnamed statement alone.
    Messages,
}

/// What the next statement of ours goes behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum GoesBehind {
    #[default]
    Nothing,
    /// Something has failed behind the savepoint.
    Failure,
    /// A statement that has failed or not, behind a savepoint of its own.
    Suspect,
}

/// The transaction in which rows go on.
#[derive(Debug)]
pub(super) struct LoadTransaction {
    way: OwnWay,
    /// The name of the savepoint, and of statements and portals of ours.
    name: String,
    savepoint: String,
    /// It is not the client's.
    is_ours: bool,
    is_begun: bool,
    behind: GoesBehind,
    /// Characters in front of the client's text in the last attempt, and answers in front of its answer.
    front: usize,
    answers: usize,
}

/// A statement with parameters: their types and values as Parse and Bind have them.
#[derive(Debug, Default)]
pub(super) struct BoundStatement {
    pub(super) sql: Vec<u8>,
    pub(super) types: Vec<u32>,
    /// GoesBehind the names of a Bind; empty without parameters.
    pub(super) values: Vec<u8>,
}

impl LoadTransaction {
    /// The client's transaction, or one of ours where it has none; the savepoint has this name.
    pub(super) fn new(name: &str, status: TransactionStatus, way: OwnWay) -> LoadTransaction {
        LoadTransaction {
            way,
            name: name.to_owned(),
            savepoint: format!("SAVEPOINT \"{name}\""),
            is_ours: status == TransactionStatus::Idle,
            is_begun: false,
            behind: GoesBehind::Nothing,
            front: 0,
            answers: 0,
        }
    }

    /// The same, with statements of ours that travel like this.
    pub(super) fn by(self, way: OwnWay) -> LoadTransaction {
        LoadTransaction { way, front: 0, ..self }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Whether something was sent in it.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// The answers to statements of ours that come first in the answer to the last attempt.
    pub(super) fn answers_in_front(&self) -> usize {
        self.answers
    }

    /// What was sent behind the savepoint has failed.
    pub(super) fn note_failure(&mut self) {
        self.behind = if self.is_begun { GoesBehind::Failure } else { GoesBehind::Nothing };
    }

    /// Whether it has to be brought back before the client goes on.
    pub(super) fn is_behind_failure(&self) -> bool {
        self.behind != GoesBehind::Nothing
    }

    /// The statements in front of an attempt.
    fn begin(&mut self) -> Vec<String> {
        if self.behind == GoesBehind::Failure {
            self.behind = GoesBehind::Nothing;
            return vec![format!("ROLLBACK TO {}", self.savepoint)];
        }
        let mut front = self.begin_plain();
        front.push(self.savepoint.clone());
        front
    }

    /// What runs the client's statement between a savepoint and its release.
    pub(super) fn attempt(&mut self, sql: &[u8]) -> Vec<u8> {
        self.attempt_bound(BoundStatement { sql: sql.to_vec(), ..BoundStatement::default() })
    }

    /// The same for a statement with parameters, which only messages have.
    pub(super) fn attempt_bound(&mut self, bound: BoundStatement) -> Vec<u8> {
        if self.way == OwnWay::Messages {
            let messages = self.messages(&bound);
            return self.attempt_messages(&messages);
        }
        let front = self.begin();
        self.answers = front.len();
        let front = front.join("; ") + "; ";
        self.front = front.len();
        let back = format!("\n;RELEASE {}\0", self.savepoint);
        wire::with_body(tag::QUERY, &[front.as_bytes(), &bound.sql, back.as_bytes()])
    }

    /// A simple query that runs the client's statement twice: as an attempt if `has_rows` says so, then behind a
    /// savepoint of its own, so that the next statement of ours finds the transaction open whether that has failed or
    /// not. Where the first one fails, the transaction stays aborted.
    ///
    /// The name has a savepoint also where the statement has not failed: one text goes back to it in both cases.
    pub(super) fn attempt_alone(&mut self, sql: &[u8], has_rows: bool) -> Vec<u8> {
        let mut front = self.begin_plain();
        let (own, savepoint) = (self.own_savepoint(), &self.savepoint);
        if has_rows {
            front.push(savepoint.clone());
        }
        let mut text = (front.join("; ") + if front.is_empty() { "" } else { "; " }).into_bytes();
        self.front = text.len();
        if has_rows {
            text.extend_from_slice(sql);
            text.extend(format!("\n;RELEASE {savepoint}; ").into_bytes());
        }
        text.extend(format!("{own}; ").into_bytes());
        text.extend_from_slice(sql);
        text.extend(format!("\n;RELEASE {own}; {own}\0").into_bytes());
        self.behind = GoesBehind::Suspect;
        wire::with_body(tag::QUERY, &[&text])
    }

    fn own_savepoint(&self) -> String {
        format!("SAVEPOINT \"{}_s\"", self.name)
    }

    /// What brings the transaction back behind a failure, or begins it.
    fn begin_plain(&mut self) -> Vec<String> {
        let mut front = self.back();
        if self.is_ours && !self.is_begun {
            front.extend(BEGIN.map(str::to_owned));
        }
        self.is_begun = true;
        front
    }

    /// What brings the transaction back behind a failure.
    fn back(&mut self) -> Vec<String> {
        let savepoint = match std::mem::take(&mut self.behind) {
            GoesBehind::Nothing => return Vec::new(),
            GoesBehind::Failure => self.savepoint.clone(),
            GoesBehind::Suspect => self.own_savepoint(),
        };
        vec![format!("ROLLBACK TO {savepoint}"), format!("RELEASE {savepoint}")]
    }

    /// The same for messages that execute a statement.
    pub(super) fn attempt_messages(&mut self, messages: &[u8]) -> Vec<u8> {
        let front = self.begin();
        self.answers = front.len() * ANSWERS;
        let mut frames = Vec::new();
        for sql in front {
            frames.extend(self.own(sql.as_bytes()));
        }
        frames.extend_from_slice(messages);
        frames.extend(self.own(format!("RELEASE {}", self.savepoint).as_bytes()));
        frames.extend(wire::with_body(tag::SYNC, &[]));
        frames
    }

    /// A statement of ours where the transaction can go on.
    pub(super) fn statement(&mut self, sql: &[u8]) -> Vec<u8> {
        self.statements(&[sql.to_vec()])
    }

    /// A statement of ours that stands and falls with those around it; a row says then which messages the client is
    /// to get.
    pub(super) fn write(&mut self, sql: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        if self.is_ours && !self.is_begun {
            self.is_begun = true;
            all.push(b"BEGIN".to_vec());
        }
        all.push(sql.to_vec());
        all.push(b"SHOW client_min_messages".to_vec());
        self.statements(&all)
    }

    /// Statements of ours, one behind the other.
    pub(super) fn statements(&mut self, all: &[Vec<u8>]) -> Vec<u8> {
        let back = self.back();
        let all = back.iter().map(String::as_bytes).chain(all.iter().map(Vec::as_slice));
        match self.way {
            OwnWay::Query => {
                let text = all.collect::<Vec<_>>().join(&b"; "[..]);
                wire::with_body(tag::QUERY, &[&text, b"\0"])
            }
            OwnWay::Messages => {
                let mut frames: Vec<u8> = all.flat_map(|sql| self.own(sql)).collect();
                frames.extend(wire::with_body(tag::SYNC, &[]));
                frames
            }
        }
    }

    /// What ends a transaction of ours without its rows.
    pub(super) fn give_up(&mut self) -> Vec<u8> {
        self.behind = GoesBehind::Nothing;
        self.statement(b"ROLLBACK")
    }

    /// An error of the target's with its position in the client's own text.
    pub(super) fn with_own_position(&self, failure: Vec<u8>) -> Vec<u8> {
        let moved = wire::with_position(&failure, |at| at.saturating_sub(self.front));
        moved.unwrap_or(failure)
    }

    fn own(&self, sql: &[u8]) -> Vec<u8> {
        self.messages(&BoundStatement { sql: sql.to_vec(), ..BoundStatement::default() })
    }

    /// The messages that run a statement under our name; what is left of one that has
    /// failed is closed first.
    fn messages(&self, bound: &BoundStatement) -> Vec<u8> {
        let name = [self.name.as_bytes(), b"\0"].concat();
        let close = |kind: &[u8]| wire::with_body(tag::CLOSE, &[kind, &name]);
        let count = u16::try_from(bound.types.len()).unwrap_or(u16::MAX).to_be_bytes();
        let types: Vec<u8> = bound.types.iter().flat_map(|oid| oid.to_be_bytes()).collect();
        let values: &[u8] = if bound.values.is_empty() { &[0; 6] } else { &bound.values };
        [
            close(b"P"),
            close(b"S"),
            wire::with_body(tag::PARSE, &[&name, &bound.sql, b"\0", &count, &types]),
            wire::with_body(tag::BIND, &[&name, &name, values]),
            wire::with_body(tag::EXECUTE, &[&name, &[0; 4]]),
            close(b"P"),
            close(b"S"),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frame: &[u8]) -> String {
        String::from_utf8(frame[wire::HEAD_BYTES..frame.len() - 1].to_vec()).unwrap()
    }

    #[test]
    fn a_transaction_of_ours_begins_once_and_goes_back_behind_a_failure() {
        let mut ours = LoadTransaction::new("n", TransactionStatus::Idle, OwnWay::Query);
        let first = text(&ours.attempt(b"COPY t FROM STDIN -- all"));
        assert!(first.starts_with("BEGIN; SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT \"n\"; COPY"));
        assert!(first.ends_with("-- all\n;RELEASE SAVEPOINT \"n\""));
        assert_eq!(text(&ours.attempt(b"C")), "SAVEPOINT \"n\"; C\n;RELEASE SAVEPOINT \"n\"");
        ours.note_failure();
        let back = "ROLLBACK TO SAVEPOINT \"n\"; ";
        assert!(text(&ours.attempt(b"C")).starts_with(back));
        ours.note_failure();
        let expected = format!("{back}RELEASE SAVEPOINT \"n\"; COMMIT");
        assert_eq!(text(&ours.statement(b"COMMIT")), expected);
        assert_eq!(text(&ours.give_up()), "ROLLBACK");
    }

    #[test]
    fn the_client_s_transaction_is_not_begun() {
        let mut theirs = LoadTransaction::new("n", TransactionStatus::Open, OwnWay::Query);
        assert!(!theirs.is_ours() && text(&theirs.attempt(b"C")).starts_with("SAVEPOINT"));
    }

    #[test]
    fn what_is_tried_alone_goes_back_to_its_own_savepoint() {
        let mut ours = LoadTransaction::new("n", TransactionStatus::Idle, OwnWay::Query);
        let own = "SAVEPOINT \"n_s\"";
        let begin = "BEGIN; SET CONSTRAINTS ALL IMMEDIATE";
        let alone = format!("{own}; C -- c\n;RELEASE {own}; {own}");
        assert_eq!(text(&ours.attempt_alone(b"C -- c", false)), format!("{begin}; {alone}"));
        let back = format!("ROLLBACK TO {own}; RELEASE {own}; ");
        let attempt = "SAVEPOINT \"n\"; C -- c\n;RELEASE SAVEPOINT \"n\"";
        let expected = format!("{back}{attempt}; {alone}");
        assert_eq!(text(&ours.attempt_alone(b"C -- c", true)), expected);
        assert_eq!(text(&ours.attempt(b"C -- c")), format!("{back}{attempt}"));
        assert_eq!(text(&ours.attempt_alone(b"C -- c", false)), alone);
        assert!(ours.is_behind_failure());
        assert_eq!(text(&ours.statement(b"COMMIT")), format!("{back}COMMIT"));
        ours.note_failure();
        let front = "ROLLBACK TO SAVEPOINT \"n\"; RELEASE SAVEPOINT \"n\"; ";
        assert_eq!(text(&ours.attempt_alone(b"C -- c", false)), format!("{front}{alone}"));
    }

    #[test]
    fn messages_end_with_one_sync() {
        let mut ours = LoadTransaction::new("n", TransactionStatus::Idle, OwnWay::Messages);
        let frames = ours.attempt_messages(b"!");
        let shown = frames.escape_ascii().to_string();
        assert_eq!(ours.answers_in_front(), 3 * ANSWERS);
        let at = |text: &str| shown.find(text).unwrap();
        assert!(at("BEGIN") < at("SET CONSTRAINTS") && at("SAVEPOINT") < at("!"), "{shown}");
        assert!(at("!") < at("RELEASE") && frames.ends_with(b"S\0\0\0\x04"), "{shown}");
        let own = ours.statement(b"DO");
        assert_eq!(own.escape_ascii().to_string().matches("S\\x00\\x00\\x00\\x04").count(), 1);
    }
}
