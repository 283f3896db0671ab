//! What the source calls a table stands beside its name on the target, wherever the commands name it.

use serde_json::{Value, json};

use super::Target;
use crate::protocol::additions;
use crate::protocol::{field, say};
use crate::support::{Database, Proxy, Wire, run};

/// Rules by which `"HR"."EMP"` is `people.emp`, and what a load by them has left.
fn loaded(name: &str, sql: &[&str]) -> (Proxy, Database) {
    let proxy = additions::proxy(name, &mask());
    let (database, mut wire) = additions::session(&proxy);
    for sql in sql {
        let said = say(&mut wire, sql);
        assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
    }
    leave(wire);
    (proxy, database)
}

fn mask() -> String {
    r#"{"rule-type": "transformation", "rule-id": "9", "rule-name": "9", "rule-target": "column",
        "rule-action": "data-masking-digits-mask", "value": "*",
        "object-locator": {"schema-name": "HR", "table-name": "EMP", "column-name": "PHONE"}},
       {"rule-type": "transformation", "rule-id": "8", "rule-name": "8", "rule-target": "column",
        "rule-action": "remove-column",
        "object-locator": {"schema-name": "HR", "table-name": "NEVER", "column-name": "X"}}"#
        .to_owned()
}

fn leave(mut wire: Wire) {
    wire.terminate();
    assert!(wire.read_to_end().is_empty());
}

const LOAD: &[&str] = &[
    r#"CREATE TABLE "HR"."DEPT" ("ID" int PRIMARY KEY); CREATE TABLE "HR".same (id int)"#,
    r#"CREATE TABLE "HR"."EMP" ("ID" int PRIMARY KEY, "PHONE" varchar(9), "DEPT" int REFERENCES "HR"."DEPT")"#,
    r#"INSERT INTO "HR"."EMP" ("ID", "PHONE") VALUES (1, '12')"#,
    r#"SET session_replication_role = replica; INSERT INTO "HR"."EMP" ("ID", "DEPT") VALUES (2, 7)"#,
];

const EMP: &str = r#""HR"."EMP""#;
const DEPT: &str = r#""HR"."DEPT""#;

fn of<'r>(list: &'r Value, table: &str) -> &'r Value {
    let mut list = list.as_array().unwrap().iter();
    list.find(|line| line["table"] == table).unwrap_or_else(|| panic!("{table}"))
}

