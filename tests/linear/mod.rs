//! Whatever a client writes, the work is linear in its bytes, and so is the memory: each shape of text
//! goes through a session in a process of its own, first so long and then ten times as long.
//!
//! What is counted: the times that a text is cut into tokens, the questions to the target, the bytes of
//! these, the processor's time of the thread, and the most memory that was resident.
//! The first is counted with debug assertions only.

mod shapes;
mod target;

use std::process::Command;
use std::sync::Arc;

use dms_proxy::config::Config;
use dms_proxy::session::{Direction, Exchange, Session};
use dms_proxy::wire::StartupParameters;

use shapes::{SHAPES, Shape};
use target::Target;

/// Which shape a process runs through.
const VARIABLE: &str = "DMS_PROXY_LINEAR_SHAPE";

/// Bytes of the shorter text, about.
const SHORT_BYTES: usize = 128 * 1024;

/// How much longer the longer one is.
const FACTOR: usize = 10;

/// How much more time that may take. Square work takes a hundred times as much.
const TIME_FACTOR: u64 = 30;

/// Time below which nothing is compared, in nanoseconds.
const TIME_FLOOR: u64 = 5_000_000;

/// Memory that a text may take, in times of its bytes. A token takes 16 bytes and is often one byte long;
/// a value of an INSERT takes about a hundred, of which a comma and a digit are enough. Both have a
/// greatest number.
const MEMORY_FACTOR: usize = 48;

/// The same in times of the bytes that go to the target: those that are made, joined and buffered.
const SENT_FACTOR: usize = 4;

/// Memory that does not depend on the text: what is known of a thousand relations, and the allocator's own.
const MEMORY_FLOOR: usize = 12 * 1024 * 1024;

/// What one conversation took.
#[derive(Debug)]
struct Work {
    /// Bytes that the client sent.
    bytes: usize,
    /// Texts among them.
    texts: u64,
    lexings: u64,
    questions: u64,
    question_bytes: usize,
    nanoseconds: u64,
    memory: usize,
    /// Bytes that have gone to the target.
    sent: usize,
}

/// A session that is ready, for this `proxy.toml`.
fn ready(toml: &str, target: &mut Target) -> Exchange {
    let config: Config = toml::from_str(toml).expect("a configuration");
    let startup = StartupParameters { user: "loader".into(), ..StartupParameters::default() };
    let session = Session::new(Arc::new(config.policy().unwrap()), Arc::default(), startup);
    let mut exchange = Exchange::new(session);
    exchange.buffer(Direction::ToClient).extend(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I");
    exchange.judge_target();
    converse(&mut exchange, &[], target);
    exchange
}

/// Sends what the client says, and answers all that comes out, until both sides are quiet.
fn converse(exchange: &mut Exchange, bytes: &[u8], target: &mut Target) {
    let mut pieces = bytes.chunks(64 * 1024);
    loop {
        let mut moved = false;
        if !exchange.client_waits()
            && let Some(piece) = pieces.next()
        {
            exchange.buffer(Direction::ToTarget).extend(piece);
            exchange.judge_client();
            moved = true;
        }
        let count = exchange.outgoing(Direction::ToTarget).len();
        if count > 0 {
            let answers = target.answer(exchange.outgoing(Direction::ToTarget));
            exchange.buffer(Direction::ToTarget).mark_sent(count);
            exchange.buffer(Direction::ToClient).extend(&answers);
            exchange.judge_target();
            moved = true;
        }
        let count = exchange.outgoing(Direction::ToClient).len();
        exchange.buffer(Direction::ToClient).mark_sent(count);
        if !moved && count == 0 {
            assert!(!exchange.has_failed(), "the session has failed");
            assert!(!exchange.client_waits(), "the client waits for nothing");
            return;
        }
    }
}

/// A number of a file of `/proc/self`, by what stands in front of it.
fn kibibytes(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Nanoseconds for which this thread has had a processor.
fn nanoseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn measure(shape: &Shape, bytes: usize) -> Work {
    let mut target = Target::new((shape.columns)(bytes));
    let mut exchange = ready(shape.config, &mut target);
    let (said, texts) = (shape.messages)(bytes);
    // From here on the most that is resident is counted anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let memory = kibibytes("VmRSS:");
    let (lexings, before) = (dms_proxy::statement::lexings(), nanoseconds());
    let (asked, sent) = ((target.questions, target.question_bytes), target.bytes);
    converse(&mut exchange, &said, &mut target);
    Work {
        bytes: said.len(),
        texts,
        lexings: dms_proxy::statement::lexings() - lexings,
        questions: target.questions - asked.0,
        question_bytes: target.question_bytes - asked.1,
        nanoseconds: nanoseconds() - before,
        memory: kibibytes("VmHWM:").saturating_sub(memory) * 1024,
        sent: target.bytes - sent,
    }
}

fn assert_linear(shape: &Shape) {
    let name = shape.name;
    let short = measure(shape, SHORT_BYTES);
    let long = measure(shape, SHORT_BYTES * FACTOR);
    for work in [&short, &long] {
        let asked = usize::try_from(work.questions).unwrap();
        assert!(work.lexings <= work.texts, "{name}: a text is cut again: {work:?}");
        assert!(work.questions <= work.texts, "{name}: a text asks again: {work:?}");
        assert!(
            work.question_bytes <= work.bytes * 4 + 4096 * asked,
            "{name}: long questions: {work:?}"
        );
    }
    // Some shapes end at a limit of the protocol.
    let longer = u64::try_from(long.bytes.div_ceil(short.bytes)).unwrap();
    assert!(longer <= 12, "{name}: {short:?} {long:?}");
    let most = long.nanoseconds / short.nanoseconds.max(TIME_FLOOR);
    if most > TIME_FACTOR {
        // Another process may have taken the caches; the least of three counts.
        let again = || measure(shape, SHORT_BYTES * FACTOR).nanoseconds;
        let least = again().min(again());
        assert!(
            least / short.nanoseconds.max(TIME_FLOOR) <= TIME_FACTOR,
            "{name}: {short:?} {long:?}"
        );
    }
    let memory = long.bytes * MEMORY_FACTOR + long.sent * SENT_FACTOR + MEMORY_FLOOR;
    assert!(long.memory <= memory, "{name}: {} bytes of memory: {long:?}", long.memory);
}

/// The shape that the environment names; the first one if it names none.
#[test]
fn one_shape_is_linear() {
    let name = std::env::var(VARIABLE).unwrap_or_else(|_| SHAPES[0].name.to_owned());
    assert_linear(SHAPES.iter().find(|shape| shape.name == name).expect("a shape"));
}

#[test]
fn every_shape_is_linear() {
    let mut failed = String::new();
    for shape in SHAPES {
        let program = std::env::current_exe().unwrap();
        let arguments = ["linear::one_shape_is_linear", "--exact", "--nocapture"];
        let ran = Command::new(program).args(arguments).env(VARIABLE, shape.name).output().unwrap();
        if !ran.status.success() {
            let said = ran.stderr.utf8_chunks().map(|chunk| chunk.valid()).collect::<String>();
            let reason = said.lines().find(|line| line.starts_with(shape.name)).unwrap_or(&said);
            failed.push_str(&format!("{reason}\n"));
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}
