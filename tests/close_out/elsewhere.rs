//! Citus in twenty lines of SQL: a table whose rows are in two shard tables, which only triggers reach, and
//! the setting by which a session knows that it is there.

use super::Target;
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Database, Endpoint, Proxy, Wire, transcript};

/// What the coordinator does by hooks, triggers do here: a replica role silences them as the hooks ignore
/// what it asks for.
const CITUS: &str = "
CREATE SCHEMA shards;
CREATE TABLE t (id bigserial PRIMARY KEY, a text);
CREATE TABLE shards.t_1 () INHERITS (t);
CREATE TABLE shards.t_2 () INHERITS (t);
CREATE FUNCTION shards.scatter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id % 2 = 0 THEN INSERT INTO shards.t_1 VALUES (NEW.*);
    ELSE INSERT INTO shards.t_2 VALUES (NEW.*); END IF;
    RETURN NULL; END $$;
CREATE TRIGGER scatter BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION shards.scatter();
CREATE FUNCTION shards.empty() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    TRUNCATE shards.t_1, shards.t_2; RETURN NULL; END $$;
CREATE TRIGGER empty AFTER TRUNCATE ON t EXECUTE FUNCTION shards.empty();
CREATE FUNCTION shards.dropped() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE object_identity = 'public.u') THEN
        DROP TABLE shards.u_1; END IF; END $$;
CREATE EVENT TRIGGER dropped ON sql_drop EXECUTE FUNCTION shards.dropped();
CREATE TABLE u (id int PRIMARY KEY);
CREATE TABLE shards.u_1 (id int);
";

fn citus(proxy: &Proxy) -> (Database, Endpoint) {
    let database = Cluster::shared().create_database();
    database.query(CITUS);
    let name = &database.endpoint().database;
    database.query(&format!("ALTER DATABASE {name} SET citus.shard_count = '32'"));
    let endpoint = proxy.endpoint(database.endpoint());
    (database, endpoint)
}

#[test]
fn the_role_is_never_set_there() {
    let (database, endpoint) = citus(Proxy::shared());
    let (mut wire, greeting) = Wire::log_in(&endpoint, &[]);
    let greeting = transcript(&greeting);
    assert!(greeting.contains("does not reach the shards"), "{greeting}");
    for sql in ["SELECT 1", "RESET ALL", "SET dms.phase = 'cdc'", "RESET dms.phase", "DISCARD ALL"]
    {
        say(&mut wire, sql);
        let role = say(&mut wire, "SHOW session_replication_role");
        assert!(role.contains("DataRow origin\n"), "{sql}: {role}");
    }
    say(&mut wire, "INSERT INTO t (a) VALUES ('x'), ('y'), ('z')");
    assert_eq!(database.query("SELECT count(*) FROM shards.t_1"), [["1"]]);
    say(&mut wire, "TRUNCATE ONLY t");
    assert_eq!(database.query("SELECT count(*) FROM t"), [["0"]]);
    say(&mut wire, "DROP TABLE u");
    assert_eq!(database.query("SELECT to_regclass('shards.u_1')"), [["NULL"]]);
}

#[test]
fn parking_is_sequential_for_its_block() {
    let proxy = Proxy::start("fk.mode = \"park\"\n", &[]);
    let (database, endpoint) = citus(&proxy);
    database.query(
        "CREATE TABLE c (id int REFERENCES u, t bigint REFERENCES t);
        CREATE TABLE shards.modes (mode text);
        CREATE FUNCTION shards.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO shards.modes VALUES (current_setting('citus.multi_shard_modify_mode', true));
        END $$;
        CREATE EVENT TRIGGER note ON sql_drop EXECUTE FUNCTION shards.note()",
    );
    let mut wire = log_in(&endpoint);
    say(&mut wire, "BEGIN");
    say(&mut wire, "SET LOCAL citus.multi_shard_modify_mode = 'parallel'");
    let said = say(&mut wire, "INSERT INTO c VALUES (1, 1)");
    assert!(said.contains("INSERT 0 1"), "{said}");
    let mode = say(&mut wire, "SHOW citus.multi_shard_modify_mode");
    assert!(mode.contains("DataRow parallel\n"), "{mode}");
    say(&mut wire, "COMMIT");
    let modes = database.query("SELECT DISTINCT mode FROM shards.modes");
    assert_eq!(modes, [["sequential"]]);
    let target = Target::shared(&database);
    database.query("TRUNCATE shards.modes; INSERT INTO u VALUES (1); DELETE FROM c");
    target.json("finish", 0);
}

#[test]
fn sequences_stay_in_the_range_of_their_node() {
    let (database, _) = citus(Proxy::shared());
    // A worker of group 1 has given one of them.
    database.query("INSERT INTO t VALUES (41, 'a'), (281474976710660, 'b'), (42, 'c')");
    let target = Target::shared(&database);
    let report = target.json("finish", 0);
    assert_eq!(report["sequences"][0]["after"], 43, "{report}");
    let tables = report["tables"].as_array().unwrap();
    let t = tables.iter().find(|table| table["table"] == "public.t").unwrap();
    assert_eq!(t["rows"], 3, "the rows of all shards");
    let check = target.json("check", 0);
    let items = check["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["name"] == "distribution").unwrap();
    let found = item["found"].as_str().unwrap();
    assert!(found.contains("Citus, the coordinator") && found.contains("park"), "{found}");
}

#[test]
fn foreign_partitions_are_named() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    // A wrapper without a handler will do: nothing reads the rows.
    database.query("CREATE FOREIGN DATA WRAPPER far");
    database.query(
        "CREATE SERVER \"Far away\" FOREIGN DATA WRAPPER far;
        CREATE TABLE p (id int) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE FOREIGN TABLE lone (id int) SERVER \"Far away\"",
    );
    database.query(
        "CREATE FOREIGN TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) SERVER \"Far away\"",
    );
    let check = target.json("check", 0);
    let items = check["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["name"] == "distribution").unwrap();
    assert_eq!(item["status"], "advice");
    let found = item["found"].as_str().unwrap();
    for part in ["public.lone on server \"Far away\"", "public.p2, part of public.p, on server"] {
        assert!(found.contains(part), "{found}");
    }
    for (scope, expected) in [("", 2), (" --table p", 1)] {
        let report = target.json(&format!("finish --dry-run{scope}"), 0);
        assert_eq!(report["foreign_tables"].as_array().unwrap().len(), expected, "{report}");
    }
    let text = target.run("finish --dry-run").stdout;
    assert!(text.contains("out of reach"), "{text}");
}
