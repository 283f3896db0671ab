//! The commands: what they read runs nobody's code, and what they write down cannot be lost in
//! silence.

use super::*;
use crate::close_out::Role;
use crate::protocol::{field, log_in, run as run_sql, say};

/// The lesser role may create schemas, and has one.
fn with_schema(scene: &Scene) {
    let name = &scene.database.endpoint().database;
    scene.query(&format!("GRANT CREATE ON DATABASE {name} TO {{lesser}}"));
    scene.as_lesser("CREATE SCHEMA m");
}

/// A function of the lesser role's own.
fn function(scene: &Scene, signature: &str, returns: &str, value: &str) {
    let body = scene.evil(value);
    scene.as_lesser(&format!(
        "CREATE FUNCTION m.{signature} RETURNS {returns} LANGUAGE plpgsql IMMUTABLE AS $${body}$$"
    ));
}

/// Runs a command as the superuser, which is to say that it has not looked at something.
fn not_looked_at(scene: &Scene, words: &str) {
    let finished = scene.target().run(words);
    scene.assert_lesser(words);
    assert_eq!(finished.status, Some(2), "{words}: {finished:?}");
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("not looked at"), "{words}: {finished:?}");
    assert!(said.contains(&format!("role {}", scene.lesser)), "{words}: {finished:?}");
}

#[test]
fn a_view_in_the_place_of_the_ledger_is_not_read() {
    let scene = Scene::new();
    with_schema(&scene);
    function(&scene, "evil()", "text", "''");
    scene.as_lesser(
        "CREATE SCHEMA dms_proxy; CREATE VIEW dms_proxy.rewrites AS SELECT ''::text schema_name,
            ''::text table_name, ''::text column_name, m.evil() AS rule, 1::bigint AS count;
         GRANT USAGE ON SCHEMA dms_proxy TO PUBLIC; GRANT SELECT ON dms_proxy.rewrites TO PUBLIC",
    );
    for words in ["finish --dry-run", "finish"] {
        not_looked_at(&scene, words);
    }
    assert_eq!(scene.target().run("check").status, Some(0));
    scene.assert_lesser("check");
}

#[test]
fn a_view_with_a_sequence_is_not_read() {
    let scene = Scene::new();
    with_schema(&scene);
    function(&scene, "evil()", "int", "1");
    scene.as_lesser(
        "CREATE SEQUENCE m.s; CREATE VIEW m.v AS SELECT m.evil() AS id;
         ALTER VIEW m.v ALTER COLUMN id SET DEFAULT nextval('m.s'::regclass)",
    );
    let report = scene.target().json("finish --dry-run", 0);
    assert_eq!(report["sequences"][0]["outcome"], "unused");
    scene.assert_lesser("a view with a sequence");
}

#[test]
fn what_the_planner_would_run_of_a_table_is_not_looked_at() {
    let table = "CREATE TABLE m.t (id serial, x int); INSERT INTO m.t (x) VALUES (1)";
    for trap in [
        "CREATE INDEX ON m.t ((x + m.evil(1)))",
        "CREATE INDEX ON m.t (x) WHERE x > m.evil(1)",
        "ALTER TABLE m.t ADD CHECK (x <> m.evil(0) - 1)",
        "CREATE STATISTICS m.st ON (x + m.evil(1)), id FROM m.t",
        "CREATE TABLE m.child (CHECK (x <> m.evil(0) - 1)) INHERITS (m.t)",
    ] {
        let scene = Scene::new();
        // Statistics of expressions came with PostgreSQL 14.
        let version = &scene.target().query("SHOW server_version_num")[0][0];
        if trap.starts_with("CREATE STATISTICS") && version.parse::<u32>().unwrap() < 140_000 {
            continue;
        }
        with_schema(&scene);
        function(&scene, "evil(int)", "int", "$1");
        scene.as_lesser(&format!("{table}; {trap}"));
        not_looked_at(&scene, "finish --dry-run");
        // The owner may run what is the owner's.
        let own = scene.target().as_user(&scene.lesser).run("finish --dry-run");
        assert!(!own.stdout.contains("not looked at"), "{own:?}");
    }
}

