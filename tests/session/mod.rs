//! Whole conversations through a session, without a network. Each file in this directory is one:
//! what the peers send (`client>`, `target>`), and behind each message what comes out of the proxy
//! (`to target:`, `to client:`), in the order in which it does. Every conversation is held three times, which
//! has to make no difference: a message at a time, a byte at a time, and all at once that the client sends
//! before the target speaks again.
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
        exchange.mark_sent(direction, out.len());
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

/// Bytes to the target and to the client.
type Out = (Vec<u8>, Vec<u8>);

/// Holds the conversation in `script`, and gives what comes out between the messages of the target: where
/// `at_once`, all that the client sends there comes in one read, else a message at a time.
fn hold_runs(script: &str, at_once: bool) -> Vec<Out> {
    let configured = script.lines().filter_map(|line| line.strip_prefix("config: "));
    let mut exchange = exchange(&configured.map(|line| format!("{line}\n")).collect::<String>());
    let mut runs: Vec<(Side, Vec<Vec<u8>>)> = Vec::new();
    for line in script.lines() {
        let (side, message) = match line.split_once("> ") {
            Some(("client", message)) => (Side::Client, message),
            Some(("target", message)) => (Side::Target, message),
            _ => continue,
        };
        let bytes = encode(side, message);
        match runs.last_mut() {
            Some((Side::Client, messages)) if side == Side::Client => messages.push(bytes),
            _ => runs.push((side, vec![bytes])),
        }
    }
    let mut hold_run = |(side, messages): (Side, Vec<Vec<u8>>)| {
        let pieces = if at_once { vec![messages.concat()] } else { messages };
        let mut out = Out::default();
        for piece in pieces {
            let (to_target, to_client) = step(&mut exchange, side, &piece);
            out.0.extend(to_target);
            out.1.extend(to_client);
        }
        out
    };
    runs.into_iter().map(&mut hold_run).collect()
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

#[test]
fn all_at_once_makes_no_difference() {
    for file in scripts() {
        let script = fs::read_to_string(&file).unwrap();
        let (one, all) = (hold_runs(&script, false), hold_runs(&script, true));
        for (number, (one, all)) in one.iter().zip(&all).enumerate() {
            let text = |(to_target, to_client): &Out| {
                format!(
                    "to target: {}\nto client: {}",
                    to_target.escape_ascii(),
                    to_client.escape_ascii()
                )
            };
            assert_eq!(text(all), text(one), "{}, run {number}", file.display());
        }
    }
}
