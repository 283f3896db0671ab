//! Types are rewritten, and nobody sees it but by the columns: not in positions, not in the order of
//! answers, not in the state of the transaction.

use super::{log_in, position, say, sqlstate};
use crate::support::{Cluster, Database, Endpoint, Frame, Proxy, Wire, both, transcript};

/// What is written, and what `format_type` says of the column.
const COLUMNS: [(&str, &str); 58] = [
    ("BOOL", "boolean"),
    ("BOOLEAN", "boolean"),
    ("BYTES", "bytea"),
    ("BYTES(100)", "bytea"),
    ("BLOB", "bytea"),
    ("DATE", "date"),
    ("TIME", "time without time zone"),
    ("DATETIME", "timestamp without time zone"),
    ("DATETIME(0)", "timestamp without time zone"),
    ("DATETIME(6)", "timestamp without time zone"),
    ("DATETIME(7)", "character varying(37)"),
    ("DATETIME(9)", "character varying(37)"),
    ("INT1", "smallint"),
    ("INT2", "smallint"),
    ("INT4", "integer"),
    ("INT4(11)", "integer"),
    ("INT8", "bigint"),
    ("NUMERIC(10,2)", "numeric(10,2)"),
    ("NUMERIC(38)", "numeric(38,0)"),
    ("NUMERIC", "numeric"),
    ("REAL4", "real"),
    ("REAL8", "double precision"),
    ("STRING(1)", "character varying(1)"),
    ("STRING(21845)", "character varying(21845)"),
    ("STRING(21846)", "character varying(65535)"),
    ("STRING(2147483647)", "character varying(65535)"),
    ("STRING", "character varying(65535)"),
    ("WSTRING(1)", "character varying(1)"),
    ("WSTRING(21845)", "character varying(21845)"),
    ("WSTRING(21846)", "character varying(65535)"),
    ("WSTRING(2147483647)", "character varying(65535)"),
    ("WSTRING", "character varying(65535)"),
    ("UINT1", "smallint"),
    ("UINT2", "integer"),
    ("UINT4", "bigint"),
    ("UINT8", "bigint"),
    ("NCLOB", "text"),
    ("CLOB", "text"),
    ("JSON", "text"),
    // Spelled in other ways.
    ("string ( 20 )", "character varying(20)"),
    ("String/* of */(\n-- twenty\n20)", "character varying(20)"),
    ("uInT4", "bigint"),
    ("UINT4 NOT NULL DEFAULT 7", "bigint"),
    ("STRING(15) DEFAULT 'STRING(0)'", "character varying(15)"),
    ("REAL8 CHECK (1 > 0)", "double precision"),
    ("UINT4[]", "bigint[]"),
    ("STRING(5) ARRAY", "character varying(5)[]"),
    ("INT1[3][]", "smallint[]"),
    ("STRING(9) COLLATE \"C\"", "character varying(9)"),
    // PostgreSQL's own stay.
    ("varchar(9)", "character varying(9)"),
    ("timestamp(3) with time zone", "timestamp(3) with time zone"),
    ("double precision", "double precision"),
    ("text", "text"),
    ("jsonb", "jsonb"),
    ("pg_catalog.json", "json"),
    ("\"char\"", "\"char\""),
    ("numeric(5)[]", "numeric(5,0)[]"),
    ("bit varying(3)", "bit varying(3)"),
];

fn proxied() -> (Database, Endpoint) {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    (database, endpoint)
}

/// Where a word stands in a text, in characters from 1, as errors count.
fn place(sql: &str, word: &str) -> usize {
    let at = sql.find(word).unwrap_or_else(|| panic!("{word} is not in {sql}"));
    sql[..at].chars().count() + 1
}

/// Parse, Bind and Execute.
fn extended<'a>(wire: &'a mut Wire, sql: &str) -> &'a mut Wire {
    wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0)
}

fn create_table(name: &str) -> String {
    let columns: Vec<String> =
        COLUMNS.iter().enumerate().map(|(n, (written, _))| format!("c{n} {written}")).collect();
    format!("CREATE TABLE {name} ({})", columns.join(",\n"))
}

fn columns_of(database: &Database, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    );
    database.query(&sql).concat()
}

