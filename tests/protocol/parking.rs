//! Foreign keys that the client's own session parks before the first rows come.

use std::time::Duration;

use super::{field, log_in, role, run, say, sqlstate};
use crate::support::{Cluster, Database, Endpoint, Frame, Proxy, Wire, command};

/// A child that is loaded before its parent, a cycle, and what `MERGE` reads.
const TABLES: &str = "
    CREATE TABLE parent (id int PRIMARY KEY, best int);
    CREATE TABLE child (id int PRIMARY KEY, parent int NOT NULL REFERENCES parent);
    ALTER TABLE parent ADD FOREIGN KEY (best) REFERENCES child;
    COMMENT ON CONSTRAINT parent_best_fkey ON parent IS 'a cycle'";

const PARK: &[(&str, &str)] = &[("options", "-c dms.fk=park")];

pub(super) fn target(sql: &str) -> (Database, Endpoint) {
    let database = Cluster::shared().create_database();
    database.query(sql);
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    (database, endpoint)
}

/// A role for one test; it owns nothing and may do what is granted to it.
pub(super) fn create_role(database: &Database, kind: &str) -> String {
    let name = format!("{}_{kind}", database.endpoint().database);
    database.query(&format!(
        "CREATE ROLE {name} LOGIN; GRANT ALL ON SCHEMA public TO {name};
         GRANT ALL ON DATABASE {} TO {name}",
        database.endpoint().database
    ));
    name
}

/// Makes the role the owner of all tables.
pub(super) fn give_tables(database: &Database, role: &str) {
    database
        .query(&format!("ALTER TABLE parent OWNER TO {role}; ALTER TABLE child OWNER TO {role}"));
}

/// Foreign keys on tables.
pub(super) fn keys(database: &Database) -> usize {
    let sql = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";
    database.query(sql)[0][0].parse().unwrap()
}

fn notices(frames: &[Frame]) -> Vec<String> {
    let code = |frame: &Frame| field(std::slice::from_ref(frame), b'N', b'C').unwrap();
    frames.iter().filter(|frame| frame.tag == b'N').map(code).collect()
}

/// The program on the database itself, past the proxy.
pub(super) fn dms_proxy(database: &Database, words: &str) -> String {
    dms_proxy_as(&database.endpoint().user, database, words)
}

/// The same as another user: who has parked is the one who restores.
fn dms_proxy_as(user: &str, database: &Database, words: &str) -> String {
    let Endpoint { address, database, .. } = database.endpoint();
    let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
    program.current_dir(std::env::temp_dir()).args(words.split_whitespace());
    program.args(["--target", &format!("postgresql://{user}@{address}/{database}")]);
    crate::support::run(&mut program, b"").stdout
}

/// What the catalogs say of the foreign keys.
fn definitions(database: &Database) -> Vec<Vec<String>> {
    database.query(
        "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated,
            obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE contype = 'f'
            ORDER BY 1, 2",
    )
}

#[test]
fn the_first_statement_that_loads_parks() {
    let (database, endpoint) = target(TABLES);
    database.query("CREATE VIEW child_view AS SELECT * FROM child");
    let before = definitions(&database);
    let mut load = vec![
        "INSERT INTO child VALUES (1, 1)",
        "UPDATE child SET parent = 2",
        "DELETE FROM child",
        "TRUNCATE child",
        "MERGE INTO child USING (VALUES (1)) v (id) ON child.id = v.id
            WHEN NOT MATCHED THEN INSERT VALUES (1, 1)",
        "WITH rows AS (VALUES (1, 1)) INSERT INTO child SELECT * FROM rows",
        "with gone as (delete from child returning *) select count(*) from gone",
        "EXPLAIN ANALYZE INSERT INTO child VALUES (1, 1)",
        "SELECT 1; BEGIN; INSERT INTO child VALUES (1, 1); COMMIT",
    ];
    let version: u32 = database.query("SHOW server_version_num")[0][0].parse().unwrap();
    if version < 150_000 {
        load.retain(|sql| !sql.starts_with("MERGE"));
    }
    for sql in load {
        for by_parse in [false, true] {
            if by_parse && sql.contains(';') {
                continue;
            }
            let (mut wire, _) = Wire::log_in(&endpoint, PARK);
            // Reading parks nothing.
            for sql in [
                "SELECT * FROM child FOR UPDATE",
                "COPY child TO STDOUT",
                "WITH x AS (SELECT 1) SELECT * FROM parent FOR NO KEY UPDATE",
                "SET dms.rewrite = 'on'",
                "EXPLAIN SELECT 1",
                "SELECT 'insert into child'",
            ] {
                run(&mut wire, sql, by_parse);
            }
            assert_eq!(keys(&database), 2, "{sql}");
            let said = run(&mut wire, sql, by_parse);
            assert!(!said.contains("Response"), "{sql}: {said}");
            assert_eq!(keys(&database), 0, "{sql}");
            assert_eq!(role(&mut wire), "origin");
            // Once a session: what comes later stays.
            database.query("TRUNCATE child, parent; INSERT INTO parent VALUES (1)");
            database.query(
                "ALTER TABLE child ADD CONSTRAINT late FOREIGN KEY (parent) REFERENCES parent",
            );
            let refused = wire.query("INSERT INTO child VALUES (9, 9)").until_ready();
            assert_eq!(sqlstate(&refused), "23503");
            database.query("ALTER TABLE child DROP CONSTRAINT late; TRUNCATE child, parent");
            dms_proxy(&database, "fk restore");
            assert_eq!(definitions(&database), before);
        }
    }
}

