//! `dms-proxy rejects`, and what `finish` says of rows that were set aside.

use serde_json::Value;

use super::Target;
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Database, Proxy, Wire};

const CONFIG: &str = "[errors]\ndata_error_policy = \"log-error\"\n\
    data_truncation_error_policy = \"log-error\"\n[fk]\nmode = \"off\"\n";

fn copy(wire: &mut Wire, sql: &str, data: &[u8]) {
    wire.query(sql).until(b'G');
    wire.copy_data(data).copy_done().until_ready();
}

/// A database in which rows of each format were set aside: three too long, one with a bad number, one with
/// too many fields.
fn loaded() -> Database {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (id int, v varchar(5)); CREATE TABLE u (id int, v varchar(5))");
    copy(&mut wire, "COPY t FROM STDIN", b"1\tgood\n2\ttoo\\nlong\nx\t\\N\n");
    let sql = "COPY t (v, id) FROM STDIN (FORMAT csv, DELIMITER ';')";
    copy(&mut wire, sql, b"good;3\n\"too; long\";4\n");
    let head = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0";
    let tuple = b"\0\x02\0\0\0\x04\0\0\0\x05\0\0\0\x08too long";
    let stream = [&head[..], tuple, b"\xFF\xFF"].concat();
    copy(&mut wire, "COPY t FROM STDIN (FORMAT binary)", &stream);
    copy(&mut wire, "COPY u FROM STDIN", b"1\ta\tmore\n");
    database
}

fn counts(list: &Value) -> Vec<String> {
    let groups = list["groups"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    groups
        .map(|group| {
            let (table, code) = (text(&group["table"]), text(&group["sqlstate"]));
            format!("{table} {code} {} {}", text(&group["state"]), group["count"])
        })
        .collect()
}

#[test]
fn rows_are_counted_shown_and_loaded_again() {
    let database = loaded();
    let target = Target::shared(&database);
    let list = target.json("rejects list", 1);
    assert_eq!(list["waiting"], 5);
    assert_eq!(counts(&list), ["t 22001 open 3", "t 22P02 open 1", "u 22P04 open 1"]);
    let shown = target.json("rejects show --table t --sqlstate 22P02", 0);
    assert_eq!((&shown[0]["row"], &shown[0]["line"]), (&"x\t\\N".into(), &3.into()));
    // All is as refused as before.
    let retried = target.json("rejects retry", 1);
    assert_eq!((&retried[0]["refused"], &retried[1]["refused"]), (&4.into(), &1.into()));
    target.query("ALTER TABLE t ALTER v TYPE text");
    let retried = target.json("rejects retry --table t", 1);
    assert_eq!((&retried[0]["loaded"], &retried[0]["refused"]), (&3.into(), &1.into()));
    let rows = target.query("SELECT id, v FROM t ORDER BY 1");
    assert_eq!(
        rows,
        [["1", "good"], ["2", "too\nlong"], ["3", "good"], ["4", "too; long"], ["5", "too long"]]
    );
    let list = target.json("rejects list", 1);
    assert_eq!(counts(&list), ["t 22001 loaded 3", "t 22P02 open 1", "u 22P04 open 1"]);
    // What is in does not go in again.
    target.json("rejects retry --table t", 1);
    assert_eq!(target.query("SELECT count(*) FROM t"), [["5"]]);
    let finished = target.json("finish", 1);
    let open = finished["open"].to_string();
    assert!(open.contains("2 rows were set aside") && open.contains("rejects list"), "{open}");
    let codes = finished["rejects"].as_array().unwrap().iter().map(|group| &group["sqlstate"]);
    assert_eq!(codes.collect::<Vec<_>>(), ["22001", "22P02", "22P04"]);
    assert_eq!(target.json("rejects discard --table t u", 0)["discarded"], 2);
    assert_eq!(target.json("rejects list", 0)["waiting"], 0);
    assert_eq!(target.json("finish", 0)["verdict"], "clean");
}

#[test]
fn rows_are_written_to_be_mended() {
    let database = loaded();
    let target = Target::shared(&database);
    let csv = target.run("rejects export --table t");
    assert_eq!(csv.stdout, "id,v\n2,\"too\nlong\"\nx,\nv,id\ntoo; long,4\n");
    assert!(csv.stderr.contains("binary"), "{}", csv.stderr);
    let sql = target.run("rejects export --as sql").stdout;
    assert!(
        sql.contains("INSERT INTO \"public\".\"t\" (\"v\", \"id\") VALUES ('too; long', '4');"),
        "{sql}"
    );
    assert!(sql.contains("VALUES ('1', 'a', 'more');"), "{sql}");
}

#[test]
fn a_table_that_is_not_trusted_is_not_read() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    assert_eq!(target.json("rejects list", 0)["waiting"], 0);
    target.query("CREATE SCHEMA dms_proxy; CREATE VIEW dms_proxy.rejected_rows AS SELECT 1");
    let said = target.run("rejects list");
    assert_eq!(said.status, Some(2));
    assert!(said.stderr.contains("is not a table"), "{}", said.stderr);
}