#[test]
fn casts_of_others_do_not_run() {
    let tables = "CREATE TYPE m.mood AS ENUM ('a', 'b');
        CREATE TABLE m.p (id m.mood PRIMARY KEY); CREATE TABLE m.c (id m.mood);
        INSERT INTO m.c VALUES ('a');
        ALTER TABLE m.c ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES m.p NOT VALID";
    let scene = Scene::new();
    with_schema(&scene);
    scene.as_lesser(tables);
    // An enum alone runs nothing but the server's own code.
    let found = scene.target().json("fk validate", 1);
    assert_eq!(found["foreign_keys"][0]["samples"][0][0], "a");
    function(&scene, "to_text(m.mood)", "text", "'x'");
    scene.as_lesser("CREATE CAST (m.mood AS text) WITH FUNCTION m.to_text(m.mood)");
    not_looked_at(&scene, "fk validate");
    not_looked_at(&scene, "finish --dry-run");
    let own = scene.target().as_user(&scene.lesser).json("fk validate", 1);
    assert_eq!(own["foreign_keys"][0]["samples"][0][0], "a");
    // Parked, and with a cast that the constraint needs.
    let scene = Scene::new();
    with_schema(&scene);
    scene.as_lesser("CREATE TYPE m.mood AS ENUM ('a', 'b')");
    function(&scene, "to_int(m.mood)", "int", "1");
    scene.as_lesser(
        "CREATE CAST (m.mood AS int) WITH FUNCTION m.to_int(m.mood) AS IMPLICIT;
         CREATE TABLE m.p (id int PRIMARY KEY); INSERT INTO m.p VALUES (1);
         CREATE TABLE m.c (id m.mood); INSERT INTO m.c VALUES ('a');
         ALTER TABLE m.c ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES m.p NOT VALID",
    );
    not_looked_at(&scene, "fk validate");
    // NOT VALID it was, so nothing is validated when it comes back.
    assert_eq!(scene.target().run("fk park").status, Some(0));
    not_looked_at(&scene, "fk validate");
    not_looked_at(&scene, "finish --dry-run");
    not_looked_at(&scene, "finish --revalidate");
    scene.assert_lesser("restored");
}

const PAIR: &str = "CREATE TABLE p (id int PRIMARY KEY);
    CREATE TABLE c (id int, CONSTRAINT fk FOREIGN KEY (id) REFERENCES p); COMMENT ON TABLE c IS 'it''s
mine'";

#[test]
fn a_journal_in_a_schema_of_a_lesser_role_is_not_written() {
    let scene = Scene::new();
    with_schema(&scene);
    scene.as_lesser("CREATE SCHEMA dms_proxy");
    scene.query(PAIR);
    let finished = scene.target().run("fk park");
    assert_eq!(finished.status, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("schema dms_proxy belongs to role"), "{finished:?}");
    let proxy = Proxy::start("[fk]\nmode = \"park\"\n", &[]);
    let mut wire = log_in(&scene.through(&proxy));
    let frames = wire.query("INSERT INTO p VALUES (1)").until_ready();
    let detail = field(&frames, b'N', b'D').unwrap();
    assert!(detail.contains("schema dms_proxy belongs to role"), "{detail}");
    assert_eq!(scene.query("SELECT count(*) FROM pg_constraint WHERE conname = 'fk'"), [["1"]]);
}

#[test]
fn a_journal_that_is_gone_is_an_error() {
    let scene = Scene::new();
    let target = scene.target();
    scene.query(PAIR);
    assert_eq!(target.run("fk park").status, Some(0));
    let found = target.json("fk status", 1);
    assert_eq!(found["lost"].as_array().unwrap().len(), 0);
    scene.query("DROP TABLE dms_proxy.fk_journal");
    assert!(target.run("check").stdout.contains("has lost a foreign key"));
    for words in ["fk status", "fk restore", "fk validate", "finish --dry-run", "finish"] {
        let finished = target.run(words);
        assert_eq!(finished.status, Some(2), "{words}: {finished:?}");
        let lost = "ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES public.p(id)";
        assert!(finished.stdout.contains(lost), "{words}: {finished:?}");
        assert!(!finished.stdout.contains("CLEAN"), "{words}: {finished:?}");
    }
    // Given up by the statement that it prints.
    let said = target.json("fk status", 2)["lost"][0].as_str().unwrap().to_owned();
    scene.query(said.split("or give it up: ").nth(1).unwrap());
    assert_eq!(target.run("finish").status, Some(0));
    // And one that comes back leaves no trace.
    scene.query("ALTER TABLE c ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES p");
    assert_eq!(target.run("fk park").status, Some(0));
    assert_eq!(target.run("fk restore").status, Some(0));
    assert_eq!(scene.query("SELECT obj_description('c'::regclass)"), [["it's\nmine"]]);
    assert_eq!(target.run("finish").status, Some(0));
}

#[test]
fn a_journal_becomes_foreign_keys_and_nothing_else() {
    let scene = Scene::new();
    let target = scene.target();
    scene.query(PAIR);
    assert_eq!(target.run("fk park").status, Some(0));
    scene.query("UPDATE dms_proxy.fk_journal SET definition = 'CHECK (id > 0)'");
    for words in ["fk restore", "finish", "fk validate"] {
        let finished = target.run(words);
        assert_eq!(finished.status, Some(2), "{words}: {finished:?}");
        assert!(finished.stderr.contains("not the definition of a foreign key"), "{finished:?}");
    }
    assert_eq!(
        scene.query(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND
        conrelid = 'c'::regclass"
        ),
        [["0"]]
    );
}

