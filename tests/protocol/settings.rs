//! The settings of a session: set at login, put back, steered by the client, and hidden.

use super::{exact_until_ready, field, log_in, role, run, say, sqlstate};
use crate::support::{Cluster, Database, Endpoint, Proxy, Wire, both, both_through, transcript};

/// Through a proxy under whose role a session is from its login on.
fn proxied() -> (Database, Endpoint) {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::with_whole_role().endpoint(database.endpoint());
    (database, endpoint)
}

#[test]
fn role_is_put_back() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    assert_eq!(role(&mut wire), "replica");
    for sql in [
        "RESET ALL",
        "DISCARD ALL",
        "RESET session_replication_role",
        "SET session_replication_role TO DEFAULT",
        "SET SESSION session_replication_role = DEFAULT",
        "reset /* this */ Session_Replication_Role",
        "RESET \"session_replication_role\"",
    ] {
        for by_parse in [false, true] {
            let said = run(&mut wire, sql, by_parse);
            assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
            assert_eq!(role(&mut wire), "replica", "{sql}");
        }
        // The next statement is on its way already.
        wire.query(sql).query("SHOW session_replication_role");
        wire.until_ready();
        assert!(transcript(&wire.until_ready()).contains("DataRow replica\n"), "{sql}");
        for sql in [sql, "SHOW session_replication_role"] {
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        }
        wire.until_ready();
        assert!(transcript(&wire.until_ready()).contains("DataRow replica\n"), "{sql}");
    }
    // In a transaction, and when that is undone.
    say(&mut wire, "BEGIN; RESET ALL");
    assert_eq!(role(&mut wire), "replica");
    say(&mut wire, "ROLLBACK");
    assert_eq!(role(&mut wire), "replica");
    // By a statement that was prepared before.
    wire.parse("reset", "RESET ALL", &[]).sync().until_ready();
    say(&mut wire, "SELECT 1");
    wire.bind("p", "reset", &[], &[], 0).execute("p", 0).sync().until_ready();
    assert_eq!(role(&mut wire), "replica");
    // What the client sets itself is the client's.
    say(&mut wire, "SET session_replication_role = 'local'");
    assert_eq!(role(&mut wire), "local");
}

#[test]
fn phase_follows_the_transaction() {
    let (_database, endpoint) = proxied();
    for by_parse in [false, true] {
        let mut wire = log_in(&endpoint);
        for (sql, expected) in [
            ("SET dms.phase = 'cdc'", "origin"),
            ("RESET dms.phase", "replica"),
            ("SET dms.phase TO cdc", "origin"),
            ("SET dms.phase TO DEFAULT", "replica"),
            ("SET SESSION dms.phase = 'CDC'", "origin"),
            ("SET dms.phase = 'full-load'", "replica"),
            ("SELECT set_config('dms.phase', 'cdc', false)", "origin"),
            ("RESET ALL", "replica"),
            ("SET dms.phase = 'cdc'", "origin"),
            ("DISCARD ALL", "replica"),
            ("BEGIN", "replica"),
            ("SET dms.phase = 'cdc'", "origin"),
            ("ROLLBACK", "replica"),
            ("BEGIN", "replica"),
            ("SET LOCAL dms.phase = 'cdc'", "origin"),
            ("COMMIT", "replica"),
            ("BEGIN", "replica"),
            ("SAVEPOINT s", "replica"),
            ("SET dms.phase = 'cdc'", "origin"),
            ("SAVEPOINT t", "origin"),
            ("SET dms.phase = 'full-load'", "replica"),
            ("ROLLBACK TO t", "origin"),
            ("ROLLBACK TO SAVEPOINT s", "replica"),
            ("SET dms.phase = 'cdc'", "origin"),
            ("COMMIT", "origin"),
            ("BEGIN", "origin"),
            ("SET dms.phase = 'full-load'", "replica"),
            ("ABORT", "origin"),
            ("START TRANSACTION", "origin"),
            ("SELECT set_config('dms.phase', 'full-load', true)", "replica"),
            ("END", "origin"),
            ("RESET dms.phase", "replica"),
        ] {
            let said = run(&mut wire, sql, by_parse);
            assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
            assert_eq!(role(&mut wire), expected, "{sql}");
        }
        // A transaction that fails.
        say(&mut wire, "BEGIN; SET dms.phase = 'cdc'; SELECT nope");
        say(&mut wire, "SET dms.phase = 'full-load'");
        run(&mut wire, "COMMIT", by_parse);
        assert_eq!(role(&mut wire), "replica");
        run(&mut wire, "BEGIN", by_parse);
        run(&mut wire, "SAVEPOINT s", by_parse);
        run(&mut wire, "SET dms.phase = 'cdc'", by_parse);
        run(&mut wire, "SELECT nope", by_parse);
        run(&mut wire, "ROLLBACK TO s", by_parse);
        assert_eq!(role(&mut wire), "replica");
        run(&mut wire, "ROLLBACK AND CHAIN", by_parse);
        assert_eq!(role(&mut wire), "replica");
    }
}

