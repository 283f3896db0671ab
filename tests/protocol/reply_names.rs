//! Replies with the names of the client's texts, where `mapping.reply_names` asks for them.

use super::{field, log_in, say, sqlstate};
use crate::support::{Cluster, Database, Proxy, Wire, transcript};

const LOWER: &str =
    "[mapping.names]\nschemas = \"lower\"\ntables = \"lower\"\ncolumns = \"lower\"\n";

fn session(replies: &str) -> (Proxy, Database, Wire) {
    let proxy = Proxy::start(&format!("[mapping]\nreply_names = {replies:?}\n{LOWER}"), &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    for sql in [
        r#"CREATE SCHEMA "HR""#,
        r#"CREATE TABLE "HR"."Emp" ("ID" int PRIMARY KEY, "Name" text NOT NULL, other int)"#,
        r#"INSERT INTO "HR"."Emp" ("ID", "Name") VALUES (1, 'a')"#,
    ] {
        let said = say(&mut wire, sql);
        assert!(!said.contains("ErrorResponse"), "{said}");
    }
    (proxy, database, wire)
}

fn described(frames: &[crate::support::Frame]) -> Vec<String> {
    let rows = frames.iter().filter(|frame| frame.tag == b'T');
    rows.map(|frame| {
        let mut names = Vec::new();
        let mut rest = &frame.body[2..];
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == 0).unwrap();
            names.push(String::from_utf8(rest[..end].to_vec()).unwrap());
            rest = &rest[end + 19..];
        }
        names.join(" ")
    })
    .collect()
}

#[test]
fn rows_are_described_by_the_names_of_the_text() {
    let (_proxy, _database, mut wire) = session("source");
    let sql = r#"SELECT * FROM "HR"."Emp"; SELECT "ID" AS id, "Name", count(*) FROM "HR"."Emp" GROUP BY 1, 2;
        SELECT e.*, e."ID"::text, 1 AS one FROM "HR"."Emp" e"#;
    let expected = ["ID Name other", "id Name count", "ID Name other ID one"];
    assert_eq!(described(&wire.query(sql).until_ready()), expected);
    let sql = r#"UPDATE "HR"."Emp" SET "Name" = $1 RETURNING "ID", "Name""#;
    wire.parse("p", sql, &[]).describe(b'S', "p").sync();
    assert_eq!(described(&wire.until_ready()), ["ID Name"]);
    wire.bind("", "p", &[], &[Some(b"x")], 0).describe(b'P', "").execute("", 0).sync();
    let frames = wire.until_ready();
    assert_eq!(described(&frames), ["ID Name"]);
    assert!(transcript(&frames).contains("UPDATE 1"));
}

#[test]
fn errors_have_the_names_of_the_text() {
    let (_proxy, _database, mut wire) = session("source");
    let frames = wire.query(r#"INSERT INTO "HR"."Emp" ("ID") VALUES (2)"#).until_ready();
    assert_eq!(sqlstate(&frames), "23502");
    let fields: Vec<_> = [b's', b't', b'c'].map(|code| field(&frames, b'E', code).unwrap()).into();
    assert_eq!(fields, ["HR", "Emp", "Name"]);
    let message = field(&frames, b'E', b'M').unwrap();
    assert!(message.contains(r#"column "Name""#), "{message}");
    let frames = wire.query(r#"SELECT "ID" FROM "HR"."None" WHERE "ID" = 1"#).until_ready();
    let message = field(&frames, b'E', b'M').unwrap();
    assert_eq!(message, r#"relation "HR.None" does not exist"#);
    // A value in quotes stays as it is.
    let frames = wire.query(r#"SELECT 'id'::int FROM "HR"."Emp""#).until_ready();
    let message = field(&frames, b'E', b'M').unwrap();
    assert!(message.ends_with(r#": "id""#), "{message}");
}

#[test]
fn replies_have_the_names_of_the_target_by_default() {
    let (_proxy, _database, mut wire) = session("target");
    let frames = wire.query(r#"SELECT "ID", * FROM "HR"."Emp""#).until_ready();
    assert_eq!(described(&frames), ["id id name other"]);
    let frames = wire.query(r#"INSERT INTO "HR"."Emp" ("ID") VALUES (2)"#).until_ready();
    assert_eq!(field(&frames, b'E', b't').as_deref(), Some("emp"));
}