#[test]
fn a_copy_parks_and_its_rows_come_through() {
    for way in ["query", "parse", "early sync"] {
        let (database, endpoint) = target(TABLES);
        let before = definitions(&database);
        let (mut wire, _) = Wire::log_in(&endpoint, PARK);
        let sql = "COPY child FROM STDIN";
        match way {
            "query" => wire.query(sql),
            _ => wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0),
        };
        if way == "early sync" {
            wire.sync();
        }
        wire.flush().until(b'G');
        wire.copy_data("1\t1\n2\t").copy_data("2\n").copy_done();
        if way != "query" {
            wire.sync();
        }
        wire.until_ready();
        assert_eq!(database.query("SELECT count(*) FROM child"), [["2"]]);
        let status = dms_proxy(&database, "fk status");
        assert!(status.contains("child_parent_fkey") && status.contains("parent_best_fkey"));
        // Rows without parents keep it open, and then finish brings all back.
        dms_proxy(&database, "finish");
        database.query("INSERT INTO parent VALUES (1, 2), (2, NULL)");
        dms_proxy(&database, "finish");
        assert_eq!(definitions(&database), before);
        assert_eq!(database.query("SELECT to_regclass('dms_proxy.fk_journal')"), [["NULL"]]);
    }
}

#[test]
fn transactions_take_parking_along() {
    for by_parse in [false, true] {
        let (database, endpoint) = target(TABLES);
        let (mut wire, _) = Wire::log_in(&endpoint, PARK);
        let mut step = |sql: &str| {
            let said = run(&mut wire, sql, by_parse);
            assert!(!said.contains("Response"), "{sql}: {said}");
            said
        };
        step("BEGIN");
        let said = step("INSERT INTO child VALUES (1, 1)");
        assert!(said.ends_with("ReadyForQuery T\n"), "{said}");
        step("ROLLBACK");
        assert_eq!(keys(&database), 2);
        // At the next load, within a savepoint that is undone.
        step("BEGIN");
        step("SAVEPOINT s");
        step("INSERT INTO child VALUES (1, 1)");
        step("ROLLBACK TO s");
        step("INSERT INTO child VALUES (2, 2)");
        step("SAVEPOINT t");
        step("ROLLBACK TO t");
        step("UPDATE child SET parent = 3");
        step("COMMIT AND CHAIN");
        assert_eq!(keys(&database), 0);
        step("INSERT INTO child VALUES (4, 4)");
        step("ROLLBACK");
        step("INSERT INTO child VALUES (5, 5)");
        assert_eq!(keys(&database), 0);
        assert_eq!(database.query("SELECT id FROM child ORDER BY 1"), [["2"], ["5"]]);
    }
}

