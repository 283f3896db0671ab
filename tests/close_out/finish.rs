//! `finish` ends a load: what it does, what it leaves alone, and what it reports.

use std::process::Stdio;

use serde_json::{Value, json};

use super::{Role, Target};
use crate::support::Cluster;

/// Tables as a migration leaves them: parked keys, orphans, sequences that have heard of nothing.
const LOADED: &str = r#"
CREATE TABLE customer (id serial PRIMARY KEY, up int REFERENCES customer);
CREATE TABLE purchase (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer int REFERENCES customer);
CREATE TABLE lost (id int PRIMARY KEY, customer int REFERENCES customer);
INSERT INTO customer (id) VALUES (7);
INSERT INTO purchase OVERRIDING SYSTEM VALUE VALUES (41, 7);
"#;

fn line<'a>(report: &'a Value, list: &str, name: &str, wanted: &str) -> &'a Value {
    let lines = report[list].as_array().unwrap();
    lines.iter().find(|line| line[name] == wanted).unwrap_or_else(|| panic!("{wanted}: {report:#}"))
}

#[test]
fn what_was_changed_on_the_way_is_reported() {
    let proxy = crate::support::Proxy::start("", &[]);
    let database = Cluster::shared().create_database();
    let (mut wire, _) = crate::support::Wire::log_in(&proxy.endpoint(database.endpoint()), &[]);
    wire.query("CREATE TABLE t (a text, b boolean); INSERT INTO t VALUES (E'a\\000', true)");
    wire.until_ready();
    wire.query("INSERT INTO t VALUES ('x', 1), ('y', 0)");
    wire.until_ready();
    wire.terminate();
    let target = Target::shared(&database);
    let began = std::time::Instant::now();
    loop {
        let report = target.json("finish", 0);
        if let [nul, converted] = report["rewrites"].as_array().unwrap().as_slice() {
            assert_eq!((&nul["rule"], &nul["count"]), (&json!("nul"), &json!(1)));
            assert_eq!((&converted["table"], &converted["column"]), (&json!("t"), &json!("b")));
            assert_eq!(converted["count"], 2);
            break;
        }
        assert!(began.elapsed().as_secs() < 20, "{report:#}");
    }
    let text = target.run("finish --all").stdout;
    assert!(text.contains("public.t.b: type-converted, 2 times (constant)"), "{text}");
}

