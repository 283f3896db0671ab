//! Booleans spelled as words, for the `smallint` columns that take their place.

use super::policies::copy;
use super::typed_values::{oid, outcome, proxied};
use super::{log_in, say, sqlstate};
use crate::support::{both, transcript};

const COPIES: [(&str, &str); 3] = [
    ("COPY t FROM STDIN", "true\tt\ttrue\nFALSE\tf\tfalse\n\\N\tTrue\tt\n2\tF\tx\n"),
    ("COPY t FROM STDIN (FORMAT csv)", "true,t,true\nFALSE,f,false\n,\"True\",t\n2,F,x\n"),
    (
        "COPY t (s, n, x) FROM STDIN CSV DELIMITER ';'",
        "true;t;true\nFALSE;f;false\n;True;t\n2;F;x\n",
    ),
];

#[test]
fn words_in_rows_are_numbers_of_a_smallint() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (s smallint, n smallint, x text)");
    for (sql, rows) in COPIES {
        for begin in ["", "BEGIN"] {
            for size in [1, 3, 1000] {
                say(&mut wire, format!("TRUNCATE t; {begin}"));
                let said = transcript(&copy(&mut wire, sql, rows.as_bytes(), size));
                assert!(said.contains("CommandComplete COPY 4"), "{sql}: {said}");
                say(&mut wire, "COMMIT");
                let expected =
                    [["1", "1", "true"], ["0", "0", "false"], ["NULL", "1", "t"], ["2", "0", "x"]];
                assert_eq!(database.query("TABLE t"), expected, "{sql} {size}");
            }
        }
    }
}

#[test]
fn words_in_parameters_are_numbers() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    for (column, declared) in [
        ("smallint", &[][..]),
        ("smallint", &[oid::VARCHAR]),
        ("smallint", &[oid::BOOL]),
        ("numeric(3)", &[oid::TEXT]),
        ("int", &[oid::VARCHAR]),
    ] {
        say(
            &mut wire,
            format!("DROP TABLE IF EXISTS t; CREATE TABLE t (k int UNIQUE DEFAULT 1, c {column})"),
        );
        for (word, number) in [("true", "1"), ("TRUE", "1"), ("False", "0"), ("t", "1"), ("f", "0")]
        {
            for sql in [
                ("INSERT INTO t (c) VALUES ($1)", ""),
                ("UPDATE t SET c = $1", "INSERT INTO t VALUES (1, 7)"),
            ] {
                let found = outcome(&mut wire, sql, declared, 0, word.as_bytes());
                assert_eq!(found.as_deref(), Ok(number), "{column} {declared:?} {word}");
            }
        }
    }
}

#[test]
fn other_words_are_refused_as_the_server_does() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TABLE t (k int UNIQUE DEFAULT 1, c smallint)");
        let mut said = Vec::new();
        for word in ["yes", "tru", "truer", "", "T F"] {
            let sql = ("INSERT INTO t (c) VALUES ($1)", "");
            said.push(outcome(&mut wire, sql, &[], 0, word.as_bytes()).unwrap_err());
            let rows = format!("{word}\n");
            said.push(sqlstate(&copy(&mut wire, "COPY t (c) FROM STDIN", rows.as_bytes(), 99)));
        }
        said
    });
}
