//! Texts that take the place of a client's, run on a real server in a session where another role has
//! planted operators in front of the server's own.

use dms_proxy::catalog::Catalog;
use dms_proxy::config::Config;
use dms_proxy::policy::TablePrep;
use dms_proxy::rewrite::{Rules, plan};
use dms_proxy::statement::Lexing;
use dms_proxy::statement::script::{Scratch, Script};

use crate::catalog::{PLANTED_FIRST, plant};
use crate::support::{Cluster, Database};

fn prepare(database: &Database, mode: TablePrep, sql: &str) -> Vec<Vec<String>> {
    let policy = Config::default().policy().unwrap();
    let mut settings = policy.defaults;
    settings.table_prep = mode;
    let lexing = Lexing::default();
    let script = Script::read(sql.as_bytes(), lexing, &policy.mapping, &mut Scratch::default());
    let rules = Rules { policy: &policy, settings, lexing, masks: &[] };
    let rewrite = plan(&script, sql.as_bytes(), &[], &Catalog::default(), &rules);
    let text = rewrite.apply(sql.as_bytes()).expect("another text");
    database.query(&format!("{PLANTED_FIRST} {}", String::from_utf8(text).unwrap()))
}

#[test]
fn planted_operators_are_not_run_where_tables_are_prepared() {
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text);
        CREATE TABLE b (id int REFERENCES a); CREATE TABLE c (id int);
        CREATE TABLE p (id int) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);
        INSERT INTO a (t) VALUES ('x'), ('y'); INSERT INTO b VALUES (1);
        INSERT INTO c VALUES (1); INSERT INTO p VALUES (1)",
    );
    plant(&database);
    let counts = || {
        database.query(
            "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM c),
            (SELECT count(*) FROM p)",
        )
    };
    prepare(&database, TablePrep::DoNothing, "DROP TABLE a, b; TRUNCATE p, only c");
    assert_eq!(counts(), [["2", "1", "1", "1"]]);
    let sql = "DROP TABLE IF EXISTS nothing, c; TRUNCATE p, a, b RESTART IDENTITY";
    prepare(&database, TablePrep::TruncateBeforeLoad, sql);
    assert_eq!(counts(), [["0", "0", "0", "0"]]);
    database.query("INSERT INTO a (t) VALUES ('x')");
    assert_eq!(database.query("SELECT id FROM a"), [["1"]]);
    // A table that others refer to is emptied by DELETE.
    database.query("DELETE FROM a; INSERT INTO a (t) VALUES ('x')");
    prepare(&database, TablePrep::TruncateBeforeLoad, "TRUNCATE a");
    assert_eq!(counts(), [["0", "0", "0", "0"]]);
}
