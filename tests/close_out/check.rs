//! `check` tells each role what it lacks, and the SQL that it prints mends it.

use serde_json::Value;

use super::{Role, Target};
use crate::support::Cluster;

const TABLES: &str = r#"
CREATE SCHEMA "App"; CREATE TABLE "App"."Basic Feed" (id int PRIMARY KEY);
CREATE TABLE "App".child (id int PRIMARY KEY, feed int REFERENCES "App"."Basic Feed");
"#;

/// Names and standings of all items.
fn standings(report: &Value) -> Vec<(&str, &str)> {
    let items = report["items"].as_array().unwrap().iter();
    items.map(|item| (item["name"].as_str().unwrap(), item["status"].as_str().unwrap())).collect()
}

fn of_standing<'a>(report: &'a Value, wanted: &str) -> Vec<&'a str> {
    let standings = standings(report).into_iter();
    standings.filter(|(_, standing)| *standing == wanted).map(|(name, _)| name).collect()
}

fn found<'a>(report: &'a Value, name: &str) -> &'a str {
    let items = report["items"].as_array().unwrap();
    items.iter().find(|item| item["name"] == name).unwrap()["found"].as_str().unwrap()
}

/// Every statement that the report prints for items of this standing.
fn mend(report: &Value, standing: &str) -> Vec<String> {
    let items = report["items"].as_array().unwrap().iter();
    items
        .filter(|item| item["status"] == standing)
        .flat_map(|item| item["mend"].as_array().unwrap())
        .map(|statement| statement.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_superuser_is_ready() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(TABLES);
    let report = target.json("check", 0);
    assert_eq!(standings(&report).len(), 16);
    assert_eq!(of_standing(&report, "missing"), [""; 0]);
    assert_eq!(report["ready"], true);
    let text = target.run("check");
    assert_eq!(text.status, Some(0));
    assert!(text.stdout.contains("ready."), "{}", text.stdout);
}

#[test]
fn a_role_with_nothing_is_told_what_it_lacks_and_the_sql_mends_it() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(TABLES);
    target.query(&format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", target.name));
    let role = Role::create(&target, "nobody");
    let nobody = target.as_user(&role.name);
    // It cannot even connect.
    let refused = nobody.run("check");
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("permission denied for database"), "{refused:?}");
    target.query(&format!("GRANT CONNECT ON DATABASE {} TO {}", target.name, role.name));
    let report = nobody.json("check", 1);
    let missing = ["database rights", "schema rights", "table rights", "replica role"];
    assert_eq!(of_standing(&report, "missing"), missing);
    assert_eq!(of_standing(&report, "advice"), ["ownership", "schema dms_proxy"]);
    assert!(found(&report, "table rights").contains("TRUNCATE on \"App\".\"Basic Feed\""));
    for statement in mend(&report, "missing") {
        target.query(&statement);
    }
    let report = nobody.json("check", 0);
    assert_eq!(of_standing(&report, "missing"), [""; 0]);
    for statement in mend(&report, "advice") {
        target.query(&statement);
    }
}

#[test]
fn a_schema_owner_without_rights_lacks_the_tables_and_the_role() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(TABLES);
    let role = Role::create(&target, "owner");
    target.query(&format!("ALTER SCHEMA \"App\" OWNER TO {}", role.name));
    let mut program = target.as_user(&role.name).program("check --format json");
    program.args(["--schema", "\"App\""]);
    let finished = crate::support::run(&mut program, b"");
    assert_eq!(finished.status, Some(1));
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(of_standing(&report, "missing"), ["table rights", "replica role"]);
    assert_eq!(
        of_standing(&report, "advice"),
        ["database rights", "ownership", "schema dms_proxy"]
    );
    target.query(&format!("ALTER SCHEMA \"App\" OWNER TO {}", target.user));
}

#[test]
fn the_grants_of_the_dms_guide_lack_only_the_role() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(TABLES);
    let role = Role::create(&target, "myuser");
    target.query(&format!(
        "GRANT USAGE ON SCHEMA \"App\" TO {user};
         GRANT CONNECT ON DATABASE {db} TO {user}; GRANT CREATE ON DATABASE {db} TO {user};
         GRANT CREATE ON SCHEMA \"App\" TO {user};
         GRANT UPDATE, INSERT, SELECT, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA \"App\" TO {user}",
        user = role.name,
        db = target.name
    ));
    let granted = target.as_user(&role.name);
    let check = |code| {
        let mut program = granted.program("check --format json");
        let finished = crate::support::run(program.args(["--schema", "\"App\""]), b"");
        assert_eq!(finished.status, Some(code), "{finished:?}");
        serde_json::from_str::<Value>(&finished.stdout).unwrap()
    };
    let report = check(1);
    assert_eq!(of_standing(&report, "missing"), ["replica role"]);
    assert_eq!(of_standing(&report, "advice"), ["ownership"]);
    for statement in mend(&report, "missing") {
        target.query(&statement);
    }
    check(0);
    // Without foreign keys nothing has to be silenced.
    target.query("ALTER TABLE \"App\".child DROP CONSTRAINT child_feed_fkey");
    let version: u32 = target.query("SHOW server_version_num")[0][0].parse().unwrap();
    target.query(&match version {
        // Before the grant there is only one way.
        ..150_000 => format!("ALTER ROLE {} NOSUPERUSER", role.name),
        _ => format!("REVOKE SET ON PARAMETER session_replication_role FROM {}", role.name),
    });
    assert_eq!(of_standing(&check(0), "advice"), ["ownership", "replica role"]);
}