#[test]
fn failures_of_the_client_undo_parking_and_the_next_load_parks_again() {
    for by_parse in [false, true] {
        let (database, endpoint) = target(TABLES);
        let (mut wire, _) = Wire::log_in(&endpoint, PARK);
        run(&mut wire, "BEGIN", by_parse);
        run(&mut wire, "INSERT INTO child VALUES (1, 1)", by_parse);
        run(&mut wire, "SELECT nope", by_parse);
        // Nothing is parked in an aborted transaction.
        let said = run(&mut wire, "INSERT INTO child VALUES (1, 1)", by_parse);
        assert!(said.contains("25P02") && said.ends_with("ReadyForQuery E\n"), "{said}");
        run(&mut wire, "COMMIT", by_parse);
        assert_eq!(keys(&database), 2);
        let said = run(&mut wire, "INSERT INTO child VALUES (2, 2)", by_parse);
        assert!(said.contains("CommandComplete INSERT 0 1\n"), "{said}");
        assert_eq!(keys(&database), 0);
    }
    // On its way behind what ends the aborted transaction.
    for by_parse in [false, true] {
        let (database, endpoint) = target(TABLES);
        let (mut wire, _) = Wire::log_in(&endpoint, PARK);
        say(&mut wire, "BEGIN");
        say(&mut wire, "SELECT nope");
        for sql in ["SELECT nope", "ROLLBACK", "INSERT INTO child VALUES (1, 1)"] {
            if by_parse {
                wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
            } else {
                wire.query(sql);
            }
        }
        wire.until_ready();
        wire.until_ready();
        let frames = wire.until_ready();
        assert!(frames.iter().all(|frame| frame.tag != b'E'), "{frames:?}");
        assert_eq!(keys(&database), 0);
    }
    // A pipeline is a transaction of its own.
    let (database, endpoint) = target(TABLES);
    let (mut wire, _) = Wire::log_in(&endpoint, PARK);
    let pipeline = |wire: &mut Wire, texts: &[&str]| {
        for sql in texts {
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0);
        }
        wire.sync().until_ready()
    };
    let failing = ["SELECT 1", "INSERT INTO child VALUES (1, 1)", "SELECT 1/0"];
    assert_eq!(sqlstate(&pipeline(&mut wire, &failing)), "22012");
    assert_eq!(keys(&database), 2);
    let frames = pipeline(&mut wire, &["SELECT 1", "INSERT INTO child VALUES (1, 1)", "SELECT 2"]);
    assert_eq!(frames.iter().filter(|frame| frame.tag == b'C').count(), 3, "{frames:?}");
    assert_eq!(keys(&database), 0);
}

#[test]
fn a_statement_that_was_prepared_parks_when_it_is_executed() {
    let (database, endpoint) = target(TABLES);
    let (mut wire, _) = Wire::log_in(&endpoint, PARK);
    say(&mut wire, "BEGIN");
    wire.parse("load", "INSERT INTO child VALUES ($1, 1)", &[23]).sync().until_ready();
    wire.bind("", "load", &[], &[Some(b"1")], 0).execute("", 0).sync().until_ready();
    say(&mut wire, "ROLLBACK");
    assert_eq!(keys(&database), 2);
    for id in [b"2", b"3"] {
        wire.parse("other", "SELECT 1", &[]).close(b'S', "other");
        wire.bind("", "load", &[], &[Some(id)], 0).execute("", 0).sync();
        let frames = wire.until_ready();
        assert!(frames.iter().all(|frame| frame.tag != b'E'), "{frames:?}");
        assert_eq!(keys(&database), 0);
    }
    // And one that is too long to be read.
    let rows: Vec<String> = (10..60_000).map(|id| format!("({id}, {id})")).collect();
    let long = format!("INSERT INTO child VALUES {}", rows.join(", "));
    for by_parse in [false, true] {
        let (database, endpoint) = target(TABLES);
        let proxy = Proxy::start("[limits]\nstatement_bytes = 65536\n", &[]);
        let endpoint = Endpoint { address: proxy.address(), ..endpoint };
        let (mut wire, _) = Wire::log_in(&endpoint, PARK);
        let said = run(&mut wire, &long, by_parse);
        assert!(said.contains("INSERT 0 59990\n"), "{said}");
        assert_eq!(keys(&database), 0);
    }
}