#[test]
fn commands_show_the_names_of_the_source_beside_those_of_the_target() {
    let (_proxy, database) = loaded("beside", LOAD);
    let target = Target::shared(&database);
    let ledger = target.json("ledger", 0);
    let rows = ledger["rewrites"].as_array().unwrap();
    let row = |table: &str, column: &str| {
        rows.iter().find(|row| row["table"] == table && row["column"] == column).unwrap()
    };
    assert_eq!(row("emp", "")["rule"], "renamed");
    assert_eq!(row("emp", "")["schema"], "people");
    assert_eq!(row("emp", "")["sources"], json!([EMP]));
    assert_eq!(row("emp", "phone")["rule"], "masked");
    assert_eq!(row("emp", "phone")["sources"], json!([r#""HR"."EMP"."PHONE""#]));
    let text = target.run("ledger").success();
    assert!(text.contains(r#"people.emp ("HR"."EMP")"#), "{text}");
    assert!(text.contains(r#"phone ("HR"."EMP"."PHONE")"#), "{text}");

    let keys = target.json("fk validate", 1);
    let key = of(&keys["foreign_keys"], "emp");
    assert_eq!((&key["source"], &key["referenced_source"]), (&json!(EMP), &json!(DEPT)));
    let text = target.run("fk validate").stdout;
    assert!(text.contains(r#"people.emp ("HR"."EMP") "#), "{text}");
    let parked = target.json("fk park", 0);
    assert_eq!(of(&parked["parked"], "emp")["source"], json!(EMP));
    let text = target.run("fk status").stdout;
    assert!(text.contains(r#"people.emp ("HR"."EMP") "#), "{text}");

    let check = target.json("check", 0);
    assert_eq!(of(&check["tables"], "people.emp")["source"], json!(EMP));

    let report = target.json("finish", 1);
    let key = of(&report["foreign_keys"], "people.emp");
    assert_eq!((&key["source"], &key["referenced_source"]), (&json!(EMP), &json!(DEPT)));
    assert_eq!(of(&report["tables"], "people.dept")["source"], json!(DEPT));
    assert_eq!(of(&report["tables"], "people.same")["source"], json!(r#""HR"."same""#));
    let what = report["todo"][0]["what"].as_str().unwrap();
    assert!(what.contains(r#"people.emp ("HR"."EMP"): 1 row without a parent"#), "{what}");
    for format in ["text", "markdown", "html"] {
        let said = target.run(&format!("finish --all --format {format}")).stdout;
        let plain = said.replace("&quot;", "\"").replace("\\_", "_");
        assert!(plain.contains(r#"people.emp ("HR"."EMP")"#), "{said}");
        assert!(plain.contains(r#"people.dept ("HR"."DEPT")"#), "{said}");
    }
    let restored = target.json("fk restore", 1);
    assert_eq!(of(&restored["restored"], "emp")["source"], json!(EMP));
}

#[test]
fn tables_without_rules_have_no_other_name() {
    let database = crate::support::Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query("CREATE TABLE a (id int PRIMARY KEY, up int REFERENCES a)");
    assert_eq!(of(&target.json("check", 0)["tables"], "public.a")["source"], Value::Null);
    assert_eq!(of(&target.json("finish", 0)["tables"], "public.a")["source"], Value::Null);
    assert_eq!(of(&target.json("fk validate", 0)["foreign_keys"], "a")["source"], Value::Null);
}

#[test]
fn check_names_rules_of_which_nothing_is_on_the_target() {
    let (_proxy, database) = loaded("idle", LOAD);
    let target = Target::shared(&database);
    target.query("CREATE SCHEMA \"HR\"; CREATE TABLE \"HR\".\"EMP\" (id int)");
    let rules = additions::rules_file("idle", &mask());
    let config = std::env::temp_dir().join(format!("idle-{}.toml", std::process::id()));
    std::fs::write(&config, format!("[mapping]\ntable_mappings = {rules:?}\n")).unwrap();
    let mut program = target.program("check --format json");
    let finished = run(program.arg("--config").arg(&config), b"");
    let report: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
    let items = report["items"].as_array().unwrap().iter();
    let found: Vec<&str> = items
        .filter(|item| item["name"] == "names" && item["status"] == "advice")
        .map(|item| item["found"].as_str().unwrap())
        .collect();
    assert!(found.contains(&"rule-id 8 matches nothing of what is on the target"), "{found:?}");
    let both = r#"both "HR"."EMP" and "people"."emp" are on the target; by rule, "HR"."EMP" means "people"."emp""#;
    assert!(found.contains(&both), "{found:?}");
    assert!(!found.iter().any(|found| found.contains("rule-id 4 ")), "{found:?}");
    std::fs::remove_file(config).unwrap();
}

#[test]
fn what_prepares_tables_tells_both_names() {
    let proxy = Proxy::start(
        "[table_prep]\nmode = \"do-nothing\"\n[mapping.names]\nschemas = { HR = \"people\" }\ntables = \"lower\"\n",
        &[],
    );
    let (_database, mut wire) = additions::session(&proxy);
    say(&mut wire, r#"CREATE TABLE "HR"."EMP" (id int); CREATE TABLE "HR".kept (id int)"#);
    let frames = wire.query(r#"DROP TABLE "HR"."EMP""#).until_ready();
    let detail = r#"By rule, "HR"."EMP" of the statement is "emp" on the target."#;
    assert_eq!(field(&frames, b'N', b'D').as_deref(), Some(detail));
    wire.parse("", r#"TRUNCATE "HR"."EMP""#, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
    assert_eq!(field(&wire.until_ready(), b'N', b'D').as_deref(), Some(detail));
    leave(wire);
}