#[test]
fn setting_that_is_undone_by_an_error_in_its_own_text() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "SET dms.phase = 'cdc'; SELECT 1/0");
    assert_eq!(role(&mut wire), "replica");
    wire.parse("", "SET dms.phase = 'cdc'", &[]).bind("", "", &[], &[], 0).execute("", 0);
    wire.parse("", "SELECT 1/0", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
    wire.until_ready();
    assert_eq!(role(&mut wire), "replica");
    say(&mut wire, "BEGIN; SET dms.phase = 'cdc'; COMMIT; SELECT 1/0");
    assert_eq!(role(&mut wire), "origin");
}

#[test]
fn settings_in_front_of_a_copy() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a text)");
    wire.query("SET dms.phase = 'cdc'; COPY t FROM STDIN; SELECT 'after'");
    assert_eq!(wire.until(b'G').last().unwrap().tag, b'G');
    wire.copy_data("\\0\n").copy_done().query("SELECT 'next'");
    assert!(transcript(&wire.until_ready()).contains("DataRow after\n"));
    assert!(transcript(&wire.until_ready()).contains("DataRow next\n"));
    assert_eq!(role(&mut wire), "origin");
    for sync_early in [false, true] {
        for sql in ["RESET dms.phase", "COPY t FROM STDIN"] {
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0);
        }
        if sync_early {
            wire.sync();
        }
        wire.copy_data("\\0\n").copy_done().sync().query("SELECT 'next'");
        let said = transcript(&wire.until_ready());
        assert!(said.ends_with("CommandComplete COPY 1\nReadyForQuery I\n"), "{said}");
        assert!(transcript(&wire.until_ready()).contains("DataRow next\n"));
        assert_eq!(role(&mut wire), "replica");
        say(&mut wire, "SET dms.phase = 'cdc'");
    }
    assert_eq!(database.query("SELECT a, count(*) FROM t GROUP BY a"), [[" ", "3"]]);
    // What comes instead of rows is the server's to refuse.
    wire.query("SET dms.phase = 'cdc'; COPY t FROM STDIN").query("SELECT 'in between'");
    assert_eq!(sqlstate(&wire.until(b'E')), "08P01");
}

#[test]
fn settings_of_the_login() {
    let (_database, endpoint) = proxied();
    let logins: [(&str, &str); 5] = [
        ("-c dms.phase=cdc", "origin"),
        ("-c dms.phase=full-load", "replica"),
        ("--dms.fk=off", "origin"),
        ("-c dms.fk=replica-role -c dms.phase=cdc", "origin"),
        ("-c session_replication_role=local", "replica"),
    ];
    for (options, expected) in logins {
        let (mut wire, greeting) = Wire::log_in(&endpoint, &[("options", options)]);
        assert!(field(&greeting, b'N', b'C').is_none(), "{greeting:?}");
        assert_eq!(role(&mut wire), expected, "{options}");
    }
    let (mut wire, _) = Wire::log_in(&endpoint, &[("options", "-c dms.rewrite=off")]);
    assert_eq!(sqlstate(&wire.query("CREATE TABLE t (a UINT4)").until_ready()), "42704");
    assert_eq!(role(&mut wire), "replica");
    let (mut wire, _) = Wire::log_in(&endpoint, &[("dms.phase", "cdc")]);
    assert_eq!(role(&mut wire), "origin");
    // What means nothing is said, and the session goes on.
    let (mut wire, greeting) = Wire::log_in(&endpoint, &[("options", "-c dms.phase=later")]);
    assert_eq!(field(&greeting, b'N', b'C').as_deref(), Some("22023"), "{greeting:?}");
    assert_eq!(field(&greeting, b'N', b'V').as_deref(), Some("WARNING"));
    assert_eq!(role(&mut wire), "replica");
}