#[test]
fn a_format_that_the_proxy_does_not_write_is_not_run() {
    let database = loaded();
    let target = Target::shared(&database);
    target.query(
        "UPDATE dms_proxy.rejected_rows SET format = 'text (NULL ''a''); DROP TABLE t; --'')'",
    );
    let retried = target.json("rejects retry --table t", 1);
    assert_eq!(retried[0]["loaded"], 0);
    assert_eq!(target.query("SELECT count(*) FROM t"), [["2"]]);
}

#[test]
fn rows_of_statements_are_loaded_again_and_whole_statements_are_written() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (id int, v varchar(5)); INSERT INTO t VALUES (1, 'a')");
    say(&mut wire, "INSERT INTO t VALUES (2, E'too\\tl\\\\ong'), (3, 'c')");
    say(&mut wire, "UPDATE t SET v = 'too long' WHERE id = 1 -- one");
    let target = Target::shared(&database);
    let sql = target.run("rejects export --as sql").stdout;
    assert!(sql.contains("VALUES ('2', E'too\tl\\\\ong');"), "{sql}");
    assert!(sql.contains("\nUPDATE t SET v = 'too long' WHERE id = 1;\n"), "{sql}");
    target.query("ALTER TABLE t ALTER v TYPE text");
    let retried = target.json("rejects retry", 1);
    assert_eq!((&retried[0]["loaded"], &retried[0]["refused"]), (&1.into(), &1.into()));
    let rows = target.query("SELECT id, v FROM t ORDER BY 1");
    assert_eq!(rows, [["1", "a"], ["2", "too\tl\\ong"], ["3", "c"]]);
    assert_eq!(counts(&target.json("rejects list", 1)), ["t 22001 loaded 1", "t 22001 open 1"]);
}

