//! Whole conversations through a session, without a network. Each file in this directory is one:
//! what the peers send (`client>`, `target>`), and behind each message what comes out of the proxy
//! (`to target:`, `to client:`), in the order in which it does. Every conversation is held twice: a
//! message at a time and a byte at a time, which has to make no difference.
//!
//! `UPDATE_GOLDENFILES=1 cargo test session` writes what comes out into the files; read the diff.

mod message;
mod properties;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dms_proxy::config::Config;
use dms_proxy::session::{Direction, Exchange, Session};
use dms_proxy::wire::StartupParameters;

use message::{Side, encode, render};

/// An exchange with the configuration that `toml` says, whose startup packet has gone.
fn exchange(toml: &str) -> Exchange {
    let config: Config = toml::from_str(toml).expect("a configuration");
    let startup = StartupParameters { user: "loader".into(), ..StartupParameters::default() };
    Exchange::new(Session::new(Arc::new(config.policy().unwrap()), Arc::default(), startup))
}

/// Puts bytes into one side, and gives what comes out on both: to the target, to the client.
fn step(exchange: &mut Exchange, side: Side, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match side {
        Side::Client => {
            exchange.buffer(Direction::ToTarget).extend(bytes);
            exchange.judge_client();
        }
        Side::Target => {
            exchange.buffer(Direction::ToClient).extend(bytes);
            exchange.judge_target();
        }
    }
    let mut drain = |direction| {
        let out = exchange.outgoing(direction).to_vec();
        exchange.buffer(direction).mark_sent(out.len());
        out
    };
    (drain(Direction::ToTarget), drain(Direction::ToClient))
}

/// Holds the conversation in `script`, `chunk` bytes at a time, and gives it with what comes out.
fn hold(script: &str, chunk: usize) -> String {
    let toml: String = script
        .lines()
        .filter_map(|line| line.strip_prefix("config: "))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut exchange = exchange(&toml);
    let mut held = String::new();
    for line in script.lines() {
        let side = match line.split_once('>').map(|(side, _)| side) {
            Some("client") => Side::Client,
            Some("target") => Side::Target,
            _ if line.starts_with("to target:") || line.starts_with("to client:") => continue,
            _ => {
                held.push_str(line);
                held.push('\n');
                continue;
            }
        };
        held.push_str(line);
        held.push('\n');
        let bytes = encode(side, line.split_once("> ").expect("a message").1);
        let (mut to_target, mut to_client) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(chunk) {
            let (target, client) = step(&mut exchange, side, piece);
            to_target.extend(target);
            to_client.extend(client);
        }
        for message in render(Side::Client, &to_target) {
            held.push_str(&format!("to target: {message}\n"));
        }
        for message in render(Side::Target, &to_client) {
            held.push_str(&format!("to client: {message}\n"));
        }
    }
    held
}

fn scripts() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/session");
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "script"))
        .collect();
    files.sort();
    files
}

/// A Bind whose names do not fit into what is looked at: nothing can be asked about it, so its
/// binary values pass as they are, while they arrive.
#[test]
fn bind_with_an_endless_name_passes() {
    let mut exchange = properties::ready_exchange();
    let value = vec![0; 300_000];
    let mut body = vec![b'p'; 40_000];
    body.extend(b"\0s\0\0\x01\0\x01\0\x01");
    body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
    body.extend(value);
    body.extend([0, 0]);
    let frame = dms_proxy::wire::with_body(b'B', &[&body]);
    let mut sent = Vec::new();
    for piece in frame.chunks(35_000) {
        sent.extend(step(&mut exchange, Side::Client, piece).0);
        assert!(
            exchange.buffer(Direction::ToTarget).capacity() < 200_000,
            "{}",
            exchange.buffer(Direction::ToTarget).capacity()
        );
    }
    assert!(sent == frame);
}

#[test]
fn conversations_go_as_written() {
    let files = scripts();
    assert!(!files.is_empty());
    for file in files {
        let script = fs::read_to_string(&file).unwrap();
        let held = hold(&script, usize::MAX);
        if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
            fs::write(&file, &held).unwrap();
        } else {
            assert_eq!(held, script, "{}", file.display());
        }
    }
}

#[test]
fn a_byte_at_a_time_makes_no_difference() {
    for file in scripts() {
        let script = fs::read_to_string(&file).unwrap();
        assert_eq!(hold(&script, 1), hold(&script, usize::MAX), "{}", file.display());
    }
}