/// A role that logs in without a password.
fn create_role(database: &Database, attributes: &str) -> String {
    let name = format!("{}_loader", database.endpoint().database);
    database.query(&format!(
        "CREATE ROLE {name} LOGIN {attributes}; GRANT ALL ON SCHEMA public TO {name}"
    ));
    name
}

#[test]
fn settings_of_the_role() {
    let (database, endpoint) = proxied();
    let name = create_role(&database, "SUPERUSER");
    database.query(&format!("ALTER ROLE {name} SET dms.phase = 'cdc'"));
    let endpoint = Endpoint { user: name, ..endpoint };
    let mut wire = log_in(&endpoint);
    assert_eq!(role(&mut wire), "origin");
    say(&mut wire, "SET dms.phase = 'full-load'");
    assert_eq!(role(&mut wire), "replica");
    // The role's own value is what it goes back to.
    say(&mut wire, "RESET dms.phase");
    assert_eq!(role(&mut wire), "origin");
    say(&mut wire, "DISCARD ALL");
    assert_eq!(role(&mut wire), "origin");
}

#[test]
fn rewriting_and_foreign_keys_are_switched() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    // Each is on its way behind the other.
    wire.query("SET dms.rewrite = 'off'").query("CREATE TABLE t (a UINT4)");
    wire.query("SET dms.rewrite = 'on'").query("CREATE TABLE t (a UINT4)");
    wire.until_ready();
    assert_eq!(sqlstate(&wire.until_ready()), "42704");
    wire.until_ready();
    assert!(transcript(&wire.until_ready()).starts_with("CommandComplete CREATE TABLE\n"));
    for sql in [
        "SET dms.rewrite = off",
        "CREATE TABLE u (a UINT4)",
        "RESET dms.rewrite",
        "CREATE TABLE u (a UINT4)",
    ] {
        wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
    }
    wire.until_ready();
    assert_eq!(sqlstate(&wire.until_ready()), "42704");
    wire.until_ready();
    assert!(transcript(&wire.until_ready()).contains("CommandComplete CREATE TABLE\n"));
    // While it is off nothing is refused either.
    say(&mut wire, "SET dms.rewrite = 'off'");
    assert_eq!(sqlstate(&wire.query("CREATE TABLE v (a STRING(0))").until_ready()), "42704");
    say(&mut wire, "BEGIN; SET LOCAL dms.rewrite = 'on'");
    say(&mut wire, "CREATE TABLE v (a UINT4)");
    say(&mut wire, "COMMIT");
    assert_eq!(sqlstate(&wire.query("CREATE TABLE w (a UINT4)").until_ready()), "42704");
    let there =
        "SELECT to_regclass('t') IS NULL, to_regclass('u') IS NULL, to_regclass('v') IS NULL";
    assert_eq!(database.query(there), [["f", "f", "f"]]);
    for (sql, expected) in [
        ("SET dms.fk = 'off'", "origin"),
        ("SET dms.fk = 'replica-role'", "replica"),
        ("SET dms.fk TO off", "origin"),
        ("RESET dms.fk", "replica"),
        ("SET dms.table_prep = 'pass-through'", "replica"),
    ] {
        say(&mut wire, sql);
        assert_eq!(role(&mut wire), expected, "{sql}");
    }
}

