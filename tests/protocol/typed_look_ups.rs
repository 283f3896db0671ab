//! What columns are is asked when it is needed, and again when it may have changed.

use super::typed_values::oid;
use super::{exact, log_in, say, sqlstate};
use crate::support::{Cluster, Database, Endpoint, Proxy, Recorder, Wire, transcript};

/// A proxy whose questions to the target are counted.
struct Counted {
    recorder: Recorder,
    proxy: Proxy,
    database: Database,
}

impl Counted {
    fn start() -> Self {
        let database = Cluster::shared().create_database();
        let recorder = Recorder::start(database.endpoint().address);
        let proxy = Proxy::start_before(recorder.address(), "", &[]);
        Self { recorder, proxy, database }
    }

    fn endpoint(&self) -> Endpoint {
        self.proxy.endpoint(self.database.endpoint())
    }

    /// The look-ups since this was last asked.
    fn look_ups(&self) -> usize {
        let asks = b"FROM pg_catalog.pg_attribute a";
        self.recorder.take().windows(asks.len()).filter(|window| window == asks).count()
    }
}

/// Loads a number that is declared an int4, in binary format; gives what the server says.
fn load(wire: &mut Wire, table: &str, number: i32) -> String {
    wire.parse("", format!("INSERT INTO {table} VALUES ($1)"), &[oid::INT4]);
    wire.bind("", "", &[1], &[Some(&number.to_be_bytes())], 0).execute("", 0).sync();
    transcript(&wire.until_ready())
}

fn loads(wire: &mut Wire, table: &str) {
    let said = load(wire, table, 1);
    assert!(said.contains("CommandComplete INSERT 0 1\n"), "{table}: {said}");
}

/// Runs a statement as a simple query or as an extended one; it must not fail.
fn run(wire: &mut Wire, sql: &str, by_parse: bool) {
    if by_parse {
        wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
    } else {
        wire.query(sql);
    }
    let said = transcript(&wire.until_ready());
    assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
}

#[test]
fn a_relation_is_looked_up_once() {
    let counted = Counted::start();
    let mut wire = log_in(&counted.endpoint());
    say(&mut wire, "CREATE TABLE t (c boolean); CREATE TABLE u (c boolean, n int)");
    counted.look_ups();
    for _ in 0..5 {
        loads(&mut wire, "t");
        say(&mut wire, "INSERT INTO t VALUES (1)");
        say(&mut wire, "BEGIN");
        loads(&mut wire, "t");
        say(&mut wire, "COMMIT");
    }
    assert_eq!(counted.look_ups(), 1);
    loads(&mut wire, "u");
    loads(&mut wire, "public.u");
    loads(&mut wire, "public.u");
    assert_eq!(counted.look_ups(), 2);
    // Each session sees for itself.
    let mut other = log_in(&counted.endpoint());
    counted.look_ups();
    loads(&mut other, "t");
    assert_eq!(counted.look_ups(), 1);
    // Nothing that needs one.
    for sql in [
        "SELECT 1",
        "INSERT INTO u (n) VALUES (77)",
        "INSERT INTO u (n) VALUES (DEFAULT), (NULL), (7 + 7)",
        "UPDATE u SET n = n + 1",
        "DELETE FROM u",
        "INSERT INTO u SELECT * FROM u",
    ] {
        run(&mut wire, sql, false);
        run(&mut wire, sql, true);
    }
    wire.parse("", "SELECT $1", &[oid::VARCHAR])
        .parse("", "DELETE FROM u WHERE n = $1", &[])
        .sync();
    wire.until_ready();
    say(&mut wire, "SET dms.rewrite = off; SET dms.fk = off");
    load(&mut wire, "t", 1);
    assert_eq!(counted.look_ups(), 0);
}

/// The type that needs a look-up and the one that needs none, and the other way round: what is old
/// shows only in one of them.
const TYPES: [(&str, &str); 2] = [("boolean", "int4"), ("int4", "boolean")];

/// Loads, runs statements in which ONE and OTHER stand for types, and loads again.
fn follows(wire: &mut Wire, (one, other): (&str, &str), change: &[&str], by_parse: bool) {
    loads(wire, "t");
    for sql in change {
        run(wire, &sql.replace("ONE", one).replace("OTHER", other), by_parse);
    }
    loads(wire, "t");
}

