//! Foreign keys go to the journal and come back as they were.

use std::process::Stdio;

use dms_proxy::close_out::Scope;
use dms_proxy::close_out::sql::park_sql;
use serde_json::Value;

use super::{NASTY, NASTY_KEYS, Role, Target};
use crate::support::{Cluster, run};

/// Foreign keys that the catalogs have, those of partitions left out.
fn on_tables(target: &Target<'_>) -> usize {
    let sql = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";
    target.query(sql)[0][0].parse().unwrap()
}

/// Foreign keys that only newer servers have, and how many there are.
fn newer_keys(target: &Target<'_>) -> (&'static str, usize) {
    let version: u32 = target.query("SHOW server_version_num")[0][0].parse().unwrap();
    if version < 180_000 {
        return ("", 0);
    }
    let sql = "CREATE TABLE app.lax (id int CONSTRAINT lax REFERENCES app.customer NOT ENFORCED);
        INSERT INTO app.lax VALUES (99);
        CREATE TABLE app.during (id int4range, v daterange, PRIMARY KEY (id, v WITHOUT OVERLAPS));
        CREATE TABLE app.event (id int4range, v daterange,
            CONSTRAINT within FOREIGN KEY (id, PERIOD v) REFERENCES app.during);
        INSERT INTO app.during VALUES ('[1,2)', '[2020-01-01,2020-06-01)'),
            ('[1,2)', '[2020-06-01,2021-01-01)');
        INSERT INTO app.event VALUES ('[1,2)', '[2020-03-01,2020-09-01)'), (NULL, NULL);
        ALTER TABLE app.p ADD CONSTRAINT later FOREIGN KEY (c) REFERENCES app.customer NOT VALID";
    (sql, 3)
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["constraint"].as_str().unwrap()).collect()
}

#[test]
fn every_key_comes_back_as_it_was() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(NASTY);
    let newer = newer_keys(&target);
    target.query(newer.0);
    let keys = NASTY_KEYS + newer.1;
    let before = target.schema();
    target.json("fk status", 0);
    let counted = |found: &Value| {
        let keys = found["foreign_keys"].as_array().unwrap().iter();
        keys.map(|key| (key["constraint"].to_string(), key["orphans"].to_string()))
            .filter(|(_, orphans)| orphans != "0")
            .collect::<Vec<_>>()
    };
    let orphans = counted(&target.json("fk validate", 0));
    assert_eq!(orphans.len(), usize::from(newer.1 > 0));
    let parked = target.json("fk park", 0);
    assert_eq!(parked["parked"].as_array().unwrap().len(), keys);
    assert_eq!(counted(&target.json("fk validate", 0)), orphans);
    assert_eq!(on_tables(&target), 0);
    let status = target.json("fk status", 1);
    assert_eq!(status["parked"], parked["parked"]);
    assert_eq!(status["on_table"], Value::Array(Vec::new()));
    // Parking again parks nothing and forgets nothing.
    assert_eq!(target.json("fk park", 0), parked);
    target.query("TRUNCATE app.customer; INSERT INTO app.customer (id, code) VALUES (1, 'one')");
    let restored = target.json("fk restore", 0);
    assert_eq!(restored["restored"].as_array().unwrap().len(), keys);
    assert_eq!(target.schema(), before);
    target.json("fk status", 0);
    // The orphans that were counted are noted there.
    let left = target.query("SELECT 1 FROM pg_namespace WHERE nspname = 'dms_proxy'").len();
    assert_eq!(left, orphans.len());
    assert_eq!(target.json("fk restore", 0)["restored"], Value::Array(Vec::new()));
}

