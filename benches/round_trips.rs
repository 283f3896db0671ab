//! Round trips through a session without a network: recorded once before a server, played from the
//! record as often as wanted. `benches/instructions` runs this under callgrind.
//!
//! ```text
//! round_trips record DIRECTORY        # starts a private server, writes a file for each kind
//! round_trips play FILE COUNT         # the conversation up to the round trip, then COUNT of them
//! ```

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::print_stderr)]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use dms_proxy::config::Config;
use dms_proxy::session::{Direction, Exchange, Session};
use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};
use dms_proxy::wire::{StartupPacket, startup_packet};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["record", directory] => record(Path::new(directory)),
        ["play", file, count] => play(Path::new(file), count.parse().unwrap()),
        // `cargo bench` and `cargo test --all-targets` pass options of their own.
        _ => eprintln!("round_trips is run by benches/instructions"),
    }
    ExitCode::SUCCESS
}

// --- The session between its peers ---------------------------------------------------------------

/// Everything that this file knows of the session: bytes in from one peer, bytes out to both.
struct Relay(Exchange);

/// Who has said something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Target,
}

impl Relay {
    /// A session that begins with this startup packet, with the default configuration.
    fn new(startup: &[u8]) -> Relay {
        let StartupPacket::Session(parameters) = startup_packet(startup) else {
            panic!("not a startup packet");
        };
        let policy = Arc::new(Config::default().policy().unwrap());
        let mut exchange = Exchange::new(Session::new(policy, Arc::default(), parameters));
        exchange.buffer(Direction::ToTarget).attach(vec![0; 64 * 1024]);
        exchange.buffer(Direction::ToClient).attach(vec![0; 64 * 1024]);
        Relay(exchange)
    }

    /// Takes bytes in and hands out what goes to the target and what goes to the client.
    fn hear(&mut self, from: From, bytes: &[u8], out: impl FnOnce(&[u8], &[u8])) {
        let exchange = &mut self.0;
        match from {
            From::Client => {
                exchange.buffer(Direction::ToTarget).extend(bytes);
                exchange.judge_client();
            }
            From::Target => {
                exchange.buffer(Direction::ToClient).extend(bytes);
                exchange.judge_target();
            }
        }
        out(exchange.outgoing(Direction::ToTarget), exchange.outgoing(Direction::ToClient));
        for direction in [Direction::ToTarget, Direction::ToClient] {
            let buffer = exchange.buffer(direction);
            buffer.mark_sent(buffer.outgoing().len());
        }
    }
}

// --- What is measured ----------------------------------------------------------------------------

/// What a client sends at once, and the tag that it waits for.
type Turn = (Vec<u8>, u8);

struct Kind {
    name: &'static str,
    /// Said once.
    before: Vec<Turn>,
    /// Said again and again.
    round_trip: Vec<Turn>,
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    frame(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

/// Parameters and results as text, the unnamed portal.
fn bind(name: &str, values: &[&str]) -> Vec<u8> {
    let count = |count: usize| u16::try_from(count).unwrap().to_be_bytes();
    let length = |value: &str| u32::try_from(value.len()).unwrap().to_be_bytes();
    let mut body = [b"\0", name.as_bytes(), b"\0\0\0", &count(values.len())].concat();
    values.iter().for_each(|value| {
        body.extend(length(value));
        body.extend(value.as_bytes());
    });
    body.extend([0, 0]);
    frame(b'B', &body)
}

fn execute_and_sync() -> Vec<u8> {
    [frame(b'E', b"\0\0\0\0\0"), frame(b'S', b"")].concat()
}

const TABLES: &str = "CREATE TABLE IF NOT EXISTS pgbench_accounts (aid int, abalance int);
    CREATE TABLE IF NOT EXISTS orders (id int, paid bool, note text, data jsonb);
    CREATE TABLE IF NOT EXISTS lines (id int, amount numeric, at timestamp, note text)";

fn kinds() -> Vec<Kind> {
    let tables = || vec![(query(TABLES), b'Z')];
    let select = "SELECT abalance FROM pgbench_accounts WHERE aid = $1";
    let insert = "INSERT INTO orders (id, paid, note, data) VALUES ($1, $2, $3, $4)";
    let values = ["17", "true", "a short note", "{\"a\": [1, 2, \"x\"]}"];
    let prepared = |sql: &str| {
        let sync = frame(b'S', b"");
        [tables(), vec![([parse("P0_1", sql), sync].concat(), b'Z')]].concat()
    };
    let row = |n: u32| {
        let text = format!("{n}\t{n}.25\t2026-01-31 12:34:56\ta note of {n} words, as they are\n");
        frame(b'd', text.as_bytes())
    };
    let rows = (0..300).flat_map(row).chain(frame(b'c', b"")).collect();
    let series = "SELECT n, n * 1.25, 'a note of ' || n || ' words, as they are' \
                  FROM generate_series(1, 300) n";
    let described = [parse("", insert), bind("", &values), frame(b'D', b"P\0"), execute_and_sync()];
    vec![
        Kind {
            name: "simple-select",
            before: tables(),
            round_trip: vec![(query(&select.replace("$1", "123456")), b'Z')],
        },
        Kind {
            name: "simple-insert",
            before: tables(),
            round_trip: vec![(
                query("INSERT INTO orders (id, paid, note) VALUES (17, true, 'a short note')"),
                b'Z',
            )],
        },
        Kind {
            name: "parse",
            before: tables(),
            round_trip: vec![([parse("", insert), frame(b'S', b"")].concat(), b'Z')],
        },
        Kind {
            name: "extended-insert",
            before: tables(),
            round_trip: vec![(described.concat(), b'Z')],
        },
        Kind {
            name: "prepared-select",
            before: prepared(select),
            round_trip: vec![([bind("P0_1", &["123456"]), execute_and_sync()].concat(), b'Z')],
        },
        Kind {
            name: "prepared-insert",
            before: prepared(insert),
            round_trip: vec![([bind("P0_1", &values), execute_and_sync()].concat(), b'Z')],
        },
        Kind { name: "data-rows-300", before: tables(), round_trip: vec![(query(series), b'Z')] },
        Kind {
            name: "copy-rows-300",
            before: tables(),
            round_trip: vec![(query("COPY lines FROM STDIN"), b'G'), (rows, b'Z')],
        },
    ]
}

// --- Recording -----------------------------------------------------------------------------------

fn startup(user: &str) -> Vec<u8> {
    let body = [b"\0\x03\0\0user\0", user.as_bytes(), b"\0database\0postgres\0\0"].concat();
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&length[..], &body].concat()
}

/// A round trip is said so often before it is recorded: by then the session has asked what it asks
/// once.
const WARM_UP: usize = 3;

fn record(directory: &Path) {
    let options = EmbeddedOptions { listen_tcp: Some(0), ..EmbeddedOptions::default() };
    let server = Embedded::start(&options).unwrap();
    for kind in kinds() {
        let startup = startup(server.superuser());
        let mut live = Live {
            relay: Relay::new(&startup),
            target: TcpStream::connect(server.tcp_address().unwrap()).unwrap(),
            record: String::new(),
        };
        live.note("startup", &startup);
        live.target.write_all(&startup).unwrap();
        live.listen_until(b'Z');
        kind.before.iter().for_each(|turn| live.say(turn));
        (0..WARM_UP).for_each(|_| kind.round_trip.iter().for_each(|turn| live.say(turn)));
        live.record.push_str("round trip\n");
        kind.round_trip.iter().for_each(|turn| live.say(turn));
        fs::write(directory.join(kind.name), live.record).unwrap();
    }
}

/// A session before a server, and what both of its peers have said.
struct Live {
    relay: Relay,
    target: TcpStream,
    record: String,
}

impl Live {
    fn note(&mut self, who: &str, bytes: &[u8]) {
        let _ = write!(self.record, "{who} ");
        for byte in bytes {
            let _ = write!(self.record, "{byte:02x}");
        }
        self.record.push('\n');
    }