#[test]
fn own_definitions_are_followed() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    for (types, by_parse) in TYPES.into_iter().flat_map(|types| [(types, false), (types, true)]) {
        let create = format!("CREATE TABLE t (c {})", types.0);
        for change in [
            &["DROP TABLE t", "CREATE TABLE t (c OTHER)"][..],
            &["DROP TABLE t; CREATE TABLE t (c OTHER)"],
            &["ALTER TABLE t ALTER c TYPE OTHER USING c::OTHER"],
            &["ALTER TABLE t RENAME TO old_t", "CREATE TABLE t (c OTHER)"],
            &["CREATE TEMP TABLE t (c OTHER)"],
            &["CREATE SCHEMA s CREATE TABLE t (c OTHER)", "SET search_path = s, public"],
            &[
                "CREATE SCHEMA s CREATE TABLE t (c OTHER)",
                "SELECT pg_catalog.set_config('search_path', 's', false)",
            ],
            &["DO $$ BEGIN ALTER TABLE t ALTER c TYPE OTHER USING c::OTHER; END $$"],
            &["ALTER TABLE t ADD d OTHER", "ALTER TABLE t DROP c"],
            &["BEGIN", "ALTER TABLE t ALTER c TYPE OTHER USING c::OTHER"],
        ] {
            if by_parse && change[0].contains("; CREATE") {
                continue;
            }
            run(&mut wire, &create, by_parse);
            follows(&mut wire, types, change, by_parse);
            for sql in [
                "ROLLBACK",
                "RESET search_path",
                "DROP TABLE IF EXISTS t",
                "DROP TABLE IF EXISTS public.t, old_t",
                "DROP SCHEMA IF EXISTS s CASCADE",
            ] {
                run(&mut wire, sql, by_parse);
            }
        }
    }
}

#[test]
fn definitions_that_are_taken_back_are_forgotten() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    for (types, by_parse) in TYPES.into_iter().flat_map(|types| [(types, false), (types, true)]) {
        run(&mut wire, &format!("CREATE TABLE t (c {})", types.0), by_parse);
        for back in [
            &["ROLLBACK TO s"][..],
            &["ROLLBACK TO SAVEPOINT s", "COMMIT"],
            &["ROLLBACK"],
            &["SAVEPOINT again", "ROLLBACK TO s", "RELEASE s", "COMMIT"],
        ] {
            run(&mut wire, "BEGIN", by_parse);
            let change = ["SAVEPOINT s", "ALTER TABLE t ALTER c TYPE OTHER USING c::OTHER"];
            follows(&mut wire, types, &change, by_parse);
            follows(&mut wire, types, back, by_parse);
            run(&mut wire, "ROLLBACK", by_parse);
            loads(&mut wire, "t");
        }
        // By an error that is met between.
        run(&mut wire, "BEGIN", by_parse);
        let change = ["SAVEPOINT s", "ALTER TABLE t ALTER c TYPE OTHER USING c::OTHER"];
        follows(&mut wire, types, &change, by_parse);
        assert_eq!(sqlstate(&wire.query("SELECT 1/0").until_ready()), "22012");
        run(&mut wire, "ROLLBACK TO s", by_parse);
        loads(&mut wire, "t");
        run(&mut wire, "COMMIT", by_parse);
        run(&mut wire, "DROP TABLE t", by_parse);
    }
}

#[test]
fn search_paths_and_temporary_tables_end_with_their_transaction() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    for (types, by_parse) in TYPES.into_iter().flat_map(|types| [(types, false), (types, true)]) {
        say(&mut wire, "DROP SCHEMA IF EXISTS s CASCADE; DROP TABLE IF EXISTS t; CREATE SCHEMA s");
        say(&mut wire, format!("CREATE TABLE t (c {}); CREATE TABLE s.t (c {})", types.0, types.1));
        for end in ["COMMIT", "ROLLBACK"] {
            for inside in [
                "SET LOCAL search_path = s",
                "SELECT set_config('search_path', 's', true)",
                "CREATE TEMP TABLE t (c OTHER) ON COMMIT DROP",
            ] {
                run(&mut wire, "BEGIN", by_parse);
                follows(&mut wire, types, &[inside], by_parse);
                loads(&mut wire, "public.t");
                loads(&mut wire, "s.t");
                follows(&mut wire, types, &[end], by_parse);
            }
        }
        for (sql, back) in [
            ("SET search_path = s", "DISCARD ALL"),
            ("SET search_path = s", "RESET ALL"),
            ("SET search_path = s", "RESET search_path"),
            ("SET search_path TO s", "SET search_path TO DEFAULT"),
            ("SELECT set_config('search_path', 's', false)", "RESET ALL"),
            ("CREATE TEMP TABLE t (c OTHER)", "DISCARD TEMP"),
            ("CREATE TEMP TABLE t (c OTHER)", "DROP TABLE pg_temp.t"),
            ("CREATE TEMP TABLE t (c OTHER)", "DISCARD ALL"),
        ] {
            follows(&mut wire, types, &[sql], by_parse);
            follows(&mut wire, types, &[back], by_parse);
        }
        run(&mut wire, "CREATE TEMP TABLE only_temp (c boolean)", by_parse);
        loads(&mut wire, "pg_temp.only_temp");
        run(&mut wire, "DISCARD TEMP", by_parse);
    }
}

