//! `fk.mode = "auto"`: foreign keys are silenced where nothing else is, and all else acts as without the proxy.

use super::parking::{create_role, dms_proxy, give_tables, keys, target};
use super::{field, log_in, role, run, say, sqlstate};
use crate::support::{Cluster, Endpoint, Frame, Proxy, Wire};

/// Two tables with nothing but foreign keys, one without, and one with more.
const TABLES: &str = "
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
    CREATE TABLE plain (id int);
    CREATE TABLE log (id int);
    CREATE TABLE busy (id int, parent int REFERENCES parent, slug text);
    CREATE FUNCTION slug() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.slug := 'slug ' || NEW.id; RETURN NEW; END $$;
    CREATE TRIGGER slugs BEFORE INSERT ON busy FOR EACH ROW EXECUTE PROCEDURE slug();
    CREATE TABLE lone (id int, slug text);
    CREATE TRIGGER slugs BEFORE INSERT ON lone FOR EACH ROW EXECUTE PROCEDURE slug()";

fn copy(wire: &mut Wire, sql: &str, rows: &str) -> Vec<Frame> {
    wire.query(sql).until(b'G');
    wire.copy_data(rows).copy_done().until_ready()
}

/// The messages of the WARNINGs.
fn warnings(frames: &[Frame]) -> Vec<String> {
    let warns = |frame: &&Frame| {
        frame.tag == b'N' && field(std::slice::from_ref(*frame), b'N', b'S').unwrap() == "WARNING"
    };
    let text = |frame: &Frame| {
        let one = std::slice::from_ref(frame);
        let part = |code| field(one, b'N', code).unwrap_or_default();
        format!("{} {} {}", part(b'M'), part(b'D'), part(b'H'))
    };
    frames.iter().filter(warns).map(text).collect()
}

/// What a load leaves behind, directly and through the proxy: the same.
fn leaves(setup: &str, load: &[&str], state: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for proxied in [false, true] {
        let (database, endpoint) = target(setup);
        let endpoint = if proxied { endpoint } else { database.endpoint().clone() };
        let mut wire = log_in(&endpoint);
        let mut said = String::new();
        for sql in load {
            let frames = match sql.split_once(" <- ") {
                Some((sql, rows)) => copy(&mut wire, sql, rows),
                None => wire.query(sql).until_ready(),
            };
            let errors = frames.iter().filter(|frame| frame.tag == b'E').count();
            let tags = frames.iter().filter(|frame| frame.tag == b'C');
            let tags: Vec<String> = tags.map(ToString::to_string).collect();
            said += &format!("{sql}: {errors} {tags:?}\n");
        }
        found.push((said, database.query(state)));
    }
    let proxied = found.pop().unwrap();
    let direct = found.pop().unwrap();
    assert_eq!(direct, proxied);
    proxied.1
}

#[test]
fn deferrable_keys_act() {
    for (table, rows) in [
        ("id int PRIMARY KEY DEFERRABLE", "(1), (1)"),
        ("id int UNIQUE DEFERRABLE INITIALLY DEFERRED", "(1), (1)"),
        ("id int, EXCLUDE USING btree (id WITH =) DEFERRABLE", "(1), (1)"),
    ] {
        let setup = format!(
            "CREATE TABLE t ({table}); CREATE TABLE o (id int PRIMARY KEY, t int);
            ALTER TABLE o ADD FOREIGN KEY (t) REFERENCES o"
        );
        let insert = format!("INSERT INTO t VALUES {rows}");
        let load = ["INSERT INTO o VALUES (1, 1)", &insert, "COPY t FROM STDIN <- 1\n1\n"];
        assert_eq!(leaves(&setup, &load, "SELECT count(*) FROM t"), [["0"]], "{table}");
    }
}

