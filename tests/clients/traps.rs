//! Values that loads trip over, sent by real drivers on every way they have: each way through the
//! proxy stores the same rows.
//!
//! A driver's script (`tests/clients/traps/`) gets host, port, user, database and the columns' types
//! as arguments and the rows on its standard input. It makes one table for each way, called like the
//! way, and prints the ways. With `cast` as a last argument its placeholders are cast to the types of
//! the columns: what the proxy does for values that only their declared type is wrong for, the server
//! alone does not. That is how harmless rows show on the server that the script itself is right.

use std::fmt::Write as _;
use std::process::Command;

use super::python;
use crate::support::{Cluster, Database, Endpoint, Proxy, program, run, setup_directory};

/// The columns behind `n`, the number of the row: name, type as the proxy gets it, and the type of
/// PostgreSQL that it has to become.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("t", "CLOB", "text"),
    ("v", "STRING(20)", "character varying(20)"),
    ("c", "char(5)", "character(5)"),
    ("jb", "jsonb", "jsonb"),
    // Of the names of AWS DMS, JSON is the one that is also PostgreSQL's; qualified it is only that.
    ("j", "pg_catalog.json", "json"),
    ("jt", "JSON", "text"),
    ("b", "BYTES", "bytea"),
    ("u", "uuid", "uuid"),
    ("ts", "DATETIME(6)", "timestamp without time zone"),
    ("tz", "timestamptz", "timestamp with time zone"),
    ("bo", "BOOL", "boolean"),
    ("nu", "NUMERIC(20,6)", "numeric(20,6)"),
    ("si", "UINT1", "smallint"),
    ("bi", "UINT8", "bigint"),
    ("d9", "DATETIME(9)", "character varying(37)"),
    ("ar", "text[]", "text[]"),
];

/// What stands between the elements of an array in what scripts are told. An empty text is an array
/// without elements.
const BETWEEN: &str = "\u{1f}";

/// What NULL is called where rows are compared.
const NULL: &str = "<null>";

