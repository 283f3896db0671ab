//! The ledger on the target: who writes to it with whose rights, and who reads it.

use std::time::{Duration, Instant};

use super::*;
use crate::protocol::{log_in, say};
use crate::support::Wire;

/// How long what happens at the end of a session may take.
const PATIENCE: Duration = Duration::from_secs(20);

const TABLE: &str = "CREATE TABLE dms_proxy.rewrites (schema_name text NOT NULL,
    table_name text NOT NULL, column_name text NOT NULL, rule text NOT NULL, count bigint NOT NULL,
    first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, samples text[] NOT NULL,
    PRIMARY KEY (schema_name, table_name, column_name, rule))";

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn leave(mut wire: Wire) {
    wire.terminate();
    assert!(wire.read_to_end().is_empty());
}

/// A session of this role that changes something and ends.
fn change(endpoint: &Endpoint) {
    let mut wire = log_in(endpoint);
    say(&mut wire, "CREATE TEMP TABLE x (a STRING(5))");
    leave(wire);
}

/// The ways to have code run by whoever writes to the table.
fn traps(scene: &Scene) -> Vec<(&'static str, String)> {
    let function = |name: &str, returns: &str, value: &str| {
        format!(
            "CREATE FUNCTION dms_proxy.{name} RETURNS {returns} LANGUAGE plpgsql AS $${}$$;",
            scene.evil(value)
        )
    };
    let trigger = function("evil()", "trigger", "NEW")
        + "CREATE TRIGGER t BEFORE INSERT ON dms_proxy.rewrites FOR EACH ROW
           EXECUTE FUNCTION dms_proxy.evil();
           ALTER TABLE dms_proxy.rewrites ENABLE ALWAYS TRIGGER t";
    let check = function("evil(text)", "bool", "true")
        + "ALTER TABLE dms_proxy.rewrites ADD CHECK (dms_proxy.evil(rule))";
    let index = "CREATE FUNCTION dms_proxy.evil(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$"
        .to_owned()
        + &scene.evil("true")
        + "$$; CREATE INDEX ON dms_proxy.rewrites (dms_proxy.evil(rule))";
    let default = function("evil()", "bool", "true")
        + "ALTER TABLE dms_proxy.rewrites ADD x bool DEFAULT dms_proxy.evil()";
    let policy = function("evil()", "bool", "true")
        + "CREATE POLICY p ON dms_proxy.rewrites USING (dms_proxy.evil());
           ALTER TABLE dms_proxy.rewrites ENABLE ROW LEVEL SECURITY";
    let rule = function("evil(text)", "bool", "true")
        + "CREATE RULE r AS ON INSERT TO dms_proxy.rewrites DO ALSO SELECT dms_proxy.evil(NEW.rule)";
    let view = function("evil(text)", "text", "$1")
        + "ALTER TABLE dms_proxy.rewrites RENAME TO kept;
           CREATE VIEW dms_proxy.rewrites AS SELECT schema_name, table_name, column_name,
               dms_proxy.evil(rule) AS rule, count, first_seen, last_seen, samples
           FROM dms_proxy.kept;
           CREATE RULE r AS ON INSERT TO dms_proxy.rewrites DO INSTEAD
               SELECT dms_proxy.evil(NEW.rule);
           GRANT ALL ON dms_proxy.kept TO PUBLIC";
    let writer = format!(
        "CREATE FUNCTION dms_proxy.note_rewrites(json) RETURNS void LANGUAGE plpgsql AS
         $$BEGIN ALTER ROLE {} SUPERUSER; END$$",
        scene.lesser
    );
    let definer = writer.replace("plpgsql AS", "plpgsql SECURITY DEFINER AS");
    vec![
        ("trigger", trigger),
        ("check", check),
        ("index", index),
        ("default", default),
        ("policy", policy),
        ("rule", rule),
        ("view", view),
        ("function", writer),
        ("definer", definer),
    ]
}

const GRANTS: &str = "GRANT USAGE ON SCHEMA dms_proxy TO PUBLIC;
    GRANT ALL ON dms_proxy.rewrites TO PUBLIC";