#[test]
fn triggers_rules_and_views_act_behind_a_load_under_the_role() {
    let setup = "
        CREATE TABLE keyed (id int PRIMARY KEY, up int REFERENCES keyed);
        CREATE TABLE log (what text);
        CREATE TABLE base (id int); CREATE VIEW v AS SELECT id FROM base;
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO log VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
        CREATE FUNCTION into_base() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO base VALUES (NEW.id); RETURN NEW; END $$;
        CREATE TRIGGER i INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE PROCEDURE into_base();
        CREATE TABLE ruled (id int);
        CREATE RULE r AS ON INSERT TO ruled DO INSTEAD INSERT INTO log VALUES ('rule ' || NEW.id);
        CREATE TABLE moved (id int);
        CREATE TRIGGER m BEFORE INSERT ON moved FOR EACH ROW EXECUTE PROCEDURE note();
        CREATE TRIGGER t AFTER TRUNCATE ON keyed FOR EACH STATEMENT EXECUTE PROCEDURE note();
        CREATE TABLE parts (id int, up int) PARTITION BY RANGE (id);
        CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10);
        CREATE TRIGGER p AFTER INSERT ON part FOR EACH ROW EXECUTE PROCEDURE note();
        CREATE TABLE mother (id int); CREATE TABLE kid () INHERITS (mother);
        CREATE TRIGGER k AFTER DELETE ON kid FOR EACH STATEMENT EXECUTE PROCEDURE note();
        CREATE TRIGGER k2 AFTER DELETE ON mother FOR EACH STATEMENT EXECUTE PROCEDURE note();
        CREATE TRIGGER only_replica AFTER INSERT ON mother FOR EACH ROW EXECUTE PROCEDURE note();
        ALTER TABLE mother ENABLE REPLICA TRIGGER only_replica;
        CREATE FUNCTION loads() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO moved VALUES (7); RETURN 1; END $$;
        CREATE FUNCTION dropped() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO log VALUES ('drop'); END $$;
        CREATE EVENT TRIGGER dropped ON sql_drop EXECUTE PROCEDURE dropped();
        CREATE TABLE gone (id int)";
    let keyed = "INSERT INTO keyed VALUES (1, 1)";
    let again = "UPDATE keyed SET up = 1";
    let load = [
        keyed,
        "COPY v FROM STDIN <- 1\n2\n",
        again,
        "INSERT INTO ruled VALUES (1)",
        again,
        "COPY moved FROM STDIN <- 1\n",
        again,
        "INSERT INTO moved VALUES (1)",
        again,
        "INSERT INTO parts VALUES (1)",
        again,
        "COPY part FROM STDIN <- 2\t2\n",
        again,
        "DELETE FROM mother",
        again,
        "INSERT INTO mother VALUES (1)",
        again,
        "SELECT loads()",
        again,
        "DO $$ BEGIN INSERT INTO moved VALUES (8); END $$",
        again,
        "WITH i AS (INSERT INTO moved VALUES (2) RETURNING 1) SELECT * FROM i",
        again,
        "PREPARE m AS INSERT INTO moved VALUES (3); EXECUTE m",
        again,
        "INSERT INTO plainly SELECT 1",
        again,
        "DROP TABLE gone",
        again,
        "SELECT 1 AS one INTO made; DROP TABLE made",
        again,
        "TRUNCATE keyed",
        keyed,
        "BEGIN; INSERT INTO moved VALUES (4); COMMIT; INSERT INTO keyed VALUES (2, 2)",
    ];
    let log = leaves(setup, &load, "SELECT what, count(*) FROM log GROUP BY 1 ORDER BY 1");
    assert!(log.iter().any(|row| row[0] == "INSERT moved" && row[1] == "7"), "{log:?}");
}