#[test]
fn a_clean_load_ends_clean_and_can_be_ended_again() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(LOADED);
    let before = target.schema();
    target.json("fk park", 0);
    let dry = target.json("finish --dry-run", 1);
    assert_eq!(dry["verdict"], "open");
    assert_eq!(
        line(&dry, "foreign_keys", "constraint", "lost_customer_fkey")["done"],
        "to-restore"
    );
    target.json("fk status", 1);
    let report = target.json("finish --jobs 2", 0);
    assert_eq!(report["verdict"], "clean");
    assert_eq!(report["open"], json!([]));
    for key in report["foreign_keys"].as_array().unwrap() {
        assert_eq!((&key["state"], &key["done"]), (&json!("valid"), &json!("restored")), "{key}");
        assert_eq!(key["orphans"], 0);
    }
    let customer = line(&report, "sequences", "sequence", "public.customer_id_seq");
    assert_eq!((&customer["before"], &customer["after"]), (&json!(1), &json!(8)));
    assert_eq!(customer["columns"], json!(["public.customer.id"]));
    assert_eq!(line(&report, "tables", "table", "public.purchase")["rows"], 1);
    assert_eq!(report["database"], target.name);
    assert_eq!(target.schema(), before);
    let analyzed = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND reltuples >= 0
        AND relnamespace = 'public'::regnamespace";
    assert_eq!(target.query(analyzed), [["3"]]);
    target.query("INSERT INTO customer DEFAULT VALUES; INSERT INTO purchase (customer) VALUES (8)");
    assert_eq!(target.query("SELECT max(id) FROM customer"), [["8"]]);
    assert_eq!(target.query("SELECT max(id) FROM purchase"), [["42"]]);
    let again = target.json("finish", 0);
    assert_eq!((&again["schema_version"], &again["interrupted"]), (&json!(1), &json!(false)));
    assert_eq!(again["proxy_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(line(&again, "sequences", "sequence", "public.customer_id_seq")["outcome"], "past");
    assert_eq!(again["foreign_keys"][0]["done"], "none");
    let text = target.run("finish").stdout;
    for part in [
        "CLEAN: nothing is left to do    ",
        "PostgreSQL",
        &target.name,
        "3 foreign keys: 0 restored, 0 validated, 0 with orphans",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn orphans_are_reported_and_their_keys_left_as_they_are() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(LOADED);
    target.query("SET session_replication_role = replica; INSERT INTO lost VALUES (1, 99)");
    let before = target.schema();
    for command in ["finish", "finish --revalidate"] {
        let report = target.json(command, 1);
        assert_eq!(report["verdict"], "open");
        let lost = line(&report, "foreign_keys", "constraint", "lost_customer_fkey");
        assert_eq!((&lost["orphans"], &lost["samples"]), (&json!(1), &json!([["99"]])));
        assert_eq!((&lost["state"], &lost["done"]), (&json!("valid"), &json!("none")));
        assert_eq!(target.query(lost["query"].as_str().unwrap()), [["1", "99"]]);
        let other = line(&report, "foreign_keys", "constraint", "purchase_customer_fkey");
        let done = if command == "finish" { "none" } else { "validated" };
        assert_eq!((&other["state"], &other["done"]), (&json!("valid"), &json!(done)));
        assert_eq!(target.schema(), before);
    }
    // Parked, it comes back as NOT VALID and waits; mended, it is made valid.
    target.json("fk park", 0);
    let report = target.json("finish", 1);
    let lost = line(&report, "foreign_keys", "constraint", "lost_customer_fkey");
    assert_eq!((&lost["state"], &lost["done"]), (&json!("not-valid"), &json!("restored")));
    assert_eq!(report["open"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(target.json("fk status", 1)["parked"][0]["state"], "added");
    target.query("DELETE FROM lost");
    target.json("finish", 0);
    assert_eq!(target.schema(), before);
    let text = target.run("finish --table lost").stdout;
    assert!(text.contains("  1 foreign key:") && text.contains("  1 table:"), "{text}");
}

#[test]
fn what_is_left_to_do_comes_with_what_mends_it() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(LOADED);
    target.query("SET session_replication_role = replica; INSERT INTO lost VALUES (1, 99)");
    let text = target.run("finish").stdout;
    let first = "OPEN: 1 of 3 foreign keys has orphans (1 row)    ";
    assert!(text.starts_with(first), "{text}");
    let key =
        "public.lost lost_customer_fkey -> public.customer: 1 row without a parent, such as (99)";
    assert!(text.contains(&format!("\nLeft to do\n  {key}\n    look    SELECT ")), "{text}");
    assert!(text.contains("\n    then    dms-proxy finish --table public.lost\n"), "{text}");
    assert!(!text.contains("purchase_customer_fkey"), "{text}");
    assert!(target.run("finish --all").stdout.contains("purchase_customer_fkey"));
    let exact = target.run("finish --count").stdout;
    assert!(exact.contains("3 tables: 3 analyzed, 3 rows\n"), "{exact}");
    let markdown = target.run("finish --format markdown").stdout;
    assert!(markdown.starts_with("# OPEN: 1 of 3") && markdown.contains("  - mend: `load"));
    let html = target.run("finish --format html").stdout;
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.contains("<br>then <code>dms-proxy finish")
    );
    let report = target.json("finish", 1);
    assert_eq!(report["todo"].as_array().unwrap().len(), 1, "{report:#}");
    let mend = report["todo"][0]["mend"].as_str().unwrap();
    assert_eq!(report["foreign_keys"][0]["mend"].as_str().or(Some(mend)), Some(mend));
    assert!(report["started_at"].as_str().unwrap().ends_with('Z'), "{report:#}");
    assert!(report["foreign_keys"][0]["took_ms"].is_u64(), "{report:#}");
    assert_eq!(target.run("finish --remove").status, Some(1));
    target.query(mend);
    target.query("CREATE SCHEMA IF NOT EXISTS dms_proxy");
    let text = target.run("finish --remove").success();
    assert!(text.contains("schema dms_proxy: removed"), "{text}");
}

#[test]
fn it_is_shown_whom_the_work_waits_for() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query("CREATE TABLE t (id int)");
    let name = [("application_name", "the holder")];
    let (mut locker, _) = crate::support::Wire::log_in(database.endpoint(), &name);
    locker.query("BEGIN; LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE").until_ready();
    let mut program = target.program("finish --progress json");
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let waits = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let waits = waits.into_iter().find(|line| !line["running"][0]["waits_for"].is_null()).unwrap();
    assert_eq!(
        (&waits["phase"], &waits["done"], &waits["total"]),
        (&json!("tables"), &json!(0), &json!(1))
    );
    assert_eq!(waits["running"][0]["name"], "public.t");
    assert_eq!(waits["running"][0]["waits_for"]["application_name"], "the holder");
    locker.query("COMMIT").until_ready();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn sequences_come_past_their_columns_whatever_they_are() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(
        r#"CREATE SCHEMA "S s"; SET search_path = "S s";
        CREATE TABLE "T.t" ("Id" serial, nothing int, past serial, full_up smallserial);
        INSERT INTO "T.t" ("Id", past, full_up) VALUES (12, 3, 32767), (5, 2, 1);
        SELECT setval('"T.t_past_seq"', 50);
        CREATE SEQUENCE "Down" INCREMENT -5; CREATE SEQUENCE tens INCREMENT 10 START 3;
        CREATE SEQUENCE round CYCLE MAXVALUE 9; CREATE SEQUENCE alone; CREATE SEQUENCE shared;
        CREATE TABLE u (d int DEFAULT nextval('"Down"'), t numeric DEFAULT nextval('tens'),
            r int DEFAULT nextval('round'), s int DEFAULT nextval('shared'), e serial, x text);
        ALTER TABLE u ALTER e DROP NOT NULL;
        CREATE TABLE v (s bigint DEFAULT nextval('shared'), i int GENERATED BY DEFAULT AS IDENTITY
            (INCREMENT -1 MINVALUE -10 MAXVALUE -1));
        INSERT INTO u (d, t, r, s, e) VALUES (-17, 21.5, 5, 4, NULL);
        INSERT INTO v VALUES (90, -4);
        CREATE TABLE p (id int GENERATED ALWAYS AS IDENTITY, k int) PARTITION BY LIST (k);
        CREATE TABLE p1 PARTITION OF p DEFAULT;
        INSERT INTO p OVERRIDING SYSTEM VALUE VALUES (77, 1)"#,
    );
    let dry = target.json("finish --dry-run", 1);
    let report = target.json("finish", 1);
    let expected = [
        (r#""S s"."Down""#, -1, -21, "moved"),
        (r#""S s"."T.t_Id_seq""#, 1, 13, "moved"),
        (r#""S s"."T.t_full_up_seq""#, 1, 32768, "exhausted"),
        (r#""S s"."T.t_past_seq""#, 51, 51, "past"),
        (r#""S s".alone"#, 1, 1, "unused"),
        (r#""S s".p_id_seq"#, 1, 78, "moved"),
        (r#""S s".round"#, 1, 1, "cycles"),
        (r#""S s".shared"#, 1, 91, "moved"),
        (r#""S s".tens"#, 3, 23, "moved"),
        (r#""S s".u_e_seq"#, 1, 1, "empty"),
        (r#""S s".v_i_seq"#, -1, -5, "moved"),
    ];
    let lines = |report: &Value| -> Vec<Value> {
        let lines = report["sequences"].as_array().unwrap().iter();
        lines
            .map(|line| json!([line["sequence"], line["before"], line["after"], line["outcome"]]))
            .collect()
    };
    let expected: Vec<Value> = expected.iter().map(|(n, b, a, o)| json!([n, b, a, o])).collect();
    assert_eq!(lines(&report), expected);
    assert_eq!(lines(&dry), expected);
    for (sequence, next) in [("\"Down\"", "-21"), ("tens", "23"), ("shared", "91"), ("round", "1")]
    {
        let sql = format!("SET search_path = \"S s\"; SELECT nextval('{sequence}')");
        assert_eq!(target.query(&sql), [[next]], "{sequence}");
    }
    let again = target.json("finish", 1);
    assert_eq!(again["open"], json!(["sequence \"S s\".\"T.t_full_up_seq\" has no value left"]));
    target.query(again["todo"][0]["mend"].as_str().unwrap());
    target.json("finish", 0);
}

/// What a dry run, or a role that may not, leaves to do comes with the SQL that does it.
#[test]
fn sequences_and_tables_come_with_what_mends_them() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(
        "CREATE TABLE t (a serial, b int DEFAULT 1); INSERT INTO t (a) VALUES (40);
        CREATE SEQUENCE s MAXVALUE 5; ALTER TABLE t ALTER b SET DEFAULT nextval('s');
        UPDATE t SET b = 5",
    );
    let dry = target.json("finish --dry-run", 1);
    let mends: Vec<&str> =
        dry["todo"].as_array().unwrap().iter().map(|todo| todo["mend"].as_str().unwrap()).collect();
    assert_eq!(mends.len(), 2, "{dry:#}");
    assert_eq!(line(&dry, "sequences", "sequence", "public.s")["mend"], mends[0]);
    mends.iter().for_each(|mend| drop(target.query(mend)));
    assert_eq!(target.query("SELECT nextval('t_a_seq')"), [["41"]]);
    let role = Role::create(&target, "reader");
    target.query(&format!("GRANT SELECT ON t, s, t_a_seq TO {}", role.name));
    let report = target.as_user(&role.name).json("finish --table t", 2);
    let table = line(&report, "tables", "table", "public.t");
    assert_eq!(table["mend"], "ANALYZE public.t", "{report:#}");
    let moves = line(&report, "sequences", "sequence", "public.s")["mend"].as_str().unwrap();
    target.query(moves);
    assert_eq!(target.query("SELECT nextval('s')"), [["6"]]);
    target.as_user(&role.name).json("finish --table t", 1);
    target.json("finish", 0);
}

#[test]
fn what_keeps_keys_silent_is_named_and_the_sql_mends_it() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(LOADED);
    target.query(&format!(
        "ALTER DATABASE {} SET session_replication_role = replica;
         ALTER TABLE lost DISABLE TRIGGER ALL;
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER \"By Hand\" BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION f();
         ALTER TABLE customer DISABLE TRIGGER \"By Hand\"",
        target.name
    ));
    let report = target.json("finish", 1);
    assert_eq!(report["open"].as_array().unwrap().len(), 2, "{report:#}");
    assert_eq!(report["disabled_triggers"].as_array().unwrap().len(), 2);
    let findings = report["disabled_triggers"].as_array().unwrap().iter();
    for finding in findings.chain(report["settings"].as_array().unwrap()) {
        target.query(finding["mend"].as_str().unwrap());
    }
    let report = target.json("finish", 0);
    assert_eq!(report["disabled_triggers"], json!([]));
}

#[test]
fn what_a_role_may_not_do_is_left_to_do() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(LOADED);
    let role = Role::create(&target, "loader");
    let user = &role.name;
    target.query(&format!(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user};
         GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {user}"
    ));
    let report = target.as_user(user).json("finish", 2);
    assert_eq!(report["verdict"], "failed");
    let sequence = line(&report, "sequences", "sequence", "public.customer_id_seq");
    assert!(sequence["problem"].as_str().unwrap().contains("42501"), "{sequence}");
    let table = line(&report, "tables", "table", "public.lost");
    assert!(table["problem"].as_str().unwrap().contains("owner"), "{table}");
    target.query(&format!(
        "GRANT UPDATE ON ALL SEQUENCES IN SCHEMA public TO {user};
         ALTER TABLE customer OWNER TO {user}; ALTER TABLE purchase OWNER TO {user};
         ALTER TABLE lost OWNER TO {user}"
    ));
    target.as_user(user).json("finish", 0);
}
