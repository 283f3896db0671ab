//! The bodies of the fuzz targets, replayed on the inputs that are kept under `fuzz/corpus`, and on
//! what comes of these when they are cut or a byte changes.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::fs;
use std::path::Path;

/// Bytes that mean something to one target or another.
const BYTES: [u8; 8] = [0, 1, 0xFF, b'\\', b'\'', b'"', b'0', b'\n'];

fn replay(target: &str, body: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let input = fs::read(entry.unwrap().path()).unwrap();
        inputs += 1;
        body(&input);
        for at in 0..input.len() {
            body(&input[..at]);
            let mut changed = input.clone();
            changed[at] = BYTES[at % BYTES.len()];
            body(&changed);
            changed[at] ^= 1 << (at % 8);
            body(&changed);
        }
        for choice in 0..=u8::MAX {
            let mut chosen = input.clone();
            if let Some(first) = chosen.first_mut() {
                *first = choice;
            }
            body(&chosen);
        }
    }
    assert!(inputs > 0, "no inputs for {target}");
}

#[test]
fn frame() {
    replay("frame", bodies::frame);
}

#[test]
fn frontend_message() {
    replay("frontend_message", bodies::frontend_message);
}

#[test]
fn copy_text() {
    replay("copy_text", bodies::copy_text);
}

#[test]
fn copy_csv() {
    replay("copy_csv", bodies::copy_csv);
}

#[test]
fn copy_binary() {
    replay("copy_binary", bodies::copy_binary);
}

#[test]
fn copy_rows() {
    replay("copy_rows", bodies::copy_rows);
}

#[test]
fn bind() {
    replay("bind", bodies::bind);
}

#[test]
fn statement() {
    replay("statement", bodies::statement);
}

#[test]
fn conversation() {
    replay("conversation", bodies::conversation);
}

#[test]
fn login() {
    replay("login", bodies::login);
}
