//! Fields of binary rows that are only of another type than their column arrive, whatever the other columns are.

use super::policies::{Road, copy, copy_sql, stream};
use super::typed_values::proxied;
use super::{log_in, say, sqlstate};
use crate::support::{both, transcript};

#[test]
fn binary_fields_of_another_type_are_mended_in_any_rows() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    for (column, value, expected) in [
        ("jsonb", &b"{\"a\": 1}"[..], "{\"a\": 1}"),
        ("jsonb", b" [1]", "[1]"),
        ("jsonb", b"\"\\u0000\"", "\" \""),
        ("jsonb", b"\x01\"\\u0000\"", "\" \""),
        ("smallint", &(-7_i32).to_be_bytes(), "-7"),
        ("smallint", &7_i64.to_be_bytes(), "7"),
        ("smallint", b"-12", "-12"),
        ("integer", &(-7_i16).to_be_bytes(), "-7"),
        ("integer", &7_i64.to_be_bytes(), "7"),
        ("bigint", &(-7_i16).to_be_bytes(), "-7"),
        ("bigint", &7_i32.to_be_bytes(), "7"),
        ("bigint", b"123", "123"),
        ("real", &0.5_f64.to_be_bytes(), "0.5"),
        ("double precision", &0.5_f32.to_be_bytes(), "0.5"),
        ("integer", &7_i32.to_be_bytes(), "7"),
        ("bigint", b"12345678", "3544952156018063160"),
    ] {
        say(
            &mut wire,
            format!("DROP TABLE IF EXISTS t; CREATE TABLE t (k int, c {column}, s text)"),
        );
        let key = 1_i32.to_be_bytes();
        let rows = stream(
            Road::CopyBinary,
            &[&[Some(&key), Some(value), Some(b"x")], &[Some(&key), None, Some(b"x")]],
        );
        for begin in ["", "BEGIN"] {
            for size in [1, 7, rows.len()] {
                say(&mut wire, format!("TRUNCATE t; {begin}"));
                let said = copy(&mut wire, &copy_sql(Road::CopyBinary, "t"), &rows, size);
                let said = transcript(&said);
                assert!(said.contains("CommandComplete COPY 2"), "{column} {value:?}: {said}");
                say(&mut wire, "COMMIT");
                let stored = database.query("SELECT k, c, s FROM t WHERE c IS NOT NULL");
                assert_eq!(stored, [["1", expected, "x"]], "{column} {value:?}");
            }
        }
    }
}

#[test]
fn binary_fields_that_cannot_be_meant_are_refused_as_the_server_does() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = Vec::new();
        for (column, value) in [
            ("smallint", &70_000_i32.to_be_bytes()[..]),
            ("integer", &(1_i64 << 40).to_be_bytes()),
            ("integer", b"abc"),
            ("bigint", b""),
            ("jsonb", b"\x02{}"),
            ("jsonb", b"\x01{"),
            ("jsonb", b""),
        ] {
            say(&mut wire, format!("DROP TABLE IF EXISTS t; CREATE TABLE t (c {column})"));
            let rows = stream(Road::CopyBinary, &[&[Some(value)]]);
            let frames = copy(&mut wire, &copy_sql(Road::CopyBinary, "t"), &rows, rows.len());
            said.push(sqlstate(&frames));
        }
        said
    });
}
