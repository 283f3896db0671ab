//! Who may use whom, by whole names of modules; and who knows nothing of IO.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::imports::Imports;
use super::{assert_none, complaints, sources};

/// What a module may use, itself left out: a module with all that is in it, or a part of one.
const EDGES: &[(&str, &[&str])] = &[
    // Data and grammars.
    ("encoding", &[]),
    ("escape", &["encoding"]),
    ("ledger", &["encoding", "parking::spelling", "parking::trust"]),
    ("keyword", &[]),
    ("repeats", &[]),
    ("colour", &["keyword"]),
    ("mapping", &["encoding", "keyword"]),
    ("parking", &["encoding"]),
    ("wire", &["encoding"]),
    (
        "value",
        &["encoding", "escape", "keyword", "mapping::masks", "wire::bind_body", "wire::cut_number"],
    ),
    ("policy", &["keyword", "mapping", "value", "wire::startup_packet"]),
    ("statement", &["encoding", "escape", "mapping", "value::column", "value::copy::options"]),
    ("catalog", &["encoding", "parking::spelling", "statement", "value", "wire"]),
    (
        "rewrite",
        &[
            "catalog",
            "encoding",
            "escape::nul",
            "ledger",
            "mapping",
            "parking::spelling",
            "policy",
            "statement",
            "value",
            "wire",
        ],
    ),
    (
        "aside",
        &[
            "encoding",
            "ledger::exceptions",
            "ledger::rejects",
            "ledger::suspended",
            "parking::spelling",
            "policy",
            "statement",
            "value::binary_text",
            "value::copy::options",
            "wire",
        ],
    ),
    (
        "session",
        &[
            "aside",
            "catalog",
            "encoding",
            "ledger",
            "mapping",
            "parking",
            "policy",
            "repeats",
            "rewrite",
            "statement",
            "statistics",
            "value",
            "wire",
        ],
    ),
    ("statistics", &["ledger"]),
    ("dms", &["mapping", "policy"]),
    ("script", &[]),
    // Files and sockets.
    ("files", &[]),
    ("auth", &["files", "wire::startup_packet"]),
    ("stream", &[]),
    ("tls", &["files"]),
    ("target", &["stream", "tls"]),
    ("config", &["dms", "keyword", "mapping", "policy", "target", "tls", "value"]),
    (
        "telemetry",
        &[
            "colour",
            "config",
            "connection",
            "mapping",
            "session",
            "statistics",
            "stream",
            "wire::startup_packet",
        ],
    ),
    ("connection", &["session", "statistics", "stream", "wire"]),
    ("login", &["auth", "config", "repeats", "stream", "target", "tls", "wire"]),
    ("close_out", &["ledger::results", "login", "parking", "policy", "stream", "target", "tls"]),
    (
        "admin",
        &[
            "config",
            "files",
            "ledger",
            "mapping",
            "session",
            "statistics",
            "stream",
            "target",
            "tls",
            "wire",
        ],
    ),
    (
        "listener",
        &[
            "admin",
            "auth",
            "config",
            "connection",
            "login",
            "mapping",
            "policy",
            "session",
            "statistics",
            "stream",
            "target",
            "telemetry",
            "tls",
            "wire",
        ],
    ),
    (
        "cli",
        &[
            "colour",
            "keyword",
            "admin",
            "auth",
            "catalog",
            "close_out",
            "config",
            "connection",
            "dms",
            "encoding",
            "ledger",
            "listener",
            "mapping",
            "parking",
            "policy",
            "rewrite",
            "script",
            "session",
            "statement",
            "target",
            "telemetry",
            "tls",
            "value",
        ],
    ),
    ("lib", &["cli"]),
];

/// Modules that know nothing of IO.
const WITHOUT_IO: &[&str] = &[
    "aside",
    "catalog",
    "dms",
    "encoding",
    "escape",
    "ledger",
    "mapping",
    "parking",
    "policy",
    "rewrite",
    "script",
    "session",
    "statement",
    "value",
    "wire",
];

/// What is used against the table, and by how many files; modules that are not in it.
fn forbidden(files: &[Facts], edges: &[(&str, &[&str])]) -> Vec<(String, usize)> {
    let imports = Imports::of(files);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for facts in files {
        let top = facts.module.first().map_or("lib", String::as_str);
        let Some((_, allowed)) = edges.iter().find(|(module, _)| *module == top) else {
            *counts.entry(format!("{top} is not in the table")).or_default() += 1;
            continue;
        };
        for used in imports.used_by(facts) {
            let path = used.module.join("::");
            let is_below = |module: &str| {
                path.strip_prefix(module)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            };
            if !is_below(top) && !allowed.iter().any(|module| is_below(module)) {
                *counts.entry(format!("{top} -> {path}")).or_default() += 1;
            }
        }
    }
    counts.into_iter().collect()
}

#[test]
fn modules_use_only_what_the_map_allows() {
    const EXCEPTIONS: &[(&str, usize)] = &[];
    let found = forbidden(sources(), EDGES);
    let counts = found.iter().map(|(name, count)| (name.as_str(), *count));
    assert_none(&complaints(counts, 0, EXCEPTIONS));
}

#[test]
fn every_path_into_the_crate_is_followed() {
    let imports = Imports::of(sources());
    let lost = sources().iter().flat_map(|facts| {
        imports.lost(facts).into_iter().map(|path| format!("{}: {path}", facts.path))
    });
    assert_none(&lost.collect::<Vec<_>>());
}

#[test]
fn forbidden_edges_are_found_by_whole_names() {
    let files = [
        Facts::of("lib.rs", ""),
        Facts::of("close.rs", "pub fn f() {}"),
        Facts::of("close_out/mod.rs", "pub mod sql; pub mod scope; pub use sql::g;"),
        Facts::of("close_out/sql.rs", "pub fn g() {}"),
        Facts::of("close_out/scope.rs", "pub fn h() {}"),
        Facts::of(
            "session.rs",
            "use crate::{close, close_out}; use close_out::scope::h;
            fn f() { close::f(); crate::close_out::g(); h() }",
        ),
        Facts::of("new.rs", ""),
    ];
    let edges: &[(&str, &[&str])] = &[
        ("lib", &[]),
        ("close", &[]),
        ("close_out", &[]),
        ("session", &["close", "close_out::sql"]),
    ];
    let expected =
        [("new is not in the table".into(), 1), ("session -> close_out::scope".into(), 1)];
    assert_eq!(forbidden(&files, edges), expected);
}

/// Words of IO in this text.
fn io_words(text: &str) -> Vec<&'static str> {
    const WORDS: [&str; 5] = ["tokio", "std::net", "std::fs", "std::time::Instant", "SystemTime"];
    WORDS.into_iter().filter(|word| text.contains(word)).collect()
}

#[test]
fn the_pure_modules_do_no_io() {
    let pure = |facts: &&Facts| facts.module.first().is_some_and(|m| WITHOUT_IO.contains(&&m[..]));
    let found = sources().iter().filter(pure).flat_map(|facts| {
        io_words(&facts.text).into_iter().map(|word| format!("{} mentions {word}", facts.path))
    });
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn words_of_io_are_found() {
    assert_eq!(io_words("use std::fs;\nuse tokio::net::TcpStream;"), ["tokio", "std::fs"]);
    assert!(io_words("use std::fmt;").is_empty());
}