#[test]
fn definitions_of_other_sessions_are_followed() {
    let counted = Counted::start();
    let mut wire = log_in(&counted.endpoint());
    let mut other = log_in(&counted.endpoint());
    for (types, by_parse) in TYPES.into_iter().flat_map(|types| [(types, false), (types, true)]) {
        let alter = |to: &str| format!("ALTER TABLE t ALTER c TYPE {to} USING c::{to}");
        run(&mut wire, &format!("CREATE TABLE t (c {})", types.0), by_parse);
        loads(&mut wire, "t");
        loads(&mut other, "t");
        run(&mut other, &alter(types.1), by_parse);
        loads(&mut wire, "t");
        run(&mut other, "BEGIN", by_parse);
        run(&mut other, &format!("CREATE TABLE later (c {})", types.0), by_parse);
        // Not there yet for this one.
        assert!(load(&mut wire, "later", 1).contains("42P01"));
        loads(&mut other, "later");
        run(&mut other, "COMMIT", by_parse);
        loads(&mut wire, "later");
        run(&mut other, "DROP TABLE later", by_parse);
        run(&mut other, &alter(types.0), by_parse);
        loads(&mut wire, "t");
        run(&mut other, "DROP TABLE t", by_parse);
    }
}

#[test]
fn definitions_in_the_same_pipeline_are_followed() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    let insert = |wire: &mut Wire| {
        wire.parse("", "INSERT INTO t VALUES ($1)", &[oid::INT4]);
        wire.bind("", "", &[1], &[Some(&[0, 0, 0, 1])], 0).execute("", 0);
    };
    let run = |wire: &mut Wire, sql: &str| {
        wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0);
    };
    run(&mut wire, "CREATE TABLE t (c boolean)");
    insert(&mut wire);
    run(&mut wire, "ALTER TABLE t ALTER c TYPE int4 USING 1");
    insert(&mut wire);
    run(&mut wire, "ALTER TABLE t ALTER c TYPE boolean USING true");
    insert(&mut wire);
    wire.sync();
    // And over several simple queries that are on their way behind each other.
    wire.query("ALTER TABLE t ALTER c TYPE int4 USING 1").query("INSERT INTO t VALUES (1)");
    wire.query("ALTER TABLE t ALTER c TYPE boolean USING true").query("INSERT INTO t VALUES (1)");
    for _ in 0..5 {
        let said = transcript(&wire.until_ready());
        assert!(!said.contains("ErrorResponse"), "{said}");
    }
    assert_eq!(database.query("SELECT c, count(*) FROM t GROUP BY c"), [["t", "5"]]);
}

#[test]
fn relations_of_all_kinds() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    database.query(
        "CREATE DOMAIN truth AS boolean;
         CREATE DOMAIN whole_truth AS truth NOT NULL;
         CREATE DOMAIN wide AS varchar(37);
         CREATE DOMAIN wider AS wide;
         CREATE SCHEMA \"Schéma\";
         CREATE TABLE \"Schéma\".\"Tä\"\"ble\\\" (\"Cölumn\" boolean);
         CREATE TABLE \"Tä'ble\" (c boolean);
         CREATE TABLE \"t\" (c boolean);
         CREATE TABLE \"T\" (c int4);
         CREATE VIEW v AS SELECT c FROM t;
         CREATE TABLE parted (c boolean, k int DEFAULT 1) PARTITION BY LIST (k);
         CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
         CREATE TABLE child () INHERITS (t);
         CREATE TABLE of_domain (c truth);
         CREATE TABLE of_domains (c whole_truth);
         CREATE TABLE dropped (gone int, c boolean);
         ALTER TABLE dropped DROP gone;
         CREATE TABLE stamps (c wide, d wider)",
    );
    for table in [
        "t",
        "T",
        "public.t",
        "\"T\"",
        "\"t\"",
        "\"public\" . T",
        "\"Schéma\".\"Tä\"\"ble\\\"",
        "\"Tä'ble\"",
        "v",
        "parted",
        "part",
        "child",
        "of_domain",
        "of_domains",
        "dropped",
    ] {
        loads(&mut wire, table);
        let said = say(&mut wire, format!("INSERT INTO {table} VALUES (1)"));
        assert!(said.starts_with("CommandComplete INSERT 0 1\n"), "{table}: {said}");
    }
    let name = &database.endpoint().database;
    loads(&mut wire, &format!("{name}.public.t"));
    loads(&mut wire, "\"Schéma\".\"Tä\"\"ble\\\" (\"Cölumn\")");
    wire.parse("", "INSERT INTO stamps VALUES ($1, $2)", &[oid::TIMESTAMP; 2]);
    wire.bind("", "", &[1], &[Some(&[0_u8; 8][..]); 2], 0).execute("", 0).sync();
    wire.until_ready();
    let zero = "2000-01-01 00:00:00.000000";
    assert_eq!(database.query("TABLE stamps"), [[zero, zero]]);
    // What is not there is the server's to say.
    let mut direct = log_in(database.endpoint());
    for table in ["nope", "public.nope", "nope.t", "t (nope)", "other.public.t"] {
        let sql = format!("INSERT INTO {table} VALUES (1)");
        let expected = exact(&direct.query(&sql).until_ready());
        assert_eq!(exact(&wire.query(&sql).until_ready()), expected, "{table}");
        for wire in [&mut wire, &mut direct] {
            wire.parse("", &sql, &[]).describe(b'S', "").sync();
        }
        assert_eq!(exact(&wire.until_ready()), exact(&direct.until_ready()), "{table}");
    }
}