/// A value of a row: its column, what is sent, and what has to be stored, as PostgreSQL writes it.
type Value = (&'static str, &'static str, &'static str);

/// The rows; columns that are not named are NULL. Bytes are spelled as hexadecimal digits and sent as
/// bytes where the driver can. A row is one statement for most ways, so a row has no more traps than
/// can be told apart when it fails.
const ROWS: &[&[Value]] = &[
    &[
        ("t", "text", "text"),
        ("v", "varying", "varying"),
        ("c", "fixed", "fixed"),
        ("jb", r#"{"a":[1,null,"x"]}"#, r#"{"a": [1, null, "x"]}"#),
        ("j", r#"{"a":[1,null,"x"]}"#, r#"{"a":[1,null,"x"]}"#),
        ("jt", r#"{"a":[1,null,"x"]}"#, r#"{"a":[1,null,"x"]}"#),
        ("b", "\\x0102", "\\x0102"),
        ("u", "00010203-0405-0607-0809-0a0b0c0d0e0f", "00010203-0405-0607-0809-0a0b0c0d0e0f"),
        ("ts", "2024-02-29 23:59:59.999999", "2024-02-29 23:59:59.999999"),
        ("tz", "2024-02-29 23:59:59.999999+05:30", "2024-02-29 18:29:59.999999+00"),
        ("bo", "1", "true"),
        ("nu", "12345678901234.123456", "12345678901234.123456"),
        ("si", "255", "255"),
        ("bi", "9223372036854775807", "9223372036854775807"),
        ("d9", "2024-02-29 23:59:59.123456789", "2024-02-29 23:59:59.123456789"),
        ("ar", "x\u{1f}y z", "{x,\"y z\"}"),
    ],
    &[
        ("bo", "0", "false"),
        ("nu", "-0.000001", "-0.000001"),
        ("si", "-32768", "-32768"),
        ("bi", "-9223372036854775808", "-9223372036854775808"),
        ("ts", "0001-01-02 00:00:00", "0001-01-02 00:00:00"),
        ("tz", "1999-12-31 23:59:59-00:30", "2000-01-01 00:29:59+00"),
        ("u", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("d9", "0001-01-01 00:00:00.000000001", "0001-01-01 00:00:00.000000001"),
    ],
    &[],
    &[("t", "", ""), ("v", "", ""), ("c", "", ""), ("d9", "", ""), ("b", "\\x", "\\x")],
    &[("ar", "", "{}"), ("jb", r#""""#, r#""""#), ("j", r#""""#, r#""""#), ("jt", "", "")],
    // U+0000 alone, first, in the middle and last; beside characters of two, three and four bytes.
    &[("t", "\0", " ")],
    &[("t", "\0first", " first"), ("v", "\0first", " first"), ("c", "\0f", " f")],
    &[("t", "mid\0dle", "mid dle"), ("v", "mid\0dle", "mid dle"), ("c", "m\0d", "m d")],
    // Blanks at the end of a CHAR(n) are no part of its text.
    &[("t", "last\0", "last "), ("v", "last\0", "last "), ("c", "l\0", "l")],
    &[("t", "\0\0\0", "   "), ("v", "\0", " "), ("c", "\0", "")],
    &[
        ("t", "ä\0表\0🦀\0", "ä 表 🦀 "),
        ("v", "\0ß\0\u{e000}", " ß \u{e000}"),
        ("c", "é\0é", "é é"),
    ],
    // What a driver has a timestamp for, which a column of nine digits takes as text.
    &[("d9", "2024-02-29 23:59:59.123456", "2024-02-29 23:59:59.123456")],
    &[("d9", "2024-02-29 00:00:00\0", "2024-02-29 00:00:00 ")],
    // The last character that fits.
    &[("v", "1234567890123456789\0", "1234567890123456789 "), ("c", "1234\0", "1234")],
    &[("ar", "a\0b\u{1f}\0\u{1f}c", "{\"a b\",\" \",c}")],
    // The escape of JSON, and what only looks like it.
    &[("jb", r#"{"k":"a\u0000b"}"#, r#"{"k": "a b"}"#), ("j", r#""\u0000""#, r#""\u0020""#)],
    &[
        ("jb", r#"{"k":"a\\u0000b"}"#, r#"{"k": "a\\u0000b"}"#),
        ("j", r#""\\u0000""#, r#""\\u0000""#),
    ],
    &[
        ("jb", r#"["\\\u0000","\u00000"]"#, r#"["\\ ", " 0"]"#),
        ("j", r#""\\\u0000""#, r#""\\\u0020""#),
    ],
    &[("jb", r#"{"\u0000":"表\u0000"}"#, r#"{" ": "表 "}"#)],
    // The column is a text, to which an escape is nothing.
    &[("jt", r#"{"k":"\\u0000"}"#, r#"{"k":"\\u0000"}"#)],
    &[("jt", r#"{"k":"\u0000"}"#, r#"{"k":"\u0000"}"#)],
    &[("t", r"\u0000", r"\u0000"), ("v", r"\\u0000", r"\\u0000")],
    // Bytes stay what they are.
    &[("b", "\\x00", "\\x00"), ("t", "\0", " ")],
    &[("b", "\\x005c30303000", "\\x005c30303000")],
    &[("b", "\\x5c303030", "\\x5c303030"), ("v", "\0", " ")],
    &[("b", "\\x5c783030", "\\x5c783030"), ("jb", r#""\u0000""#, r#"" ""#)],
    &[("b", "\\xff00fe5c5c0a0d0922272c", "\\xff00fe5c5c0a0d0922272c")],
    // Backslashes, and what is an escape, a NULL or an end elsewhere.
    &[("t", r"\", r"\"), ("v", r"\\", r"\\"), ("c", r"\N", r"\N")],
    &[("t", r"\000", r"\000"), ("v", r"\0 \x00", r"\0 \x00"), ("c", r"\x00", r"\x00")],
    &[("t", "\\\0\\\\0", "\\ \\\\0"), ("v", "\0\\000", " \\000")],
    &[("t", r"\.", r"\."), ("v", "NULL", "NULL"), ("c", "null", "null")],
    &[("t", "attNULL", "attNULL"), ("v", r"\N", r"\N")],
    &[("ar", "\\\u{1f}\"\u{1f},{}\u{1f}null\u{1f}'", r#"{"\\","\"",",{}","null",'}"#)],
    // Quotes and what stands between values.
    &[("t", "it's \"quoted\"\t$1 ? %s :x $$", "it's \"quoted\"\t$1 ? %s :x $$"), ("v", "''", "''")],
    &[
        ("t", "a\nb\rc\r\nd\te,f;g|h", "a\nb\rc\r\nd\te,f;g|h"),
        ("v", ",", ","),
        ("c", "\t\n", "\t\n"),
    ],
    &[("t", "'\0'\0\"\0\t\0\n\0,\0", "' ' \" \t \n , "), ("v", "\"\0\"", "\" \"")],
];

/// What a driver refuses to send, or cuts, whatever it is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lacks {
    Nothing,
    /// U+0000 in a text: rows with one are left out.
    Nul,
    /// Whatever stands behind the first U+0000 of a text. Arrays with one are left out.
    BehindNul,
}

/// A way, and what it lacks.
type Way = (&'static str, Lacks);

/// Whether the server takes what these ways send of the row.
fn is_harmless(row: &[Value], ways: &[Way]) -> bool {
    let sends_nul = ways.iter().any(|(_, lacks)| *lacks != Lacks::BehindNul);
    row.iter().all(|(column, sent, _)| match *column {
        "jb" | "j" => !sent.replace(r"\\", "").contains(r"\u0000"),
        _ => !sends_nul || !sent.contains('\0'),
    })
}

/// The rows for a script: one line each, a field starts with a dot and is hexadecimal, NULL is a dash.
fn input(rows: &[(usize, &[Value])]) -> String {
    let mut lines = String::new();
    for (number, row) in rows {
        write!(lines, "{number}").unwrap();
        for (name, ..) in COLUMNS {
            match row.iter().find(|(column, ..)| column == name) {
                Some((_, sent, _)) => {
                    lines.push_str(" .");
                    sent.bytes().for_each(|byte| write!(lines, "{byte:02x}").unwrap());
                }
                None => lines.push_str(" -"),
            }
        }
        lines.push('\n');
    }
    lines
}

fn expected(rows: &[(usize, &[Value])], lacks: Lacks) -> Vec<Vec<String>> {
    let row = |(number, row): &(usize, &[Value])| {
        let text = |name: &str| {
            let value = row.iter().find(|(column, ..)| *column == name);
            let stored = value.map_or(NULL, |&(_, sent, stored)| match sent.split_once('\0') {
                Some((before, _)) if lacks == Lacks::BehindNul => before,
                _ => stored,
            });
            stored.to_owned()
        };
        let values = COLUMNS.iter().map(|(name, ..)| text(name));
        std::iter::once(number.to_string()).chain(values).collect()
    };
    let is_sent = |(_, row): &&(usize, &[Value])| match lacks {
        Lacks::Nothing => true,
        Lacks::Nul => !row.iter().any(|(_, sent, _)| sent.contains('\0')),
        Lacks::BehindNul => {
            !row.iter().any(|(column, sent, _)| *column == "ar" && sent.contains('\0'))
        }
    };
    rows.iter().filter(is_sent).map(row).collect()
}

fn stored(database: &Database, table: &str) -> Vec<Vec<String>> {
    let texts: Vec<String> =
        COLUMNS.iter().map(|(name, ..)| format!("coalesce({name}::text, '{NULL}')")).collect();
    let texts = texts.join(", ");
    database.query(&format!("SET TimeZone = 'UTC'; SELECT n, {texts} FROM {table} ORDER BY n"))
}

/// Runs the script on an endpoint and wants each way's table to hold the rows.
fn check(
    load: &Command,
    endpoint: &Endpoint,
    database: &Database,
    ways: &[Way],
    rows: &[(usize, &[Value])],
) {
    let is_direct = endpoint.address == database.endpoint().address;
    let types = COLUMNS.iter().map(|(name, by_dms, by_postgresql)| {
        format!("{name} {}", if is_direct { by_postgresql } else { by_dms })
    });
    let mut command = crate::support::command(load.get_program());
    let directory = setup_directory().with_file_name("clients").join("traps");
    command.current_dir(directory).args(load.get_args());
    command.args([endpoint.address.ip().to_string(), endpoint.address.port().to_string()]);
    command.args([&endpoint.user, &endpoint.database, &types.collect::<Vec<_>>().join(";")]);
    command.arg(if is_direct { "cast" } else { "" });
    let printed = run(&mut command, input(rows).as_bytes()).success();
    let names: Vec<&str> = ways.iter().map(|(name, _)| *name).collect();
    assert_eq!(printed.lines().collect::<Vec<_>>(), names);
    for (name, lacks) in ways {
        let (stored, expected) = (stored(database, name), expected(rows, *lacks));
        for (stored, expected) in stored.iter().zip(&expected) {
            assert_eq!(stored, expected, "{name}, direct: {is_direct}");
        }
        assert_eq!(stored.len(), expected.len(), "{name}, direct: {is_direct}");
        assert_eq!(types_of(database, name), types_of_columns(), "{name}, direct: {is_direct}");
    }
}

fn types_of(database: &Database, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = '{table}'::regclass AND attnum > 1 ORDER BY attnum"
    );
    database.query(&sql).into_iter().flatten().collect()
}

fn types_of_columns() -> Vec<String> {
    COLUMNS.iter().map(|(.., by_postgresql)| (*by_postgresql).to_owned()).collect()
}

/// All rows through the proxy, the harmless ones on the server itself.
fn every_way_stores_the_same(load: &Command, ways: &[Way]) {
    let numbered = ROWS.iter().enumerate().map(|(index, row)| (index + 1, *row));
    let harmless: Vec<_> = numbered.clone().filter(|(_, row)| is_harmless(row, ways)).collect();
    assert!((10..ROWS.len()).contains(&harmless.len()), "{}", harmless.len());
    let database = Cluster::shared().create_database();
    check(load, database.endpoint(), &database, ways, &harmless);
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    check(load, &endpoint, &database, ways, &numbered.collect::<Vec<_>>());
}

#[cfg(client = "psycopg")]
#[test]
fn psycopg() {
    every_way_stores_the_same(
        &python("traps_psycopg.py"),
        &[
            ("text_strings", Lacks::Nothing),
            ("text_own", Lacks::Nothing),
            ("binary_strings", Lacks::Nothing),
            ("binary_own", Lacks::Nothing),
            ("prepared", Lacks::Nothing),
            ("many", Lacks::Nothing),
            ("pipeline", Lacks::Nothing),
            ("copy_text_raw", Lacks::Nothing),
            ("copy_text_escapes", Lacks::Nothing),
            ("copy_text_rows", Lacks::Nul),
            ("copy_binary", Lacks::Nothing),
            ("copy_csv", Lacks::Nothing),
        ],
    );
}

#[cfg(client = "asyncpg")]
#[test]
fn asyncpg() {
    every_way_stores_the_same(
        &python("traps_asyncpg.py"),
        &[
            ("execute", Lacks::Nothing),
            ("prepared", Lacks::Nothing),
            ("many", Lacks::Nothing),
            ("copy_records", Lacks::Nothing),
            ("copy_text", Lacks::Nothing),
            ("copy_csv", Lacks::Nothing),
        ],
    );
}

fn node(kind: &str) -> Command {
    let mut node = program("node");
    node.args(["traps_node_postgres.js", kind]);
    node
}

#[cfg(client = "node-postgres")]
#[test]
fn node_postgres() {
    every_way_stores_the_same(
        &node("queries"),
        &[("strings", Lacks::Nothing), ("own", Lacks::Nothing), ("named", Lacks::Nothing)],
    );
}

#[cfg(client = "pg-copy-streams")]
#[test]
fn pg_copy_streams() {
    every_way_stores_the_same(
        &node("copy"),
        &[
            ("copy_text", Lacks::Nothing),
            ("copy_csv", Lacks::Nothing),
            ("copy_csv_semicolons", Lacks::Nothing),
        ],
    );
}

#[cfg(client = "pgjdbc")]
#[test]
fn pgjdbc() {
    let mut java = program("java");
    java.arg("-classpath").arg(setup_directory().join("lib/postgresql.jar"));
    java.arg("TrapsPgjdbc.java");
    every_way_stores_the_same(
        &java,
        &[
            ("simple_strings", Lacks::Nul),
            ("simple_own", Lacks::Nul),
            ("simple_batch_strings", Lacks::Nul),
            ("simple_batch_own", Lacks::Nul),
            ("simple_batch_rewritten_strings", Lacks::Nul),
            ("simple_batch_rewritten_own", Lacks::Nul),
            ("extended_strings", Lacks::Nothing),
            ("extended_own", Lacks::Nothing),
            ("extended_batch_strings", Lacks::Nothing),
            ("extended_batch_own", Lacks::Nothing),
            ("extended_batch_rewritten_strings", Lacks::Nothing),
            ("extended_batch_rewritten_own", Lacks::Nothing),
            ("extendedForPrepared_strings", Lacks::Nothing),
            ("extendedForPrepared_own", Lacks::Nothing),
            ("extendedForPrepared_batch_strings", Lacks::Nothing),
            ("extendedForPrepared_batch_own", Lacks::Nothing),
            ("extendedForPrepared_batch_rewritten_strings", Lacks::Nothing),
            ("extendedForPrepared_batch_rewritten_own", Lacks::Nothing),
            ("copy_text", Lacks::Nothing),
            ("copy_csv", Lacks::Nothing),
        ],
    );
}

#[cfg(client = "psqlodbc")]
#[test]
fn psqlodbc() {
    every_way_stores_the_same(
        &python("traps_psqlodbc.py"),
        &[
            ("strings_wchar_0", Lacks::BehindNul),
            ("own_wchar_0", Lacks::BehindNul),
            ("strings_char_0", Lacks::BehindNul),
            ("own_char_0", Lacks::BehindNul),
            ("fast_many", Lacks::BehindNul),
            ("strings_wchar_1", Lacks::BehindNul),
            ("own_wchar_1", Lacks::BehindNul),
            ("strings_char_1", Lacks::BehindNul),
            ("own_char_1", Lacks::BehindNul),
        ],
    );
}
