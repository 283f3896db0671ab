//! Engines that speak PostgreSQL's protocol and refuse what the proxy asks: logging in, loading and
//! transactions work; what is refused costs a notice at most.

use std::net::SocketAddr;

use super::{run, say, sqlstate};
use crate::support::{
    Cluster, Database, ENGINES, Endpoint, Engine, Proxy, Wire, command, transcript,
};

/// A database behind the proxy, whose target is this engine.
fn behind(engine: &'static Engine, config: &str) -> (Database, Proxy, Endpoint) {
    let database = Cluster::shared().create_database();
    let Endpoint { user, database: name, .. } = database.endpoint();
    let address = engine.start(database.endpoint().address);
    let target = format!("postgresql://{user}@{address}/{name}?sslmode=disable");
    let proxy = Proxy::start_to(&target, config);
    let endpoint = proxy.endpoint(database.endpoint());
    (database, proxy, endpoint)
}

fn log_in(endpoint: &Endpoint, parameters: &[(&str, &str)]) -> (Wire, String) {
    let (wire, greeting) = Wire::log_in(endpoint, parameters);
    let greeting = transcript(&greeting);
    assert!(greeting.ends_with("ReadyForQuery I\n"), "{greeting}");
    (wire, greeting)
}

fn named(name: &str) -> &'static Engine {
    ENGINES.iter().find(|engine| engine.name == name).unwrap()
}

/// Whether types are rewritten, which is what `dms.rewrite` decides.
fn rewrites(wire: &mut Wire) -> bool {
    let said = say(wire, "SELECT '1'::UINT4");
    assert!(said.contains("DataRow 1\n") || said.contains("C=\"42704\""), "{said}");
    said.contains("DataRow 1\n")
}

#[test]
fn every_engine_takes_a_load() {
    for engine in ENGINES {
        let name = engine.name;
        let (database, _proxy, endpoint) = behind(engine, "");
        let (mut wire, _) = log_in(&endpoint, &[]);
        let failed = |said: &str| said.contains("ErrorResponse");
        let said = say(&mut wire, "CREATE TABLE t (a UINT4, b varchar(5))");
        assert!(!failed(&said), "{name}: {said}");
        for sql in ["INSERT INTO t VALUES (1, E'x\\0')", "INSERT INTO t VALUES (2, 'y')"] {
            for by_parse in [false, true] {
                let said = run(&mut wire, sql, by_parse);
                assert!(!failed(&said), "{name}: {sql}: {said}");
            }
        }
        wire.query("COPY t FROM STDIN").until(b'G');
        let said = transcript(&wire.copy_data("3\t\\0\n").copy_done().until_ready());
        assert!(said.contains("COPY 1"), "{name}: {said}");
        say(&mut wire, "BEGIN");
        for by_parse in [false, true] {
            let said = run(&mut wire, "INSERT INTO t VALUES (4, 'z')", by_parse);
            assert!(!failed(&said), "{name}: {said}");
        }
        say(&mut wire, "COMMIT");
        let counts = "SELECT a, count(*) FROM t GROUP BY a ORDER BY a";
        let expected = [["1", "2"], ["2", "2"], ["3", "1"], ["4", "2"]];
        assert_eq!(database.query(counts), expected, "{name}");
        wire.terminate();
        assert!(wire.read_frame().is_none(), "{name}");
    }
}

#[test]
fn settings_follow_the_words_of_the_client() {
    for engine in [named("PostgreSQL 9.4"), named("PostgreSQL 9.5"), named("Amazon Aurora DSQL")] {
        let (_database, _proxy, endpoint) = behind(engine, "");
        for by_parse in [false, true] {
            let (mut wire, _) = log_in(&endpoint, &[]);
            assert!(rewrites(&mut wire));
            for (sql, expected) in [
                ("SET dms.rewrite = 'off'", false),
                ("RESET dms.rewrite", true),
                ("SET SESSION dms.rewrite TO off", false),
                ("SET dms.rewrite TO DEFAULT", true),
                ("SELECT set_config('dms.rewrite', 'off', false)", false),
                ("RESET ALL", true),
                ("SET dms.rewrite = off", false),
                ("DISCARD ALL", true),
                ("SET LOCAL dms.rewrite = off", true),
                ("BEGIN", true),
                ("SET LOCAL dms.rewrite = off", false),
                ("COMMIT", true),
                ("BEGIN", true),
                ("SET dms.rewrite = off", false),
                ("ROLLBACK", true),
                ("BEGIN", true),
                ("SET dms.rewrite = off", false),
                ("COMMIT", false),
                ("BEGIN", false),
                ("SET dms.rewrite = on", true),
                ("ABORT", false),
                ("RESET dms.rewrite", true),
            ] {
                let said = run(&mut wire, sql, by_parse);
                assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
                if sql == "BEGIN" {
                    continue;
                }
                // An unknown type would abort the transaction.
                if said.ends_with("ReadyForQuery I\n") {
                    assert_eq!(rewrites(&mut wire), expected, "{} {sql}", engine.name);
                    continue;
                }
                let created = say(&mut wire, "CREATE TEMP TABLE IF NOT EXISTS u (a DATETIME(3))");
                assert_eq!(created.contains("CREATE TABLE"), expected, "{sql}: {created}");
                if !expected {
                    // The setting of the transaction is in force again behind its end.
                    let said = run(&mut wire, "ROLLBACK", by_parse);
                    assert!(said.contains("ROLLBACK"), "{said}");
                    run(&mut wire, "BEGIN", by_parse);
                    run(&mut wire, sql, by_parse);
                }
            }
        }
    }
}