#[test]
fn two_at_once_both_load() {
    let (database, endpoint) = target(TABLES);
    let load = |first: i32, transactions: bool| {
        let endpoint = endpoint.clone();
        move || {
            let (mut wire, _) = Wire::log_in(&endpoint, PARK);
            for id in first..first + 20 {
                for sql in [
                    if transactions { "BEGIN" } else { "SELECT 1" }.to_owned(),
                    format!("INSERT INTO child VALUES ({id}, {id})"),
                    format!("INSERT INTO parent VALUES ({id}, {id})"),
                    if transactions { "COMMIT" } else { "SELECT 1" }.to_owned(),
                ] {
                    let said = run(&mut wire, &sql, id % 2 == 0);
                    assert!(!said.contains("Response"), "{sql}: {said}");
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for (number, transactions) in [(0, true), (1, false), (2, true), (3, false)] {
            scope.spawn(load(number * 100, transactions));
        }
    });
    assert_eq!(keys(&database), 0);
    assert_eq!(database.query("SELECT count(*) FROM parent JOIN child USING (id)"), [["80"]]);
    dms_proxy(&database, "finish");
    assert_eq!(keys(&database), 2);
}

#[test]
fn who_cannot_park_is_told_once_and_loads_on() {
    let (database, endpoint) = target(TABLES);
    let name = create_role(&database, "stranger");
    database.query(&format!(
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}; INSERT INTO parent VALUES (1)"
    ));
    let endpoint = Endpoint { user: name, ..endpoint };
    for (begin, by_parse) in
        [("SELECT 1", false), ("SELECT 1", true), ("BEGIN", false), ("BEGIN", true)]
    {
        let (mut wire, greeting) = Wire::log_in(&endpoint, PARK);
        assert_eq!(notices(&greeting), [""; 0]);
        run(&mut wire, "SET client_min_messages = 'error'", by_parse);
        say(&mut wire, begin);
        let sql = "INSERT INTO child VALUES (1, 1)";
        let frames = match by_parse {
            false => wire.query(sql).until_ready(),
            true => {
                wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
                wire.until_ready()
            }
        };
        assert_eq!(notices(&frames), ["42501"]);
        let detail = field(&frames, b'N', b'D').unwrap();
        assert!(detail.contains("must be owner of table child"), "{detail}");
        assert!(frames.iter().any(|frame| frame.to_string() == "CommandComplete INSERT 0 1"));
        // Foreign keys are on, and nobody says it again.
        let frames = wire.query("INSERT INTO child VALUES (2, 2)").until_ready();
        assert_eq!((notices(&frames).len(), sqlstate(&frames)), (0, "23503".into()));
        say(&mut wire, "ROLLBACK");
        let frames = wire.query("DELETE FROM child").until_ready();
        assert_eq!(notices(&frames), [""; 0]);
        assert!(say(&mut wire, "SHOW client_min_messages").contains("DataRow error\n"));
    }
    // In the middle of a pipeline.
    let (mut wire, _) = Wire::log_in(&endpoint, PARK);
    for sql in ["SELECT 1", "INSERT INTO child VALUES (1, 1)", "SELECT 2"] {
        wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0);
    }
    let frames = wire.sync().until_ready();
    assert_eq!(notices(&frames), ["42501"]);
    assert_eq!(frames.iter().filter(|frame| frame.tag == b'C').count(), 3, "{frames:?}");
    assert_eq!(keys(&database), 2);
}

#[test]
fn a_session_that_cannot_park_ends_where_that_is_asked_for() {
    let proxy = Proxy::start("[fk]\nmode = \"park\"\non_denied = \"fail\"\n", &[]);
    let (database, _) = target(TABLES);
    let name = create_role(&database, "stranger");
    database.query(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}"));
    let endpoint = Endpoint { user: name.clone(), ..proxy.endpoint(database.endpoint()) };
    for by_parse in [false, true] {
        let mut wire = log_in(&endpoint);
        assert!(run(&mut wire, "SELECT 1", by_parse).contains("DataRow 1\n"));
        let sql = "INSERT INTO child VALUES (1, 1)";
        if by_parse {
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        } else {
            wire.query(sql);
        }
        let frames = wire.until_ready();
        assert_eq!(sqlstate(&frames), "42501");
        assert_eq!(field(&frames, b'E', b'V').as_deref(), Some("FATAL"));
        assert!(wire.read_to_end().is_empty());
    }
    // Its owner loads.
    give_tables(&database, &name);
    let mut wire = log_in(&endpoint);
    assert!(say(&mut wire, "INSERT INTO child VALUES (1, 1)").starts_with("CommandComplete"));
    assert_eq!(keys(&database), 0);
    database.query("TRUNCATE child");
    dms_proxy_as(&name, &database, "fk restore");
    assert_eq!(keys(&database), 2);
}

