//! Values that are masked by data-masking rules, on every way that they come.

use super::additions::{proxy, proxy_with, session};
use super::{position, say, sqlstate};
use crate::support::{Database, Proxy, Wire, transcript};

fn mask(id: u32, column: &str, action: &str) -> String {
    format!(
        r#"{{"rule-type": "transformation", "rule-id": "{id}", "rule-name": "{id}",
            "rule-target": "column", "rule-action": "data-masking-{action}", "value": "*",
            "object-locator": {{"schema-name": "HR", "table-name": "EMP%", "column-name": "{column}"}}}}"#
    )
}

const HASH: &str = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";

fn rules() -> String {
    let rules = [
        mask(10, "PHONE", "digits-mask"),
        mask(11, "TAX", "hash-mask"),
        mask(12, "PAY", "digits-randomize"),
    ];
    rules.join(",")
}

fn ready(name: &str) -> (Proxy, Database, Wire) {
    let proxy = proxy(name, &rules());
    let (database, mut wire) = session(&proxy);
    let sql = r#"CREATE TABLE "HR"."EMP" ("ID" int PRIMARY KEY, "PHONE" varchar(20), "TAX" varchar(64),
        "PAY" numeric(9,2), "NAME" text DEFAULT 'none')"#;
    let said = say(&mut wire, sql);
    assert!(said.contains("CREATE TABLE"), "{said}");
    (proxy, database, wire)
}

fn rows(database: &Database) -> Vec<String> {
    let sql = "SELECT id, phone, tax, name FROM people.emp ORDER BY id";
    database.query(sql).into_iter().map(|row| row.join("|")).collect()
}