#[test]
fn savepoints_and_errors_take_words_back() {
    let (_database, _proxy, endpoint) = behind(named("PostgreSQL 9.5"), "");
    for by_parse in [false, true] {
        let (mut wire, _) = log_in(&endpoint, &[]);
        for (sql, expected) in [
            ("SET dms.rewrite = off", false),
            ("BEGIN", false),
            ("SET dms.rewrite = on", true),
            ("SAVEPOINT \"A\"", true),
            ("SET dms.rewrite = off", false),
            ("ROLLBACK TO \"A\"", true),
            ("RELEASE \"A\"", true),
            ("SAVEPOINT b", true),
            ("SET dms.rewrite = off", false),
            ("SELECT nope", false),
            ("ROLLBACK WORK TO SAVEPOINT B", true),
            ("COMMIT", true),
        ] {
            let said = run(&mut wire, sql, by_parse);
            if expected {
                assert!(rewrites(&mut wire), "{sql}: {said}");
            }
        }
        for sql in [
            "SET dms.rewrite = off; SELECT 1/0",
            "BEGIN; SET dms.rewrite = off; SELECT nope",
            "ROLLBACK",
        ] {
            run(&mut wire, sql, false);
        }
        assert!(rewrites(&mut wire));
        run(&mut wire, "BEGIN; SET dms.rewrite = off; COMMIT; SELECT 1/0", false);
        assert!(!rewrites(&mut wire));
        // Pipelines: one that holds, and one whose end fails.
        run(&mut wire, "RESET dms.rewrite", false);
        wire.parse("", "SET dms.rewrite = off", &[]).bind("", "", &[], &[], 0).execute("", 0);
        wire.parse("", "SELECT 1/0", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        wire.until_ready();
        assert!(rewrites(&mut wire));
        wire.parse("", "SET dms.rewrite = off", &[])
            .bind("", "", &[], &[], 0)
            .execute("", 0)
            .sync();
        wire.query("SELECT '1'::UINT4");
        wire.until_ready();
        assert_eq!(sqlstate(&wire.until_ready()), "42704");
    }
}

#[test]
fn settings_of_the_login_are_read_from_its_packet() {
    let (_database, _proxy, endpoint) = behind(named("PostgreSQL 9.5"), "");
    for (parameters, expected) in [
        (("options", "-c dms.rewrite=off"), false),
        (("options", "--dms.rewrite=on -cdms.rewrite=off"), false),
        (("dms.rewrite", "off"), false),
        (("options", "-c dms.phase=cdc"), true),
    ] {
        let (mut wire, _) = log_in(&endpoint, &[parameters]);
        assert_eq!(rewrites(&mut wire), expected, "{parameters:?}");
        say(&mut wire, "SET dms.rewrite = on");
        assert!(rewrites(&mut wire), "{parameters:?}");
        say(&mut wire, "RESET ALL");
        assert_eq!(rewrites(&mut wire), expected, "{parameters:?}");
    }
    let (_, greeting) = log_in(&endpoint, &[("options", "-c dms.phase=later")]);
    assert!(greeting.contains("C=\"22023\""), "{greeting}");
}

#[test]
fn nothing_is_asked_of_an_old_server_that_is_not_wanted() {
    let config = "[fk]\nmode = \"off\"\n";
    let (_database, _proxy, endpoint) = behind(named("PostgreSQL 9.5"), config);
    let (mut wire, greeting) = log_in(&endpoint, &[]);
    assert!(!greeting.contains("Notice"), "{greeting}");
    assert!(rewrites(&mut wire));
}

/// A pooler in front of the server.
static POOLER: Engine =
    Engine { name: "pooler", version: "16.4", gives_own_keys: true, refuses: &[] };

#[test]
fn a_session_behind_a_pooler_is_refused_unless_it_is_named() {
    let (_database, _proxy, endpoint) = behind(&POOLER, "");
    let (_, greeting) = Wire::log_in(&endpoint, &[]);
    let greeting = transcript(&greeting);
    assert!(greeting.contains("C=\"0A000\" M=\"the target is behind a pooler"), "{greeting}");
    assert!(greeting.contains("names process 16909060"), "{greeting}");
    assert!(greeting.contains("target.pooler = \\\"session\\\""), "{greeting}");
    let (_database, _proxy, endpoint) = behind(&POOLER, "[target]\npooler = \"session\"\n");
    let (mut wire, _) = log_in(&endpoint, &[]);
    assert!(rewrites(&mut wire));
    // A plain relay sets nothing.
    let (_database, _proxy, endpoint) = behind(&POOLER, "rewrite = \"off\"\nfk.mode = \"off\"\n");
    let (mut wire, _) = log_in(&endpoint, &[]);
    assert!(!rewrites(&mut wire));
}

#[test]
fn check_tells_of_a_pooler() {
    let database = Cluster::shared().create_database();
    let Endpoint { user, database: name, address, .. } = database.endpoint();
    let check = |address: SocketAddr, config: &str| {
        let folder = std::env::temp_dir().join(format!("pooler-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("proxy.toml"), config).unwrap();
        let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
        program.current_dir(&folder).args(["check", "--config", "proxy.toml", "--target"]);
        program.arg(format!("postgresql://{user}@{address}/{name}?sslmode=disable"));
        crate::support::run(&mut program, b"")
    };
    let pooler = POOLER.start(*address);
    let told = check(pooler, "");
    assert!(told.stdout.is_empty() && told.stderr.contains("is behind a pooler"), "{told:?}");
    let told = check(pooler, "[target]\npooler = \"session\"\n");
    assert!(told.stdout.contains("advice   pooler"), "{told:?}");
    let told = check(*address, "");
    assert!(told.stdout.contains("ready") && !told.stdout.contains("pooler"), "{told:?}");
}