#[test]
fn what_acts_on_rows_is_named() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(
        "CREATE SCHEMA s; CREATE SCHEMA outside;
         CREATE TABLE s.a (id int PRIMARY KEY, b int, up int REFERENCES s.a);
         CREATE TABLE s.b (id int PRIMARY KEY, a int REFERENCES s.a);
         ALTER TABLE s.a ADD FOREIGN KEY (b) REFERENCES s.b;
         CREATE TABLE outside.c (b int REFERENCES s.b);
         CREATE TABLE s.i (n int GENERATED ALWAYS AS IDENTITY, m int GENERATED BY DEFAULT AS IDENTITY,
             d int GENERATED ALWAYS AS (1) STORED);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER always BEFORE INSERT ON s.a FOR EACH ROW EXECUTE FUNCTION f();
         CREATE TRIGGER replica BEFORE INSERT ON s.a FOR EACH ROW EXECUTE FUNCTION f();
         CREATE TRIGGER origin BEFORE INSERT ON s.a FOR EACH ROW EXECUTE FUNCTION f();
         ALTER TABLE s.a ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica",
    );
    let report = target.json("check --schema s", 0);
    let advice = ["foreign keys", "triggers", "identity columns", "generated columns"];
    assert_eq!(of_standing(&report, "advice"), advice);
    let keys = found(&report, "foreign keys");
    assert!(keys.starts_with("4 foreign keys, 1 of a table to itself"), "{keys}");
    assert!(keys.contains("{s.a, s.b}") && keys.contains("outside.c refers to s.b"), "{keys}");
    let triggers = found(&report, "triggers");
    assert!(triggers.contains("always on s.a (ALWAYS), replica on s.a (REPLICA)"), "{triggers}");
    assert!(!triggers.contains("origin"), "{triggers}");
    assert!(found(&report, "identity columns").ends_with("value: s.i.n"));
    assert!(found(&report, "generated columns").ends_with("s.i.d"));
    for statement in mend(&report, "advice") {
        target.query(&statement);
    }
    let report = target.json("check --schema s", 0);
    assert_eq!(of_standing(&report, "advice"), ["foreign keys", "generated columns"]);
    target.json("fk park --schema s", 0);
    let report = target.json("check --schema s", 0);
    assert!(found(&report, "parked foreign keys").contains("a_up_fkey on s.a"));
}

#[test]
fn encoding_connections_and_read_only_sessions_are_looked_at() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    let role = Role::create(&target, "few");
    let latin = format!("latin_{}", target.name);
    target.query(&format!(
        "CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    ));
    let in_latin = Target { name: latin.clone(), ..target.as_user(&target.user) };
    let report = in_latin.json("check", 1);
    assert_eq!(of_standing(&report, "missing"), ["encoding"]);
    for statement in mend(&report, "missing") {
        target.query(&statement);
        target.query(&format!("DROP DATABASE {latin}_utf8"));
    }
    target.query(&format!("DROP DATABASE {latin}"));
    target.query(&format!(
        "GRANT CREATE ON DATABASE {} TO {user}; GRANT CREATE ON SCHEMA public TO {user};
         ALTER ROLE {user} CONNECTION LIMIT 2; ALTER ROLE {user} SET default_transaction_read_only = on",
        target.name,
        user = role.name
    ));
    let few = target.as_user(&role.name);
    let report = few.json("check", 1);
    assert_eq!(of_standing(&report, "missing"), ["writable", "connections"]);
    for statement in mend(&report, "missing") {
        target.query(&statement);
    }
    few.json("check", 0);
    target.query(&format!("ALTER DATABASE {} CONNECTION LIMIT 9", target.name));
    assert_eq!(of_standing(&few.json("check", 0), "advice"), ["replica role", "connections"]);
}

/// Which server it is is told by the roles that the service makes.
#[test]
fn each_service_has_its_own_grant() {
    let server = dms_proxy::target::embedded::Embedded::start(&Default::default()).unwrap();
    let target = Target::of(&server);
    target.query(
        "CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE postgres TO app;
         GRANT CREATE ON SCHEMA public TO app;
         CREATE TABLE a (id int PRIMARY KEY, up int REFERENCES a); ALTER TABLE a OWNER TO app",
    );
    let services = [
        ("azure_pg_admin", "azure", "GRANT azure_pg_admin TO app"),
        ("cloudsqlsuperuser", "cloud-sql", "ALTER ROLE app REPLICATION"),
        ("rds_superuser", "rds", "GRANT rds_superuser TO app"),
    ];
    let app = target.as_user("app");
    let report = app.json("check", 1);
    assert_eq!(report["flavour"], "plain");
    assert!(found(&report, "replica role").contains("fk park"));
    for (role, flavour, grant) in services {
        target.query(&format!("CREATE ROLE {role}"));
        let report = app.json("check", 1);
        assert_eq!(report["flavour"], flavour);
        assert_eq!(mend(&report, "missing")[0], grant);
        target.query(&mend(&report, "missing")[0]);
    }
}
