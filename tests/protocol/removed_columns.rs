//! Columns that rules remove: they vanish from definitions, lists, rows and parameters, and are refused
//! wherever a statement means something else without them.

use super::additions::{add_column, proxy, session};
use super::{field, position, say, sqlstate};
use crate::support::{Database, Proxy, Wire, transcript};

fn removal(id: u32, action: &str, table: &str, column: &str) -> String {
    format!(
        r#"{{"rule-type": "transformation", "rule-id": "{id}", "rule-name": "{id}",
            "rule-target": "column", "rule-action": "{action}", "object-locator":
            {{"schema-name": "HR", "table-name": "{table}", "column-name": "{column}"}}}}"#
    )
}

/// Removes SSN of EMP, and all but two columns of NARROW.
fn removing() -> Proxy {
    let rules = [
        removal(10, "remove-column", "EMP", "SSN"),
        removal(11, "include-column", "NARROW", "ID"),
        removal(12, "include-column", "NARROW", "NAME"),
    ];
    proxy("removed-columns", &rules.join(","))
}

fn table(wire: &mut Wire) {
    let sql = r#"CREATE TABLE "HR"."EMP" ("ID" INT4 PRIMARY KEY, "SSN" STRING(11) NOT NULL, "NAME" STRING(20))"#;
    let said = say(wire, sql);
    assert!(said.contains("CommandComplete CREATE TABLE"), "{said}");
}

fn rows(database: &Database) -> Vec<Vec<String>> {
    database.query("SELECT * FROM people.emp ORDER BY id")
}

fn columns(database: &Database, table: &str) -> String {
    let sql = format!(
        "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM \
         information_schema.columns WHERE table_schema = 'people' AND table_name = '{table}'"
    );
    database.query(&sql).concat().concat()
}

