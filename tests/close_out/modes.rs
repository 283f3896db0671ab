//! What the replica role silences besides foreign keys: told by `check`, looked for by `finish`.

use serde_json::{Value, json};

use super::Target;
use crate::support::Cluster;

const TABLES: &str = "
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int PRIMARY KEY DEFERRABLE, parent int REFERENCES parent,
        UNIQUE (id, parent) DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE booked (during int4range, room int, EXCLUDE USING gist (during WITH &&) DEFERRABLE);
    CREATE TABLE plain (id int); CREATE TABLE keyed (id int REFERENCES parent);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER t BEFORE INSERT ON child FOR EACH ROW EXECUTE PROCEDURE f();
    CREATE RULE r AS ON DELETE TO plain DO ALSO SELECT 1";

fn of<'r>(report: &'r Value, list: &str, table: &str) -> Vec<&'r Value> {
    let list = report[list].as_array().unwrap().iter();
    list.filter(|line| line["table"] == table).collect()
}

#[test]
fn check_tells_what_each_mode_does_to_each_table() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(TABLES);
    let report = target.json("check", 0);
    let child = of(&report, "tables", "public.child")[0];
    assert_eq!(child["foreign_keys"], json!(["foreign key child_parent_fkey"]));
    assert_eq!(child["silenced"].as_array().unwrap().len(), 3, "{child}");
    assert_eq!(child["auto"], "foreign keys parked; all else acts");
    let whole = child["replica_role"].as_str().unwrap();
    assert!(whole.contains("deferrable key child_pkey") && whole.contains("trigger t"), "{whole}");
    assert_eq!(child["park"], "foreign keys parked");
    assert_eq!(child["off"], "foreign keys stay on");
    let keyed = of(&report, "tables", "public.keyed")[0];
    assert_eq!(keyed["auto"], "foreign keys silenced");
    let plain = of(&report, "tables", "public.plain")[0];
    assert_eq!(
        (&plain["auto"], &plain["silenced"]),
        (&json!("as without the proxy"), &json!(["rule r"]))
    );
    let text = target.run("check").stdout;
    assert!(text.contains("replica-role  silences") && text.contains("exclusion"), "{text}");
}

#[test]
fn finish_counts_what_deferrable_constraints_do_not_allow() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(TABLES);
    let clean = target.json("finish", 0);
    assert_eq!(clean["deferrable"].as_array().unwrap().len(), 3);
    target.query(
        "SET session_replication_role = replica;
         INSERT INTO parent SELECT generate_series(1, 20);
         INSERT INTO child SELECT n % 20 + 1, 1 FROM generate_series(0, 44) n;
         INSERT INTO child VALUES (100, NULL), (101, NULL);
         INSERT INTO booked VALUES ('[1,5)', 1), ('[4,8)', 1), ('[9,10)', 1), (NULL, 1), (NULL, 1)",
    );
    let report = target.json("finish", 1);
    let lines = of(&report, "deferrable", "public.child");
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(line["duplicates"], 25, "{line}");
        assert_eq!(line["samples"].as_array().unwrap().len(), 10);
        assert_eq!(target.query(line["query"].as_str().unwrap()).len(), 20);
    }
    let booked = of(&report, "deferrable", "public.booked")[0];
    assert_eq!(booked["duplicates"], 2, "{booked}");
    assert!(booked["samples"].to_string().contains("[4,8)"), "{booked}");
    assert_eq!(report["open"].as_array().unwrap().len(), 3);
    let text = target.run("finish").stdout;
    assert!(text.contains("25 rows that it does not allow") && text.contains("OPEN"), "{text}");
}

#[test]
fn finish_runs_no_code_of_others_for_them() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    let name = format!("stranger_{}", database.endpoint().database);
    target.query(&format!("CREATE ROLE {name} LOGIN; GRANT ALL ON SCHEMA public TO {name}"));
    target.as_user(&name).query(
        "CREATE TABLE called (n int);
         CREATE FUNCTION spy(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
            'BEGIN RAISE EXCEPTION ''called as %'', current_user; END';
         CREATE TABLE trap (id int, EXCLUDE USING btree ((spy(id)) WITH =) DEFERRABLE)",
    );
    let report = target.json("finish", 2);
    let line = of(&report, "deferrable", "public.trap")[0];
    assert!(line["problem"].as_str().unwrap().contains("not looked at"), "{line}");
    target.query(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}"));
}
