//! The transaction of a load and the savepoint in it: what stands in front of each statement so that it can
//! run. Knows texts; not what they are for.

use crate::wire::{self, TransactionStatus, tag};

/// The transaction in which rows go on.
#[derive(Debug)]
pub(super) struct LoadTransaction {
    savepoint: String,
    /// It is not the client's.
    is_ours: bool,
    is_begun: bool,
    /// Something has failed behind the savepoint.
    is_behind_failure: bool,
    /// Characters and statements in front of the client's text in the last attempt.
    front: usize,
    statements: usize,
}

impl LoadTransaction {
    /// The client's transaction, or one of ours where it has none; the savepoint has this name.
    pub(super) fn new(name: &str, status: TransactionStatus) -> LoadTransaction {
        LoadTransaction {
            savepoint: format!("SAVEPOINT \"{name}\""),
            is_ours: status == TransactionStatus::Idle,
            is_begun: false,
            is_behind_failure: false,
            front: 0,
            statements: 0,
        }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Whether something was sent in it.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// The statements of ours in front of the client's text in the last attempt.
    pub(super) fn statements_in_front(&self) -> usize {
        self.statements
    }

    /// What was sent behind the savepoint has failed.
    pub(super) fn note_failure(&mut self) {
        self.is_behind_failure = self.is_begun;
    }

    /// Whether it has to be brought back before the client goes on.
    pub(super) fn is_behind_failure(&self) -> bool {
        self.is_behind_failure
    }

    /// A Query that runs the client's statement between a savepoint and its release.
    pub(super) fn attempt(&mut self, sql: &[u8]) -> Vec<u8> {
        let savepoint = &self.savepoint;
        let front = if self.is_behind_failure {
            format!("ROLLBACK TO {savepoint}; ")
        } else if self.is_ours && !self.is_begun {
            // What is looked at when the transaction ends could not be set aside.
            format!("BEGIN; SET CONSTRAINTS ALL IMMEDIATE; {savepoint}; ")
        } else {
            format!("{savepoint}; ")
        };
        self.is_begun = true;
        self.is_behind_failure = false;
        self.front = front.len();
        self.statements = front.matches("; ").count();
        let back = format!("\n;RELEASE {savepoint}\0");
        wire::with_body(tag::QUERY, &[front.as_bytes(), sql, back.as_bytes()])
    }

    /// A Query of ours where the transaction can go on.
    pub(super) fn statement(&mut self, sql: &[u8]) -> Vec<u8> {
        let savepoint = &self.savepoint;
        let front = match std::mem::take(&mut self.is_behind_failure) {
            true => format!("ROLLBACK TO {savepoint}; RELEASE {savepoint}; "),
            false => String::new(),
        };
        wire::with_body(tag::QUERY, &[front.as_bytes(), sql, b"\0"])
    }

    /// A Query that ends a transaction of ours without its rows.
    pub(super) fn give_up(&mut self) -> Vec<u8> {
        self.is_behind_failure = false;
        self.statement(b"ROLLBACK")
    }

    /// An error of the target's with its position in the client's own text.
    pub(super) fn with_own_position(&self, failure: Vec<u8>) -> Vec<u8> {
        let moved = wire::with_position(&failure, |at| at.saturating_sub(self.front));
        moved.unwrap_or(failure)
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
        let mut ours = LoadTransaction::new("n", TransactionStatus::Idle);
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
        let mut theirs = LoadTransaction::new("n", TransactionStatus::Open);
        assert!(!theirs.is_ours() && text(&theirs.attempt(b"C")).starts_with("SAVEPOINT"));
    }
}