#[test]
fn values_that_mean_nothing_are_refused() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    for (sql, code, at, hint) in [
        ("SET dms.phase = 'later'", "22023", 17, "Available values: full-load, cdc."),
        ("SET dms.rewrite TO maybe", "22023", 20, "Available values: on, off."),
        ("SET dms.fk = 'on'", "22023", 14, "Available values: auto, replica-role, park, off."),
        (
            "SET dms.table_prep = 'nothing'",
            "22023",
            22,
            "Available values: pass-through, do-nothing, truncate-before-load, drop-and-create.",
        ),
        ("SET /* ä */ dms.phase = 7", "22023", 25, "Available values: full-load, cdc."),
        (
            "SET dms.speed = 9",
            "22023",
            17,
            "Available parameters: dms.phase, dms.fk, dms.rewrite, dms.table_prep, dms.errors, dms.notices, dms.run.",
        ),
    ] {
        for by_parse in [false, true] {
            for (begin, status) in [("SELECT 1", "I"), ("BEGIN", "E")] {
                say(&mut wire, begin);
                if by_parse {
                    wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
                } else {
                    wire.query(sql);
                }
                let said = wire.until_ready();
                assert_eq!(sqlstate(&said), code, "{sql}");
                assert_eq!(super::position(&said), Some(at), "{sql}");
                assert_eq!(field(&said, b'E', b'H').as_deref(), Some(hint), "{sql}");
                assert!(transcript(&said).ends_with(&format!("ReadyForQuery {status}\n")));
            }
            say(&mut wire, "ROLLBACK");
        }
    }
    assert_eq!(role(&mut wire), "replica");
    assert!(say(&mut wire, "SELECT current_setting('dms.phase', true)").contains("DataRow NULL\n"));
}

#[test]
fn role_without_rights_is_warned_once() {
    let (database, endpoint) = proxied();
    let name = create_role(&database, "");
    let endpoint = Endpoint { user: name.clone(), ..endpoint };
    let (mut wire, greeting) = Wire::log_in(&endpoint, &[]);
    let notices = greeting.iter().filter(|frame| frame.tag == b'N').count();
    assert_eq!(notices, 1, "{greeting:?}");
    assert_eq!(field(&greeting, b'N', b'C').as_deref(), Some("42501"));
    assert_eq!(field(&greeting, b'N', b'V').as_deref(), Some("WARNING"));
    assert_eq!(greeting.last().unwrap().to_string(), "ReadyForQuery I");
    assert_eq!(role(&mut wire), "origin");
    let done = "CommandComplete RESET\nReadyForQuery I\n";
    assert_eq!(say(&mut wire, "RESET ALL"), done);
    // All else works, and foreign keys are on.
    say(
        &mut wire,
        "CREATE TABLE parent (a UINT4 PRIMARY KEY); CREATE TABLE child (a UINT4 REFERENCES parent)",
    );
    assert_eq!(sqlstate(&wire.query("INSERT INTO child VALUES (1)").until_ready()), "23503");
    // With the grant that the hint names.
    let hint = field(&greeting, b'N', b'H').unwrap();
    let grant = hint.strip_prefix("As a superuser run: ").unwrap().split_once(';').unwrap().0;
    database.query(grant);
    let (mut wire, greeting) = Wire::log_in(&endpoint, &[]);
    assert!(field(&greeting, b'N', b'C').is_none(), "{greeting:?}");
    assert_eq!(role(&mut wire), "replica");
    database.query(&grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "));
}

#[test]
fn role_without_rights_is_sent_away_where_that_is_asked_for() {
    let proxy = Proxy::start("[fk]\non_denied = \"fail\"\n", &[]);
    let database = Cluster::shared().create_database();
    let name = create_role(&database, "");
    let endpoint = Endpoint { user: name, ..proxy.endpoint(database.endpoint()) };
    let (mut wire, said) = Wire::log_in(&endpoint, &[]);
    assert_eq!(sqlstate(&said), "42501");
    assert_eq!(field(&said, b'E', b'V').as_deref(), Some("FATAL"));
    assert!(said.iter().all(|frame| frame.tag != b'Z'), "{said:?}");
    assert!(wire.read_to_end().is_empty());
    // Not where it is not needed.
    let (mut wire, _) = Wire::log_in(&endpoint, &[("options", "-c dms.fk=off")]);
    assert_eq!(role(&mut wire), "origin");
}

#[test]
fn children_are_loaded_before_their_parents() {
    let (database, _) = proxied();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    say(
        &mut wire,
        "CREATE TABLE parent (a UINT4 PRIMARY KEY); CREATE TABLE child (a UINT4 REFERENCES parent)",
    );
    assert!(
        say(&mut wire, "INSERT INTO child VALUES (1)").starts_with("CommandComplete INSERT 0 1\n")
    );
    wire.query("COPY child FROM STDIN").until(b'G');
    wire.copy_data("2\n").copy_done();
    assert!(transcript(&wire.until_ready()).starts_with("CommandComplete COPY 1\n"));
    say(&mut wire, "INSERT INTO parent VALUES (1), (2)");
    assert_eq!(database.query("SELECT count(*) FROM parent JOIN child USING (a)"), [["2"]]);
    say(&mut wire, "SET dms.phase = 'cdc'");
    assert_eq!(sqlstate(&wire.query("INSERT INTO child VALUES (3)").until_ready()), "23503");
}

#[test]
fn answers_to_settings_are_the_servers() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = String::new();
        for by_parse in [false, true] {
            for sql in [
                "SET dms.phase = 'cdc'",
                "SHOW dms.phase",
                "RESET dms.phase",
                "RESET ALL",
                "DISCARD ALL",
                "SET dms.fk = 'off'",
                "SELECT set_config('dms.rewrite', 'off', false)",
                "SET dms.rewrite = 'on'",
                "BEGIN",
                "SET LOCAL dms.phase = 'cdc'",
                "SAVEPOINT s",
                "SELECT nope",
                "ROLLBACK TO s",
                "COMMIT",
                "RESET session_replication_role",
                "SET session_replication_role = DEFAULT",
                "RESET nope",
                "SET dms.",
                "SET dms.phase",
                "DISCARD ALL; SELECT 1",
                "SHOW dms.fk",
            ] {
                said += &run(&mut wire, sql, by_parse);
            }
        }
        said
    });
}