#[test]
fn every_type_of_the_table() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "SET dms.notices = off");
    let expected: Vec<&str> = COLUMNS.iter().map(|(_, column)| *column).collect();
    let done = "CommandComplete CREATE TABLE\nReadyForQuery I\n";
    assert_eq!(say(&mut wire, create_table("simple")), done);
    assert_eq!(columns_of(&database, "simple"), expected);
    let done = format!("ParseComplete\nBindComplete\n{done}");
    let said = transcript(&extended(&mut wire, &create_table("extended")).sync().until_ready());
    assert_eq!(said, done);
    assert_eq!(columns_of(&database, "extended"), expected);
    // By a prepared statement with a name, executed when other things were said.
    wire.parse("later", create_table("named"), &[]).sync().query("SELECT 1");
    wire.bind("p", "later", &[], &[], 0).execute("p", 0).sync();
    (0..3).for_each(|_| drop(wire.until_ready()));
    assert_eq!(columns_of(&database, "named"), expected);
    // One by one.
    say(&mut wire, "CREATE TABLE altered ()");
    for (n, (written, _)) in COLUMNS.iter().enumerate() {
        wire.query(format!("ALTER TABLE altered ADD COLUMN c{n} {written}"));
    }
    for (written, _) in COLUMNS {
        let said = transcript(&wire.until_ready());
        assert_eq!(said, "CommandComplete ALTER TABLE\nReadyForQuery I\n", "{written}");
    }
    assert_eq!(columns_of(&database, "altered"), expected);
}

#[test]
fn other_statements_that_name_types() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    for sql in [
        "CREATE TEMP TABLE made AS SELECT '7'::UINT4 AS a, CAST('x' AS STRING(3)) AS b; \
         CREATE TABLE kept AS TABLE made",
        "ALTER TABLE kept ALTER COLUMN a TYPE INT1 USING a::INT1, ADD c NCLOB",
        "CREATE DOMAIN positive AS UINT2 CHECK (VALUE > 0)",
        "CREATE TYPE pair AS (a UINT1, b WSTRING(7))",
        "CREATE FUNCTION twice(x UINT2) RETURNS UINT4 LANGUAGE sql AS 'SELECT 2::bigint * x'",
        "PREPARE p (UINT4, STRING(5)) AS SELECT $1, $2; EXECUTE p (1, 'x')",
        "CREATE TABLE parent (id UINT8, at DATETIME) PARTITION BY RANGE (id); \
         CREATE TABLE child PARTITION OF parent FOR VALUES FROM (1) TO (9)",
        "CREATE TABLE names (date DATE, string STRING(5), \"UINT4\" INT1, time TIME)",
        "INSERT INTO names VALUES (DATE '2026-01-31', 'UINT4', 1, '10:00')",
    ] {
        let said = say(&mut wire, sql);
        assert!(!said.contains("ErrorResponse"), "{sql}\n{said}");
    }
    assert_eq!(columns_of(&database, "kept"), ["smallint", "character varying(3)", "text"]);
    assert_eq!(columns_of(&database, "pair"), ["smallint", "character varying(7)"]);
    assert_eq!(columns_of(&database, "child"), ["bigint", "timestamp without time zone"]);
    let types = "SELECT pg_get_function_arguments('twice'::regproc), pg_get_function_result('twice'::regproc)";
    assert_eq!(database.query(types), [["x integer", "bigint"]]);
    let names = ["date", "character varying(5)", "smallint", "time without time zone"];
    assert_eq!(columns_of(&database, "names"), names);
    assert_eq!(database.query("SELECT string FROM names"), [["UINT4"]]);
}

#[test]
fn many_statements_in_one_query() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let one = |n| {
        format!("CREATE TABLE t{n} (a UINT4, ö STRING({n}));\nINSERT INTO t{n} VALUES ({n}, 'x');")
    };
    let sql: String = (1..=100).map(one).collect();
    let said = say(&mut wire, format!("{sql} SELECT nope"));
    let done = "CommandComplete CREATE TABLE\nCommandComplete INSERT 0 1\n".repeat(100);
    assert!(said.starts_with(&format!("{done}ErrorResponse")), "{said}");
    let position = format!(" P=\"{}\"\n", place(&format!("{sql} SELECT nope"), "nope"));
    assert!(said.contains(&position), "{position}{said}");
    // One implicit transaction: the error has undone all of it.
    assert_eq!(database.query("SELECT to_regclass('t1')"), [["NULL"]]);
    say(&mut wire, sql);
    assert_eq!(columns_of(&database, "t100"), ["bigint", "character varying(100)"]);
}

