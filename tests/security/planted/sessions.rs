//! What a session of the proxy asks and sets of its own, by every message that makes it do so. What the
//! clients say here is qualified, so that a call can only come from the proxy.

use super::*;
use crate::protocol::run;
use crate::support::{Body, Wire, transcript};

/// Everything that makes the proxy read values and ask about relations.
const ALL_RULES: &str = "[values]\nnul = 'remove'\ntoo_long = 'truncate'\nbad_dates = 'null'\n\
    lob_bytes = 100000\ngenerated = 'leave-out'\nidentity_always = 'override'\n\
    silent_loss = 'warn'\nsamples = true\n";

const TABLES: &str = "CREATE SCHEMA app;
    CREATE TYPE app.mood AS ENUM ('a', 'b');
    CREATE DOMAIN app.whole AS pg_catalog.int4;
    CREATE TABLE app.p (id pg_catalog.int4 PRIMARY KEY);
    CREATE TABLE app.c (id pg_catalog.int4 CONSTRAINT fk REFERENCES app.p);
    CREATE TABLE app.t (id pg_catalog.int4 PRIMARY KEY, b pg_catalog.bool, j pg_catalog.json,
        v pg_catalog.varchar(3), y pg_catalog.bytea, at pg_catalog.timestamp, m app.mood, w app.whole,
        ws app.whole[], g pg_catalog.text GENERATED ALWAYS AS ('x') STORED,
        s pg_catalog.int4 GENERATED ALWAYS AS IDENTITY)";

/// Simple queries, each alone and then again as Parse, Bind, Execute, Sync.
const STATEMENTS: &[&str] = &[
    "INSERT INTO app.t (id, b, j, v, y, at, m, w, g, s)
        VALUES (1, 1, '{\"a\": \"\\u0000\"}', 'abcdef', X'0F', '2023-02-30', 'a', 7, 'x', 5)",
    "INSERT INTO app.t (id, b, m, ws) SELECT 2, true, 'b', '{1,2}'",
    "UPDATE app.t SET b = true, v = 'abcdef', j = '{\"a\": \"\\u0000\"}'",
    "MERGE INTO app.t t USING (SELECT 3 AS id) s ON t.id OPERATOR(pg_catalog.=) s.id
        WHEN NOT MATCHED THEN INSERT (id, b, v) VALUES (3, true, 'abcdef')",
    "PREPARE k(pg_catalog.text, app.mood, pg_catalog.json) AS SELECT $1, $2, $3",
    "EXECUTE k('abc', 'a', '{\"a\": \"\\u0000\"}')",
    "DEALLOCATE k",
    "CREATE TEMP TABLE x (a STRING(5), b INT4)",
    "DROP TABLE x",
    "SET dms.phase = 'cdc'",
    "INSERT INTO app.c SELECT id FROM app.p",
    "RESET dms.phase",
    "SET dms.fk = 'park'",
    "SELECT pg_catalog.set_config('dms.fk', 'off', false)",
    "RESET ALL",
    "DISCARD ALL",
    "TRUNCATE app.e, app.d RESTART IDENTITY",
    "CREATE TABLE IF NOT EXISTS app.e (id pg_catalog.int4)",
    "DROP TABLE app.e",
    "DROP TABLE IF EXISTS app.none, app.d",
    "CREATE TABLE IF NOT EXISTS app.e (id pg_catalog.int4)",
    "CREATE TABLE IF NOT EXISTS app.d (id pg_catalog.int4)",
    "DELETE FROM app.t",
];

/// Transactions in which settings, roles and savepoints come and go.
const TRANSACTIONS: &[&str] = &[
    "BEGIN",
    "SET LOCAL dms.phase = 'cdc'",
    "SAVEPOINT a",
    "SET dms.fk = 'off'",
    "ROLLBACK TO a",
    "INSERT INTO app.c SELECT id FROM app.p",
    "COMMIT",
    "BEGIN",
    // The role is refused inside of a transaction, which goes on.
    "SET ROLE limited",
    "SET dms.phase = 'cdc'",
    "SET dms.phase = 'full-load'",
    "SET dms.fk = 'park'",
    "INSERT INTO app.p VALUES (70)",
    "SELECT pg_catalog.set_config('dms.fk', 'replica-role', false)",
    "RESET ROLE",
    "ROLLBACK",
    "SET SESSION AUTHORIZATION limited",
    "BEGIN",
    "SET dms.fk = 'park'",
    "INSERT INTO app.p VALUES (71)",
    "ROLLBACK",
    "RESET SESSION AUTHORIZATION",
];

