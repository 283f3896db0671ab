//! Orphans are counted as the server itself would judge them.

use serde_json::{Value, json};

use super::Target;
use crate::support::Cluster;

/// Tables whose rows come without their parents: loaded under the replica role.
const ORPHANS: &str = r#"
CREATE TABLE parent (x int, y int, PRIMARY KEY (x, y), UNIQUE (y, x));
INSERT INTO parent VALUES (1, 1), (2, 2);
CREATE TABLE simple (x int8, y int2, FOREIGN KEY (x, y) REFERENCES parent);
CREATE TABLE "Full" ("X" int, y int, FOREIGN KEY ("X", y) REFERENCES parent MATCH FULL);
CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self);
CREATE TABLE word (w char(5) PRIMARY KEY);
CREATE TABLE says (w varchar(9) REFERENCES word);
CREATE TABLE part (id int PRIMARY KEY, up int REFERENCES part) PARTITION BY LIST (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
CREATE TABLE old (id int PRIMARY KEY);
CREATE TABLE new () INHERITS (old);
CREATE TABLE heir (id int REFERENCES old);
CREATE TABLE many (id int, s int REFERENCES self);
SET session_replication_role = replica;
INSERT INTO simple VALUES (1, 1), (1, 2), (9, 9), (NULL, 7), (9, NULL), (NULL, NULL);
INSERT INTO "Full" VALUES (1, 1), (1, 2), (9, 9), (NULL, 7), (9, NULL), (NULL, NULL);
INSERT INTO self VALUES (1, 1), (2, 1), (3, 4), (5, NULL);
INSERT INTO word VALUES ('a'), ('b');
INSERT INTO says VALUES ('a'), ('b    '), ('c');
INSERT INTO part VALUES (1, 2), (2, 3);
INSERT INTO new VALUES (1);
INSERT INTO heir VALUES (1);
INSERT INTO many SELECT i, 100 + i FROM generate_series(1, 1234) i;
"#;

/// What the server finds when it must look at every row: one key after the other is dropped, added
/// again and validated.
fn orphaned_by_server(target: &Target<'_>) -> Vec<String> {
    let keys = target.query(
        "SELECT conrelid::regclass, quote_ident(conname), pg_get_constraintdef(oid)
         FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 ORDER BY 1, 2",
    );
    keys.iter()
        .filter(|key| {
            let [table, name, definition] = key.as_slice() else { panic!("{key:?}") };
            let sql = format!(
                "ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {definition}"
            );
            target.try_query(&sql).is_err()
        })
        .map(|key| key[1].clone())
        .collect()
}

#[test]
fn counts_and_keys_are_those_of_the_servers_rules() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(ORPHANS);
    let found = target.json("fk validate --jobs 3", 1);
    let found = found["foreign_keys"].as_array().unwrap();
    let line = |name: &str| found.iter().find(|key| key["constraint"] == name).unwrap();
    let expected = [
        ("simple_x_y_fkey", 2, json!([["1", "2"], ["9", "9"]])),
        ("Full_X_y_fkey", 4, json!([["1", "2"], ["9", "9"], ["9", null], [null, "7"]])),
        ("self_up_fkey", 1, json!([["4"]])),
        ("says_w_fkey", 1, json!([["c"]])),
        ("part_up_fkey", 1, json!([["3"]])),
        ("heir_id_fkey", 1, json!([["1"]])),
    ];
    for (name, count, samples) in expected {
        let line = line(name);
        // Rows come in no order.
        let mut keys = line["samples"].clone();
        keys.as_array_mut().unwrap().sort_by_key(Value::to_string);
        assert_eq!((&line["orphans"], keys), (&json!(count), samples), "{name}");
        let rows = target.query(line["query"].as_str().unwrap());
        assert_eq!(rows.len(), count, "{name}");
    }
    let many = line("many_s_fkey");
    assert_eq!(many["orphans"], 1234);
    assert_eq!(many["samples"].as_array().unwrap().len(), 10);
    assert_eq!(found.len(), 7);
    let ours: Vec<String> = found
        .iter()
        .filter(|key| key["orphans"] != 0)
        .map(|key| key["constraint"].as_str().unwrap().to_owned())
        .collect();
    let mut servers: Vec<_> =
        orphaned_by_server(&target).iter().map(|name| name.trim_matches('"').to_owned()).collect();
    servers.sort();
    let mut ours = ours;
    ours.sort();
    assert_eq!(ours, servers);
}

#[test]
fn parked_keys_are_counted_as_those_on_their_tables() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(ORPHANS);
    let counts = |found: &Value| -> Vec<Value> {
        let keys = found["foreign_keys"].as_array().unwrap().iter();
        keys.map(|key| json!([key["constraint"], key["orphans"], key["samples"]])).collect()
    };
    let before = target.json("fk validate", 1);
    target.json("fk park", 0);
    let parked = target.json("fk validate", 1);
    assert_eq!(counts(&parked), counts(&before));
    assert_eq!(parked["foreign_keys"][0]["state"], "parked");
    let text = target.run("fk validate --table many").stdout;
    assert!(text.contains("1234") && text.contains("(101) (102)"), "{text}");
}

#[test]
fn clean_is_zero_and_what_cannot_be_counted_is_two() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a);
         INSERT INTO a VALUES (1); INSERT INTO b VALUES (1), (NULL)",
    );
    let found = target.json("fk validate", 0);
    assert_eq!(found["foreign_keys"][0]["orphans"], 0);
    let role = super::Role::create(&target, "reader");
    let refused = target.as_user(&role.name).json("fk validate", 2);
    let problem = refused["foreign_keys"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("42501"), "{problem}");
    // A policy that hides rows does not make them valid.
    target.query(&format!(
        "ALTER TABLE b ENABLE ROW LEVEL SECURITY; GRANT SELECT ON a, b TO {}",
        role.name
    ));
    let refused = target.as_user(&role.name).json("fk validate", 2);
    let problem = refused["foreign_keys"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("row-level security"), "{problem}");
}