/// Texts with a type that cannot be mapped; what stands at the position is the third.
const REFUSED: [(&str, &str); 7] = [
    ("CREATE TABLE t (a STRING(0))", "STRING(0)"),
    ("CREATE TABLE t (a INT4, b STRING(2147483648), c DATE)", "STRING(2147483648)"),
    ("CREATE TABLE t (a WSTRING(0))", "WSTRING(0)"),
    ("CREATE TABLE t (a DATETIME(10))", "DATETIME(10)"),
    ("/* größer */ CREATE TABLE tä (ö text DEFAULT '日本', b STRING(0))", "STRING(0)"),
    (
        "CREATE TABLE t (a STRING, b UINT4, c DATETIME(3), ä DATETIME ( 10 ), e STRING(0))",
        "DATETIME ( 10 )",
    ),
    ("ALTER TABLE ü ADD a BYTES(100), ADD b STRING(0)", "STRING(0)"),
];

fn assert_refused(frames: &[Frame], sql: &str, word: &str) {
    assert_eq!(sqlstate(frames), "22023", "{sql}: {frames:?}");
    assert_eq!(position(frames), Some(place(sql, word)), "{sql}: {frames:?}");
}

#[test]
fn modifiers_that_cannot_be_are_refused_where_they_stand() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    for (sql, word) in REFUSED {
        let said = wire.query(sql).until_ready();
        assert_refused(&said, sql, word);
        assert_eq!(transcript(&said).lines().count(), 2, "{said:?}");
        assert!(transcript(&said).ends_with("\nReadyForQuery I\n"), "{said:?}");
        let said = extended(&mut wire, sql).sync().until_ready();
        assert_refused(&said, sql, word);
        assert_eq!(transcript(&said).lines().count(), 2, "{said:?}");
        assert!(transcript(&said).ends_with("\nReadyForQuery I\n"), "{said:?}");
    }
}

#[test]
fn nothing_of_a_refused_text_reaches_the_server() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let sql = "CREATE TABLE before (a int); INSERT INTO before VALUES (1); CREATE TABLE t (a STRING(0)); \
               CREATE TABLE after (a int)";
    let last = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query NOT LIKE '%pg_stat_activity%' \
                AND query NOT LIKE '%to_regclass(%'";
    for by_parse in [false, true] {
        if by_parse {
            assert_refused(&extended(&mut wire, sql).sync().until_ready(), sql, "STRING(0)");
        } else {
            assert_refused(&wire.query(sql).until_ready(), sql, "STRING(0)");
        }
        let queries = database.query(last).concat();
        assert_eq!(queries.len(), 1, "{queries:?}");
        assert!(!queries[0].contains("before") && !queries[0].contains("STRING"), "{queries:?}");
        let there = "SELECT to_regclass('before'), to_regclass('after'), to_regclass('t')";
        assert_eq!(database.query(there), [["NULL"; 3]]);
    }
}

#[test]
fn refusals_keep_their_place_in_a_pipeline() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let (bad, word) = ("CREATE TABLE bad (a STRING(0))", "STRING(0)");
    wire.query("CREATE TABLE one (a UINT4)")
        .query(bad)
        .query("CREATE TABLE two (a UINT4)")
        .query("SELECT 'end'");
    let said: Vec<Vec<Frame>> = (0..4).map(|_| wire.until_ready()).collect();
    assert!(transcript(&said[0]).starts_with("CommandComplete CREATE TABLE\n"), "{said:?}");
    assert_refused(&said[1], bad, word);
    assert!(transcript(&said[2]).starts_with("CommandComplete CREATE TABLE\n"), "{said:?}");
    assert!(transcript(&said[3]).contains("DataRow end\n"), "{said:?}");
    // In one pipeline: what is in front is answered and undone, what is behind is skipped.
    extended(&mut wire, "SELECT 'first'");
    extended(&mut wire, "CREATE TABLE three (a UINT4)");
    extended(&mut wire, bad);
    extended(&mut wire, "CREATE TABLE four (a UINT4)").flush().sync();
    extended(&mut wire, "SELECT 'next'").sync();
    let said = wire.until_ready();
    let tags: Vec<u8> = said.iter().map(|frame| frame.tag).collect();
    assert_eq!(tags, *b"12DC12CEZ", "{said:?}");
    assert_refused(&said, bad, word);
    assert!(transcript(&wire.until_ready()).contains("DataRow next\n"));
    let there = "SELECT to_regclass('two') IS NULL, to_regclass('three') IS NULL, to_regclass('four') IS NULL";
    assert_eq!(database.query(there), [["f", "t", "t"]]);
    // An error of the server's before it wins, and so does one of a Bind in front.
    extended(&mut wire, "SELECT nope");
    extended(&mut wire, bad).sync();
    assert_eq!(sqlstate(&wire.until_ready()), "42703");
    // Without a Sync, then skipped to one.
    wire.parse("", bad, &[]).flush();
    assert_refused(&wire.until(b'E'), bad, word);
    extended(&mut wire, "SELECT 'skipped'").flush().sync();
    assert_eq!(transcript(&wire.until_ready()), "ReadyForQuery I\n");
}

