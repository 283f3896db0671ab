//! A database with types of its own is dumped by pg_dump and restored by psql: through the proxy
//! its columns of such types become text, and its rows stay what they were.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::super::{DEADLINE, Scratch, libpq_program};
use crate::support::{Cluster, Database, Endpoint, Proxy, assert_same, psql, run};

/// Every column in order, its type, and what it becomes; `$KEPT` are the types that stay.
const COLUMNS: &str = "
    SELECT attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod),
        CASE WHEN coalesce(element.typnamespace, type.typnamespace) = 'pg_catalog'::regnamespace
            OR coalesce(element.typname, type.typname) = ANY ('$KEPT')
        THEN format_type(atttypid, atttypmod)
        WHEN element.oid IS NULL THEN 'character varying' ELSE 'character varying[]' END
    FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        JOIN pg_type type ON type.oid = atttypid
        LEFT JOIN pg_type element ON element.typarray = type.oid
    WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        AND attnum > 0 AND NOT attisdropped
    ORDER BY attrelid::regclass::text, attnum";

/// All rows as text, one query for each relation.
const ROWS: [&str; 8] = [
    "SELECT t::text FROM app.people t ORDER BY id",
    "SELECT t::text FROM app.sad_friends t ORDER BY person",
    "SELECT t::text FROM app.other_friends t ORDER BY person",
    "SELECT t::text FROM app.ages t ORDER BY age::text",
    "SELECT t::text FROM app.of_ages t ORDER BY people::text",
    "SELECT t::text FROM app.happy t ORDER BY id",
    "SELECT t::text FROM app.summary t ORDER BY id",
    "SELECT mood, count, best, days::text FROM app.counts ORDER BY mood::text COLLATE \"C\"",
];

/// What works on such columns only as long as they keep their types.
const OVER_KEPT: &str = "
    CREATE INDEX ON app.people USING gin (attributes) WHERE nick > 'a'::citext;
    CREATE VIEW app.attributes AS
        SELECT id, attributes -> 'none' AS none, attributes ? 'a' AS has, attributes || 'x=>y'::hstore AS more
        FROM app.people WHERE nick = 'NICK7'::citext AND nick = ANY ('{nick7}'::citext[])";

/// The database that is dumped, made once.
fn original() -> &'static Database {
    static ORIGINAL: OnceLock<Database> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let database = Cluster::shared().create_database();
        let schema = include_str!("postgresql.sql");
        psql(database.endpoint(), &["--set=ON_ERROR_STOP=1"], schema).success();
        database
    })
}

/// Dumps a database and restores it, both through a proxy with these settings.
fn restored(original: &Endpoint, config: &str) -> Database {
    let files = Scratch::new();
    let dump = files.path().join("dump");
    let proxy = Proxy::start(config, &[]);
    let mut pg_dump = libpq_program("pg_dump", &proxy.endpoint(original));
    run(pg_dump.arg("--file").arg(&dump), b"").success();
    // The view that is dumped twice must be the same both times.
    let text = std::fs::read_to_string(&dump).unwrap();
    assert!(text.contains("    NULL::app.mood AS mood,\n"), "no view is dumped twice");
    let database = Cluster::shared().create_database();
    restore(&proxy.endpoint(database.endpoint()), &dump);
    // All that pg_dump writes is understood.
    let log = log_of_sessions(&proxy, 2);
    assert_eq!(log.matches(" not_understood=0 ").count(), 2, "{log}");
    database
}

/// The log once so many sessions have ended: a client may be gone before the proxy says so.
fn log_of_sessions(proxy: &Proxy, count: usize) -> String {
    let began = Instant::now();
    loop {
        let log = proxy.log();
        if log.matches("session ended").count() == count {
            return log;
        }
        assert!(began.elapsed() < DEADLINE, "{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn restore(endpoint: &Endpoint, dump: &Path) {
    let arguments = ["--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file"];
    let finished = psql(endpoint, &[&arguments[..], &[dump.to_str().unwrap()]].concat(), "");
    assert_eq!(finished.stderr, "");
    finished.success();
}

/// Columns with their types.
fn types(database: &Database) -> Vec<[String; 2]> {
    let rows = database.query(&COLUMNS.replace("$KEPT", "{}"));
    rows.into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect()
}

/// Columns with the types that they are to become.
fn types_to_be(database: &Database, kept: &str) -> Vec<[String; 2]> {
    let rows = database.query(&COLUMNS.replace("$KEPT", kept));
    rows.into_iter().map(|row| [row[0].clone(), row[2].clone()]).collect()
}

fn type_of<'a>(types: &'a [[String; 2]], column: &str) -> &'a str {
    let found = types.iter().find(|[name, _]| name == column);
    &found.unwrap_or_else(|| panic!("no {column}"))[1]
}