#[test]
fn a_suspended_table_is_shown_and_taken_up_again() {
    let config = "[errors]\ndata_error_policy = \"suspend-table\"\n[fk]\nmode = \"off\"\n";
    let proxy = Proxy::start(config, &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(
        &mut wire,
        "CREATE SCHEMA s; CREATE TABLE s.t (id int, v varchar(5)); CREATE TABLE u (id int)",
    );
    copy(&mut wire, "COPY s.t FROM STDIN", b"1\ta\nx\tb\n3\tc\n");
    let target = Target::shared(&database);
    let list = target.json("rejects list", 1);
    assert_eq!(counts(&list), ["t 22P02 open 1", "t 55000 open 1"]);
    let suspended = &list["suspended"][0];
    assert_eq!((&suspended["schema"], &suspended["sqlstate"]), (&"s".into(), &"22P02".into()));
    assert!(target.run("rejects list").stdout.contains("\"s\".\"t\"  suspended since"));
    let finished = target.json("finish", 1);
    assert!(finished["open"].to_string().contains("is suspended"), "{finished}");
    target.json("rejects discard", 0);
    target.json("rejects list", 1);
    target.json("clean", 1);
    assert_eq!(target.run("rejects resume").status, Some(2));
    assert_eq!(target.json("rejects resume u", 1)["resumed"], Value::Array(Vec::new()));
    assert_eq!(target.json("rejects resume s.t", 0)["resumed"][0]["table"], "t");
    assert_eq!(target.json("rejects list", 0)["suspended"], Value::Array(Vec::new()));
    assert!(say(&mut wire, "INSERT INTO s.t VALUES (4, 'd')").contains("INSERT 0 1\n"));
    target.json("clean", 0);
}

#[test]
fn a_role_that_may_set_aside_may_suspend() {
    let config = "[errors]\ndata_error_policy = \"suspend-table\"\n[fk]\nmode = \"off\"\n";
    let proxy = Proxy::start(config, &[]);
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    let role = super::Role::create(&target, "loads");
    target.query("CREATE TABLE t (id int); CREATE TABLE u (id int)");
    target.query(&format!("GRANT INSERT ON t, u TO {}", role.name));
    let mut endpoint = proxy.endpoint(database.endpoint());
    endpoint.user = role.name.clone();
    let mut wire = log_in(&endpoint);
    assert!(say(&mut wire, "INSERT INTO t VALUES ('x')").contains("init-target"));
    target.run(&format!("init-target --role {}", role.name)).success();
    assert!(say(&mut wire, "INSERT INTO t VALUES ('x')").contains("INSERT 0 0\n"));
    assert!(say(&mut wire, "INSERT INTO t VALUES (1)").contains("INSERT 0 0\n"));
    assert!(say(&mut wire, "INSERT INTO u VALUES (1)").contains("INSERT 0 1\n"));
    assert_eq!(target.query("SELECT count(*) FROM dms_proxy.rejected_rows"), [["2"]]);
}

/// What waits, with what the server said of it last.
fn said(database: &Database) -> Vec<Vec<String>> {
    database.query(
        "SELECT sqlstate, message, coalesce(detail, ''), coalesce(constraint_name, ''),
            coalesce(column_name, ''), state
        FROM dms_proxy.rejected_rows ORDER BY at",
    )
}

#[test]
fn of_a_row_that_is_refused_again_the_new_error_is_kept() {
    let config = CONFIG.replace("[fk]", "batch_bytes = 1024\n[fk]");
    let proxy = Proxy::start(&config, &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (id int, v varchar(5), CONSTRAINT c CHECK (v <> 'too long'))");
    say(&mut wire, "INSERT INTO t VALUES (1, 'too long')");
    copy(&mut wire, "COPY t FROM STDIN", format!("2\t{}\n", "a".repeat(2000)).as_bytes());
    let target = Target::shared(&database);
    let long = said(&database)[1].clone();
    assert_eq!((&*long[0], &*long[5]), ("22001", "cut"));
    target.query("ALTER TABLE t ALTER v TYPE text");
    target.json("rejects retry", 1);
    let message = "new row for relation \"t\" violates check constraint \"c\"";
    let detail = "Failing row contains (1, too long).";
    let checked = ["23514", message, detail, "c", "", "open"].map(str::to_owned).to_vec();
    // What was not kept as a whole is not sent, so nothing new is known of it.
    assert_eq!(said(&database), [checked, long]);
}

#[test]
fn what_is_written_means_the_same_again() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE SCHEMA s; CREATE TABLE s.t (id int, v text); SET search_path = s");
    say(&mut wire, "INSERT INTO t VALUES (1, 'a')");
    copy(&mut wire, "COPY t FROM STDIN (ENCODING 'LATIN1')", b"x\t\xE9\n");
    copy(&mut wire, "COPY t FROM STDIN (ENCODING 'SJIS')", b"y\t\x83\x5C\n");
    copy(&mut wire, "COPY t FROM STDIN", b"3\t\xE9'\n");
    say(&mut wire, "SET client_encoding = 'LATIN1'");
    wire.query(b"UPDATE t SET id = 'z', v = '\xE9'").until_ready();
    let target = Target::shared(&database);
    // What is not UTF-8 stays as it is; the harness does not show it.
    let csv = target.run("rejects export").stdout;
    assert_eq!(csv, "id,v\nx,\u{E9}\ny,\u{30BD}\n3,'\n");
    let sql = target.run("rejects export --as sql").stdout;
    assert!(sql.contains("VALUES ('y', '\u{30BD}');\n"), "{sql}");
    assert!(sql.contains("VALUES ('3', E'''');\n"), "{sql}");
    let update = "SET search_path TO \"s\", public;\nUPDATE t SET id = 'z', v = '\u{E9}';\n";
    assert!(sql.contains(update), "{sql}");
    assert_eq!(target.json("rejects list --sqlstate 22p02", 1)["waiting"], 3);
    let retried = target.json("rejects retry", 1);
    assert_eq!(retried[0]["refused"], 4);
}