#[test]
fn refusals_fail_the_transaction() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let (bad, word) = ("CREATE TABLE bad (a STRING(0))", "STRING(0)");
    for by_parse in [false, true] {
        let refuse = |wire: &mut Wire| match by_parse {
            true => extended(wire, bad).sync().until_ready(),
            false => wire.query(bad).until_ready(),
        };
        assert!(say(&mut wire, "BEGIN").ends_with("ReadyForQuery T\n"));
        let said = refuse(&mut wire);
        assert_refused(&said, bad, word);
        assert!(transcript(&said).ends_with("ReadyForQuery E\n"), "{said:?}");
        assert_eq!(sqlstate(&wire.query("SELECT 1").until_ready()), "25P02");
        // It is failed already, so that is what is wrong.
        let said = refuse(&mut wire);
        assert_eq!(sqlstate(&said), "25P02");
        assert!(transcript(&said).ends_with("ReadyForQuery E\n"), "{said:?}");
        let done = "CommandComplete ROLLBACK\nReadyForQuery I\n";
        assert_eq!(say(&mut wire, "ROLLBACK"), done);
        // Savepoints bring it back.
        say(&mut wire, "BEGIN; SAVEPOINT s");
        assert_refused(&refuse(&mut wire), bad, word);
        assert!(say(&mut wire, "ROLLBACK TO s").ends_with("ReadyForQuery T\n"));
        assert!(say(&mut wire, "SELECT 'alive'").contains("alive"));
        assert_eq!(say(&mut wire, "COMMIT"), "CommandComplete COMMIT\nReadyForQuery I\n");
    }
}

/// Errors of the server in texts that were rewritten, and what stands at the position.
const WRONG: [(&str, &str); 7] = [
    ("CREATE TABLE t (a STRING(5), b nope)", "nope"),
    ("CREATE TABLE t (a BYTES, b UINT4, c DATETIME(3), d nope)", "nope"),
    ("CREATE TABLE t (ä STRING, \"日本\" UINT4 DEFAULT 'ö', d nope(3))", "nope"),
    ("CREATE TABLE t (a nope, b STRING(5))", "nope"),
    ("CREATE TABLE t (a UINT4, b INT4 INT4)", "INT4)"),
    ("SELECT 1::UINT4, 'ä'::STRING(3), missing", "missing"),
    ("ALTER TABLE altered ADD x CLOB, ADD b nope", "nope"),
];

#[test]
fn positions_of_the_server_are_those_of_the_clients_text() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE altered (a int)");
    for (sql, word) in WRONG {
        let said = wire.query(sql).until_ready();
        assert_eq!(position(&said), Some(place(sql, word)), "{sql}: {said:?}");
        let two = format!("SELECT 'ö'; {sql}");
        let said = wire.query(&two).until_ready();
        assert_eq!(position(&said), Some(place(&two, word)), "{two}: {said:?}");
        let said = extended(&mut wire, sql).sync().until_ready();
        assert_eq!(position(&said), Some(place(sql, word)), "{sql}: {said:?}");
        // Prepared, and executed when other things were said.
        wire.parse("s", sql, &[]).sync();
        let mut said = wire.until_ready();
        if said[0].tag == b'1' {
            say(&mut wire, "SELECT 1");
            wire.bind("p", "s", &[], &[], 0).execute("p", 0).close(b'S', "s").sync();
            said = wire.until_ready();
            wire.close(b'S', "s").sync().until_ready();
        }
        assert_eq!(position(&said), Some(place(sql, word)), "{sql}: {said:?}");
    }
}