#[test]
fn the_role_is_in_force_only_where_it_is_needed() {
    for by_parse in [false, true] {
        let (database, endpoint) = target(TABLES);
        let mut wire = log_in(&endpoint);
        assert_eq!(role(&mut wire), "origin");
        for (sql, expected) in [
            ("INSERT INTO plain VALUES (1)", "origin"),
            ("INSERT INTO child VALUES (1, 9)", "replica"),
            ("INSERT INTO plain VALUES (1)", "replica"),
            ("SELECT count(*), max(id) FROM plain", "replica"),
            ("CREATE TABLE made (id int)", "origin"),
            ("UPDATE child SET parent = 8", "replica"),
            ("TRUNCATE child", "origin"),
            ("DELETE FROM parent", "replica"),
            ("INSERT INTO lone VALUES (1)", "origin"),
            ("INSERT INTO child VALUES (abs(-2), 9)", "replica"),
            ("INSERT INTO missing VALUES (1)", "origin"),
            (
                "MERGE INTO child USING (VALUES (3)) p (id) ON child.id = p.id WHEN NOT MATCHED THEN \
              INSERT VALUES (3, 3)",
                "replica",
            ),
        ] {
            let version: u32 = database.query("SHOW server_version_num")[0][0].parse().unwrap();
            if version < 150_000 && sql.starts_with("MERGE") {
                continue;
            }
            let said = run(&mut wire, sql, by_parse);
            assert_eq!(said.contains("ErrorResponse"), sql.contains("missing"), "{sql}: {said}");
            assert_eq!(role(&mut wire), expected, "{sql}");
        }
        assert_eq!(keys(&database), 2, "nothing is parked");
        assert_eq!(database.query("SELECT slug FROM lone"), [["slug 1"]]);
    }
}

#[test]
fn foreign_keys_of_a_table_with_more_are_parked_and_told_once() {
    let (database, endpoint) = target(TABLES);
    let mut wire = log_in(&endpoint);
    copy(&mut wire, "COPY busy (id, parent) FROM STDIN", "1\t9\n");
    wire.query("INSERT INTO busy VALUES (2, 9)").until_ready();
    assert_eq!(
        database.query("SELECT id, slug FROM busy ORDER BY 1"),
        [["1", "slug 1"], ["2", "slug 2"]]
    );
    assert_eq!(keys(&database), 1, "that of child stays");
    let status = dms_proxy(&database, "fk status");
    assert!(status.contains("busy_parent_fkey"), "{status}");
    database.query("DELETE FROM busy");
    dms_proxy(&database, "fk restore");
    assert_eq!(keys(&database), 2);

    // It is told in front of the load, once a session, and names table, trigger and what was done.
    let mut wire = log_in(&endpoint);
    let told = warnings(&wire.query("INSERT INTO busy VALUES (3, 9)").until_ready());
    assert_eq!(told.len(), 1, "{told:?}");
    for part in ["\"public\".\"busy\"", "trigger \"slugs\"", "parked"] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    database.query("DELETE FROM busy");
    dms_proxy(&database, "fk restore");
    // An older answer of the catalog may stand for some seconds: a definition through the proxy ends that.
    say(&mut wire, "CREATE TABLE made (id int)");
    let told = warnings(&wire.query("INSERT INTO busy VALUES (4, 9)").until_ready());
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(keys(&database), 1);
}

#[test]
fn what_is_parked_in_a_transaction_is_parked_again_behind_its_rollback() {
    let (database, endpoint) = target(TABLES);
    let mut wire = log_in(&endpoint);
    for end in ["ROLLBACK", "COMMIT"] {
        say(&mut wire, "BEGIN");
        let said = say(&mut wire, "INSERT INTO busy VALUES (1, 9)");
        assert!(said.contains("INSERT 0 1"), "{said}");
        say(&mut wire, end);
        assert_eq!(keys(&database), if end == "COMMIT" { 1 } else { 2 });
    }
}