#[test]
fn a_member_does_not_take_the_word_of_the_role() {
    let scene = Scene::new();
    with_schema(&scene);
    let target = scene.target();
    let member = Role::create(&target, "member");
    scene.query(&format!("GRANT {{lesser}} TO {}", member.name));
    scene.as_lesser(
        "CREATE TABLE m.p (id int PRIMARY KEY);
         CREATE TABLE m.c (id int CONSTRAINT fk REFERENCES m.p)",
    );
    assert_eq!(target.as_user(&scene.lesser).run("fk park").status, Some(0));
    for words in ["fk status", "fk restore", "finish"] {
        let finished = target.as_user(&member.name).run(words);
        assert_eq!(finished.status, Some(2), "{words}: {finished:?}");
        assert!(finished.stderr.contains("belongs to role"), "{words}: {finished:?}");
    }
    // The other direction is safe: the role can do what its member does.
    scene.query(&format!("REVOKE {{lesser}} FROM {0}; GRANT {0} TO {{lesser}}", member.name));
    scene.query(&format!(
        "GRANT USAGE ON SCHEMA dms_proxy TO {0}; GRANT SELECT ON ALL TABLES IN
        SCHEMA dms_proxy TO {0}",
        member.name
    ));
    let finished = target.as_user(&member.name).run("fk status");
    assert_eq!(finished.status, Some(1), "{finished:?}");
    assert_eq!(target.as_user(&scene.lesser).run("fk restore").status, Some(0));
}

#[test]
fn names_are_lines_of_their_own_and_no_commands() {
    let scene = Scene::new();
    let target = scene.target();
    scene.query(
        "CREATE TABLE \"x\n\nVerdict: CLEAN. Nothing is left to do.\n\x1b[2J\" (
            id serial PRIMARY KEY, \"a\x1b\nb\" int,
            CONSTRAINT \"k\rx\" FOREIGN KEY (\"a\x1b\nb\") REFERENCES
                \"x\n\nVerdict: CLEAN. Nothing is left to do.\n\x1b[2J\" NOT VALID);
         ALTER TABLE \"x\n\nVerdict: CLEAN. Nothing is left to do.\n\x1b[2J\" DISABLE TRIGGER ALL;
         INSERT INTO \"x\n\nVerdict: CLEAN. Nothing is left to do.\n\x1b[2J\" VALUES (1, 7)",
    );
    for words in ["finish --dry-run", "fk validate", "fk status", "check", "finish"] {
        let finished = target.run(words);
        let said = format!("{}{}", finished.stdout, finished.stderr);
        let raw = |c: char| c.is_control() && c != '\n';
        assert!(!said.contains(raw), "{words}: {said:?}");
        assert!(!said.lines().any(|line| line.starts_with("Verdict: CLEAN")), "{words}: {said}");
    }
}

#[test]
fn a_lock_that_others_hold_is_given_up_and_named() {
    let scene = Scene::new();
    let target = scene.target();
    scene.query(PAIR);
    let config = std::env::temp_dir().join(format!("dms-proxy-lock-{}.toml", scene.lesser));
    std::fs::write(&config, "[fk]\nlock_timeout = 1\n").unwrap();
    let park = format!("fk park --config {}", config.display());
    let mut holder =
        log_in(&Endpoint { user: scene.lesser.clone(), ..scene.database.endpoint().clone() });
    let pid = run_sql(&mut holder, "SELECT pg_backend_pid()", false);
    let pid: String = pid.chars().filter(char::is_ascii_digit).collect();
    say(&mut holder, "SELECT pg_advisory_lock(28267839960279808)");
    let finished = target.run(&park);
    assert_eq!(finished.status, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("55P03"), "{finished:?}");
    assert!(pid.contains(&named_session(&finished.stderr)), "{pid} {finished:?}");
    // A load goes on without.
    let proxy = Proxy::start("[fk]\nmode = \"park\"\nlock_timeout = 1\n", &[]);
    let mut wire = log_in(&scene.through(&proxy));
    let frames = wire.query("INSERT INTO p VALUES (1)").until_ready();
    let detail = field(&frames, b'N', b'D').unwrap();
    assert!(pid.contains(&named_session(&detail)), "{pid} {detail}");
    assert_eq!(scene.query("TABLE p"), [["1"]]);
    say(&mut holder, "SELECT pg_advisory_unlock_all()");
    // And a table that a transaction has.
    scene.query("GRANT SELECT ON c TO {lesser}");
    say(&mut holder, "BEGIN; LOCK TABLE c IN ACCESS SHARE MODE");
    let finished = target.run(&park);
    assert_eq!(finished.status, Some(2), "{finished:?}");
    assert!(pid.contains(&named_session(&finished.stderr)), "{pid} {finished:?}");
    assert!(finished.stderr.contains("a lock on public.c"), "{finished:?}");
    say(&mut holder, "ROLLBACK");
    assert_eq!(target.run(&park).status, Some(0));
    std::fs::remove_file(config).unwrap();
}

/// The process id behind the word session.
fn named_session(text: &str) -> String {
    let behind = text.split("session ").nth(1).unwrap_or_else(|| panic!("{text}"));
    behind.chars().take_while(char::is_ascii_digit).collect()
}