#[test]
fn positions_in_other_encodings() {
    let (_database, endpoint) = proxied();
    let (mut wire, _) = Wire::log_in(&endpoint, &[("client_encoding", "LATIN1")]);
    // A byte a character.
    let sql = b"CREATE TABLE t (\xE4\xF6\xFC STRING, b UINT4 DEFAULT '\xDF', c nope)";
    let place = sql.windows(4).position(|word| word == b"nope").unwrap() + 1;
    assert_eq!(position(&wire.query(sql).until_ready()), Some(place));
    let sql = b"CREATE TABLE t (\xE4\xF6\xFC STRING, b UINT4 DEFAULT '\xDF', c STRING(0))";
    let place = sql.windows(9).position(|word| word == b"STRING(0)").unwrap() + 1;
    assert_eq!(position(&wire.query(sql).until_ready()), Some(place));
    say(&mut wire, "SET client_encoding = 'SJIS'");
    // A backslash is the second byte of the first character.
    let sql = b"CREATE TABLE t (a text DEFAULT '\x95\x5C\x95\x5C', b STRING(5), c nope)";
    let place = sql.windows(4).position(|word| word == b"nope").unwrap() + 1 - 2;
    assert_eq!(position(&wire.query(sql).until_ready()), Some(place));
    let sql = b"CREATE TABLE t (a text DEFAULT '\x95\x5C\x95\x5C', b STRING(5), c STRING(0))";
    let place = sql.windows(9).position(|word| word == b"STRING(0)").unwrap() + 1 - 2;
    assert_eq!(position(&wire.query(sql).until_ready()), Some(place));
}

#[test]
fn names_of_statements_are_used_again() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let rewritten = "CREATE TABLE t (a UINT4, b STRING, c nope)";
    let plain = "CREATE TABLE t (a bigint, b text, c nope)";
    for name in ["", "s"] {
        wire.parse(name, rewritten, &[]).bind("", name, &[], &[], 0).execute("", 0).sync();
        assert_eq!(position(&wire.until_ready()), Some(place(rewritten, "nope")));
        if !name.is_empty() {
            // The name is taken, so it still stands for the first text.
            wire.parse(name, plain, &[]).sync();
            assert_eq!(sqlstate(&wire.until_ready()), "42P05");
            wire.bind("", name, &[], &[], 0).execute("", 0).sync();
            assert_eq!(position(&wire.until_ready()), Some(place(rewritten, "nope")));
            wire.close(b'S', name);
        }
        wire.parse(name, plain, &[]).bind("", name, &[], &[], 0).execute("", 0).sync();
        assert_eq!(position(&wire.until_ready()), Some(place(plain, "nope")));
    }
    // A portal outlives its statement.
    say(&mut wire, "BEGIN");
    wire.parse("s2", rewritten, &[]).bind("p", "s2", &[], &[], 0).close(b'S', "s2");
    wire.parse("s2", plain, &[]).execute("p", 0).sync();
    assert_eq!(position(&wire.until_ready()), Some(place(rewritten, "nope")));
    say(&mut wire, "ROLLBACK");
    // SQL's own way to do away with a name.
    wire.parse("s3", rewritten, &[]).sync().until_ready();
    say(&mut wire, "DEALLOCATE s3");
    wire.parse("s3", plain, &[]).bind("", "s3", &[], &[], 0).execute("", 0).sync();
    assert_eq!(position(&wire.until_ready()), Some(place(plain, "nope")));
}

#[test]
fn answers_to_rewritten_statements_are_whole() {
    // Written in the words of both, so that nothing but the rewriting differs.
    let said = both(|endpoint| {
        let direct = endpoint.address == Cluster::shared().embedded().tcp_address().unwrap();
        let words = |sql: &str| match direct {
            true => sql.replace("UINT4", "BIGINT").replace("STRING(", "VARCHAR("),
            false => sql.to_owned(),
        };
        let mut wire = log_in(endpoint);
        [
            "CREATE TABLE IF NOT EXISTS t (a UINT4 PRIMARY KEY, b STRING(5)); CREATE TABLE IF NOT EXISTS t (a UINT4)",
            "INSERT INTO t VALUES (1, 'longer than that')",
            "INSERT INTO t VALUES (1::UINT4, 'x'); INSERT INTO t VALUES (1::UINT4, 'x')",
            "SELECT *, a::UINT4, b::STRING(3) FROM t",
            "CREATE TABLE t (a UINT4)",
        ]
        .map(|sql| say(&mut wire, words(sql)))
    });
    assert!(said[1].contains("22001"), "{}", said[1]);
    let (_database, endpoint) = proxied();
    let said =
        say(&mut log_in(&endpoint), "SELECT 'UINT4', $$STRING(0)$$, E'x\\'UINT4' -- STRING(0)");
    assert!(said.contains("DataRow UINT4 STRING(0) x\\'UINT4\n"), "{said}");
}