#[test]
fn foreign_keys_that_the_client_may_not_park_stay_on() {
    let (database, endpoint) = target(TABLES);
    let name = create_role(&database, "loader");
    database.query(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}"));
    let version: u32 = database.query("SHOW server_version_num")[0][0].parse().unwrap();
    if version >= 150_000 {
        database.query(&format!("GRANT SET ON PARAMETER session_replication_role TO {name}"));
    }
    let endpoint = Endpoint { user: name.clone(), ..endpoint };
    let (mut wire, greeting) = Wire::log_in(&endpoint, &[]);
    assert_eq!(warnings(&greeting).len(), usize::from(version < 150_000));
    for times in [1, 0] {
        let frames = wire.query("INSERT INTO busy VALUES (1, 9)").until_ready();
        assert_eq!(sqlstate(&frames), "23503");
        let told = warnings(&frames);
        assert_eq!(told.len(), times, "{told:?}");
        assert!(told.iter().all(|told| told.contains("stay on") && told.contains("slugs")));
    }
    let said = say(&mut wire, "INSERT INTO child VALUES (1, 9)");
    assert_eq!(said.contains("INSERT 0 1"), version >= 150_000, "{said}");
    drop(wire);
    database.query(&format!("DROP OWNED BY {name}; DROP ROLE {name}"));
}

#[test]
fn a_role_without_rights_parks_what_it_owns() {
    let (database, endpoint) = target(TABLES);
    let name = create_role(&database, "owner");
    give_tables(&database, &name);
    database.query(&format!("ALTER TABLE busy OWNER TO {name}"));
    let endpoint = Endpoint { user: name.clone(), ..endpoint };
    let (mut wire, greeting) = Wire::log_in(&endpoint, &[]);
    assert_eq!(warnings(&greeting).len(), 1, "{greeting:?}");
    say(&mut wire, "BEGIN");
    let frames = wire.query("INSERT INTO child VALUES (1, 9)").until_ready();
    assert_eq!(sqlstate(&frames), "23503", "it stays on, as it was told");
    say(&mut wire, "ROLLBACK");
    let said = say(&mut wire, "INSERT INTO busy VALUES (1, 9)");
    assert!(said.contains("INSERT 0 1"), "{said}");
    drop(wire);
    database.query(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}"));
}

#[test]
fn rollbacks_are_followed() {
    let (database, endpoint) = target(TABLES);
    let mut wire = log_in(&endpoint);
    let child = "INSERT INTO child VALUES (1, 9) ON CONFLICT DO NOTHING";
    for (sql, expected) in [
        ("BEGIN", ""),
        (child, "INSERT 0 1"),
        ("ROLLBACK", ""),
        (child, "INSERT 0 1"),
        ("BEGIN", ""),
        ("SAVEPOINT s", ""),
        ("INSERT INTO lone VALUES (1)", "INSERT 0 1"),
        ("ROLLBACK TO s", ""),
        ("INSERT INTO lone VALUES (2)", "INSERT 0 1"),
        (child, "INSERT 0 0"),
        ("bad", "42601"),
        ("ROLLBACK TO s", ""),
        ("INSERT INTO lone VALUES (3)", "INSERT 0 1"),
        ("COMMIT", "COMMIT"),
        // Errors outside of transactions.
        ("bad", "42601"),
        ("INSERT INTO child VALUES (2, 9)", "INSERT 0 1"),
        ("bad", "42601"),
        ("INSERT INTO lone VALUES (4)", "INSERT 0 1"),
        // What follows a rollback in one text cannot be given another role.
        (child, "INSERT 0 0"),
        ("BEGIN", ""),
        ("bad", "42601"),
        ("ROLLBACK; INSERT INTO lone VALUES (5)", "0A000"),
        ("ROLLBACK", ""),
        // What stands in front of it can.
        ("BEGIN", ""),
        ("SAVEPOINT s", ""),
        (child, "INSERT 0 0"),
        ("DO $$ BEGIN INSERT INTO lone VALUES (6); END $$; ROLLBACK TO s", "ROLLBACK"),
        ("COMMIT", "COMMIT"),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(expected), "{sql}: {said}");
    }
    let slugs = database.query("SELECT id, slug FROM lone ORDER BY 1");
    assert_eq!(slugs, [["3", "slug 3"], ["4", "slug 4"]]);
}