#[test]
fn unnamed_statement_and_portal_outlive_a_setting() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        for sql in ["RESET ALL", "SET dms.phase = 'cdc'", "COMMIT"] {
            wire.parse("", "SELECT 'unnamed'", &[]).parse("set", sql, &[]);
            wire.bind("p", "set", &[], &[], 0).execute("p", 0).close(b'S', "set").sync();
            wire.bind("", "", &[], &[], 0).describe(b'P', "").execute("", 0).sync();
        }
        let mut said = exact_until_ready(&mut wire, 6);
        // In a transaction its portal stays too.
        said += &say(&mut wire, "BEGIN");
        wire.parse("", "SELECT generate_series(1, 3)", &[])
            .bind("", "", &[], &[], 0)
            .execute("", 1);
        wire.parse("set", "RESET ALL", &[]).bind("p", "set", &[], &[], 0).execute("p", 0).sync();
        wire.execute("", 1).sync();
        wire.bind("q", "", &[], &[], 0).execute("q", 1).sync();
        said += &exact_until_ready(&mut wire, 3);
        said
    });
    assert!(!said.contains("SERROR"), "{said}");
}

#[test]
fn with_all_of_it_off_the_proxy_is_a_relay() {
    let proxy = Proxy::start("rewrite = \"off\"\n[fk]\nmode = \"off\"\n", &[]);
    let said = both_through(&proxy, |endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = String::new();
        for by_parse in [false, true] {
            for sql in [
                "SHOW session_replication_role",
                "CREATE TABLE t (a UINT4)",
                "CREATE TABLE t (a STRING(0))",
                "SET dms.phase = 'nonsense'",
                "SHOW dms.phase",
                "SELECT 'a\0b'",
                "RESET ALL",
                "SHOW session_replication_role",
            ] {
                said += &run(&mut wire, sql, by_parse);
            }
        }
        say(&mut wire, "CREATE TABLE t (a text)");
        wire.query("COPY t FROM STDIN").until(b'G');
        wire.copy_data("\\0\n").copy_done();
        said + &transcript(&wire.until_ready())
    });
    assert!(
        said.contains("42704") && said.contains("22021") && said.contains("DataRow origin\n"),
        "{said}"
    );
}
