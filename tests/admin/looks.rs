//! What the proxy asks the target for an operator: foreign keys and estimates.

use super::console::console;
use super::{admin_address, get, wait_for};
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Proxy, command, run, transcript};

#[test]
fn foreign_keys_and_estimates_come_from_the_target() {
    let database = Cluster::shared().create_database();
    let endpoint = database.endpoint();
    database
        .query("CREATE TABLE p (a int PRIMARY KEY); INSERT INTO p SELECT generate_series(1, 500)");
    database.query("CREATE TABLE c (a int REFERENCES p); CREATE TABLE n (a int)");
    database.query("ALTER TABLE n ADD FOREIGN KEY (a) REFERENCES p NOT VALID");
    let url = |name: &str| format!("postgresql://{}@{}/{name}", endpoint.user, endpoint.address);
    let mut park = command(env!("CARGO_BIN_EXE_dms-proxy"));
    park.current_dir(std::env::temp_dir());
    park.args(["fk", "park", "--table", "c", "--target", &url(&endpoint.database)]);
    run(&mut park, b"").success();
    let config = "[admin]\naddress = '127.0.0.1:0'\nlook_interval = 1\n";
    let proxy = Proxy::start_to(&url("postgres"), config);
    let address = admin_address(&proxy);
    let mut wire = log_in(&proxy.endpoint(endpoint));
    // In one text the keys would be parked: ANALYZE may run functions of indexes.
    say(&mut wire, "DELETE FROM public.p WHERE a > 100");
    say(&mut wire, "ANALYZE p");
    let mine = |list: &serde_json::Value| -> Vec<serde_json::Value> {
        let all = list["foreign_keys"].as_array().unwrap().iter();
        all.filter(|key| key["database"] == *endpoint.database).cloned().collect()
    };
    wait_for(|| mine(&get(address, "/api/foreign-keys").json()).len() == 2);
    let keys = mine(&get(address, "/api/foreign-keys").json());
    assert_eq!((&keys[0]["table"], &keys[0]["state"]), (&"c".into(), &"parked".into()));
    assert_eq!((&keys[1]["table"], &keys[1]["state"]), (&"n".into(), &"not_valid".into()));
    assert_eq!(keys[0]["parked_by"], endpoint.user);
    assert!(keys[0]["parked_at"].as_str().unwrap().ends_with('Z'), "{keys:?}");
    assert_eq!(keys[1]["parked_at"], serde_json::Value::Null);
    let path = format!("/api/tables?database={}&table=p", endpoint.database);
    wait_for(|| get(address, &path).json()["tables"][0]["estimated_rows"] == 100);
    let metrics = get(address, "/metrics").body;
    for state in ["parked", "not_valid"] {
        let name = &endpoint.database;
        let series = format!("dms_proxy_foreign_keys{{database=\"{name}\",state=\"{state}\"}} 1\n");
        assert!(metrics.contains(&series), "{metrics}");
    }
    let (mut console, _) = console(&proxy, "dms_proxy", "postgres");
    let said = transcript(&console.query("SHOW FOREIGN_KEYS").until_ready());
    assert!(said.contains("c_a_fkey") && said.contains("parked"), "{said}");
}

#[test]
fn without_a_user_nothing_is_known_and_how_is_said() {
    let (_proxy, address) = super::proxy("look_interval = 1\n");
    let list = get(address, "/api/foreign-keys").json();
    assert_eq!(list["looked_at"], serde_json::Value::Null);
    assert!(list["hint"].as_str().unwrap().contains("a user in target.url"), "{list}");
}

/// What `fk validate` and `finish` have counted is shown until it is mended, and how far one is that runs.
#[test]
fn what_was_counted_comes_from_the_target() {
    let database = Cluster::shared().create_database();
    let endpoint = database.endpoint();
    database.query("CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p)");
    let url = |name: &str| format!("postgresql://{}@{}/{name}", endpoint.user, endpoint.address);
    let close_out = |words: &str| {
        let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
        program.current_dir(std::env::temp_dir()).args(words.split(' '));
        program.args(["--target", &url(&endpoint.database)]);
        program
    };
    // Nothing to note makes no table.
    run(&mut close_out("fk validate"), b"").success();
    assert_eq!(database.query("SELECT to_regnamespace('dms_proxy') IS NULL"), [["t"]]);
    database.query("SET session_replication_role = replica; INSERT INTO c VALUES (1), (2), (3)");
    let validated = run(&mut close_out("fk validate"), b"");
    assert_eq!((validated.status, validated.stderr.as_str()), (Some(1), ""));
    let config = "[admin]\naddress = '127.0.0.1:0'\nlook_interval = 1\n";
    let proxy = Proxy::start_to(&url(&endpoint.database), config);
    let address = admin_address(&proxy);
    let shown = || get(address, "/api/foreign-keys").json();
    wait_for(|| shown()["foreign_keys"][0]["orphans"] == 3);
    let key = shown()["foreign_keys"][0].clone();
    assert_eq!((&key["table"], &key["state"]), (&"c".into(), &"valid".into()));
    assert!(key["counted_at"].as_str().unwrap().ends_with('Z'), "{key}");
    assert_eq!(shown()["closing"], serde_json::json!([]));
    let mut lock = log_in(endpoint);
    say(&mut lock, "BEGIN; LOCK TABLE c");
    let mut finishing = close_out("finish").spawn().unwrap();
    wait_for(|| shown()["closing"][0]["command"] == "finish");
    let closing = shown()["closing"][0].clone();
    assert_eq!((&closing["phase"], &closing["total"]), (&"foreign keys".into(), &1.into()));
    say(&mut lock, "INSERT INTO p VALUES (1), (2), (3); COMMIT");
    assert_eq!(finishing.wait().unwrap().code(), Some(0));
    wait_for(|| shown()["foreign_keys"] == serde_json::json!([]));
    wait_for(|| shown()["closing"] == serde_json::json!([]));
    let cleaned = run(&mut close_out("clean"), b"").success();
    assert!(cleaned.contains("dms_proxy.close_out"), "{cleaned}");
}
