//! Columns and keys that rules add to tables, on every way that rows come.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{log_in, position, say, sqlstate};
use crate::support::{Cluster, Database, Proxy, Wire, transcript};

/// A proxy with these rules of table mappings, and lower-case names for the schema HR.
pub(crate) fn proxy(name: &str, own: &str) -> Proxy {
    proxy_with(name, own, "")
}

/// The same with more lines of configuration behind those of `[mapping]`.
pub(super) fn proxy_with(name: &str, own: &str, more: &str) -> Proxy {
    let file = rules_file(name, own);
    Proxy::start(&format!("[mapping]\ntable_mappings = {file:?}\n{more}"), &[])
}

/// A new file with these rules.
pub(crate) fn rules_file(name: &str, own: &str) -> PathBuf {
    // Tests run side by side, and a file is read while another one is written.
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let rules = format!(
        r#"{{"rules": [
        {{"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
          "object-locator": {{"schema-name": "HR", "table-name": "%"}}}},
        {{"rule-type": "transformation", "rule-id": "2", "rule-name": "2", "rule-target": "schema",
          "rule-action": "rename", "value": "people", "object-locator": {{"schema-name": "HR"}}}},
        {{"rule-type": "transformation", "rule-id": "3", "rule-name": "3", "rule-target": "column",
          "rule-action": "convert-lowercase", "object-locator":
          {{"schema-name": "HR", "table-name": "%", "column-name": "%"}}}},
        {{"rule-type": "transformation", "rule-id": "4", "rule-name": "4", "rule-target": "table",
          "rule-action": "convert-lowercase", "object-locator":
          {{"schema-name": "HR", "table-name": "%"}}}}, {own}]}}"#
    );
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("{name}-{}-{number}.json", std::process::id()));
    std::fs::write(&file, rules).unwrap();
    file
}

pub(super) fn add_column(
    id: u32,
    table: &str,
    name: &str,
    data_type: &str,
    expression: &str,
) -> String {
    format!(
        r#"{{"rule-type": "transformation", "rule-id": "{id}", "rule-name": "{id}",
            "rule-target": "column", "rule-action": "add-column", "value": "{name}",
            "object-locator": {{"schema-name": "HR", "table-name": "{table}"}},
            "expression": "{expression}", "data-type": {data_type}}}"#
    )
}

pub(crate) fn session(proxy: &Proxy) -> (Database, Wire) {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, r#"CREATE SCHEMA "HR""#);
    (database, wire)
}

fn columns() -> Proxy {
    let string = r#"{"type": "string", "length": 40}"#;
    let whole = r#"{"type": "int4"}"#;
    let rules = [
        add_column(
            10,
            "%",
            "origin",
            string,
            "$AR_M_SOURCE_SCHEMA || '.' || $AR_M_SOURCE_TABLE_NAME",
        ),
        add_column(11, "EMP", "label", string, "upper(substr($NAME, 1, 2)) || '-' || $ID"),
        add_column(
            13,
            "NEW",
            "place",
            string,
            "$AR_M_MODIFIED_SCHEMA || '.' || $AR_M_MODIFIED_TABLE_NAME || ' of ' || $AR_M_SOURCE_TABLE_NAME",
        ),
        add_column(12, "EMP", "size", whole, "CASE WHEN $ID > 2 THEN 10 ELSE 1 END"),
    ];
    proxy("added-columns", &rules.join(","))
}

