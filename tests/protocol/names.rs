//! Names by rule: what a tool sends under the source's names, the target has under its own.

use super::{field, log_in, position, say, sqlstate};
use crate::support::{Cluster, Database, Endpoint, Proxy, Wire};

const LOWER: &str =
    "[mapping.names]\nschemas = \"lower\"\ntables = \"lower\"\ncolumns = \"lower\"\n";

/// Rules for the schema HR alone, as table mappings for an Oracle source have them.
fn hr() -> Proxy {
    let rule = |id: u32, target: &str, action: &str, locator: &str, rest: &str| {
        format!(
            r#"{{"rule-type": "transformation", "rule-id": "{id}", "rule-name": "{id}",
                "rule-target": "{target}", "rule-action": "{action}",
                "object-locator": {{"schema-name": "HR"{locator}}}{rest}}}"#
        )
    };
    let table = r#", "table-name": "%""#;
    let column = r#", "table-name": "%", "column-name": "%""#;
    let id = r#", "table-name": "EMP", "column-name": "ID""#;
    let rules = [
        r#"{"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
            "object-locator": {"schema-name": "HR", "table-name": "%"}}"#
            .to_owned(),
        rule(2, "schema", "rename", "", r#", "value": "people""#),
        rule(3, "table", "convert-lowercase", table, ""),
        rule(4, "column", "rename", id, r#", "value": "emp_id""#),
        rule(5, "column", "convert-lowercase", column, ""),
    ];
    let file = std::env::temp_dir().join(format!("names-{}.json", std::process::id()));
    std::fs::write(&file, format!("{{\"rules\": [{}]}}", rules.join(","))).unwrap();
    Proxy::start(&format!("[mapping]\ntable_mappings = {file:?}\n"), &[])
}

fn session(proxy: &Proxy) -> (Database, Wire) {
    let database = Cluster::shared().create_database();
    let wire = log_in(&proxy.endpoint(database.endpoint()));
    (database, wire)
}

fn columns(database: &Database, schema: &str) -> Vec<String> {
    let sql = format!(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE \
         table_schema = '{schema}' ORDER BY table_name, ordinal_position"
    );
    database.query(&sql).into_iter().map(|row| row.concat()).collect()
}