#[test]
fn a_scope_is_what_its_tables_refer_to_and_are_referred_to_by() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(NASTY);
    let before = target.schema();
    let parked = target.json("fk park --table app.p", 0);
    assert_eq!(names(&parked["parked"]), ["p_c_fkey", "q_id_fkey"]);
    assert_eq!(on_tables(&target), NASTY_KEYS - 2);
    let mut odd = target.program("fk park --format json");
    let odd = run(odd.args(["--schema", "\"Odd \"\"S\""]), b"").success();
    let odd: Value = serde_json::from_str(&odd).unwrap();
    let of_schema = ["fk \"x $dms_proxy$", "not_valid", "customer_b_fkey"];
    assert_eq!(names(&odd["parked"]), of_schema);
    assert_eq!(on_tables(&target), NASTY_KEYS - 5);
    target.json("fk restore --table q", 0);
    assert_eq!(on_tables(&target), NASTY_KEYS - 4);
    target.json("fk restore", 0);
    assert_eq!(target.schema(), before);
}

#[test]
fn keys_that_cannot_come_back_stay_in_the_journal() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(
        "CREATE TABLE a (id int PRIMARY KEY);
         CREATE TABLE b (id int REFERENCES a); CREATE TABLE c (id int REFERENCES a);
         CREATE TABLE d (id int REFERENCES a); CREATE TABLE e (id int REFERENCES a);
         CREATE TABLE f (id int REFERENCES a) PARTITION BY LIST (id);
         CREATE TABLE g PARTITION OF f DEFAULT",
    );
    target.json("fk park", 0);
    target.query(
        "INSERT INTO b VALUES (1); DROP TABLE c; INSERT INTO f VALUES (1);
         ALTER TABLE d ADD CONSTRAINT d_id_fkey FOREIGN KEY (id) REFERENCES a ON DELETE CASCADE",
    );
    let restored = target.json("fk restore", 1);
    let outcomes: Vec<_> = restored["restored"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["table"].as_str().unwrap(), row["outcome"].as_str().unwrap()))
        .collect();
    // Servers before 18 cannot take a foreign key of a partitioned table as NOT VALID.
    let version: u32 = target.query("SHOW server_version_num")[0][0].parse().unwrap();
    let partitioned = if version < 180_000 { "failed" } else { "orphans" };
    assert_eq!(
        outcomes,
        [("b", "orphans"), ("c", "failed"), ("d", "failed"), ("e", "restored"), ("f", partitioned)]
    );
    let status = target.json("fk status", 1);
    assert_eq!(names(&status["parked"]), ["b_id_fkey", "c_id_fkey", "d_id_fkey", "f_id_fkey"]);
    target.query(
        "DELETE FROM b; DELETE FROM f; CREATE TABLE c (id int);
         ALTER TABLE d DROP CONSTRAINT d_id_fkey",
    );
    target.json("fk restore", 0);
    let rows = target.query(
        "SELECT conrelid::regclass, confdeltype, convalidated FROM pg_constraint
         WHERE contype = 'f' AND conparentid = 0 ORDER BY conrelid::regclass::text",
    );
    assert_eq!(rows, ["b", "c", "d", "e", "f"].map(|table| [table, "a", "t"]));
}

#[test]
fn what_was_not_valid_is_not_made_valid_and_what_was_added_is_parked_as_valid_again() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a);
         ALTER TABLE b ADD CONSTRAINT n FOREIGN KEY (id) REFERENCES a NOT VALID",
    );
    let before = target.schema();
    target.json("fk park", 0);
    target.query("INSERT INTO b VALUES (1)");
    target.json("fk restore", 1);
    // One of them is on its table but waits to be validated; parked again, it must not forget that.
    assert_eq!(target.json("fk status", 1)["parked"][0]["state"], "added");
    target.json("fk park", 0);
    target.query("DELETE FROM b");
    target.json("fk restore", 0);
    assert_eq!(target.schema(), before);
}