#[test]
fn an_owner_to_whom_the_role_is_refused_parks_instead() {
    let proxy = Proxy::start("[fk]\non_denied = \"park\"\n", &[]);
    let (database, _) = target(TABLES);
    let name = create_role(&database, "owner");
    give_tables(&database, &name);
    let before = definitions(&database);
    let endpoint = Endpoint { user: name.clone(), ..proxy.endpoint(database.endpoint()) };
    for (options, parks) in
        [("-c dms.fk=off", false), ("-c dms.phase=cdc", false), ("-c dms.phase=full-load", true)]
    {
        let (mut wire, greeting) = Wire::log_in(&endpoint, &[("options", options)]);
        assert_eq!(notices(&greeting), [""; 0]);
        assert_eq!(role(&mut wire), "origin");
        let said = say(&mut wire, "INSERT INTO child VALUES (1, 1)");
        assert_eq!(said.contains("23503"), !parks, "{options}: {said}");
        // What the client asks for later counts as well.
        if parks {
            assert_eq!(keys(&database), 0);
        } else {
            assert_eq!(keys(&database), 2);
        }
    }
    let (mut wire, _) = Wire::log_in(&endpoint, &[]);
    say(&mut wire, "SET dms.fk = 'off'");
    say(&mut wire, "TRUNCATE child, parent");
    dms_proxy_as(&name, &database, "fk restore");
    say(&mut wire, "INSERT INTO child VALUES (1, 1)");
    assert_eq!(definitions(&database), before);
    say(&mut wire, "SET dms.fk = 'replica-role'");
    assert!(say(&mut wire, "INSERT INTO child VALUES (1, 1)").starts_with("CommandComplete"));
    assert_eq!(keys(&database), 0);
    // The superuser has the role, and needs no parking.
    dms_proxy_as(&name, &database, "fk restore");
    database.query("TRUNCATE child, parent");
    dms_proxy_as(&name, &database, "fk restore");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "INSERT INTO child VALUES (1, 1)");
    assert_eq!(role(&mut wire), "replica");
    assert_eq!(keys(&database), 2);
}

#[test]
fn the_phase_of_changes_parks_nothing() {
    let (database, endpoint) = target(TABLES);
    for by_parse in [false, true] {
        let (mut wire, _) =
            Wire::log_in(&endpoint, &[("options", "-c dms.fk=park -c dms.phase=cdc")]);
        let said = run(&mut wire, "INSERT INTO child VALUES (1, 1)", by_parse);
        assert!(said.contains("23503"), "{said}");
        assert_eq!((keys(&database), role(&mut wire)), (2, "origin".into()));
        run(&mut wire, "SET dms.phase = 'full-load'", by_parse);
        run(&mut wire, "INSERT INTO child VALUES (1, 1)", by_parse);
        assert_eq!((keys(&database), role(&mut wire)), (0, "origin".into()));
        database.query("TRUNCATE child");
        dms_proxy(&database, "fk restore");
        // From the role to parking, to the other phase, and back.
        let mut wire = log_in(&Proxy::with_whole_role().endpoint(database.endpoint()));
        assert_eq!(role(&mut wire), "replica");
        run(&mut wire, "SET dms.fk = 'park'", by_parse);
        assert_eq!(role(&mut wire), "origin");
        run(&mut wire, "RESET dms.fk", by_parse);
        assert_eq!(role(&mut wire), "replica");
        run(&mut wire, "SET dms.phase = 'cdc'", by_parse);
        assert_eq!(role(&mut wire), "origin");
        run(&mut wire, "BEGIN", by_parse);
        run(&mut wire, "SET LOCAL dms.phase = 'full-load'", by_parse);
        assert_eq!(role(&mut wire), "replica");
        run(&mut wire, "COMMIT", by_parse);
        assert_eq!((keys(&database), role(&mut wire)), (2, "origin".into()));
    }
}

