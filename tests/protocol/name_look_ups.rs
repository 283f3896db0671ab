//! Look-ups in the catalogs by the names of the source, as drivers and tools make them.

use super::additions::{proxy, proxy_with, session};
use super::say;
use crate::support::{Proxy, Wire, transcript};

/// A rule for a table that there is not.
const RULE: &str = r#"{"rule-type": "transformation", "rule-id": "9",
    "rule-name": "9", "rule-target": "column", "rule-action": "rename", "value": "x",
    "object-locator": {"schema-name": "HR", "table-name": "NONE", "column-name": "X"}}"#;

fn ready() -> (Proxy, crate::support::Database, Wire) {
    let proxy = proxy("look-ups", RULE);
    let (database, mut wire) = session(&proxy);
    say(&mut wire, r#"CREATE TABLE "HR"."EMP" ("ID" int PRIMARY KEY, "NAME" text)"#);
    say(&mut wire, r#"CREATE TABLE "HR"."EMP_X" ("A" int); CREATE TABLE public."EMP" ("B" int)"#);
    (proxy, database, wire)
}

#[test]
fn catalogs_are_asked_for_the_names_of_the_target() {
    let (_proxy, _database, mut wire) = ready();
    for (sql, rows) in [
        // The views of the standard.
        (
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'HR' AND table_name = 'EMP' ORDER BY ordinal_position",
            &["id", "name"][..],
        ),
        (
            "SELECT count(*) FROM information_schema.tables t WHERE t.table_schema IN ('HR') AND 'EMP_X' = t.table_name",
            &["1"],
        ),
        (
            "SELECT data_type FROM information_schema.columns WHERE table_schema = 'HR' AND table_name = 'EMP' AND column_name = 'ID'",
            &["integer"],
        ),
        ("SELECT tablename FROM pg_tables WHERE schemaname = 'HR' AND tablename = 'EMP'", &["emp"]),
        // pgjdbc, DatabaseMetaData.getTables and getColumns.
        (
            r"SELECT c.relname FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND n.nspname LIKE 'HR' AND c.relname LIKE 'EMP\_X' AND c.relkind IN ('r', 'p')",
            &["emp_x"],
        ),
        (
            r"SELECT c.relname FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid LEFT JOIN pg_catalog.pg_class dc ON dc.oid = c.oid AND dc.relname = 'pg_class' LEFT JOIN pg_catalog.pg_namespace dn ON dc.relnamespace = dn.oid AND dn.nspname = 'pg_catalog' WHERE n.nspname LIKE 'HR' AND c.relname LIKE 'EMP'",
            &["emp"],
        ),
        // psql, \d.
        (
            "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(EMP)$' COLLATE pg_catalog.default AND n.nspname OPERATOR(pg_catalog.~) '^(HR)$' COLLATE pg_catalog.default",
            &["people emp"],
        ),
        // SQLAlchemy with client-side parameters.
        (
            "SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = 'EMP' AND pg_catalog.pg_namespace.nspname = 'HR'",
            &["emp"],
        ),
        // psqlODBC, SQLPrimaryKeys.
        (
            "select ta.attname from pg_catalog.pg_attribute ta, pg_catalog.pg_class tc, pg_catalog.pg_namespace n, pg_catalog.pg_index i where tc.relname = 'EMP' AND n.nspname = 'HR' AND tc.oid = i.indrelid AND n.oid = tc.relnamespace AND i.indisprimary AND ta.attrelid = i.indrelid AND ta.attnum = i.indkey[0]",
            &["id"],
        ),
        // pgloader, which gets its names back.
        (
            r#"select n, n::regclass::text from (values ('"HR"."EMP"'),('pg_class'),('"HR"."EMP_X"')) as t(n)"#,
            &[
                r#"\"HR\".\"EMP\" people.emp"#,
                "pg_class pg_class",
                r#"\"HR\".\"EMP_X\" people.emp_x"#,
            ],
        ),
        // Another schema has names of its own.
        (
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'EMP'",
            &["B"],
        ),
        // Without a schema the search_path decides.
        ("SET search_path = \"HR\"", &[]),
        (
            "SELECT count(*) FROM information_schema.tables WHERE table_name = 'EMP' AND table_schema = current_schema()",
            &["1"],
        ),
    ] {
        let said = say(&mut wire, sql);
        assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
        let found: Vec<&str> =
            said.lines().filter_map(|line| line.strip_prefix("DataRow ")).collect();
        assert_eq!(found, rows, "{sql}: {said}");
    }
}

const SCHEMA_AND_TABLE: &str = "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = $1 AND relname = $2";

/// What a look-up gives with these values of its parameters, all of them in text format, or in binary.
fn bound(
    wire: &mut Wire,
    sql: &str,
    types: &[i32],
    format: i16,
    values: &[Option<&str>],
) -> String {
    let values: Vec<Option<&[u8]>> = values.iter().map(|one| one.map(str::as_bytes)).collect();
    wire.parse("", sql, types).bind("", "", &[format], &values, 0).execute("", 0).sync();
    transcript(&wire.until_ready())
}

#[test]
fn parameters_of_look_ups_hold_the_names_of_the_target() {
    let (_proxy, _database, mut wire) = ready();
    say(&mut wire, r#"CREATE SEQUENCE "HR"."SEQ"; CREATE TABLE "HR"."S" ("ID" serial)"#);
    let columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = $1::varchar AND table_name = $2::varchar AND ($3::text IS NULL OR column_name = $3) ORDER BY ordinal_position";
    for (sql, values, rows) in [
        (SCHEMA_AND_TABLE, &[Some("HR"), Some("EMP")][..], &["emp"][..]),
        (SCHEMA_AND_TABLE, &[Some("public"), Some("EMP")], &["EMP"]),
        (SCHEMA_AND_TABLE, &[Some("people"), Some("emp")], &["emp"]),
        (SCHEMA_AND_TABLE, &[None, Some("EMP")], &[]),
        (columns, &[Some("HR"), Some("EMP"), None], &["id", "name"]),
        (columns, &[Some("HR"), Some("EMP"), Some("ID")], &["id"]),
        (
            "SELECT count(*) FROM information_schema.tables WHERE table_schema IN ($1, $2) AND table_name IN ($3, CAST($4 AS varchar))",
            &[Some("HR"), Some("HR"), Some("EMP"), Some("EMP_X")],
            &["2"],
        ),
        // A schema in the text, and one that does not count.
        (
            "SELECT tablename FROM pg_tables WHERE schemaname = 'HR' AND tablename LIKE $1",
            &[Some("EMP\\_X")],
            &["emp_x"],
        ),
        (
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'HR' AND tablename LIKE $1",
            &[Some("emp%")],
            &["2"],
        ),
        ("SELECT to_regclass($1)::text", &[Some("\"HR\".\"EMP\"")], &["people.emp"]),
        ("SELECT nextval($1)", &[Some("\"HR\".\"SEQ\"")], &["1"]),
        (
            "SELECT pg_get_serial_sequence($1, $2)",
            &[Some("\"HR\".\"S\""), Some("ID")],
            &["people.s_id_seq"],
        ),
        (
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2",
            &[Some("\"HR\".\"EMP\""), Some("NAME")],
            &["name"],
        ),
        // A parameter that is something else as well stays.
        ("SELECT $1 || '!' FROM pg_class WHERE relname = $1", &[Some("emp")], &["emp!"]),
        ("SELECT count(*) FROM pg_class WHERE relname = $1 AND $1 = 'EMP'", &[Some("EMP")], &["1"]),
        // Without a schema the search_path decides, that of the moment.
        ("SET search_path = \"HR\"", &[], &[]),
        (
            "SELECT relname FROM pg_class WHERE pg_table_is_visible(oid) AND relname = $1::varchar",
            &[Some("EMP")],
            &["emp"],
        ),
        ("SELECT to_regclass($1)::text", &[Some("\"EMP\"")], &["emp"]),
        ("SET search_path = public", &[], &[]),
        ("SELECT to_regclass($1)::text", &[Some("\"EMP\"")], &["\\\"EMP\\\""]),
    ] {
        let is_oid = sql.contains("nextval") || sql.contains("= $1::regclass");
        for format in [0, 1] {
            if format == 1 && (is_oid || sql.contains("SELECT $1")) {
                continue;
            }
            let said = bound(&mut wire, sql, &[], format, values);
            let found: Vec<&str> =
                said.lines().filter_map(|line| line.strip_prefix("DataRow ")).collect();
            assert_eq!(found, rows, "{sql} {values:?} {format}: {said}");
        }
    }
}

#[test]
fn a_prepared_look_up_goes_by_each_bind() {
    let (_proxy, _database, mut wire) = ready();
    wire.parse("p", SCHEMA_AND_TABLE, &[1043, 19]).sync();
    wire.until_ready();
    for (path, values, row) in [
        ("public", [Some(&b"HR"[..]), Some(&b"EMP"[..])], "DataRow emp"),
        ("public", [Some(b"public"), Some(b"EMP")], "DataRow EMP"),
    ] {
        say(&mut wire, format!("SET search_path = {path}"));
        wire.bind("", "p", &[], &values, 0).execute("", 0).sync();
        let said = transcript(&wire.until_ready());
        assert!(said.contains(row), "{values:?}: {said}");
    }
    // Types that hold no names stay.
    let said = bound(
        &mut wire,
        "SELECT count(*) FROM pg_class WHERE oid::int = $1",
        &[23],
        0,
        &[Some("1")],
    );
    assert!(said.contains("DataRow 0"), "{said}");
    // With the rules off nothing of it happens.
    say(&mut wire, "SET dms.rewrite = off");
    wire.bind("", "p", &[], &[Some(b"people"), Some(b"EMP")], 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(!said.contains("DataRow"), "{said}");
}

#[test]
fn catalogs_answer_with_the_names_of_the_source_where_replies_do() {
    let proxy = proxy_with("look-ups", RULE, "reply_names = \"source\"\n");
    let (_database, mut wire) = session(&proxy);
    say(&mut wire, r#"CREATE TABLE "HR"."EMP" ("ID" int PRIMARY KEY, "NAME" text)"#);
    for (sql, rows) in [
        // SQLAlchemy, Inspector.has_table and get_columns.
        (
            "SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname IN ('EMP', 'NONE') AND pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND pg_catalog.pg_namespace.nspname = 'HR'",
            &["EMP"][..],
        ),
        (
            "SELECT pg_catalog.pg_attribute.attname AS name, pg_catalog.pg_class.relname AS table_name FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_attribute ON pg_catalog.pg_class.oid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attribute.attnum > 0 JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_namespace.nspname = 'HR' AND pg_catalog.pg_class.relname IN ('EMP') ORDER BY pg_catalog.pg_class.relname, pg_catalog.pg_attribute.attnum",
            &["ID EMP", "NAME EMP"],
        ),
        (
            "SELECT table_schema, table_name, lower(column_name) FROM information_schema.columns WHERE table_schema = 'HR' AND table_name = 'EMP' AND column_name = 'ID'",
            &["HR EMP id"],
        ),
        // The tables of a schema that is looked up, as far as the session has named them.
        ("SELECT tablename FROM pg_tables WHERE schemaname = 'HR'", &["EMP"]),
        // Of what is not looked up names stay the target's.
        ("SELECT tablename FROM pg_tables WHERE tablename || '' = 'emp'", &["emp"]),
    ] {
        let said = say(&mut wire, sql);
        let found: Vec<&str> =
            said.lines().filter_map(|line| line.strip_prefix("DataRow ")).collect();
        assert_eq!(found, rows, "{sql}: {said}");
    }
}

#[test]
fn parameters_come_back_as_they_were_written() {
    let proxy = proxy_with("look-ups", RULE, "reply_names = \"source\"\n");
    let (_database, mut wire) = session(&proxy);
    say(&mut wire, r#"CREATE TABLE "HR"."EMP" ("ID" int PRIMARY KEY, "NAME" text)"#);
    let tables = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname IN ($1::varchar, $2) AND n.nspname = $3 ORDER BY 2";
    let columns = "SELECT a.attname AS name, c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum";
    for format in [0, 1] {
        for (sql, values, rows) in [
            (tables, &[Some("EMP"), Some("NONE"), Some("HR")][..], &["HR EMP"][..]),
            (tables, &[Some("emp"), None, Some("people")], &["people emp"]),
            (columns, &[Some("HR"), Some("EMP")], &["ID EMP", "NAME EMP"]),
            ("SELECT tablename FROM pg_tables WHERE schemaname = $1", &[Some("HR")], &["EMP"]),
            (
                "SELECT table_name FROM information_schema.tables WHERE table_name = $1",
                &[Some("none")],
                &[],
            ),
        ] {
            let said = bound(&mut wire, sql, &[], format, values);
            let found: Vec<&str> =
                said.lines().filter_map(|line| line.strip_prefix("DataRow ")).collect();
            assert_eq!(found, rows, "{sql} {values:?} {format}: {said}");
        }
    }
    // The client sees its own parameters alone, and the target gets them whatever the rules are.
    wire.parse("p", tables, &[1043]).describe(b'S', "p").sync();
    let said = wire.until_ready();
    let described = said.iter().find(|frame| frame.tag == b't').unwrap();
    assert_eq!(described.body[..2], [0, 3], "{said:?}");
    for sql in ["SELECT 1", "SET dms.rewrite = off"] {
        say(&mut wire, sql);
        wire.bind("", "p", &[], &[Some(b"emp"), Some(b"x"), Some(b"people")], 0).execute("", 0);
        let said = transcript(&wire.sync().until_ready());
        assert!(said.contains("DataRow people emp"), "{sql}: {said}");
    }
    say(&mut wire, "SET dms.rewrite = on");
    wire.parse("", tables, &[1043, 19, 19, 25]).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("0A000"), "{said}");
}

#[test]
fn constants_elsewhere_stay() {
    let (_proxy, _database, mut wire) = ready();
    for (sql, rows) in [
        (
            r#"CREATE TABLE "HR"."LIST" (table_name text); INSERT INTO "HR"."LIST" VALUES ('EMP')"#,
            0,
        ),
        (r#"SELECT 1 FROM "HR"."LIST" WHERE table_name = 'EMP'"#, 1),
        (
            r#"SELECT 1 FROM "HR"."LIST" l, information_schema.tables t WHERE l.table_name = 'EMP' AND t.table_name = 'emp' AND t.table_schema = 'people'"#,
            1,
        ),
        ("SELECT 1 FROM (VALUES ('EMP')) AS v(table_name) WHERE table_name = 'EMP'", 1),
        (
            "SELECT 1 FROM information_schema.tables WHERE table_schema = 'people' AND table_name = 'emp'",
            1,
        ),
    ] {
        let said = say(&mut wire, sql);
        assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
        assert_eq!(said.matches("DataRow 1").count(), rows, "{sql}: {said}");
    }
}
