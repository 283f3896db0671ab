//! Tables that one text creates and fills: the catalog knows nothing of them before it runs.

use super::policies::session;
use super::{log_in, say, sqlstate};
use crate::support::{Cluster, Database, Proxy, Wire};

/// Runs a text that must not fail.
fn runs(wire: &mut Wire, sql: &str) {
    let said = say(wire, sql);
    assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
}

fn start(config: &str) -> (Proxy, Database, Wire) {
    session(&format!("[mapping]\nsource = \"oracle\"\njson = \"keep\"\n{config}"))
}

#[test]
fn constants_are_fitted_to_columns_that_the_text_defines() {
    let (_proxy, database, mut wire) = start("");
    runs(
        &mut wire,
        r#"BEGIN;
        CREATE TABLE "T" (id NUMBER(9) PRIMARY KEY, ok boolean, data RAW(16), doc jsonb, note VARCHAR2(9));
        CREATE INDEX ON "T" (note);
        INSERT INTO "T" VALUES (1, 1, X'00FF', '{"k": "\u0000"}', '\u0000'), (2, 0, 0xAB, NULL, E'a\000');
        CREATE TABLE IF NOT EXISTS public.u (ok bool NOT NULL DEFAULT true, n int);
        INSERT INTO public.u (n, ok) VALUES (1, 0);
        UPDATE "T" SET ok = 0, data = X'' WHERE id = 1;
        COMMIT"#,
    );
    assert_eq!(
        database.query("SELECT * FROM \"T\" ORDER BY id"),
        [["1", "f", "\\x", r#"{"k": " "}"#, r"\u0000"], ["2", "f", "\\xab", "NULL", "a "]]
    );
    assert_eq!(database.query("TABLE u"), [["f", "1"]]);
    // A table that is there is known from the catalog, or from the text that replaces it.
    runs(
        &mut wire,
        "CREATE TABLE IF NOT EXISTS u (ok int, n boolean); INSERT INTO u VALUES (1, 2)",
    );
    let sql = "DROP TABLE u; CREATE TABLE IF NOT EXISTS u (ok int, n boolean); INSERT INTO u VALUES (2, 1)";
    runs(&mut wire, sql);
    assert_eq!(database.query("TABLE u"), [["2", "t"]]);
    // Nothing is remembered of a text that failed.
    let sql = "CREATE TABLE v (a boolean); INSERT INTO v VALUES (1); SELECT 1/0";
    assert_eq!(sqlstate(&wire.query(sql).until_ready()), "22012");
    runs(&mut wire, "CREATE TABLE v (a int)");
    runs(&mut wire, "INSERT INTO v VALUES (1)");
    // Rows of a COPY, too.
    wire.query("CREATE TABLE w (doc json, note text); COPY w FROM STDIN").until(b'G');
    wire.copy_data("\"\\\\u0000\"\t\\\\u0000\n").copy_done().until_ready();
    assert_eq!(database.query("TABLE w"), [[r#""\u0020""#, r"\u0000"]]);
}

#[test]
fn policies_hold_for_tables_that_the_text_defines() {
    let (_proxy, database, mut wire) = session(
        "[values]\ngenerated = \"leave-out\"\nidentity_always = \"override\"\nbad_dates = \"null\"\n\
         too_long = \"truncate\"\n",
    );
    runs(
        &mut wire,
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, a varchar(3), at timestamp(0),
             g text GENERATED ALWAYS AS (a || '!') STORED);
         INSERT INTO t VALUES (7, 'äöüß', '0000-00-00', 'x')",
    );
    assert_eq!(database.query("TABLE t"), [["7", "äöü", "NULL", "äöü!"]]);
    let sql = "CREATE TABLE u (at date NOT NULL); INSERT INTO u VALUES ('0000-00-00')";
    assert_eq!(sqlstate(&wire.query(sql).until_ready()), "22008");
}

#[test]
fn columns_that_the_text_does_not_tell_are_left_to_the_server() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    database.query("CREATE TABLE o (a boolean); CREATE SCHEMA s; CREATE TABLE s.t (a int)");
    for sql in [
        "CREATE TABLE t AS TABLE o; INSERT INTO t VALUES (1)",
        "CREATE TABLE t (LIKE o); INSERT INTO t VALUES (1)",
        "CREATE TABLE t () INHERITS (o); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a boolean); ALTER TABLE t RENAME a TO b; INSERT INTO t (b) VALUES (1)",
    ] {
        assert_eq!(sqlstate(&wire.query(sql).until_ready()), "42804", "{sql}");
    }
    let sql = "CREATE TABLE u (b int); ALTER TABLE u ADD a boolean; INSERT INTO u (a) VALUES (1)";
    runs(&mut wire, sql);
    assert_eq!(database.query("SELECT a FROM u"), [["t"]]);
    // Another table of the name.
    runs(&mut wire, "CREATE TABLE t (a boolean); SET search_path = s; INSERT INTO t VALUES (1)");
    assert_eq!(database.query("TABLE s.t"), [["1"]]);
}
