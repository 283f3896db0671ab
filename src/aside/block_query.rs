//! A simple query or a function call in a transaction of ours, which ends with it. Pure: frames in, frames out.

use super::facts::SessionFacts;
use super::outgoing::BothWays;
use super::refusal;
use super::transaction::LoadTransaction;
use crate::statement::TransactionWord;
use crate::statement::script::{Scratch, Script};
use crate::wire::{self, HEAD_BYTES, TransactionStatus, tag};

/// What becomes of a text in a transaction of ours.
#[derive(Debug)]
pub(super) enum BlockText {
    /// The client's frame goes on as it is.
    Whole,
    /// The transaction ends within the text.
    Cut(CutText),
}

/// A text in which the transaction ends.
#[derive(Debug)]
pub(super) struct CutText {
    /// What runs in front of its end.
    front: Vec<u8>,
    end: BlockEnd,
    /// What runs behind it.
    rest: Vec<u8>,
    /// The characters in front of the rest.
    offset: usize,
}

/// How a transaction of ours ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockEnd {
    Commit,
    RollBack,
}

impl BlockText {
    /// The body of a Query; it is empty for a frame that is not read.
    pub(super) fn read(body: &[u8], facts: &SessionFacts) -> BlockText {
        let Some((sql, _)) = wire::cstring(body) else { return BlockText::Whole };
        let mut scratch = Scratch::default();
        let script = Script::read(sql, facts.lexing, &facts.policy.mapping, &mut scratch);
        let is_alone = script.statements.len() == 1;
        let found = script.statements.iter().find_map(|statement| {
            let word = script.transaction_word(statement, sql)?;
            facts.word(word, is_alone).map(|word| (statement.span.start, word))
        });
        let (at, end) = match found {
            // By itself it is what the transaction ends with: the server warns that there is none.
            Some((_, TransactionWord::Commits)) if is_alone => (0, BlockEnd::Commit),
            Some((_, TransactionWord::RollsBack)) if is_alone => (0, BlockEnd::RollBack),
            // The server refuses it, and nothing of the transaction stays.
            Some((at, TransactionWord::NeedsBlock)) => (at, BlockEnd::RollBack),
            _ => return BlockText::Whole,
        };
        let (front, rest) = sql.split_at_checked(at).unwrap_or((sql, b""));
        let offset = facts.lexing.encoding.count_characters(front);
        BlockText::Cut(CutText { front: front.to_vec(), end, rest: rest.to_vec(), offset })
    }
}

/// The query under way.
#[derive(Debug)]
pub(super) struct BlockQuery {
    transaction: LoadTransaction,
    phase: QueryPhase,
    /// Where the transaction ends within the text.
    cut: Option<CutText>,
    /// The last CommandComplete, which the client gets once the transaction has ended.
    last: Vec<u8>,
    /// A BEGIN has made the transaction the client's.
    is_clients: bool,
    /// The target takes the rows of a COPY.
    takes_rows: bool,
    /// The error at the end of the transaction.
    failure: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueryPhase {
    /// The text runs in the transaction.
    Runs,
    /// The transaction ends.
    Ends,
    /// The rest of the text runs; its errors are this number of characters behind.
    Rest(usize),
}

/// Whether a query has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryEnd {
    GoesOn,
    Ended,
}

impl BlockQuery {
    /// Sends what comes first, unless it is the client's frame.
    pub(super) fn begin(
        text: BlockText,
        transaction: LoadTransaction,
        out: &mut BothWays,
    ) -> BlockQuery {
        let mut query = BlockQuery {
            transaction,
            phase: QueryPhase::Runs,
            cut: None,
            last: Vec::new(),
            is_clients: false,
            takes_rows: false,
            failure: None,
        };
        if let BlockText::Cut(cut) = text {
            match cut.front.is_empty() {
                true => query.end(cut.end, out),
                false => wire::put_body(&mut out.to_target, tag::QUERY, &[&cut.front, b"\0"]),
            }
            query.cut = Some(cut);
        }
        query
    }

    /// Whether the target takes the rows of a COPY.
    pub(super) fn takes_rows(&self) -> bool {
        self.takes_rows
    }

    /// The client has no more rows.
    pub(super) fn note_rows_end(&mut self) {
        self.takes_rows = false;
    }