/// A piece of every statement that a session has of its own: all of them were said.
const SAID: &[&str] = &[
    "SELECT pg_catalog.current_setting('dms.",
    "SET session_replication_role = 'replica'",
    "SET session_replication_role = 'origin'",
    "DO $$BEGIN SET session_replication_role",
    "RESET session_replication_role; SHOW session_replication_role",
    "SELECT pg_catalog.current_setting('session_replication_role')",
    "JOIN pg_catalog.pg_trigger t",
    "AND p.provolatile",
    "SET statement_timeout = '60s'",
    "pg_catalog.current_setting('client_encoding')",
    "FROM pg_catalog.pg_attribute a",
    "JOIN pg_catalog.pg_prepared_statements p",
    "SELECT p.proargtypes",
    "SELECT t.oid, CASE WHEN",
    "INSERT INTO dms_proxy.fk_journal",
    "Foreign keys were not parked",
    "dms_proxy.note_rewrites(added)",
    "as_written pg_catalog.text",
];

fn no_error(said: &str, sql: &str) {
    assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
    assert!(!said.contains("planted"), "{sql}: {said}");
}

/// Binary values of an int4, an enum, a domain and an array of it, in a pipeline and alone.
fn binds(wire: &mut Wire) {
    let sql = "INSERT INTO app.t (id, m, w, ws, g) VALUES ($1, $2, $3, $4, $5)";
    // Into no column: the types themselves are asked about.
    let select = "SELECT $1::pg_catalog.int4, $2::app.mood, $3::app.whole";
    let values: [Option<&[u8]>; 3] = [Some(&[0, 0, 0, 1]), Some(b"a\0"), Some(&[0, 0, 0, 7])];
    wire.parse("", select, &[]).bind("", "", &[1], &values, 0).execute("", 0).sync();
    assert!(!transcript(&wire.until_ready()).contains("planted"));
    let array = Body::default().int32(1).int32(0).int32(23).int32(1).int32(1).int32(4).int32(9).0;
    for (number, name) in [(20, ""), (21, "named")] {
        let id = i32::to_be_bytes(number);
        let values: [Option<&[u8]>; 5] =
            [Some(&id), Some(b"a"), Some(&[0, 0, 0, 7]), Some(&array), Some(b"x")];
        wire.parse(name, sql, &[]).bind("", name, &[1], &values, 0).execute("", 0);
        wire.parse("", "SELECT 1", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        let said = transcript(&wire.until_ready());
        no_error(&said, sql);
        // What is known of the types is asked again.
        no_error(
            &run(wire, "ALTER TABLE app.t ADD z pg_catalog.int4; ALTER TABLE app.t DROP z", false),
            sql,
        );
        let id = i32::to_be_bytes(number + 10);
        let values = [Some(&id[..]), values[1], values[2], values[3], values[4]];
        wire.parse("again", sql, &[]).sync();
        no_error(&transcript(&wire.until_ready()), sql);
        wire.bind("", "again", &[1], &values, 0).execute("", 0).close(b'S', "again").sync();
        no_error(&transcript(&wire.until_ready()), sql);
    }
}

fn copies(wire: &mut Wire) {
    let row = "\t1\t{\"a\": \"\\\\u0000\"}\tabcdef\t\\\\x0F\t2023-02-30\ta\n";
    let sql = "COPY app.t (id, b, j, v, y, at, m) FROM STDIN";
    let said = transcript(&wire.query(sql).until(b'G'));
    no_error(&said, sql);
    wire.copy_data(format!("40{row}41{row}")).copy_done();
    no_error(&transcript(&wire.until_ready()), sql);
    // By the extended query, in a transaction that has changed the relation.
    no_error(&run(wire, "BEGIN; ALTER TABLE app.t ADD n pg_catalog.int4", false), sql);
    wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).flush();
    no_error(&transcript(&wire.until(b'G')), sql);
    wire.copy_data(format!("42{row}")).copy_done().sync();
    no_error(&transcript(&wire.until_ready()), sql);
    no_error(&run(wire, "ALTER TABLE app.t DROP n; COMMIT", false), sql);
}

