//! Sequences that a client could send, mostly: the choice of what comes next.
//!
//! A legal statement is one that no rule of the proxy changes. So values have the types of their
//! columns, foreign keys hold (the proxy silences them), and no trigger is relied upon.

mod copy;
mod extended;
mod statements;
mod unnamed;

use super::by_design;
use super::message::Message;
use super::random::Random;
use super::sequence::Sequence;

/// What can be left out of sequences, so that one known difference does not hide others.
pub const PARTS: [&str; 4] = [
    // Names that the proxy may use itself.
    "own-name",
    // Simple queries and calls of functions in a pipeline.
    "query-inside",
    // Syncs while a COPY is open, and COPYs without an end.
    "copy-sync",
    // What a client should not send.
    "disturbance",
];

/// The sequence of a seed, without these of [`PARTS`].
pub fn generate(seed: u64, policies: &str, without: &[String]) -> Sequence {
    let mut random = Random::new(seed);
    let cuts = if random.one_in(3) { random.next() } else { 0 };
    let (without, policies) = (without.to_vec(), policies.to_owned());
    let mut generator = Generator { random, seed, without, policies, ..Generator::default() };
    let phrases = 2 + generator.random.below(13);
    (0..phrases).for_each(|_| generator.phrase());
    generator.end();
    if generator.random.one_in(5) && generator.has("disturbance") {
        generator.disturb();
    }
    let messages = match generator.leaves_out("unnamed-behind-copy") {
        true => unnamed::without_unnamed_behind_copy(generator.messages),
        false => generator.messages,
    };
    Sequence { policies: generator.policies, cuts, messages }
}

/// A sequence that grows.
#[derive(Default)]
struct Generator {
    seed: u64,
    random: Random,
    without: Vec<String>,
    policies: String,
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
    fn has(&self, part: &str) -> bool {
        !self.without.iter().any(|without| without == part)
    }

    /// Whether sequences go without what differs by design with the policies.
    fn leaves_out(&self, name: &str) -> bool {
        by_design::is_left_out(&self.policies, name)
    }

    fn say(&mut self, message: Message) {
        if message.asks_for_ready() {
            if self.in_pipeline && message != Message::Sync && !self.has("query-inside") {
                self.messages.push(Message::Sync);
            }
            self.in_pipeline = false;
            // PostgreSQL 15 may crash where the unnamed portal of a failed transaction is executed.
            if !self.random.one_in(6) {
                self.portals.retain(|portal| !portal.is_empty());
            }
        }
        self.messages.push(message);
    }

    fn query(&mut self, sql: &str) {
        let sql = self.encoded(sql);
        self.say(Message::Query(sql));
    }

    /// A text in UTF-8 or in LATIN1, whatever the session may think.
    fn encoded(&mut self, sql: &str) -> Vec<u8> {
        let latin1 = sql.contains('ä') && self.random.one_in(3);
        let bytes = |character: char| match (latin1, u8::try_from(character)) {
            (true, Ok(byte)) => vec![byte],
            _ => character.to_string().into_bytes(),
        };
        sql.chars().flat_map(bytes).collect()
    }

    /// One of these names, or, seldom, one of the proxy's.
    fn name(&mut self, names: &[&'static str]) -> &'static str {
        let own = self.random.one_in(16);
        let name = *self.random.pick(names);
        if own && self.has("own-name") { "dms_proxy" } else { name }
    }

    /// A key that no row has yet, or, seldom, one that a row has.
    fn key(&mut self) -> u32 {
        if self.random.one_in(12) {
            return *self.random.pick(&[1, 1000]);
        }
        self.new_key()
    }

    fn new_key(&mut self) -> u32 {
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
            96..98 if self.has("disturbance") => self.say_one(&[
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
        for _ in 0..[0, 0, 0, 0, 0, 0, 1, 1, 2, 7][self.random.below(10)] {
            sql = format!("{sql}; {}", self.statement());
        }
        if sql.contains(';') && self.leaves_out("spelling-of-texts") {
            sql = sql.replace("SELEC 1", "SELECT 1/0").replace('ä', "a");
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
        let end = self.pick_text(&["COMMIT", "ROLLBACK", "END", "COMMIT AND CHAIN"]);
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

    /// Messages that are missing, come twice, early, or between others.
    fn disturb(&mut self) {
        for _ in 0..1 + self.random.below(3) {
            let count = self.messages.len();
            if count < 2 {
                return;
            }
            let at = self.random.below(count - 1);
            let touches_copy = self.messages[at..].iter().take(2).any(is_of_copy);
            if touches_copy && self.leaves_out("given-up-rows") {
                continue;
            }
            match self.random.below(4) {
                0 => drop(self.messages.remove(at)),
                1 => self.messages.insert(at, self.messages[at].clone()),
                2 => self.messages.swap(at, at + 1),
                _ => {
                    let between = [Message::Sync, Message::Flush, Message::Wait];
                    let between = self.random.pick(&between).clone();
                    self.messages.insert(at, between);
                }
            }
        }
    }

    /// The end of most sequences: nothing is left unanswered.
    fn end(&mut self) {
        if self.in_pipeline || self.random.one_in(4) {
            self.say(Message::Sync);
        }
        let may_break = self.has("disturbance") && !self.leaves_out("broken-frame");
        if self.random.one_in(60) && may_break {
            let broken = *self.random.pick(&[&b"\xff\0\0\0\x04"[..], b"Q\0\0\0\x03"]);
            self.say(Message::Raw(broken.to_vec()));
            self.say(Message::Wait);
        } else if self.random.one_in(2) {
            self.say(Message::Wait);
        }
    }
}

fn is_of_copy(message: &Message) -> bool {
    matches!(message, Message::CopyData(_) | Message::CopyDone | Message::CopyFail(_))
}