#[test]
fn a_table_of_a_lesser_role_runs_nothing_of_its_owner() {
    for number in 0.. {
        let proxy = Proxy::start("", &[]);
        let scene = Scene::new();
        let traps = traps(&scene);
        let Some((name, trap)) = traps.get(number) else { break };
        scene.query(
            "GRANT CREATE ON DATABASE {database} TO {lesser}"
                .replace("{database}", &scene.database.endpoint().database)
                .as_str(),
        );
        scene.as_lesser(&format!("CREATE SCHEMA dms_proxy; {TABLE}; {trap}; {GRANTS}"));
        change(&scene.through(&proxy));
        wait_until("no warning", || proxy.log().contains("could not be written"));
        scene.assert_lesser(name);
        assert!(proxy.log().contains("belongs to role"), "{name}: {}", proxy.log());
        assert!(proxy.log().contains("dms-proxy init-target"), "{name}: {}", proxy.log());
        // It is said once.
        change(&scene.through(&proxy));
        change(&scene.through(&proxy));
        assert_eq!(proxy.log().matches("could not be written").count(), 1, "{}", proxy.log());
        scene.assert_lesser(name);
    }
}

#[test]
fn traps_in_a_table_of_the_superuser_are_seen() {
    let proxy = Proxy::start("", &[]);
    for number in 0..6 {
        let scene = Scene::new();
        let traps = traps(&scene);
        let (name, trap) = &traps[number];
        scene.query(&format!("CREATE SCHEMA dms_proxy; {TABLE}; {trap}"));
        change(&scene.through(&proxy));
        let database = scene.database.endpoint().database.clone();
        wait_until("no warning", || {
            let log = proxy.log();
            log.lines()
                .any(|line| line.contains("could not be written") && line.contains(&database))
        });
        scene.assert_lesser(name);
    }
}

#[test]
fn a_session_that_has_stepped_down_is_still_its_login() {
    let proxy = Proxy::start("", &[]);
    for step in ["SET ROLE {lesser}", "SET SESSION AUTHORIZATION {lesser}"] {
        let scene = Scene::new();
        let name = &scene.database.endpoint().database;
        scene.query(&format!("GRANT CREATE, TEMP ON DATABASE {name} TO {{lesser}}"));
        let trap = format!(
            "CREATE FUNCTION dms_proxy.evil() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             RESET ROLE; RESET SESSION AUTHORIZATION; {} $$;
             CREATE TRIGGER t BEFORE INSERT ON dms_proxy.rewrites FOR EACH ROW
             EXECUTE FUNCTION dms_proxy.evil();
             ALTER TABLE dms_proxy.rewrites ENABLE ALWAYS TRIGGER t",
            scene.evil("NEW").replacen("BEGIN", "", 1)
        );
        scene.as_lesser(&format!("CREATE SCHEMA dms_proxy; {TABLE}; {trap}"));
        let mut wire = log_in(&scene.through(&proxy));
        say(&mut wire, "CREATE TEMP TABLE x (a STRING(5))");
        say(&mut wire, step.replace("{lesser}", &scene.lesser));
        leave(wire);
        wait_until("no warning", || {
            let log = proxy.log();
            log.lines().any(|line| line.contains("could not be written") && line.contains(name))
        });
        scene.assert_lesser(step);
    }
}

#[test]
fn only_the_owner_reads_and_writes_what_a_session_has_made() {
    let proxy = Proxy::start("", &[]);
    let scene = Scene::new();
    change(&scene.through(&proxy));
    wait_until("no table", || {
        scene.query("SELECT count(*) FROM pg_class WHERE relname = 'rewrites'") == [["1"]]
    });
    let rights = "SELECT has_schema_privilege('{lesser}', 'dms_proxy', 'USAGE, CREATE'),
        has_table_privilege('{lesser}', 'dms_proxy.rewrites',
            'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')";
    assert_eq!(scene.query(rights), [["f", "f"]]);
    // One that an older version has left open is closed by the next session of its owner.
    scene.query(GRANTS);
    change(&scene.through(&proxy));
    wait_until("still open", || scene.query(rights) == [["t", "f"]]);
}