#[test]
fn values_are_masked_on_every_way() {
    let (proxy, database, mut wire) = ready("masked");
    let row = |id: u32, phone: &str, name: &str| format!("{id}|{phone}|{HASH}|{name}");
    let mut expected = Vec::new();
    for (sql, phone, name) in [
        (
            r#"INSERT INTO "HR"."EMP" ("ID", "PHONE", "TAX", "PAY", "NAME") VALUES (1, '+49 30/12', 'abc', 1234.56, '7')"#,
            "+** **/**",
            "7",
        ),
        (r#"INSERT INTO "HR"."EMP" VALUES (2, 12, $$abc$$, -1.5)"#, "**", "none"),
        (
            r#"INSERT INTO "HR"."EMP" AS e ("TAX", "ID", "PHONE") VALUES (E'a\142c', 3, DEFAULT)"#,
            "NULL",
            "none",
        ),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains("INSERT 0 1"), "{sql}: {said}");
        let id = u32::try_from(expected.len()).unwrap() + 1;
        expected.push(row(id, phone, name));
    }
    // Parameters in text and binary format, also of other types than the column's.
    let insert = r#"INSERT INTO "HR"."EMP" ("ID", "PHONE", "TAX", "PAY") VALUES ($1, $2, $3, $4)"#;
    wire.parse("p", insert, &[]).bind(
        "",
        "p",
        &[],
        &[Some(b"4"), Some(b"a1"), Some(b"abc"), Some(b"12.50")],
        0,
    );
    wire.execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("INSERT 0 1"), "{said}");
    expected.push(row(4, "a*", "none"));
    wire.parse("q", insert, &[23, 1043, 25, 20]);
    let pay = 1234_i64.to_be_bytes();
    wire.bind("", "q", &[1], &[Some(&[0, 0, 0, 5]), Some(b"a1"), Some(b"abc"), Some(&pay)], 0);
    wire.execute("", 0)
        .bind("", "q", &[0], &[Some(b"6"), None, Some(b"abc"), None], 0)
        .execute("", 0)
        .sync();
    let said = transcript(&wire.until_ready());
    assert_eq!(said.matches("INSERT 0 1").count(), 2, "{said}");
    expected.push(row(5, "a*", "none"));
    expected.push(row(6, "NULL", "none"));
    // COPY in all formats, with a list and without.
    for (sql, data, id, phone, name) in [
        (r#"COPY "HR"."EMP" FROM STDIN"#, &b"7\t1\\t2\tabc\t5\tx\n"[..], 7, "*\\t*", "x"),
        (
            r#"COPY "HR"."EMP" ("TAX", "ID", "PHONE") FROM STDIN CSV"#,
            b"abc,8,\"3,\"\"4\"\n",
            8,
            "*,\\\"*",
            "none",
        ),
    ] {
        wire.query(sql).until(b'G');
        wire.copy_data(data).copy_done();
        let said = transcript(&wire.until_ready());
        assert!(said.contains("COPY 1"), "{sql}: {said}");
        let phone = phone.replace("\\t", "\t").replace("\\\"", "\"");
        expected.push(row(id, &phone, name));
    }
    let mut data = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0\0\x03".to_vec();
    for value in [&[0, 0, 0, 9][..], b"12", b"abc"] {
        data.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        data.extend_from_slice(value);
    }
    data.extend([0xFF, 0xFF]);
    wire.query(r#"COPY "HR"."EMP" ("ID", "PHONE", "TAX") FROM STDIN BINARY"#).until(b'G');
    wire.copy_data(&data).copy_done();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("COPY 1"), "{said}");
    expected.push(row(9, "**", "none"));
    // Assignments, MERGE and a row that is there already.
    let said =
        say(&mut wire, r#"UPDATE "HR"."EMP" SET "PHONE" = '77', "NAME" = '77' WHERE "ID" = 9"#);
    assert!(said.contains("UPDATE 1"), "{said}");
    expected[8] = row(9, "**", "77");
    let sql = r#"INSERT INTO "HR"."EMP" ("ID", "PHONE", "TAX") VALUES (9, '5', 'abc') ON CONFLICT ("ID")
        DO UPDATE SET "PHONE" = EXCLUDED."PHONE", "NAME" = 'new', "TAX" = 'abc'"#;
    let said = say(&mut wire, sql);
    assert!(said.contains("INSERT 0 1"), "{said}");
    expected[8] = row(9, "*", "new");
    let sql = r#"MERGE INTO "HR"."EMP" e USING (SELECT 9 AS i UNION SELECT 10) s ON e."ID" = s.i
        WHEN MATCHED THEN UPDATE SET "PHONE" = '123' WHEN NOT MATCHED THEN
        INSERT ("ID", "PHONE", "TAX") VALUES (s.i, '9x', 'abc')"#;
    let said = say(&mut wire, sql);
    assert!(said.contains("MERGE 2"), "{said}");
    expected[8] = row(9, "***", "new");
    expected.push(row(10, "*x", "none"));
    assert_eq!(rows(&database), expected);
    let pays = database.query("SELECT count(*), count(DISTINCT pay), max(length(pay::text)) FROM people.emp WHERE pay IS NOT NULL");
    assert_eq!(pays[0][0], "5", "{pays:?}");
    let pays =
        database.query("SELECT count(*) FROM people.emp WHERE pay IN (1234.56, 12.50, 1234)");
    assert!(pays[0][0].parse::<u32>().unwrap() < 2, "{pays:?}");
    wire.terminate();
    drop(proxy);
    let ledger = database.query(
        "SELECT column_name, sum(count) FROM dms_proxy.rewrites WHERE rule = 'masked' GROUP BY 1 ORDER BY 1",
    );
    let ledger: Vec<String> = ledger.into_iter().map(|row| row.join(" ")).collect();
    assert_eq!(ledger.len(), 3, "{ledger:?}");
    assert!(ledger.contains(&"tax 12".to_owned()), "{ledger:?}");
}

#[test]
fn what_cannot_be_masked_for_sure_is_refused() {
    let (_proxy, database, mut wire) = ready("unmasked");
    say(&mut wire, r#"CREATE TABLE "HR"."EMP_B" ("TAX" bytea, "PHONE" int, "X" text)"#);
    for (sql, at) in [
        (r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, 'a' || '1')"#, "'a' ||"),
        (r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, upper('1'))"#, "upper"),
        (r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, '1'::text)"#, "'1'"),
        (r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") SELECT 1, '1'"#, "\"EMP\""),
        (r#"INSERT INTO "HR"."EMP" TABLE "HR"."EMP""#, "\"EMP\""),
        (
            r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, '1') UNION VALUES (2, '3')"#,
            "\"EMP\"",
        ),
        (r#"UPDATE "HR"."EMP" SET ("PHONE", "TAX") = (SELECT '1', '2')"#, "\"EMP\""),
        (r#"UPDATE "HR"."EMP" SET "PHONE" = "NAME""#, "\"NAME\""),
        (r#"UPDATE "HR"."EMP" e SET "PHONE" = s.a FROM (VALUES ('1')) s(a)"#, "s.a"),
        (
            r#"WITH w AS (INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, '1') RETURNING 1) SELECT * FROM w"#,
            "\"EMP\"",
        ),
        (r#"COPY "HR"."EMP" FROM '/tmp/none'"#, "\"EMP\""),
        (r#"PREPARE p AS INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, $1)"#, "$1"),
        (r#"INSERT INTO "HR"."EMP_B" ("TAX") VALUES ('x')"#, "\"EMP_B\""),
        (r#"INSERT INTO "HR"."EMP_B" ("PHONE") VALUES (1)"#, "\"EMP_B\""),
        (r#"CREATE TABLE "HR"."EMP_C" AS SELECT '1' AS "PHONE""#, "\"EMP_C\""),
        (r#"SELECT '1' AS "PHONE" INTO "HR"."EMP_D""#, "\"EMP_D\""),
        (
            r#"MERGE INTO "HR"."EMP" e USING (VALUES (1, '1')) s(i, p) ON e."ID" = s.i WHEN NOT MATCHED THEN INSERT ("ID", "PHONE") VALUES (s.i, s.p)"#,
            "s.p",
        ),
    ] {
        let said = wire.query(sql).until_ready();
        assert_eq!(sqlstate(&said), "0A000", "{sql}: {said:?}");
        let at = sql.find(at).map(|at| at + 1);
        assert_eq!(position(&said), at, "{sql}: {}", transcript(&said));
    }
    // A parameter that goes elsewhere too.
    wire.parse("", r#"INSERT INTO "HR"."EMP" ("ID", "PHONE", "NAME") VALUES (1, $1, $1)"#, &[])
        .sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("0A000"), "{said}");
    assert!(rows(&database).is_empty());
    // What no rule is about, and what brings no rows.
    for (sql, tag) in [
        (r#"INSERT INTO "HR"."EMP" ("ID", "NAME") SELECT 1, upper('a')"#, "INSERT 0 1"),
        (r#"INSERT INTO "HR"."EMP_B" ("X") VALUES ('1')"#, "INSERT 0 1"),
        (r#"INSERT INTO "HR"."EMP" DEFAULT VALUES"#, "23502"),
        (r#"DELETE FROM "HR"."EMP" WHERE "PHONE" = '1'"#, "DELETE 0"),
        (r#"INSERT INTO "HR"."EMP_NONE" ("PHONE") VALUES ('1')"#, "42P01"),
        (r#"SELECT "PHONE" FROM "HR"."EMP""#, "SELECT 1"),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(tag), "{sql}: {said}");
    }
}

/// What arrives longer than it is held cannot be masked: no byte of it may arrive as it was.
#[test]
fn values_that_are_too_long_to_be_masked_are_refused() {
    let (_proxy, database, mut wire) = ready("long-masks");
    say(&mut wire, r#"ALTER TABLE "HR"."EMP" ALTER "PHONE" TYPE text"#);
    let short = proxy_with("short-masks", &rules(), "[limits]\nstatement_bytes = 65536\n");
    let endpoint = short.endpoint(database.endpoint());
    let long = vec![b'7'; 100_000];
    let insert = r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES ($1, $2)"#;
    // A Bind ends the session, whichever of its parts is too long.
    let name = "n".repeat(100_000);
    for (portal, value) in [("", long.as_slice()), (&*name, b"77")] {
        let mut wire = super::log_in(&endpoint);
        wire.parse("", insert, &[]).sync().until_ready();
        wire.bind(portal, "", &[], &[Some(b"1"), Some(value)], 0);
        let said = wire.read_to_end();
        let holds = |part: &[u8]| said.windows(part.len()).any(|at| at == part);
        assert!(holds(b"FATAL") && holds(b"54000"), "{said:?}");
    }
    // One that is not that long is waited for, however it arrives.
    let mut wire = super::log_in(&endpoint);
    wire.parse("", insert, &[]).sync().until_ready();
    let mut bind = b"B\0\0\0\0".to_vec();
    bind.extend("n".repeat(60_000).bytes());
    bind.extend(b"\0\0\0\0\0\x02\0\0\0\x01".iter().chain(b"0\0\0\0\x0277\0\0"));
    let length = u32::try_from(bind.len() - 1).unwrap().to_be_bytes();
    bind[1..5].copy_from_slice(&length);
    for piece in bind.chunks(7_000) {
        wire.send_raw(piece);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    wire.execute(&"n".repeat(63), 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("INSERT 0 1"), "{said}");
    assert_eq!(rows(&database), ["0|**|NULL|none"]);
    // A COPY fails, in the row.
    const LONG: usize = 16 * 1024 * 1024 + 1;
    let mut head = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x04\0\0\0\x01".to_vec();
    head.extend(u32::try_from(LONG).unwrap().to_be_bytes());
    for (format, before, behind) in [
        ("text", b"1\t".to_vec(), &b"\n"[..]),
        ("csv", b"1,".to_vec(), b"\n"),
        ("binary", head, b"\xFF\xFF"),
    ] {
        let mut wire = super::log_in(&endpoint);
        let sql = format!(r#"COPY "HR"."EMP" ("ID", "PHONE") FROM STDIN (FORMAT {format})"#);
        wire.query(sql).until(b'G');
        wire.copy_data(before);
        let piece = vec![b'7'; 1024 * 1024];
        for _ in 0..16 {
            wire.copy_data(&piece);
        }
        wire.copy_data("7").copy_data(behind).copy_done();
        let frames = wire.until_ready();
        assert_eq!(sqlstate(&frames), "54000", "{format}: {}", transcript(&frames));
    }
    // A text fails, too, and what fits goes on.
    let mut wire = super::log_in(&endpoint);
    let digits = "7".repeat(100_000);
    let sql = format!(r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, '{digits}')"#);
    assert_eq!(sqlstate(wire.query(sql).until_ready().as_slice()), "54000");
    let said = say(&mut wire, r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, '77')"#);
    assert!(said.contains("INSERT 0 1"), "{said}");
    assert_eq!(rows(&database), ["0|**|NULL|none", "1|**|NULL|none"]);
}

/// Names that long end nothing where no value is changed.
#[test]
fn long_names_of_portals_pass_elsewhere() {
    let proxy = Proxy::start("", &[]);
    let (_database, mut wire) = session(&proxy);
    let name = "n".repeat(40_000);
    wire.parse("", "SELECT $1::text || 'x'", &[]).bind(&name, "", &[], &[Some(b"a")], 0);
    // PostgreSQL keeps 63 bytes of it, and takes no longer Execute than 10,000 bytes.
    wire.execute(&name[..63], 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("DataRow ax"), "{said}");
}