    /// A frame of the target's, its head included.
    pub(super) fn on_target(&mut self, frame: &[u8], out: &mut BothWays) -> QueryEnd {
        let frame_tag = frame.first().copied().unwrap_or_default();
        match (frame_tag, self.phase) {
            (tag::READY_FOR_QUERY, QueryPhase::Runs) => return self.on_run(frame, out),
            (tag::READY_FOR_QUERY, QueryPhase::Ends) => return self.on_ended(frame, out),
            (tag::NOTICE_RESPONSE, QueryPhase::Runs)
                if !self.is_clients && refusal::is_begun_before(frame) => {}
            // It is of the next statement.
            (tag::NOTICE_RESPONSE, QueryPhase::Runs) => {
                self.send_last(out);
                out.to_session.extend_from_slice(frame);
            }
            (tag::NOTICE_RESPONSE | tag::NOTIFICATION_RESPONSE | tag::PARAMETER_STATUS, _) => {
                out.to_session.extend_from_slice(frame);
            }
            (tag::ERROR_RESPONSE, QueryPhase::Ends) => self.failure = Some(frame.to_vec()),
            // Answers to statements of ours.
            (_, QueryPhase::Ends) => {}
            (_, phase) => self.on_answer(frame, phase, out),
        }
        match (frame_tag, self.phase) {
            (tag::READY_FOR_QUERY, _) => QueryEnd::Ended,
            _ => QueryEnd::GoesOn,
        }
    }

    /// An answer to a statement of the client's.
    fn on_answer(&mut self, frame: &[u8], phase: QueryPhase, out: &mut BothWays) {
        let frame_tag = frame.first().copied().unwrap_or_default();
        self.send_last(out);
        self.takes_rows = frame_tag == tag::COPY_IN_RESPONSE;
        match (frame_tag, phase) {
            (tag::COMMAND_COMPLETE | tag::EMPTY_QUERY_RESPONSE, QueryPhase::Runs) => {
                self.is_clients |= refusal::is_begin(frame);
                self.last = frame.to_vec();
            }
            (tag::ERROR_RESPONSE, QueryPhase::Rest(offset)) => {
                let moved = wire::with_position(frame, |at| at + offset);
                out.to_session.extend(moved.unwrap_or_else(|| frame.to_vec()));
            }
            _ => out.to_session.extend_from_slice(frame),
        }
    }

    /// The client gets what is kept for it.
    pub(super) fn send_last(&mut self, out: &mut BothWays) {
        out.to_session.append(&mut self.last);
    }

    /// The text has run in the transaction.
    fn on_run(&mut self, ready: &[u8], out: &mut BothWays) -> QueryEnd {
        let status = wire::ready_status(ready.get(HEAD_BYTES..).unwrap_or_default());
        let end = match status {
            TransactionStatus::Idle => None,
            _ if self.is_clients => None,
            TransactionStatus::Open => {
                Some(self.cut.as_ref().map_or(BlockEnd::Commit, |cut| cut.end))
            }
            TransactionStatus::Aborted => {
                self.cut = None;
                Some(BlockEnd::RollBack)
            }
        };
        match end {
            Some(end) => {
                self.end(end, out);
                QueryEnd::GoesOn
            }
            None => self.ended(ready, out),
        }
    }

    fn end(&mut self, end: BlockEnd, out: &mut BothWays) {
        self.phase = QueryPhase::Ends;
        out.to_target.extend(match end {
            BlockEnd::Commit => self.transaction.statement(b"COMMIT"),
            BlockEnd::RollBack => self.transaction.give_up(),
        });
    }

    /// The transaction has ended.
    fn on_ended(&mut self, ready: &[u8], out: &mut BothWays) -> QueryEnd {
        if let Some(failure) = self.failure.take() {
            self.last = failure;
            return self.ended(ready, out);
        }
        let Some(cut) = self.cut.take() else { return self.ended(ready, out) };
        self.send_last(out);
        wire::put_body(&mut out.to_target, tag::QUERY, &[&cut.rest, b"\0"]);
        self.phase = QueryPhase::Rest(cut.offset);
        QueryEnd::GoesOn
    }

    fn ended(&mut self, ready: &[u8], out: &mut BothWays) -> QueryEnd {
        self.send_last(out);
        out.to_session.extend_from_slice(ready);
        QueryEnd::Ended
    }
}