    fn say(&mut self, (bytes, wait_for): &Turn) {
        self.note("client", bytes);
        let mut sent = Vec::new();
        self.relay.hear(From::Client, bytes, |to_target, _| sent.extend(to_target));
        self.target.write_all(&sent).unwrap();
        self.listen_until(*wait_for);
    }

    /// Hears the target until a frame with this tag is the last that the client has got.
    fn listen_until(&mut self, tag: u8) {
        let (mut told, mut heard) = (Vec::new(), Vec::new());
        while last_tag(&told) != Some(tag) {
            let mut bytes = vec![0; 32 * 1024];
            let count = self.target.read(&mut bytes).unwrap();
            assert!(count > 0, "the server has closed: {}", told.escape_ascii());
            let mut sent = Vec::new();
            self.relay.hear(From::Target, &bytes[..count], |to_target, to_client| {
                sent.extend(to_target);
                told.extend(to_client);
            });
            heard.extend(&bytes[..count]);
            if !sent.is_empty() {
                self.note("target", &std::mem::take(&mut heard));
                self.target.write_all(&sent).unwrap();
            }
        }
        self.note("target", &heard);
        assert!(!told.starts_with(b"E"), "{}", told.escape_ascii());
    }
}

/// The tag of the last frame, where the bytes end with it.
fn last_tag(mut bytes: &[u8]) -> Option<u8> {
    let mut tag = None;
    while let [found, a, b, c, d, rest @ ..] = bytes {
        tag = Some(*found);
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap();
        bytes = rest.get(length - 4..)?;
    }
    tag.filter(|_| bytes.is_empty())
}

// --- Playing -------------------------------------------------------------------------------------

fn play(file: &Path, count: usize) {
    let record = fs::read_to_string(file).unwrap();
    let (before, round_trip) = record.split_once("round trip\n").unwrap();
    let startup = before.lines().next().and_then(|line| line.strip_prefix("startup ")).unwrap();
    let mut relay = Relay::new(&bytes_of(startup));
    turns(before).iter().for_each(|(from, bytes)| relay.hear(*from, bytes, |_, _| ()));
    let round_trip = turns(round_trip);
    for _ in 0..count {
        for (from, bytes) in &round_trip {
            relay.hear(*from, black_box(bytes), |to_target, to_client| {
                black_box((to_target, to_client));
            });
        }
    }
}

fn turns(record: &str) -> Vec<(From, Vec<u8>)> {
    let turn = |line: &str| {
        let (who, hex) = line.split_once(' ').unwrap();
        match who {
            "client" => Some((From::Client, bytes_of(hex))),
            "target" => Some((From::Target, bytes_of(hex))),
            _ => None,
        }
    };
    record.lines().filter_map(turn).collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