fn rows(database: &Database) -> Vec<Vec<Vec<String>>> {
    ROWS.iter().map(|sql| database.query(sql)).collect()
}

#[test]
fn columns_of_own_types_become_text_and_rows_stay() {
    let original = original();
    let database = restored(original.endpoint(), "[mapping]\nsource = \"postgresql\"\n");
    let types = types(&database);
    assert_same(&types_to_be(original, "{}"), &types);
    for (column, expected) in [
        ("app.people.mood", "character varying"),
        ("app.people.day", "character varying"),
        ("app.people.real_day", "date"),
        ("app.people.j", "character varying"),
        ("app.people.real_json", "json"),
        ("app.people.age", "character varying"),
        ("app.people.labels", "character varying"),
        ("app.people.homes", "character varying[]"),
        ("app.people.matrix", "character varying[]"),
        ("app.people.worth", "character varying"),
        ("app.people.whole", "int4range"),
        ("app.people.nick", "character varying"),
        ("app.people.attributes", "character varying"),
        ("app.people.amount", "numeric(12,3)"),
        ("app.people.short", "character varying(30)[]"),
        ("app.sad_friends.mood", "character varying"),
        ("app.of_ages.people", "character varying"),
        ("app.happy.turned", "character varying"),
        ("app.summary.homes", "character varying[]"),
        ("app.counts.days", "character varying[]"),
    ] {
        assert_eq!(type_of(&types, column), expected, "{column}");
    }
    let rows_before = rows(original);
    assert_eq!(rows_before[0].len(), 1000);
    assert_same(&rows_before, &rows(&database));
    // Defaults give the same, and the types themselves are there as they were.
    for sql in [
        "INSERT INTO app.people (id, age) VALUES (2000, 1)
         RETURNING mood, \"Mood\", day, labels::text, home::text, moods::text, more_moods::text,
             worth::text, nick, attributes::text, computed",
        "SELECT enum_range(NULL::app.mood), 1::app.positive, app.next_mood('ok'), app.last_mood('sad')",
        "SELECT m, n FROM app.moods('ok', 'sad', 'ok')",
    ] {
        // Undone, for the other tests.
        let sql = format!("BEGIN; {sql}; ROLLBACK");
        let before = original.query(&sql);
        assert_eq!(before.len(), 1, "{sql}");
        assert_same(&before, &database.query(&sql));
    }
}

#[test]
fn types_that_are_kept_stay_in_columns_indexes_and_views() {
    let original = Cluster::shared().create_database();
    let schema = include_str!("postgresql.sql");
    let script = format!("{schema};{OVER_KEPT}");
    psql(original.endpoint(), &["--set=ON_ERROR_STOP=1"], &script).success();
    let keep = "[mapping]\nsource = \"postgresql\"\nkeep_types = [\"citext\", \"hstore\"]\n";
    let database = restored(original.endpoint(), keep);
    let types = types(&database);
    assert_same(&types_to_be(&original, "{citext,hstore}"), &types);
    for (column, expected) in [
        ("app.people.nick", "citext"),
        ("app.people.nicks", "citext[]"),
        ("app.people.attributes", "hstore"),
        ("app.attributes.more", "hstore"),
        ("app.people.mood", "character varying"),
    ] {
        assert_eq!(type_of(&types, column), expected, "{column}");
    }
    assert_same(&rows(&original), &rows(&database));
    let sql = "SELECT id, none, has, more::text FROM app.attributes";
    let before = original.query(sql);
    assert_eq!(before.len(), 1);
    assert_same(&before, &database.query(sql));
}