#[test]
fn added_columns_are_filled_on_every_way() {
    let proxy = columns();
    let (database, mut wire) = session(&proxy);
    let said =
        say(&mut wire, r#"CREATE TABLE "HR"."EMP" ("ID" INT4 PRIMARY KEY, "NAME" STRING(20))"#);
    assert!(said.contains("CREATE TABLE"), "{said}");
    // A simple query, with and without a list of columns, and from a query.
    say(&mut wire, r#"INSERT INTO "HR"."EMP" ("ID", "NAME") VALUES (1, 'anna')"#);
    say(&mut wire, r#"INSERT INTO "HR"."EMP" VALUES (2, 'bert')"#);
    say(&mut wire, r#"INSERT INTO "HR"."EMP" SELECT 3, 'carl'"#);
    // The extended protocol.
    wire.parse("p", r#"INSERT INTO "HR"."EMP" ("ID", "NAME") VALUES ($1, $2)"#, &[]);
    wire.bind("", "p", &[], &[Some(b"4"), Some(b"dora")], 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("INSERT 0 1"), "{said}");
    // COPY, with and without a list.
    for (sql, row) in [
        (r#"COPY "HR"."EMP" ("NAME", "ID") FROM STDIN"#, "emil\t5\n"),
        (r#"COPY "HR"."EMP" FROM STDIN CSV"#, "6,fred\n"),
    ] {
        wire.query(sql).until(b'G');
        wire.copy_data(row).copy_done();
        let said = transcript(&wire.until_ready());
        assert!(said.contains("COPY 1"), "{said}");
    }
    // PREPARE, MERGE, and a change.
    say(&mut wire, r#"PREPARE q AS INSERT INTO "HR"."EMP" VALUES ($1, $2); EXECUTE q (7, 'gerd')"#);
    let merge = r#"MERGE INTO "HR"."EMP" t USING (SELECT 8 AS k) s ON t."ID" = s.k
        WHEN NOT MATCHED THEN INSERT ("ID", "NAME") VALUES (s.k, 'hans')"#;
    let said = say(&mut wire, merge);
    assert!(said.contains("MERGE 1"), "{said}");
    say(&mut wire, r#"UPDATE "HR"."EMP" SET "NAME" = 'zoe' WHERE "ID" = 8"#);
    let rows = database.query("SELECT id, name, origin, label, size FROM people.emp ORDER BY id");
    let row = |id: u32, name: &str, label: &str| {
        let size = if id > 2 { "10" } else { "1" };
        [id.to_string(), name.into(), "HR.EMP".into(), format!("{label}-{id}"), size.into()]
    };
    let expected = [
        row(1, "anna", "AN"),
        row(2, "bert", "BE"),
        row(3, "carl", "CA"),
        row(4, "dora", "DO"),
        row(5, "emil", "EM"),
        row(6, "fred", "FR"),
        row(7, "gerd", "GE"),
        row(8, "zoe", "ZO"),
    ];
    assert_eq!(rows, expected);
    let types = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 'people.emp'::regclass AND attnum > 2 ORDER BY attnum";
    assert_eq!(
        database.query(types).concat(),
        ["character varying(40)", "character varying(40)", "integer"]
    );
    // Another table of the schema gets the one column that is for all, those of other schemas none.
    say(&mut wire, r#"CREATE TABLE "HR"."D" (); CREATE TABLE public."D" ("A" int)"#);
    assert_eq!(database.query("SELECT count(origin) FROM people.d"), [["0"]]);
    assert!(say(&mut wire, r#"INSERT INTO public."D" VALUES (1)"#).contains("INSERT 0 1"));
}

#[test]
fn a_table_that_lacks_the_column_gets_no_rows() {
    let proxy = columns();
    let (database, mut wire) = session(&proxy);
    database.query("CREATE TABLE people.emp (id int, name text, origin text)");
    for sql in [
        r#"INSERT INTO "HR"."EMP" ("ID") VALUES (1)"#,
        r#"COPY "HR"."EMP" ("ID", "NAME") FROM STDIN"#,
        r#"WITH s AS (SELECT 1 AS a) INSERT INTO "HR"."EMP" ("ID") SELECT a FROM s"#,
    ] {
        let frames = wire.query(sql).until_ready();
        assert_eq!(sqlstate(&frames), "0A000", "{sql}");
        let said = transcript(&frames);
        assert!(said.contains("origin") && said.contains("rule-id 10"), "{said}");
        assert_eq!(position(&frames), sql.find("\"EMP\"").map(|at| at + 1), "{sql}");
    }
    assert_eq!(database.query("SELECT count(*) FROM people.emp"), [["0"]]);
    // Rows of a table that the same text creates are counted on.
    let sql = r#"DROP TABLE "HR"."EMP"; CREATE TABLE "HR"."EMP" ("ID" int, "NAME" text);
        INSERT INTO "HR"."EMP" VALUES (1, 'x')"#;
    assert!(say(&mut wire, sql).contains("INSERT 0 1"));
    let frames = wire.query(r#"CREATE TABLE "HR"."COPY" AS SELECT 1 AS "A""#).until_ready();
    assert_eq!((sqlstate(&frames), position(&frames)), ("0A000".into(), Some(19)));
    let said = say(&mut wire, r#"CREATE TEMP TABLE "T" AS SELECT 1 AS "A""#);
    assert!(said.contains("SELECT 1"), "{said}");
}

#[test]
fn keys_are_added_where_there_is_none() {
    let key = |id: u32, table: &str, origin: &str| {
        format!(
            r#"{{"rule-type": "transformation", "rule-id": "{id}", "rule-name": "{id}",
                "rule-target": "table", "rule-action": "define-primary-key",
                "object-locator": {{"schema-name": "HR", "table-name": "{table}"}},
                "primary-key-def": {{"name": "Key of {table}", "origin": "{origin}",
                "columns": ["B", "A"]}}}}"#
        )
    };
    let rules = [key(20, "P", "primary-key"), key(21, "U", "unique-index")];
    let proxy = proxy("added-keys", &rules.join(","));
    let (database, mut wire) = session(&proxy);
    let sql = r#"CREATE TABLE "HR"."P" ("A" int, "B" int);
        CREATE TABLE "HR"."U" ("A" int PRIMARY KEY, "B" int) WITH (fillfactor = 50)"#;
    let said = say(&mut wire, sql);
    assert!(!said.contains("ErrorResponse"), "{said}");
    let keys = "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conname LIKE 'Key%' ORDER BY 1";
    assert_eq!(
        database.query(keys),
        [["people.p", "Key of P", "PRIMARY KEY (b, a)"], ["people.u", "Key of U", "UNIQUE (b, a)"]]
    );
    let frames =
        wire.query(r#"CREATE TABLE "HR"."P" ("A" int PRIMARY KEY, "B" int)"#).until_ready();
    assert_eq!((sqlstate(&frames), position(&frames)), ("0A000".into(), Some(19)));
    assert!(transcript(&frames).contains("rule-id 20"));
    assert!(say(&mut wire, r#"INSERT INTO "HR"."P" VALUES (1, 2)"#).contains("INSERT 0 1"));
}

#[test]
fn added_columns_know_both_names_of_their_table() {
    let proxy = columns();
    let (database, mut wire) = session(&proxy);
    let said = say(
        &mut wire,
        r#"CREATE TABLE "HR"."NEW" ("ID" int); INSERT INTO "HR"."NEW" ("ID") VALUES (1)"#,
    );
    assert!(said.contains("INSERT 0 1"), "{said}");
    assert_eq!(database.query("SELECT id, place FROM people.new"), [["1", "people.new of NEW"]]);
}
