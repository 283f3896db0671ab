//! Sequences that a client could send, mostly: the choice of what comes next.
//!
//! A legal statement is one that no rule of the proxy changes. So values have the types of their
//! columns, foreign keys hold (the proxy silences them), and no trigger is relied upon.

mod copy;
mod extended;
mod statements;

use super::message::Message;
use super::random::Random;
use super::sequence::Sequence;

/// The sequence of a seed; with `own_names`, names in it may be those that the proxy uses itself.
pub fn generate(seed: u64, policies: &str, own_names: bool) -> Sequence {
    let mut random = Random::new(seed);
    let cuts = if random.one_in(3) { random.next() } else { 0 };
    let mut generator = Generator { random, seed, own_names, ..Generator::default() };
    let phrases = 2 + generator.random.below(13);
    (0..phrases).for_each(|_| generator.phrase());
    generator.end();
    Sequence { policies: policies.to_owned(), cuts, messages: generator.messages }
}

/// A sequence that grows.
#[derive(Default)]
struct Generator {
    seed: u64,
    random: Random,
    own_names: bool,
    messages: Vec<Message>,
    /// The last key that was given out; keys that the tables begin with are smaller or above 999.
    key: u32,
    /// Prepared statements that there may be, with what they want.
    statements: Vec<extended::Prepared>,
    portals: Vec<String>,
    /// Prepared statements of SQL: the name and the arguments of an EXECUTE.
    by_sql: Vec<(String, &'static str)>,
    cursors: Vec<String>,
    /// Transactions that may have been prepared.
    prepared_transactions: u32,
    /// Messages of an extended query have been sent since the last Sync.
    in_pipeline: bool,
}

impl Generator {
    fn say(&mut self, message: Message) {
        self.messages.push(message);
    }

    fn query(&mut self, sql: &str) {
        self.say(Message::Query(sql.as_bytes().to_vec()));
    }

    /// One of these names, or, seldom, one of the proxy's.
    fn name(&mut self, names: &[&'static str]) -> &'static str {
        let own = self.random.one_in(16);
        let name = *self.random.pick(names);
        if own && self.own_names { "dms_proxy" } else { name }
    }

    /// A key that no row has yet, or, seldom, one that a row has.
    fn key(&mut self) -> u32 {
        if self.random.one_in(12) {
            return *self.random.pick(&[1, 1000]);
        }
        self.key += 1;
        100 + self.key
    }

    /// Something that belongs together.
    fn phrase(&mut self) {
        match self.random.below(100) {
            0..28 => self.simple_query(),
            28..66 => self.pipeline(),
            66..74 => self.copy_by_query(),
            74..82 => self.copy_by_execute(),
            82..88 => self.step_by_step(),
            88..91 => self.function_call(),
            91..93 => self.say_one(&[Message::Sync, Message::Flush]),
            93..96 => self.two_phase(),
            96..98 => self.say_one(&[
                Message::CopyDone,
                Message::CopyFail("of nothing".to_owned()),
                Message::CopyData(b"of nothing\n".to_vec()),
            ]),
            _ => self.say(Message::Wait),
        }
    }

    fn say_one(&mut self, messages: &[Message]) {
        let message = self.random.pick(messages).clone();
        self.say(message);
    }

    fn simple_query(&mut self) {
        let mut sql = self.statement();
        for _ in 0..[0, 0, 0, 0, 1, 2][self.random.below(6)] {
            sql = format!("{sql}; {}", self.statement());
        }
        if self.random.one_in(20) {
            // Longer than what some configurations read.
            sql = format!("/* {} */ {sql}", "long ".repeat(70));
        }
        self.query(&sql);
        self.maybe_wait(2);
    }

    fn maybe_wait(&mut self, one_in: usize) {
        if self.random.one_in(one_in) {
            self.say(Message::Wait);
        }
    }

    /// A transaction of simple queries, one by one.
    fn step_by_step(&mut self) {
        let begin = *self.random.pick(&[
            "BEGIN",
            "START TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "BEGIN",
            "BEGIN READ ONLY",
        ]);
        self.query(begin);
        self.say(Message::Wait);
        for _ in 0..1 + self.random.below(4) {
            let sql = match self.random.below(3) {
                0 => self.in_transaction(),
                _ => self.statement(),
            };
            self.query(&sql);
            self.maybe_wait(2);
        }
        let end = *self.random.pick(&["COMMIT", "ROLLBACK", "END", "COMMIT AND CHAIN"]);
        if !self.random.one_in(5) {
            self.query(end);
            self.maybe_wait(2);
        }
    }

    fn gid(&mut self, new: bool) -> String {
        self.prepared_transactions += u32::from(new);
        format!("g{}_{}", self.seed, self.prepared_transactions)
    }

    /// A transaction is prepared, and what is left of it ended, perhaps in a pipeline.
    fn two_phase(&mut self) {
        let gid = self.gid(true);
        let statement = self.insert();
        self.query(&format!("BEGIN; {statement}; PREPARE TRANSACTION '{gid}'"));
        self.maybe_wait(2);
        let end = *self.random.pick(&["COMMIT", "ROLLBACK"]);
        let sql = format!("{end} PREPARED '{gid}'");
        match self.random.below(3) {
            0 => self.query(&sql),
            1 => self.execute_text(&sql),
            _ => {
                self.parse_of_an_insert();
                self.execute_text(&sql);
            }
        }
        self.maybe_sync();
    }

    /// The end of most sequences: nothing is left unanswered.
    fn end(&mut self) {
        if self.in_pipeline || self.random.one_in(4) {
            self.say(Message::Sync);
        }
        if self.random.one_in(60) {
            // A length that cannot be one is answered by the proxy alone; the server just closes.
            self.say(Message::Raw(b"\xff\0\0\0\x04".to_vec()));
            self.say(Message::Wait);
        } else if self.random.one_in(2) {
            self.say(Message::Wait);
        }
    }
}