#[test]
fn roles_without_rights_are_refused_as_the_server_does() {
    let database = Cluster::shared().create_database();
    let role = format!("{}_nobody", database.endpoint().database);
    database.query(&format!(
        "CREATE ROLE {role} LOGIN; CREATE TABLE t (c boolean);
         CREATE SCHEMA hidden; CREATE TABLE hidden.t (c boolean);
         REVOKE ALL ON SCHEMA public FROM public; GRANT USAGE ON SCHEMA public TO {role}"
    ));
    let direct = Endpoint { user: role.clone(), ..database.endpoint().clone() };
    let (mut wire, _) = Wire::log_in(&Proxy::shared().endpoint(&direct), &[]);
    let mut direct = log_in(&direct);
    for sql in ["INSERT INTO t VALUES (1)", "INSERT INTO hidden.t VALUES (1)", "UPDATE t SET c = 1"]
    {
        // What directly is refused for the type first.
        let spelled = sql.replace('1', "'1'");
        let said = direct.query(&spelled).until_ready();
        assert_eq!(sqlstate(&said), "42501");
        assert_eq!(sqlstate(&wire.query(sql).until_ready()), "42501", "{sql}");
        assert_eq!(exact(&wire.query(&spelled).until_ready()), exact(&said));
    }
    let said = load(&mut wire, "t", 1);
    assert!(said.contains("42501"), "{said}");
    database.query(&format!("GRANT INSERT ON t TO {role}"));
    loads(&mut wire, "t");
    // A role that is taken on has its own schemas.
    database.query(&format!(
        "CREATE SCHEMA {role} AUTHORIZATION {role};
         SET ROLE {role}; CREATE TABLE {role}.u (c boolean); RESET ROLE; CREATE TABLE u (c int4)"
    ));
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    for by_parse in [false, true] {
        loads(&mut wire, "u");
        run(&mut wire, &format!("SET ROLE {role}"), by_parse);
        loads(&mut wire, "u");
        run(&mut wire, "RESET ROLE", by_parse);
        loads(&mut wire, "u");
    }
    let dropped = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    database.query(&dropped);
}

#[test]
fn values_are_not_spelled_for_a_column_that_others_have_changed() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    const BOOL: i32 = 16;
    let inserted = |wire: &mut Wire, value: &str, declared: &[i32], given: &str, table: &str| {
        if given.is_empty() {
            return say(wire, format!("INSERT INTO {table} VALUES ({value})"));
        }
        wire.parse("", format!("INSERT INTO {table} VALUES ($1)"), declared);
        wire.bind("", "", &[], &[Some(given.as_bytes())], 0).execute("", 0).sync();
        transcript(&wire.until_ready())
    };
    for (number, (column, value, declared, given, expected)) in [
        ("smallint", "TRUE", &[][..], "", "true"),
        ("int4", "B'101'", &[], "", "101"),
        ("bytea", "X'4142'", &[], "", "0100000101000010"),
        ("smallint", "$1", &[BOOL], "true", "true"),
        ("int4", "$1", &[BOOL], "t", "true"),
        ("smallint", "$1", &[], "true", "true"),
        ("int4", "$1", &[oid::VARCHAR], "true", "true"),
        ("boolean", "1", &[], "", "1"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = &*format!("t{number}");
        database.query(&format!("CREATE TABLE {table} (c {column})"));
        let said = inserted(&mut wire, value, declared, given, table);
        assert!(said.contains("INSERT 0 1"), "{column} {value}: {said}");
        database.query(&format!("TRUNCATE {table}"));
        database.query(&format!("ALTER TABLE {table} ALTER c TYPE text USING c::text"));
        let said = inserted(&mut wire, value, declared, given, table);
        let stored = database.query(&format!("SELECT c FROM {table}"));
        assert_eq!(stored, [[expected]], "{column} {value} {declared:?}: {said}");
    }
}