#[test]
fn an_owner_parks_without_being_superuser_and_others_are_refused() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    let (owner, stranger) = (Role::create(&target, "owner"), Role::create(&target, "stranger"));
    target.query(&format!(
        "GRANT CREATE ON DATABASE {db} TO {owner}, {stranger}; CREATE SCHEMA app;
         CREATE TABLE app.a (id int PRIMARY KEY); CREATE TABLE app.b (id int REFERENCES app.a);
         ALTER SCHEMA app OWNER TO {owner}; ALTER TABLE app.b OWNER TO {owner};
         GRANT USAGE ON SCHEMA app TO {stranger}; GRANT REFERENCES ON app.a TO {owner}",
        db = target.name,
        owner = owner.name,
        stranger = stranger.name
    ));
    let before = target.schema();
    let refused = target.as_user(&stranger.name).run("fk park");
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("must be owner of table b"), "{refused:?}");
    assert_eq!(target.schema(), before);
    let owners = target.as_user(&owner.name);
    owners.json("fk park", 0);
    assert_eq!(on_tables(&target), 0);
    // What is in the journal becomes SQL: nobody runs the words of a role below them.
    for command in ["fk status", "fk park", "fk restore", "fk validate", "finish"] {
        let refused = target.run(command);
        assert_eq!(refused.status, Some(2), "{command}: {refused:?}");
        assert!(refused.stderr.contains(&format!("role {}", owner.name)), "{refused:?}");
    }
    owners.json("fk restore", 0);
    assert_eq!(target.schema(), before);
}

#[test]
fn keys_whose_triggers_were_changed_are_not_parked() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a);
         ALTER TABLE b DISABLE TRIGGER ALL",
    );
    let refused = target.run("fk park");
    assert_eq!(refused.status, Some(2));
    assert!(
        refused.stderr.contains("55000") && refused.stderr.contains("b_id_fkey"),
        "{refused:?}"
    );
    assert_eq!(on_tables(&target), 1);
}

/// The block that a session of a client would run changes nothing of the session.
#[test]
fn the_block_leaves_a_session_as_it_was() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query("CREATE SCHEMA app");
    let block = park_sql(&Scope::default(), 10);
    let path = |path: &str, inside: &str| {
        target.query(&format!("SET search_path = {path}; {inside} SHOW search_path"))
    };
    // Nothing to park: nothing is made.
    assert_eq!(path("app, public", &format!("{block};")), [["app, public"]]);
    assert_eq!(target.query("SELECT 1 FROM pg_namespace WHERE nspname = 'dms_proxy'").len(), 0);
    target.query("CREATE TABLE app.a (id int PRIMARY KEY, b int REFERENCES app.a)");
    let before = target.schema();
    let inside = format!("BEGIN; {block}; {block}; COMMIT;");
    assert_eq!(path("app", &inside), [["app"]]);
    assert_eq!(on_tables(&target), 0);
    target.json("fk restore", 0);
    assert_eq!(target.schema(), before);
    target.query(&format!("BEGIN; {block}; ROLLBACK"));
    assert_eq!(target.schema(), before);
    // And functions of the user's in front of the system's are not what it calls.
    let trap = "CREATE FUNCTION app.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS
        $$SELECT 'DROP TABLE app.a'$$; ";
    assert_eq!(path("app, pg_catalog", &format!("{trap} {block};")), [["app, pg_catalog"]]);
    target.json("fk restore", 0);
    assert_eq!(target.query("SELECT count(*) FROM app.a"), [["0"]]);
}

#[test]
fn many_at_once_park_and_restore_each_key_once() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(NASTY);
    let before = target.schema();
    for _ in 0..3 {
        let running: Vec<_> =
            ["fk park", "fk restore", "fk park", "fk restore", "fk status", "finish"]
                .iter()
                .map(|words| {
                    let mut program = target.program(words);
                    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
                    program.spawn().unwrap()
                })
                .collect();
        for child in running {
            let output = child.wait_with_output().unwrap();
            let said = format!(
                "{}{}",
                String::from_utf8(output.stdout).unwrap(),
                String::from_utf8(output.stderr).unwrap()
            );
            // Some is parked or not; nothing is an error.
            assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
        }
        let status = target.run("fk status --format json");
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        let parked = status["parked"].as_array().unwrap();
        let waiting = parked.iter().filter(|row| row["state"] == "parked").count();
        assert_eq!(waiting + on_tables(&target), NASTY_KEYS);
    }
    target.json("fk restore", 0);
    assert_eq!(target.schema(), before);
}
