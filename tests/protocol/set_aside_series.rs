//! Texts of several statements that change rows: those that the target refuses are set aside, and the rest of the text goes
//! on, as one transaction.

use super::set_aside_changes::{CONFIG, aside, begun, prepared};
use super::{log_in, say};
use crate::support::{Proxy, Wire, transcript};

/// Runs a text in a transaction or not; gives the tags and the last message.
fn tags(wire: &mut Wire, before: &str, sql: &str) -> Vec<String> {
    wire.query(before).until_ready();
    let said = say(wire, sql);
    wire.query(if before.is_empty() { "" } else { "COMMIT" }).until_ready();
    let tags = said.lines().filter(|line| !line.starts_with("NoticeResponse"));
    tags.map(|line| line.replace("CommandComplete ", "")).collect()
}

#[test]
fn each_statement_of_a_text_is_answered_for_itself() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    let good = |number: usize| format!("INSERT INTO plain VALUES ({number}, 'v')");
    let long = |number: usize| format!("INSERT INTO plain VALUES ({number}, 'too long')");
    let nothing = "UPDATE plain SET v = 'none' WHERE id = 100".to_owned();
    for (statements, told, refused) in [
        (vec![good(1), good(2)], "INSERT 0 1, INSERT 0 1", 0),
        (vec![long(1), good(2), good(3)], "INSERT 0 0, INSERT 0 1, INSERT 0 1", 1),
        (vec![good(1), long(2), good(3)], "INSERT 0 1, INSERT 0 0, INSERT 0 1", 1),
        (vec![good(1), good(2), long(3)], "INSERT 0 1, INSERT 0 1, INSERT 0 0", 1),
        (vec![long(1), long(2)], "INSERT 0 0, INSERT 0 0", 2),
        (
            vec![good(1), good(1), nothing, good(2)],
            "INSERT 0 1, INSERT 0 0, UPDATE 1, INSERT 0 1",
            1,
        ),
    ] {
        let text = statements.join("; ");
        let gone = "WITH gone AS (DELETE FROM plain WHERE id < 100 RETURNING id) SELECT count(*) FROM gone";
        let loaded = told.matches("INSERT 0 1").count().to_string();
        for (before, status) in [("", "I"), ("BEGIN", "T")] {
            let said = tags(&mut wire, before, &text);
            let expected = format!("{told}, ReadyForQuery {status}");
            assert_eq!(said.join(", "), expected, "{text}");
            assert_eq!(aside(&database).len(), refused, "{text}");
            assert_eq!(database.query(gone), [[loaded.clone()]], "{text}");
        }
        // As psqlODBC sends it.
        let text = format!("SAVEPOINT s;{text};RELEASE s");
        let said = tags(&mut wire, "BEGIN", &text);
        let expected = format!("SAVEPOINT, {told}, RELEASE, ReadyForQuery T");
        assert_eq!(said.join(", "), expected, "{text}");
        assert_eq!(aside(&database).len(), refused, "{text}");
        assert_eq!(database.query(gone), [[loaded]], "{text}");
    }
}

#[test]
fn other_errors_end_the_text_as_without_it() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut direct = log_in(database.endpoint());
    let mut wire = begun(&proxy, &database);
    for before in ["", "BEGIN"] {
        for sql in [
            "INSERT INTO plain VALUES (7, 'é'); INSERT INTO plain VALUES (8, 'b')",
            "INSERT INTO plain VALUES (7, 'é'); INSERT INTO nowhere VALUES (8, 'b')",
            "INSERT INTO nowhere VALUES (7, 'é'); INSERT INTO plain VALUES (8, 'b')",
            "INSERT INTO plain VALUES (7, 'é'); UPDATE plain SET n = 1; DELETE FROM plain",
            "INSERT INTO plain VALUES (7, 'é'); INSERT INTO plain VALUES (8, 'b') RETURNING *",
            "SAVEPOINT s; INSERT INTO plain VALUES (7, 'a'); RELEASE s",
            "SAVEPOINT s; INSERT INTO plain VALUES (7, 'a'); RELEASE other",
            "RELEASE other; INSERT INTO plain VALUES (7, 'a')",
            "INSERT INTO plain VALUES (7, 'a'); COMMIT; INSERT INTO plain VALUES (100, 'a')",
            "INSERT INTO plain VALUES (7, 'a');; DELETE FROM plain WHERE id = 7;",
        ] {
            let said = [&mut direct, &mut wire].map(|wire| {
                wire.query(before).until_ready();
                let said = say(wire, sql);
                let said = said + &transcript(&wire.query("ROLLBACK").until_ready());
                said + &say(wire, "DELETE FROM plain WHERE id < 100")
            });
            assert_eq!(said[0], said[1], "{sql} {before}");
        }
    }
    assert!(aside(&database).is_empty());
}

#[test]
fn warnings_have_their_positions_in_the_text_of_the_client() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut direct = log_in(database.endpoint());
    let mut wire = begun(&proxy, &database);
    for sql in [
        r"INSERT INTO plain VALUES (7, '\x41')",
        r"INSERT INTO plain VALUES (7, 'é'); INSERT INTO plain VALUES (8, '\x42')",
        r"INSERT INTO plain VALUES (7, '\x41'); INSERT INTO plain VALUES (8, '\x42')",
    ] {
        for before in ["", "BEGIN"] {
            let said = [&mut direct, &mut wire].map(|wire| {
                say(wire, "SET standard_conforming_strings = off");
                say(wire, before);
                let said = say(wire, sql);
                say(wire, if before.is_empty() { "" } else { "ROLLBACK" });
                say(wire, "DELETE FROM plain WHERE id < 100");
                let warnings = said.lines().filter(|line| line.starts_with("NoticeResponse"));
                warnings.map(str::to_owned).collect::<Vec<_>>()
            });
            assert!(!said[0].is_empty(), "{sql}");
            assert_eq!(said[0], said[1], "{before}, {sql}");
        }
    }
}
