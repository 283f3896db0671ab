//! `dms-proxy ledger` and `dms-proxy clean`: what the proxy leaves on a target.

use super::Target;
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Proxy};

const CONFIG: &str =
    "[errors]\ndata_truncation_error_policy = \"log-error\"\n[fk]\nmode = \"off\"\n";

#[test]
fn the_ledger_is_shown_by_table_and_rule() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    assert_eq!(target.run("ledger").success(), "nothing was changed\n");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (a text); CREATE TABLE u (a text)");
    for table in ["t", "u"] {
        wire.query(format!("COPY {table} FROM STDIN")).until(b'G');
        wire.copy_data(b"a\0b\n\0\n").copy_done().until_ready();
    }
    drop(wire);
    let noted =
        || target.query("SELECT count(*) FROM pg_class WHERE relname = 'rewrites'") == [["1"]];
    while !noted() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let rows = |words: &str| target.json(words, 0)["rewrites"].as_array().unwrap().clone();
    let all = rows("ledger");
    let nuls: Vec<_> = all.iter().filter(|row| row["rule"] == "nul").collect();
    assert_eq!(nuls.len(), 2, "{all:?}");
    assert!(nuls.iter().all(|row| row["count"] == 2), "{all:?}");
    let of_u = rows("ledger --table u --rule nul");
    assert_eq!((of_u.len(), &of_u[0]["table"]), (1, &"u".into()));
    assert!(of_u[0]["first_seen"].as_str().is_some(), "{of_u:?}");
    let text = target.run("ledger --rule nul").success();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("RUN ") && lines.len() == 4, "{text}");
    let reader = target.as_user("nobody_of_this_name");
    assert_eq!(reader.run("ledger").status, Some(2));
}

#[test]
fn nothing_is_removed_while_something_waits() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    assert_eq!(target.run("clean").success(), "the proxy has left nothing here\n");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE p (a int PRIMARY KEY, v varchar(2))");
    say(&mut wire, "CREATE TABLE c (a int REFERENCES p)");
    wire.query("COPY p FROM STDIN").until(b'G');
    wire.copy_data(b"1\ttoo long\n").copy_done().until_ready();
    drop(wire);
    target.run("fk park").success();
    target.query("CREATE TABLE dms_proxy.theirs (a int)");
    let waits = target.json("clean", 1);
    let waiting: Vec<&str> =
        waits["waiting"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(waiting.len(), 3, "{waiting:?}");
    assert!(waiting[0].contains("c_a_fkey is parked"), "{waiting:?}");
    assert!(waiting[1].starts_with("public.p: 1 row waits"), "{waiting:?}");
    assert!(waiting[2].starts_with("relation dms_proxy.theirs is not the proxy's"), "{waiting:?}");
    target.query("DROP TABLE dms_proxy.theirs");
    target.run("fk restore").success();
    assert_eq!(target.run("clean").status, Some(1));
    target.run("rejects discard").success();
    let schemas = || target.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'dms_proxy'");
    let said = target.run("clean --dry-run").success();
    assert!(said.contains("schema dms_proxy: would be removed"), "{said}");
    assert_eq!(schemas(), [["1"]]);
    let said = target.run("clean").success();
    assert!(said.contains("table dms_proxy.rejected_rows: removed"), "{said}");
    assert_eq!(schemas(), [["0"]]);
}