#[test]
fn loaders_add_by_the_function_of_the_administrator_and_read_nothing() {
    let proxy = Proxy::start("", &[]);
    let scene = Scene::new();
    let target = scene.target();
    let init = format!("init-target --role {}", scene.lesser);
    assert_eq!(target.run("init-target").status, Some(0));
    let found = || {
        let report = target.as_user(&scene.lesser).run("check --format json").stdout;
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let items = report["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["name"] == "schema dms_proxy").unwrap()
    };
    assert_eq!(found()["status"], "advice");
    for statement in found()["mend"].as_array().unwrap() {
        scene.query(statement.as_str().unwrap());
    }
    assert_eq!(found()["status"], "ok");
    for _ in 0..2 {
        let finished = target.run(&init);
        assert_eq!(finished.status, Some(0), "{finished:?}");
    }
    change(&scene.through_as_lesser(&proxy));
    let counts = "SELECT rule, count FROM dms_proxy.rewrites";
    wait_until("nothing written", || scene.query(counts).len() == 1);
    change(&scene.through_as_lesser(&proxy));
    change(&scene.through(&proxy));
    wait_until("not added up", || scene.query(counts).first().is_some_and(|row| row[1] == "3"));
    assert!(!proxy.log().contains("could not be written"), "{}", proxy.log());
    let lesser = target.as_user(&scene.lesser);
    for refused in [
        "SELECT * FROM dms_proxy.rewrites",
        "DELETE FROM dms_proxy.rewrites",
        "INSERT INTO dms_proxy.rewrites SELECT",
        "CREATE OR REPLACE FUNCTION dms_proxy.note_rewrites(json) RETURNS void LANGUAGE sql AS ''",
        "DROP FUNCTION dms_proxy.note_rewrites(json)",
    ] {
        assert!(lesser.try_query(refused).is_err(), "{refused}");
    }
    // A trigger on the table would run as the administrator: the function refuses it.
    scene.query("GRANT TRIGGER ON dms_proxy.rewrites TO {lesser}");
    let trap = format!(
        "CREATE FUNCTION dms_proxy.evil() RETURNS trigger LANGUAGE plpgsql AS $${}$$;
         CREATE TRIGGER t BEFORE INSERT OR UPDATE ON dms_proxy.rewrites FOR EACH ROW
         EXECUTE FUNCTION dms_proxy.evil()",
        scene.evil("NEW")
    );
    scene.as_lesser(&trap);
    let call = "SELECT dms_proxy.note_rewrites('[]')";
    let refused = lesser.try_query(call).unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("has triggers"), "{refused:?}");
    change(&scene.through(&proxy));
    scene.assert_lesser("by a trigger");
}

#[test]
fn the_administrator_takes_nothing_over_unasked() {
    let scene = Scene::new();
    let target = scene.target();
    let name = &scene.database.endpoint().database;
    scene.query(&format!("GRANT CREATE ON DATABASE {name} TO {{lesser}}"));
    scene.as_lesser(&format!("CREATE SCHEMA dms_proxy; {TABLE}"));
    let finished = target.run("init-target");
    assert_eq!(finished.status, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("belongs to role"), "{finished:?}");
    assert!(finished.stderr.contains("OWNER TO CURRENT_USER"), "{finished:?}");
    scene.query("ALTER SCHEMA dms_proxy OWNER TO CURRENT_USER");
    assert_eq!(target.run("init-target").status, Some(2));
    scene.query("ALTER TABLE dms_proxy.rewrites OWNER TO CURRENT_USER");
    assert_eq!(target.run("init-target").status, Some(0));
    // What is printed is the same SQL.
    let printed = crate::support::run(&mut dms_proxy("init-target --print --role a\"b"), b"");
    assert!(printed.stdout.contains("TO \"a\"\"b\";"), "{printed:?}");
    assert!(printed.stdout.starts_with("BEGIN;"), "{printed:?}");
}