#[test]
fn statements_of_a_load_arrive_under_the_names_of_the_target() {
    let proxy = hr();
    let (database, mut wire) = session(&proxy);
    for sql in [
        r#"CREATE SCHEMA "HR""#,
        r#"CREATE TABLE "HR"."EMP" ("ID" INT4 PRIMARY KEY, "NAME" STRING(20))"#,
        r#"INSERT INTO "HR"."EMP" ("ID", "NAME") VALUES (1, 'NAME')"#,
        r#"SET search_path = "HR", public"#,
        r#"UPDATE "EMP" SET "NAME" = "NAME" || 'x' WHERE "EMP"."ID" = 1"#,
        r#"CREATE TABLE "DEPT" ("ID" int, "BOSS" int REFERENCES "EMP" ("ID"))"#,
        r#"INSERT INTO "DEPT" SELECT 7, "ID" FROM "EMP""#,
    ] {
        let said = say(&mut wire, sql);
        assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
    }
    let expected = ["dept.id", "dept.boss", "emp.emp_id", "emp.name"];
    assert_eq!(columns(&database, "people"), expected);
    // Which of the two relations has the column is looked up.
    let said =
        say(&mut wire, r#"SELECT "NAME", "BOSS" FROM "EMP" JOIN "DEPT" ON "BOSS" = "EMP"."ID""#);
    assert!(said.contains("DataRow NAMEx 1"), "{said}");
    let said = say(&mut wire, r#"SELECT "ID" FROM "EMP" JOIN "DEPT" ON "BOSS" = "EMP"."ID""#);
    assert!(said.contains("0A000") && said.contains("may become"), "{said}");
    // A table that the path finds elsewhere is not renamed.
    say(
        &mut wire,
        r#"CREATE TABLE public."KEPT" ("ID" int); INSERT INTO public."KEPT" VALUES (4)"#,
    );
    assert!(say(&mut wire, r#"SELECT "ID" FROM "KEPT""#).contains("DataRow 4"));
}

#[test]
fn prepared_statements_and_copies_are_renamed() {
    let proxy = Proxy::start(LOWER, &[]);
    let (database, mut wire) = session(&proxy);
    say(&mut wire, r#"CREATE TABLE "T" ("A" int, "B" JSONB)"#);
    wire.parse("p", r#"INSERT INTO "T" ("A", "B") VALUES ($1, $2) RETURNING "A""#, &[]);
    for value in ["1", "2"] {
        let json = br#""a\u0000b""#;
        wire.bind("", "p", &[], &[Some(value.as_bytes()), Some(json)], 0).execute("", 0);
    }
    wire.sync();
    let said = crate::support::transcript(&wire.until_ready());
    assert!(said.contains("DataRow 2") && !said.contains("ErrorResponse"), "{said}");
    wire.query(r#"COPY "T" ("B", "A") FROM STDIN"#).until(b'G');
    wire.copy_data("{\"x\": \"\\\\u0000\"}\t3\n").copy_done();
    let said = crate::support::transcript(&wire.until_ready());
    assert!(said.contains("COPY 1"), "{said}");
    let rows = database.query("SELECT a, b FROM t ORDER BY a");
    assert_eq!(rows, [["1", "\"a b\""], ["2", "\"a b\""], ["3", "{\"x\": \" \"}"]]);
    let said = say(
        &mut wire,
        r#"DECLARE c CURSOR WITH HOLD FOR SELECT "A" FROM "T" ORDER BY "A"; FETCH 1 FROM c"#,
    );
    assert!(said.contains("DataRow 1"), "{said}");
}

#[test]
fn errors_stand_where_the_client_wrote_what_is_wrong() {
    let proxy = Proxy::start(LOWER, &[]);
    let (_database, mut wire) = session(&proxy);
    say(&mut wire, r#"CREATE TABLE "Long" ("A" int)"#);
    let sql = r#"INSERT INTO "Long" ("A", "Ä", "Missing") VALUES (1, 2, 3)"#;
    let frames = wire.query(sql).until_ready();
    assert_eq!((sqlstate(&frames), position(&frames)), ("42703".to_owned(), Some(26)));
    let sql = r#"SELECT "A" FROM "Long" WHERE "Other"."A" = 1"#;
    let frames = wire.query(sql).until_ready();
    assert_eq!((sqlstate(&frames), position(&frames)), ("0A000".to_owned(), Some(30)));
    let sql = r#"CREATE TABLE "Two" ("A" int, "B" STRING(0))"#;
    let frames = wire.query(sql).until_ready();
    assert_eq!((sqlstate(&frames), position(&frames)), ("22023".to_owned(), Some(34)));
    let sql = r#"CREATE TABLE "Two" ("A" int, "a" int)"#;
    let frames = wire.query(sql).until_ready();
    assert_eq!((sqlstate(&frames), position(&frames)), ("42701".to_owned(), Some(30)));
}

#[test]
fn a_table_whose_new_name_is_taken_is_told_by_both_names() {
    let proxy = hr();
    let (database, mut wire) = session(&proxy);
    say(&mut wire, r#"CREATE SCHEMA "HR"; CREATE TABLE "HR"."EMP" ("ID" int)"#);
    let detail = r#"By rule, "HR"."Emp" of the statement is "emp" on the target."#;
    let sql = r#"CREATE TABLE "HR"."Emp" ("ID" int)"#;
    let frames = wire.query(sql).until_ready();
    assert_eq!(sqlstate(&frames), "42P07");
    assert_eq!(field(&frames, b'E', b'D').as_deref(), Some(detail));
    assert_eq!(field(&frames, b'E', b'M').as_deref(), Some("relation \"emp\" already exists"));
    wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
    assert_eq!(field(&wire.until_ready(), b'E', b'D').as_deref(), Some(detail));
    let sql = r#"CREATE TABLE IF NOT EXISTS "HR"."Emp" ("ID" int)"#;
    let frames = wire.query(sql).until_ready();
    assert_eq!(field(&frames, b'N', b'D').as_deref(), Some(detail));
    let frames = wire.query(r#"CREATE VIEW "HR"."Emp" AS SELECT 1 AS a"#).until_ready();
    assert_eq!(field(&frames, b'E', b'D').as_deref(), Some(detail));
    // Where no rule has a part in it, the answer is the server's.
    let frames = wire.query(r#"CREATE SCHEMA s; CREATE TABLE s.a (); CREATE TABLE s.a ()"#);
    let frames = frames.until_ready();
    assert_eq!((sqlstate(&frames).as_str(), field(&frames, b'E', b'D')), ("42P07", None));
    assert_eq!(columns(&database, "people"), ["emp.emp_id"]);
}

#[test]
fn a_search_path_of_the_login_is_renamed() {
    let proxy = hr();
    let (database, mut wire) = session(&proxy);
    say(&mut wire, r#"CREATE SCHEMA "HR"; CREATE TABLE "HR"."EMP" ("ID" int)"#);
    let endpoint = proxy.endpoint(database.endpoint());
    for stated in [
        ("options", r#"-c geqo=off -c search_path="HR",public"#),
        ("search_path", r#""HR", public"#),
    ] {
        let (mut wire, _) = Wire::log_in(&endpoint, &[stated]);
        let said = say(&mut wire, r#"INSERT INTO "EMP" ("ID") VALUES (1); SHOW search_path"#);
        assert!(
            said.contains("INSERT 0 1") && said.contains(r#"DataRow \"people\", \"public\""#),
            "{said}"
        );
    }
    // Off means off, and other schemas stay as they are written.
    for (stated, shown) in [
        (r#"-c dms.rewrite=off -c search_path="HR""#, r#"DataRow \"HR\""#),
        ("-c search_path=HR,x", "DataRow HR,x"),
    ] {
        let (mut wire, _) = Wire::log_in(&endpoint, &[("options", stated)]);
        let said = say(&mut wire, "SHOW search_path");
        assert!(said.contains(shown), "{said}");
    }
    assert_eq!(database.query("SELECT count(*) FROM people.emp"), [["2"]]);
}

#[test]
fn code_stays_and_the_client_is_told() {
    let proxy = Proxy::start(LOWER, &[]);
    let (_database, mut wire) = session(&proxy);
    say(&mut wire, r#"CREATE TABLE "T" ("A" int)"#);
    let said = say(&mut wire, r#"DO $$ BEGIN PERFORM 1 FROM t; END $$"#);
    assert!(!said.contains("Notice"), "{said}");
    let said = say(
        &mut wire,
        r#"DO $$ BEGIN PERFORM 1 FROM "T"; EXCEPTION WHEN OTHERS THEN NULL; END $$"#,
    );
    assert!(said.contains("NOTICE") && said.contains("code is not changed"), "{said}");
}

#[test]
fn rewriting_that_is_off_renames_nothing() {
    let proxy = Proxy::start(LOWER, &[]);
    let (database, mut wire) = session(&proxy);
    say(&mut wire, "SET dms.rewrite = off");
    say(&mut wire, r#"CREATE TABLE "T" ("A" int)"#);
    assert_eq!(columns(&database, "public"), ["T.A"]);
}

#[test]
fn plans_are_those_of_statements_renamed_by_hand() {
    let proxy = Proxy::start(LOWER, &[]);
    let (database, mut wire) = session(&proxy);
    let setup = r#"CREATE TABLE "A" ("Id" int PRIMARY KEY, "Name" text, "Up" int);
        CREATE TABLE "B" ("Id" int PRIMARY KEY, "Of" int REFERENCES "A" ("Id"), "Sum" numeric);
        CREATE INDEX "B_Of" ON "B" ("Of", lower("Sum"::text));
        CREATE VIEW "V" AS SELECT x."Id", y."Sum" AS "Total" FROM "A" x JOIN "B" y ON y."Of" = x."Id""#;
    assert!(!say(&mut wire, setup).contains("ErrorResponse"));
    let direct: &Endpoint = database.endpoint();
    let mut by_hand = log_in(direct);
    for sql in [
        r#"SELECT "Name" FROM "A" WHERE EXISTS (SELECT 1 FROM "B" WHERE "Of" = "A"."Id")"#,
        r#"SELECT "Total" FROM "V" ORDER BY "Total" DESC LIMIT 3"#,
        r#"WITH RECURSIVE "R"("N", "D") AS (SELECT "Id", 0 FROM "A" UNION ALL SELECT a."Id", "D" + 1 FROM "A" a JOIN "R" ON a."Up" = "N") SELECT "N", max("D") FROM "R" GROUP BY "N" HAVING count(*) > 1"#,
        r#"SELECT q."Id", rank() OVER (PARTITION BY "Name" ORDER BY q."Id") FROM (SELECT * FROM "A" WHERE "Up" > 3) q"#,
        r#"SELECT "Id" FROM "A" UNION SELECT "Of" FROM "B" ORDER BY "Id""#,
        r#"SELECT a.*, l."S" FROM "A" a, LATERAL (SELECT sum("Sum") AS "S" FROM "B" b WHERE b."Of" = a."Id") l"#,
        r#"UPDATE "B" SET "Sum" = x."Up" FROM "A" x WHERE x."Id" = "B"."Of""#,
        r#"DELETE FROM "B" USING "A" WHERE "Of" = "A"."Id" AND "A"."Name" LIKE 'Id%'"#,
        r#"INSERT INTO "B" ("Id", "Of") SELECT "Id", "Up" FROM "A" ON CONFLICT ("Id") DO UPDATE SET "Of" = EXCLUDED."Of" WHERE "B"."Sum" > 1"#,
        r#"SELECT "Id" FROM "A" JOIN "B" USING ("Id") GROUP BY "Id""#,
    ] {
        let renamed = sql
            .replace("\"N\"", "\"=N\"")
            .replace("\"D\"", "\"=D\"")
            .replace("\"R\"", "\"=R\"")
            .replace("\"S\"", "\"=S\"");
        let mut lower = String::new();
        for (at, part) in renamed.split('"').enumerate() {
            let quoted = at % 2 == 1;
            lower += if at == 0 { "" } else { "\"" };
            lower += &match part.strip_prefix('=') {
                Some(kept) if quoted => kept.to_owned(),
                _ if quoted => part.to_lowercase(),
                _ => part.to_owned(),
            };
        }
        let plan = say(&mut wire, format!("EXPLAIN (VERBOSE, COSTS OFF) {sql}"));
        let expected = say(&mut by_hand, format!("EXPLAIN (VERBOSE, COSTS OFF) {lower}"));
        assert!(expected.contains("DataRow"), "{expected}");
        assert_eq!(plan, expected, "{sql}");
    }
}

/// The types of foreign keys are fitted to parents that the target knows under other names.
#[test]
fn keys_to_renamed_parents_have_their_types() {
    let proxy = Proxy::start(&format!("[mapping]\nsource = \"oracle\"\n{LOWER}"), &[]);
    let (database, mut wire) = session(&proxy);
    database.query("CREATE TABLE parent (id bigint PRIMARY KEY, no int, UNIQUE (no, id))");
    for sql in [
        r#"CREATE TABLE "CHILD" ("P" NUMBER(18) REFERENCES "PARENT" ("ID"), "Q" NUMBER(18) REFERENCES "Parent",
            "A" NUMBER(20), "B" NUMBER, FOREIGN KEY ("A", "B") REFERENCES "PARENT" ("NO", "ID"))"#,
        r#"CREATE TABLE "OTHER" ("P" NUMBER(18))"#,
        r#"ALTER TABLE "OTHER" ADD CONSTRAINT "F" FOREIGN KEY ("P") REFERENCES "PARENT" ("ID")"#,
        r#"CREATE TABLE "KEYS" ("ID" NUMBER(9) PRIMARY KEY); CREATE TABLE "USES" ("K" NUMBER(38) REFERENCES "KEYS" ("ID"))"#,
    ] {
        let said = say(&mut wire, sql);
        assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
    }
    let types = database.query(
        "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
         WHERE table_name IN ('child', 'other', 'uses') ORDER BY table_name, ordinal_position",
    );
    let expected = [
        "child.p bigint",
        "child.q bigint",
        "child.a integer",
        "child.b bigint",
        "other.p bigint",
        "uses.k integer",
    ];
    assert_eq!(types.concat(), expected);
}