#[test]
fn values_of_removed_columns_vanish_on_every_way() {
    let proxy = removing();
    let (database, mut wire) = session(&proxy);
    table(&mut wire);
    assert_eq!(columns(&database, "emp"), "id name");
    for (sql, tag) in [
        (
            r#"INSERT INTO "HR"."EMP" ("ID", "SSN", "NAME") VALUES (1, 'x', 'a'), (2, 'y', 'b')"#,
            "INSERT 0 2",
        ),
        (r#"INSERT INTO "HR"."EMP" ("SSN", "ID") SELECT 'z', 3 UNION ALL SELECT 'q', 4"#, "0A000"),
        (
            r#"INSERT INTO "HR"."EMP" ("SSN", "ID") SELECT 'z' || i, i FROM generate_series(3, 4) i"#,
            "INSERT 0 2",
        ),
        (r#"UPDATE "HR"."EMP" SET "SSN" = 'x', "NAME" = 'c' WHERE "ID" = 3"#, "UPDATE 1"),
        (r#"UPDATE "HR"."EMP" AS e SET "SSN" = 'x' WHERE "ID" < 3"#, "UPDATE 2"),
        (
            r#"INSERT INTO "HR"."EMP" ("ID", "SSN") VALUES (4, 'x') ON CONFLICT ("ID") DO UPDATE SET "SSN" = EXCLUDED."SSN""#,
            "INSERT 0 1",
        ),
        (
            r#"PREPARE p AS INSERT INTO "HR"."EMP" ("ID", "NAME", "SSN") VALUES ($1, $2, $3)"#,
            "PREPARE",
        ),
        (r#"EXECUTE p (5, 'e', 'gone')"#, "INSERT 0 1"),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(tag), "{sql}: {said}");
    }
    let version: u32 = database.query("SHOW server_version_num").concat().concat().parse().unwrap();
    if version >= 150_000 {
        let sql = r#"MERGE INTO "HR"."EMP" t USING (VALUES (5, 's', 'f'), (6, 's', 'g')) s(i, s, n) ON t."ID" = s.i
            WHEN MATCHED THEN UPDATE SET "NAME" = s.n, "SSN" = s.s
            WHEN NOT MATCHED THEN INSERT ("ID", "SSN", "NAME") VALUES (s.i, s.s, s.n)"#;
        assert!(say(&mut wire, sql).contains("MERGE 2"));
        say(&mut wire, r#"DELETE FROM "HR"."EMP" WHERE "ID" = 6"#);
    } else {
        say(&mut wire, r#"UPDATE "HR"."EMP" SET "NAME" = 'f' WHERE "ID" = 5"#);
    }
    let expected = [["1", "a"], ["2", "b"], ["3", "c"], ["4", "NULL"], ["5", "f"]];
    assert_eq!(rows(&database), expected);
    let said = say(&mut wire, r#"SELECT * FROM "HR"."EMP" WHERE "ID" = 1"#);
    assert!(said.contains("DataRow 1 a"), "{said}");
}

#[test]
fn parameters_of_removed_columns_stay_described() {
    let proxy = removing();
    let (database, mut wire) = session(&proxy);
    table(&mut wire);
    let sql = r#"INSERT INTO "HR"."EMP" ("ID", "SSN", "NAME") VALUES ($1, $2, $3), ($4, $5::int4, upper($6)) RETURNING "ID""#;
    wire.parse("p", sql, &[]).describe(b'S', "p").sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("ParameterDescription 23 25 1043 23 23 25"), "{said}");
    let values = [&b"1"[..], b"gone", b"a", b"2", b"3", b"b"].map(Some);
    wire.bind("", "p", &[], &values, 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("DataRow 1") && said.contains("INSERT 0 2"), "{said}");
    // Declared types stay, too, with binary values.
    let sql = r#"UPDATE "HR"."EMP" SET "SSN" = $1, "NAME" = $2 WHERE "ID" = $3"#;
    wire.parse("u", sql, &[20, 0, 21]);
    let values = [Some(&[0, 0, 0, 0, 0, 0, 0, 9][..]), Some(b"u"), Some(&[0, 2][..])];
    wire.bind("", "u", &[1, 0, 1], &values, 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("UPDATE 1"), "{said}");
    assert_eq!(rows(&database), [["1", "a"], ["2", "u"]]);
}

#[test]
fn fields_of_removed_columns_vanish_from_copies() {
    let proxy = removing();
    let (database, mut wire) = session(&proxy);
    table(&mut wire);
    let mut binary = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    binary.extend(b"\0\x03\0\0\0\x01s\0\0\0\x04\0\0\0\x05\0\0\0\x02ab\xff\xff");
    for (list, options, data) in [
        (r#""ID", "SSN", "NAME""#, "", &b"1\ts\\tx\ta\n2\t\\N\tb\n"[..]),
        (r#""SSN", "NAME", "ID""#, "CSV HEADER", b"ssn,name,id\n\"s,\ns\",c,3\n,d,4\n"),
        (r#""SSN", "ID", "NAME""#, "BINARY", &binary),
    ] {
        wire.query(format!(r#"COPY "HR"."EMP" ({list}) FROM STDIN {options}"#)).until(b'G');
        for piece in data.chunks(7) {
            wire.copy_data(piece);
        }
        wire.copy_done();
        let said = transcript(&wire.until_ready());
        assert!(said.contains("CommandComplete COPY"), "{list}: {said}");
    }
    let expected = [["1", "a"], ["2", "b"], ["3", "c"], ["4", "d"], ["5", "ab"]];
    assert_eq!(rows(&database), expected);
    // By the extended protocol, with a row that is too short.
    wire.parse("", r#"COPY "HR"."EMP" ("SSN", "ID") FROM STDIN"#, &[]);
    wire.bind("", "", &[], &[], 0).execute("", 0).flush().until(b'G');
    wire.copy_data("s\t6\nt\n").copy_done().sync();
    let frames = wire.until_ready();
    assert_eq!(sqlstate(&frames), "22P04");
    wire.parse("", r#"COPY "HR"."EMP" ("SSN", "ID") FROM STDIN"#, &[]);
    wire.bind("", "", &[], &[], 0).execute("", 0).sync().until(b'G');
    wire.copy_data("s\t6\nt\n").copy_done().sync();
    assert_eq!(sqlstate(&wire.until_ready()), "22P04");
    assert_eq!(rows(&database).len(), 5);
    let said = say(&mut wire, r#"COPY "HR"."EMP" ("SSN") FROM STDIN"#);
    assert!(said.contains("0A000"), "{said}");
}

#[test]
fn definitions_lose_what_depends_on_removed_columns() {
    let proxy = removing();
    let (database, mut wire) = session(&proxy);
    let sql = r#"CREATE TABLE "HR"."EMP" ("SSN" STRING(11) PRIMARY KEY, "ID" INT4, "NAME" STRING(20),
        CONSTRAINT "U" UNIQUE ("ID", "SSN"), CONSTRAINT "V" UNIQUE ("ID"), CHECK ("SSN" <> ''))"#;
    let said = say(&mut wire, sql);
    assert!(said.contains("CREATE TABLE") && said.contains("2 constraints, indexes or"), "{said}");
    for (sql, tag) in [
        (r#"CREATE INDEX "I" ON "HR"."EMP" ("NAME", "SSN")"#, "CREATE INDEX"),
        (r#"CREATE INDEX "J" ON "HR"."EMP" (lower("SSN"))"#, "CREATE INDEX"),
        (r#"CREATE INDEX "K" ON "HR"."EMP" ("ID") WHERE "SSN" IS NOT NULL"#, "CREATE INDEX"),
        (r#"ALTER TABLE "HR"."EMP" ADD CONSTRAINT "W" UNIQUE ("SSN")"#, "ALTER TABLE"),
        (
            r#"ALTER TABLE "HR"."EMP" ALTER "SSN" SET DEFAULT 'x', ALTER "NAME" SET DEFAULT 'y'"#,
            "ALTER TABLE",
        ),
        (r#"ALTER TABLE "HR"."EMP" DROP COLUMN "SSN""#, "ALTER TABLE"),
        (r#"COMMENT ON COLUMN "HR"."EMP"."SSN" IS 'secret'"#, "COMMENT"),
        (
            r#"CREATE TABLE "HR"."NARROW" ("ID" INT4, "A" INT4, "B" INT4, "NAME" STRING(5), "C" INT4)"#,
            "CREATE TABLE",
        ),
        (r#"ALTER TABLE "HR"."NARROW" ADD COLUMN "D" INT4"#, "ALTER TABLE"),
        (r#"SELECT 1; CREATE INDEX ON "HR"."EMP" ("SSN"); SELECT 2"#, "CREATE INDEX"),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(&format!("CommandComplete {tag}")), "{sql}: {said}");
        assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
    }
    wire.parse("", r#"CREATE INDEX "L" ON "HR"."EMP" ("SSN")"#, &[]);
    wire.bind("", "", &[], &[], 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("CommandComplete CREATE INDEX"), "{said}");
    assert_eq!(columns(&database, "emp"), "id name");
    assert_eq!(columns(&database, "narrow"), "id name");
    let indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = 'people'";
    assert_eq!(database.query(indexes), [["V"]]);
}

#[test]
fn what_would_mean_something_else_is_refused() {
    let proxy = removing();
    let (database, mut wire) = session(&proxy);
    table(&mut wire);
    say(&mut wire, r#"CREATE TABLE "HR"."DEPT" ("ID" INT4, "CODE" INT4, "NAME" STRING(20))"#);
    say(&mut wire, r#"INSERT INTO "HR"."EMP" ("ID", "NAME") VALUES (1, 'a')"#);
    for sql in [
        r#"SELECT "ID" FROM "HR"."EMP" WHERE "SSN" = 'x'"#,
        r#"SELECT e."SSN" FROM "HR"."EMP" e"#,
        r#"DELETE FROM "HR"."EMP" WHERE "SSN" IS NULL"#,
        r#"UPDATE "HR"."EMP" SET "NAME" = "SSN""#,
        r#"INSERT INTO "HR"."EMP" VALUES (2, 'x', 'b')"#,
        r#"INSERT INTO "HR"."EMP" ("ID", "SSN") VALUES (2, 'x') RETURNING "SSN""#,
        r#"INSERT INTO "HR"."EMP" ("SSN") VALUES ('x')"#,
        r#"INSERT INTO "HR"."DEPT" SELECT * FROM "HR"."EMP""#,
        r#"INSERT INTO "HR"."DEPT" SELECT (e).* FROM "HR"."EMP" e"#,
        r#"SELECT * FROM "HR"."EMP" UNION SELECT * FROM "HR"."DEPT""#,
        r#"SELECT * FROM "HR"."EMP" ORDER BY 2"#,
        r#"SELECT x.b FROM "HR"."EMP" AS x(a, b, c)"#,
        r#"SELECT x.b FROM (SELECT * FROM "HR"."EMP") AS x(a, b, c)"#,
        r#"SELECT 1 FROM "HR"."EMP" NATURAL JOIN "HR"."DEPT""#,
        r#"SELECT 1 FROM "HR"."DEPT" d WHERE EXISTS (SELECT 1 FROM "HR"."EMP" WHERE "SSN" = d."NAME")"#,
        r#"CREATE TABLE "HR"."DEPT2" (LIKE "HR"."EMP")"#,
        r#"CREATE VIEW "HR"."V" AS SELECT "SSN" FROM "HR"."EMP""#,
        r#"GRANT SELECT ("SSN") ON "HR"."EMP" TO public"#,
        r#"ALTER TABLE "HR"."EMP" RENAME COLUMN "SSN" TO "X""#,
        r#"COPY "HR"."EMP" FROM STDIN"#,
        r#"WITH w AS (INSERT INTO "HR"."EMP" ("ID", "SSN") VALUES (7, 'x') RETURNING 1) SELECT 1"#,
    ] {
        let frames = wire.query(sql).until_ready();
        assert_eq!(sqlstate(&frames), "0A000", "{sql}");
        assert!(position(&frames).is_some() && field(&frames, b'E', b'H').is_some(), "{sql}");
    }
    for (sql, row) in [
        (r#"SELECT * FROM (SELECT * FROM "HR"."EMP") q"#, "DataRow 1 a"),
        (r#"WITH q AS (SELECT * FROM "HR"."EMP") SELECT "NAME" FROM q"#, "DataRow a"),
        (
            r#"SELECT count(*) FROM "HR"."EMP" e WHERE EXISTS (SELECT * FROM "HR"."EMP" WHERE "ID" = e."ID")"#,
            "DataRow 1",
        ),
        (r#"UPDATE "HR"."EMP" SET "NAME" = 'b' RETURNING *"#, "DataRow 1 b"),
        (r#"SELECT "ID", ctid IS NULL FROM "HR"."EMP" ORDER BY "ID""#, "DataRow 1 f"),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(row), "{sql}: {said}");
    }
    assert_eq!(rows(&database).len(), 1);
}

#[test]
fn a_rule_may_not_use_what_another_one_removes() {
    let string = r#"{"type": "string", "length": 40}"#;
    let rules = [
        removal(10, "include-column", "%", "ID"),
        add_column(11, "EMP", "label", string, "$NAME || 'x'"),
        add_column(12, "DEPT", "label", string, "$ID || 'x'"),
    ];
    let proxy = proxy("removed-and-used", &rules.join(","));
    let (database, mut wire) = session(&proxy);
    let frames = wire.query(r#"CREATE TABLE "HR"."EMP" ("ID" INT4, "NAME" STRING(20))"#);
    let frames = frames.until_ready();
    assert_eq!(sqlstate(&frames), "0A000");
    let message = field(&frames, b'E', b'M').unwrap();
    assert!(message.contains("rule-id 11") && message.contains("rule-id 10"), "{message}");
    say(
        &mut wire,
        r#"CREATE TABLE "HR"."DEPT" ("NAME" STRING(20), "ID" INT4, PRIMARY KEY ("ID"))"#,
    );
    say(&mut wire, r#"INSERT INTO "HR"."DEPT" ("NAME", "ID") VALUES ('n', 7)"#);
    assert_eq!(database.query("SELECT id, label FROM people.dept"), [["7", "7x"]]);
    assert_eq!(columns(&database, "dept"), "id label");
}

#[test]
fn rows_without_a_list_go_by_the_table_that_the_session_created() {
    let proxy = removing();
    let (database, mut wire) = session(&proxy);
    table(&mut wire);
    for (sql, tag) in [
        // Neither changes which columns there are.
        (r#"ALTER TABLE "HR"."EMP" ADD CHECK ("ID" > 0)"#, "ALTER TABLE"),
        (r#"CREATE INDEX ON "HR"."EMP" ("NAME")"#, "CREATE INDEX"),
        (r#"INSERT INTO "HR"."EMP" VALUES (1, 'x', 'a')"#, "INSERT 0 1"),
        (
            r#"INSERT INTO "HR"."EMP" VALUES (2, 'x,(', 'b'), (3, NULL, 'c'), (4, '', 'd')"#,
            "INSERT 0 3",
        ),
        (r#"INSERT INTO "HR"."EMP" VALUES (5, 'x')"#, "INSERT 0 1"),
        (r#"INSERT INTO "HR"."EMP" VALUES (6)"#, "INSERT 0 1"),
        (
            r#"WITH w AS (SELECT 7 AS i) INSERT INTO "HR"."EMP" AS e VALUES ((SELECT i FROM w), substr('xyz', 1, 2), upper('g')), (5, DEFAULT, 'e') ON CONFLICT ("ID") DO UPDATE SET "NAME" = EXCLUDED."NAME", "SSN" = EXCLUDED."SSN" RETURNING e."ID""#,
            "INSERT 0 2",
        ),
        ("BEGIN", "BEGIN"),
        (r#"INSERT INTO "HR"."EMP" VALUES (8, (ARRAY['x', 'y'])[1], 'h')"#, "INSERT 0 1"),
        ("COMMIT", "COMMIT"),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(tag), "{sql}: {said}");
    }
    let sql = r#"INSERT INTO "HR"."EMP" VALUES ($1, $2, $3), ($4, $5, $3)"#;
    wire.parse("p", sql, &[]).describe(b'S', "p").sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("ParameterDescription 23 25 1043 23 25"), "{said}");
    let values = [&b"9"[..], b"gone", b"i", b"10", b"gone"].map(Some);
    wire.bind("", "p", &[], &values, 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("INSERT 0 2"), "{said}");
    let names = ["a", "b", "c", "d", "e", "NULL", "G", "h", "i", "i"];
    let expected: Vec<_> =
        names.iter().zip(1..).map(|(name, id)| vec![format!("{id}"), (*name).to_owned()]).collect();
    assert_eq!(rows(&database), expected);
    // Without a schema, too.
    say(&mut wire, r#"SET search_path = "HR""#);
    say(&mut wire, r#"CREATE TABLE "NARROW" ("A" INT4, "ID" INT4, "B" INT4, "NAME" STRING(9))"#);
    let said = say(&mut wire, r#"INSERT INTO "NARROW" VALUES (1, 2, 3, 'n'), (4, 5, 6, 'm')"#);
    assert!(said.contains("INSERT 0 2"), "{said}");
    let found = database.query("SELECT * FROM people.narrow ORDER BY id");
    assert_eq!(found, [["2", "n"], ["5", "m"]]);
    say(&mut wire, "SET search_path = public");
    let frames = wire.query(r#"INSERT INTO "NARROW" VALUES (1, 2, 3, 'n')"#).until_ready();
    assert_eq!(sqlstate(&frames), "42P01");
}

#[test]
fn rows_without_a_list_are_refused_where_the_columns_are_not_certain() {
    let proxy = removing();
    let (database, mut wire) = session(&proxy);
    let insert = r#"INSERT INTO "HR"."EMP" VALUES (1, 'x', 'a')"#;
    for (change, insert) in [
        ("", r#"INSERT INTO "HR"."EMP" VALUES (1, 'x', 'a', 2)"#),
        ("", r#"INSERT INTO "HR"."EMP" VALUES (1, 'x', 'a'), (2, 'x')"#),
        ("", r#"INSERT INTO "HR"."EMP" SELECT 1, 'x', 'a'"#),
        ("", r#"INSERT INTO "HR"."EMP" VALUES (1, 'x', 'a') UNION SELECT 2, 'y', 'b'"#),
        ("", r#"WITH w AS (INSERT INTO "HR"."EMP" VALUES (1, 'x', 'a') RETURNING 1) SELECT 1"#),
        (
            "",
            r#"DROP TABLE "HR"."EMP"; CREATE TABLE "HR"."EMP" ("SSN" STRING(11), "ID" INT4, "NAME" STRING(20)); INSERT INTO "HR"."EMP" VALUES ('x', 1, 'a')"#,
        ),
        ("SELECT 1/0", insert),
        ("BEGIN; ROLLBACK", insert),
        (r#"ALTER TABLE "HR"."EMP" DROP COLUMN "SSN""#, insert),
        (r#"ALTER TABLE "HR"."EMP" ADD "MORE" INT4"#, insert),
        (r#"ALTER TABLE "HR"."EMP" RENAME COLUMN "NAME" TO "N""#, insert),
        (r#"CREATE TABLE IF NOT EXISTS "HR"."EMP" ("SSN" STRING(11), "ID" INT4)"#, insert),
    ] {
        say(&mut wire, r#"DROP TABLE IF EXISTS "HR"."EMP""#);
        table(&mut wire);
        say(&mut wire, change);
        let frames = wire.query(insert).until_ready();
        assert_eq!(sqlstate(&frames), "0A000", "{change}: {insert}");
        assert!(position(&frames).is_some() && field(&frames, b'E', b'H').is_some(), "{insert}");
    }
    // Somebody else has changed the table.
    say(&mut wire, r#"DROP TABLE IF EXISTS "HR"."EMP""#);
    table(&mut wire);
    assert!(say(&mut wire, insert).contains("INSERT 0 1"));
    database.query("ALTER TABLE people.emp DROP COLUMN name, ADD name text, ADD more int");
    assert_eq!(sqlstate(&wire.query(insert).until_ready()), "0A000");
    assert_eq!(rows(&database), [["1", "NULL", "NULL"]]);
    // What is parsed may never be executed.
    say(&mut wire, r#"DROP TABLE "HR"."EMP""#);
    let create = r#"CREATE TABLE "HR"."EMP" ("ID" INT4, "SSN" STRING(11), "NAME" STRING(20))"#;
    wire.parse("", create, &[]).bind("", "", &[], &[], 0).execute("", 0).sync().until_ready();
    assert_eq!(sqlstate(&wire.query(insert).until_ready()), "0A000");
    assert_eq!(columns(&database, "emp"), "id name");
}