#[test]
fn sessions_start_as_their_user_and_application_say() {
    let (database, _) = target(TABLES);
    let user = create_role(&database, "applier");
    database.query(&format!("ALTER ROLE {user} SUPERUSER"));
    let proxy = Proxy::start(
        "[fk]\nmode = \"park\"\n\
         [[fk.sessions]]\nuser = \"*_applier\"\nphase = \"cdc\"\n\
         [[fk.sessions]]\napplication_name = \"dms-full *\"\nmode = \"replica-role\"\n\
         table_prep = \"do-nothing\"\n\
         [[fk.sessions]]\napplication_name = \"psql\"\nmode = \"off\"\n",
        &[],
    );
    let endpoint = proxy.endpoint(database.endpoint());
    let applier = Endpoint { user, ..endpoint.clone() };
    type Case<'a> = (&'a Endpoint, &'a [(&'a str, &'a str)], &'a str, usize);
    let cases: [Case<'_>; 7] = [
        (&applier, &[], "origin", 2),
        (&applier, &[("application_name", "dms-full 1")], "origin", 2),
        (&endpoint, &[("application_name", "dms-full 1")], "replica", 2),
        (&endpoint, &[("application_name", "psql")], "origin", 2),
        // The client's own word counts more.
        (&applier, &[("options", "-c dms.phase=full-load")], "origin", 0),
        (&endpoint, &[("application_name", "psql"), ("dms.fk", "park")], "origin", 0),
        (&endpoint, &[("application_name", "another")], "origin", 0),
    ];
    for (endpoint, parameters, expected, left) in cases {
        let (mut wire, _) = Wire::log_in(endpoint, parameters);
        assert_eq!(role(&mut wire), expected, "{parameters:?}");
        let said = say(&mut wire, "INSERT INTO child VALUES (1, 1)");
        let goes = left == 0 || expected == "replica";
        assert_eq!(said.contains("23503"), !goes, "{parameters:?}: {said}");
        assert_eq!(keys(&database), left, "{parameters:?}");
        // What they start with is what they go back to.
        say(&mut wire, "SET dms.fk = 'off'");
        say(&mut wire, "RESET ALL");
        assert_eq!(role(&mut wire), expected, "{parameters:?}");
        database.query("SET session_replication_role = 'replica'; DELETE FROM child");
        dms_proxy(&database, "fk restore");
    }
    let (mut wire, _) = Wire::log_in(&endpoint, &[("application_name", "dms-full 2")]);
    say(&mut wire, "DROP TABLE child; TRUNCATE parent");
    assert_eq!(keys(&database), 2);
}

/// A lock that cannot be had, a statement that is cancelled: told, and tried again.
#[test]
fn what_may_be_gone_the_next_time_is_tried_again() {
    let (database, endpoint) = target(TABLES);
    let mut holder = log_in(database.endpoint());
    let (mut wire, _) = Wire::log_in(&endpoint, PARK);
    database.query("INSERT INTO parent VALUES (1)");
    say(&mut wire, "SET lock_timeout = '100ms'");
    say(&mut holder, "BEGIN; SELECT * FROM parent");
    for _ in 0..2 {
        let frames = wire.query("INSERT INTO child VALUES (1, 1)").until_ready();
        assert_eq!(notices(&frames), ["42501"]);
        assert!(field(&frames, b'N', b'D').unwrap().contains("55P03"), "{frames:?}");
        assert!(frames.iter().any(|frame| frame.tag == b'C'), "{frames:?}");
        database.query("DELETE FROM child");
        std::thread::sleep(Duration::from_millis(10));
    }
    // What cancels parking cancels the statement that waits for it.
    say(&mut wire, "SET lock_timeout = 0; SET statement_timeout = '100ms'");
    for (begin, by_parse, status) in [
        ("SELECT 1", false, "I"),
        ("SELECT 1", true, "I"),
        ("BEGIN", false, "E"),
        ("BEGIN", true, "E"),
    ] {
        say(&mut wire, begin);
        let said = run(&mut wire, "INSERT INTO child VALUES (1, 1)", by_parse);
        assert!(said.starts_with("ErrorResponse") && said.contains("57014"), "{said}");
        assert!(said.ends_with(&format!("ReadyForQuery {status}\n")), "{said}");
        say(&mut wire, "ROLLBACK");
    }
    say(&mut wire, "SET statement_timeout = 0");
    say(&mut holder, "COMMIT");
    let frames = wire.query("INSERT INTO child VALUES (7, 7)").until_ready();
    assert_eq!(notices(&frames), [""; 0]);
    assert_eq!(keys(&database), 0);
}

#[test]
fn a_drop_that_becomes_an_emptying_parks_first() {
    let proxy =
        Proxy::start("[fk]\nmode = \"park\"\n[table_prep]\nmode = \"truncate-before-load\"\n", &[]);
    for (sql, by_parse) in [("DROP TABLE parent", false), ("DROP TABLE parent", true)] {
        let (database, _) = target(TABLES);
        database.query(
            "ALTER TABLE child DROP CONSTRAINT child_parent_fkey;
             ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES parent ON DELETE CASCADE;
             INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1)",
        );
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        let said = run(&mut wire, sql, by_parse);
        assert!(!said.contains("ErrorResponse"), "{said}");
        assert_eq!(keys(&database), 0);
        let rows = "SELECT (SELECT count(*) FROM parent), (SELECT count(*) FROM child)";
        assert_eq!(database.query(rows), [["0", "1"]]);
    }
}