/// Calls by OID: `lo_creat`, and a function with a text argument.
fn function_calls(wire: &mut Wire) {
    const LO_CREAT: i32 = 957;
    const TEXTCAT: i32 = 1258;
    let body = Body::default().int32(LO_CREAT).int16(1).int16(1).int16(1).int32(4).int32(0x2_0000);
    no_error(&transcript(&wire.send(b'F', body.int16(1)).until_ready()), "lo_creat");
    let body = Body::default().int32(TEXTCAT).int16(1).int16(1).int16(2);
    let body = body.int32(2).bytes(b"a\0").int32(2).bytes(b"\0b");
    no_error(&transcript(&wire.send(b'F', body.int16(1)).until_ready()), "textcat");
}

/// Settings that change how texts are read, and what follows them before they are answered.
fn pipelines(wire: &mut Wire) {
    let texts = [
        "SET standard_conforming_strings = off",
        "CREATE TABLE app.q (a pg_catalog.text DEFAULT 'it\\'s', b UINT4, c pg_catalog.text)",
        "SET client_encoding = 'LATIN1'",
        "INSERT INTO app.q (a, b) VALUES ('it\\'s', 1)",
        "SET dms.phase = 'cdc'",
        "INSERT INTO app.q (a, b) VALUES ('it\\'s', 1)",
        "DROP TABLE app.q",
        "RESET ALL",
    ];
    for sql in texts {
        wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0);
    }
    wire.sync();
    no_error(&transcript(&wire.until_ready()), "a pipeline");
    wire.query(texts[0]).query(texts[1]).query("RESET ALL; DROP TABLE app.q");
    for _ in 0..3 {
        no_error(&transcript(&wire.until_ready()), "queries one behind the other");
    }
}

/// All of it, once by a simple query and once by Parse.
fn converse(endpoint: &Endpoint) {
    let mut wire = log_in(endpoint);
    for by_parse in [false, true] {
        for sql in STATEMENTS.iter().chain(TRANSACTIONS) {
            no_error(&run(&mut wire, sql, by_parse), sql);
        }
    }
    binds(&mut wire);
    copies(&mut wire);
    function_calls(&mut wire);
    pipelines(&mut wire);
    no_error(&run(&mut wire, "DELETE FROM app.t; DELETE FROM app.c", false), "the end");
    // At its end the ledger is written.
    wire.terminate();
    wire.read_to_end();
}

#[test]
fn sessions_call_nothing_that_is_planted() {
    let server = planted();
    plain(&server, TABLES);
    plain(
        &server,
        "CREATE TABLE IF NOT EXISTS app.e (id pg_catalog.int4); CREATE TABLE app.d (id pg_catalog.int4);
         CREATE ROLE limited; GRANT USAGE ON SCHEMA app TO limited;
         GRANT ALL ON ALL TABLES IN SCHEMA app TO limited",
    );
    for foreign_keys in ["auto", "park", "replica-role", "off"] {
        for table_prep in ["pass-through", "do-nothing", "truncate-before-load", "drop-and-create"]
        {
            let config = format!(
                "{ALL_RULES}[fk]\nmode = '{foreign_keys}'\n[table_prep]\nmode = '{table_prep}'\n\
                 [target]\nexecute_timeout = 60\n"
            );
            let proxy = Proxy::start_before(server.tcp_address().unwrap(), &config, &[]);
            let endpoint = Endpoint {
                address: proxy.address(),
                user: server.superuser().to_owned(),
                database: "postgres".to_owned(),
            };
            plain(
                &server,
                "DROP TABLE IF EXISTS app.q; CREATE TABLE IF NOT EXISTS app.e (id pg_catalog.int4);
                 CREATE TABLE IF NOT EXISTS app.d (id pg_catalog.int4)",
            );
            converse(&endpoint);
            let when = format!("{foreign_keys} {table_prep}");
            assert_no_calls(&server, &when);
            let log = proxy.log();
            assert!(!log.contains("planted") && !log.contains("could not be written"), "{log}");
            assert_eq!(plain(&server, "SELECT count(*) > 0 FROM dms_proxy.rewrites"), [["t"]]);
        }
    }
    let log = std::fs::read_to_string(server.log_path()).unwrap();
    for said in SAID {
        assert!(log.contains(said), "{said}");
    }
}