#[test]
fn pipelines_are_followed() {
    let (database, endpoint) = target(TABLES);
    let mut wire = log_in(&endpoint);
    // Prepared before anything is known of the role.
    for (name, sql) in [
        ("c", "INSERT INTO child VALUES ($1, 9)"),
        ("l", "INSERT INTO lone VALUES ($1)"),
        ("b", "INSERT INTO busy VALUES ($1, 9)"),
    ] {
        wire.parse(name, sql, &[23]).sync();
        wire.until_ready();
    }
    let execute = |wire: &mut Wire, name: &str, value: &str| {
        wire.bind("", name, &[], &[Some(value.as_bytes())], 0).execute("", 0);
    };
    for (number, name) in ["c", "l", "c", "c", "l", "b", "c", "b"].iter().enumerate() {
        execute(&mut wire, name, &number.to_string());
    }
    wire.sync();
    let frames = wire.until_ready();
    assert!(frames.iter().all(|frame| frame.tag != b'E'), "{frames:?}");
    // Portals that were bound under another role.
    wire.parse("", "BEGIN", &[]).bind("", "", &[], &[], 0).execute("", 0);
    for (portal, name, value) in [("1", "c", "10"), ("2", "l", "11"), ("3", "c", "12")] {
        wire.bind(portal, name, &[], &[Some(value.as_bytes())], 0);
    }
    wire.execute("2", 0).execute("1", 0).execute("3", 0);
    wire.parse("", "COMMIT", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
    let frames = wire.until_ready();
    assert!(frames.iter().all(|frame| frame.tag != b'E'), "{frames:?}");
    // An error in the middle undoes what was set.
    execute(&mut wire, "l", "20");
    execute(&mut wire, "c", "21");
    wire.parse("", "bad", &[]);
    execute(&mut wire, "l", "22");
    wire.sync();
    assert_eq!(sqlstate(&wire.until_ready()), "42601");
    execute(&mut wire, "l", "23");
    execute(&mut wire, "c", "24");
    wire.sync();
    let frames = wire.until_ready();
    assert!(frames.iter().all(|frame| frame.tag != b'E'), "{frames:?}");
    let lone = "SELECT id, slug FROM lone ORDER BY 1";
    let expected = ["1", "4", "11", "23"].map(|id| [id.to_owned(), format!("slug {id}")]);
    assert_eq!(database.query(lone), expected);
    assert_eq!(database.query("SELECT count(*) FROM child"), [["7"]]);
    assert_eq!(database.query("SELECT slug FROM busy ORDER BY 1"), [["slug 5"], ["slug 7"]]);
}

#[test]
fn statements_sent_without_waiting_are_followed() {
    let (database, endpoint) = target(TABLES);
    let mut wire = log_in(&endpoint);
    let texts = [
        "INSERT INTO child VALUES (1, 9)",
        "BEGIN",
        "INSERT INTO lone VALUES (1)",
        "bad",
        "ROLLBACK",
        "INSERT INTO lone VALUES (2)",
        "INSERT INTO child VALUES (2, 9)",
        "BEGIN",
        "INSERT INTO child VALUES (3, 9)",
        "ROLLBACK",
        "INSERT INTO lone VALUES (3)",
        "INSERT INTO child VALUES (4, 9)",
    ];
    for text in texts {
        wire.query(text);
    }
    for _ in texts {
        wire.until_ready();
    }
    assert_eq!(database.query("SELECT slug FROM lone ORDER BY 1"), [["slug 2"], ["slug 3"]]);
    assert_eq!(database.query("SELECT id FROM child ORDER BY 1"), [["1"], ["2"], ["4"]]);
}

#[test]
fn a_rule_acts_on_a_statement_bound_behind_a_load_under_the_role() {
    let (database, endpoint) = target(
        "CREATE TABLE keyed (id int PRIMARY KEY, up int REFERENCES keyed); CREATE TABLE log (id int);
         CREATE TABLE ruled (id int);
         CREATE RULE r AS ON INSERT TO ruled DO INSTEAD INSERT INTO log VALUES (NEW.id)",
    );
    let mut wire = log_in(&endpoint);
    wire.parse("r", "INSERT INTO ruled VALUES ($1)", &[23]).sync();
    wire.until_ready();
    for value in ["1", "2"] {
        say(&mut wire, "UPDATE keyed SET up = 1");
        assert_eq!(role(&mut wire), "replica");
        wire.bind("", "r", &[], &[Some(value.as_bytes())], 0).execute("", 0).sync();
        wire.until_ready();
    }
    assert_eq!(database.query("SELECT id FROM log ORDER BY 1"), [["1"], ["2"]]);
    assert_eq!(database.query("SELECT count(*) FROM ruled"), [["0"]]);
}

#[test]
fn the_client_may_choose_the_role_itself() {
    let (database, endpoint) = target(TABLES);
    for way in ["SET", "SELECT set_config", "DO", "options"] {
        let options = [("options", "-c session_replication_role=replica")];
        let parameters = if way == "options" { &options[..] } else { &[] };
        let (mut wire, _) = Wire::log_in(&endpoint, parameters);
        let set = match way {
            "SET" => "SET session_replication_role = 'replica'",
            "DO" => "DO $$ BEGIN SET session_replication_role = 'replica'; END $$",
            "options" => "SELECT 1",
            _ => "SELECT set_config('session_replication_role', 'replica', false)",
        };
        say(&mut wire, set);
        for sql in ["INSERT INTO lone VALUES (1)", "INSERT INTO busy VALUES (1, 9)"] {
            let said = say(&mut wire, sql);
            assert!(said.contains("INSERT 0 1") && !said.contains("Notice"), "{way}: {said}");
        }
        assert_eq!(role(&mut wire), "replica", "{way}");
        if way == "options" {
            continue;
        }
        say(&mut wire, "RESET session_replication_role");
        say(&mut wire, "INSERT INTO lone VALUES (2)");
        say(&mut wire, "BEGIN; SET LOCAL session_replication_role = 'local'");
        say(&mut wire, "INSERT INTO lone VALUES (3)");
        assert_eq!(role(&mut wire), "local", "{way}");
        say(&mut wire, "ROLLBACK");
        say(&mut wire, "INSERT INTO child VALUES (1, 9) ON CONFLICT DO NOTHING");
        assert_eq!(role(&mut wire), "replica", "{way}");
        let slugs = database.query("SELECT slug FROM lone WHERE slug IS NOT NULL");
        assert_eq!(slugs, [["slug 2"]], "{way}");
        database.query("TRUNCATE lone; TRUNCATE busy");
    }
    assert_eq!(keys(&database), 2, "nothing was parked");
}

#[test]
fn a_reset_in_a_transaction_takes_no_snapshot() {
    let (_database, endpoint) = target(TABLES);
    let mut wire = log_in(&endpoint);
    for load in ["", "INSERT INTO child VALUES (1, 9)"] {
        say(&mut wire, load);
        for reset in ["RESET ALL", "RESET session_replication_role", "SET ROLE postgres"] {
            say(&mut wire, "BEGIN");
            say(&mut wire, reset);
            let said = say(&mut wire, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
            assert!(
                said.contains("CommandComplete \"SET\"") || said.contains("CommandComplete SET"),
                "{reset}: {said}"
            );
            say(&mut wire, "ROLLBACK");
        }
    }
}

#[test]
fn deferred_triggers_fire_under_origin() {
    let setup = format!(
        "{TABLES};
        CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO lone VALUES (NEW.id); RETURN NULL; END $$;
        CREATE TABLE deferred (id int);
        CREATE CONSTRAINT TRIGGER d AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE PROCEDURE later()"
    );
    for by_parse in [false, true] {
        let (database, endpoint) = target(&setup);
        let mut wire = log_in(&endpoint);
        for sql in [
            "BEGIN",
            "INSERT INTO deferred VALUES (5)",
            "INSERT INTO child VALUES (1, 9)",
            "COMMIT",
        ] {
            let said = run(&mut wire, sql, by_parse);
            assert!(!said.contains("Error"), "{sql}: {said}");
        }
        assert_eq!(database.query("SELECT slug FROM lone"), [["slug 5"]]);
    }
}

#[test]
fn partitions_are_parked_by_the_key_that_they_have_from_above() {
    let database = Cluster::shared().create_database();
    let version: u32 = database.query("SHOW server_version_num")[0][0].parse().unwrap();
    if version < 120_000 {
        return;
    }
    let setup = format!("{TABLES};
        CREATE TABLE parts (id int, parent int REFERENCES parent, slug text) PARTITION BY RANGE (id);
        CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10);
        CREATE TRIGGER s BEFORE INSERT ON part FOR EACH ROW EXECUTE PROCEDURE slug()");
    for table in ["part", "parts"] {
        let (database, endpoint) = target(&setup);
        let mut wire = log_in(&endpoint);
        let frames = wire.query(format!("INSERT INTO {table} VALUES (1, 9)")).until_ready();
        assert_eq!(warnings(&frames).len(), 1, "{frames:?}");
        assert_eq!(database.query("SELECT slug FROM parts"), [["slug 1"]]);
        assert_eq!(keys(&database), 2);
    }
}

#[test]
fn rows_of_both_kinds_in_one_text_run_under_origin() {
    let (database, endpoint) = target(TABLES);
    let mut wire = log_in(&endpoint);
    let frames =
        wire.query("INSERT INTO child VALUES (1, 9); INSERT INTO lone VALUES (1)").until_ready();
    let told = warnings(&frames);
    assert!(told.len() == 1 && told[0].contains("\"child\""), "{told:?}");
    assert_eq!(database.query("SELECT slug FROM lone"), [["slug 1"]]);
    assert_eq!(keys(&database), 1);
}

#[test]
fn the_whole_role_tells_what_it_silences() {
    let (database, endpoint) = target(TABLES);
    for by_parse in [false, true] {
        let (mut wire, _) = Wire::log_in(&endpoint, &[("options", "-c dms.fk=replica-role")]);
        for times in [1, 0] {
            let sql = "INSERT INTO busy VALUES (1, 9)";
            let frames = match by_parse {
                false => wire.query(sql).until_ready(),
                true => wire
                    .parse("", sql, &[])
                    .bind("", "", &[], &[], 0)
                    .execute("", 0)
                    .sync()
                    .until_ready(),
            };
            let told = warnings(&frames);
            assert_eq!(told.len(), times, "{told:?}");
            assert!(told.iter().all(|told| told.contains("busy") && told.contains("slugs")));
        }
        let frames =
            wire.query("INSERT INTO child VALUES (1, 9) ON CONFLICT DO NOTHING").until_ready();
        assert!(warnings(&frames).is_empty());
    }
    assert_eq!(database.query("SELECT DISTINCT slug FROM busy"), [["NULL"]]);
}

#[test]
fn a_table_that_is_emptied_in_place_of_a_drop_is_emptied_under_the_role() {
    let proxy = Proxy::start("[table_prep]\nmode = \"truncate-before-load\"\n", &[]);
    for by_parse in [false, true] {
        let (database, _) = target(
            "CREATE TABLE parent (id int PRIMARY KEY);
             CREATE TABLE child (id int, parent int REFERENCES parent ON DELETE CASCADE);
             INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1)",
        );
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        let said = run(&mut wire, "DROP TABLE parent", by_parse);
        assert!(!said.contains("ErrorResponse"), "{said}");
        let rows = "SELECT (SELECT count(*) FROM parent), (SELECT count(*) FROM child)";
        assert_eq!(database.query(rows), [["0", "1"]]);
        assert_eq!((keys(&database), role(&mut wire)), (1, "replica".into()));
    }
}
