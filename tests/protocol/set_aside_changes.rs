//! INSERT, UPDATE, DELETE and MERGE whose rows the target refuses: what is refused is set aside, the rest goes on,
//! in and outside of transactions of the client's.

use super::{log_in, say};
use crate::support::{Cluster, Database, Proxy, Wire, transcript};

pub(super) const CONFIG: &str = "[errors]\ndata_error_policy = \"log-error\"\n\
    data_truncation_error_policy = \"LOG_ERROR\"\n[fk]\nmode = \"off\"\n";

/// What each table holds before and beside what is loaded.
const TABLES: &str = "CREATE TABLE parent (v varchar(5) PRIMARY KEY);
    INSERT INTO parent SELECT 'v' || n FROM generate_series(0, 9) n;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.v = 'rais' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$;
    CREATE TABLE plain (id int PRIMARY KEY, v varchar(5) NOT NULL CHECK (v <> 'bad'));
    CREATE TABLE dated (id int PRIMARY KEY, v date);
    CREATE TABLE child (id int PRIMARY KEY, v varchar(5) REFERENCES parent);
    CREATE TABLE late (id int PRIMARY KEY, v varchar(5) REFERENCES parent
        DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE apart (id int, v varchar(5), EXCLUDE (v WITH =));
    CREATE TABLE made (id int, v varchar(5), w int GENERATED ALWAYS AS (1) STORED);
    CREATE TABLE before_row (id int, v varchar(5));
    CREATE TRIGGER t BEFORE INSERT OR UPDATE ON before_row FOR EACH ROW EXECUTE FUNCTION refuse();
    CREATE TABLE after_row (id int, v varchar(5));
    CREATE TRIGGER t AFTER INSERT ON after_row FOR EACH ROW EXECUTE FUNCTION refuse();
    INSERT INTO plain VALUES (100, 'there'); INSERT INTO apart VALUES (100, 'w');
    INSERT INTO before_row VALUES (100, 'x');";

pub(super) fn prepared() -> Database {
    let database = Cluster::shared().create_database();
    database.query(TABLES);
    database
}

/// What was set aside, which is gone afterwards.
pub(super) fn aside(database: &Database) -> Vec<String> {
    let rows = database.query(
        "WITH aside AS (DELETE FROM dms_proxy.rejected_rows RETURNING *)
        SELECT concat_ws(' ', table_name, sqlstate, state, operation, array_to_string(column_names, ','),
            format, line, convert_from(\"row\", 'UTF8')) FROM aside ORDER BY at, line",
    );
    rows.into_iter().flatten().collect()
}

/// A session through a proxy that has made the table of what is set aside.
pub(super) fn begun(proxy: &Proxy, database: &Database) -> Wire {
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let said = say(&mut wire, "INSERT INTO plain VALUES ('none', 'x')");
    assert!(said.contains("CommandComplete INSERT 0 0\n"), "{said}");
    assert_eq!(aside(database).len(), 1);
    wire
}

/// Runs a statement, in a transaction or not; gives what is said, without the NOTICE.
fn run(wire: &mut Wire, sql: &str, in_transaction: bool) -> String {
    if in_transaction {
        say(wire, "BEGIN");
    }
    let said = say(wire, sql);
    let status = if in_transaction { "T" } else { "I" };
    assert!(said.ends_with(&format!("ReadyForQuery {status}\n")), "{sql}: {said}");
    if in_transaction {
        say(wire, "COMMIT");
    }
    said
}

/// Tables, values of a bad row, and how it is refused.
pub(super) const BAD: [(&str, &str, &str); 12] = [
    ("plain", "'x', 'v0'", "22P02"),
    ("plain", "50, 'too long'", "22001"),
    ("plain", "99999999999, 'v0'", "22003"),
    ("dated", "50, 'no date'", "22007"),
    ("dated", "50, '2023-02-30'", "22008"),
    ("plain", "50, NULL", "23502"),
    ("child", "50, 'none'", "23503"),
    ("late", "50, 'none'", "23503"),
    ("plain", "100, 'v0'", "23505"),
    ("plain", "50, 'bad'", "23514"),
    ("apart", "50, 'w'", "23P01"),
    ("before_row", "50, 'rais'", "P0001"),
];

#[test]
fn rows_of_an_insert_are_set_aside_in_every_place() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    for (table, bad, sqlstate) in BAD {
        for (count, place) in [(0, 0), (4, 0), (4, 2), (4, 4), (40, 17)] {
            for in_transaction in [false, true] {
                if in_transaction && table == "late" {
                    continue;
                }
                let good = |number: usize| match table {
                    "dated" => format!("({number}, '2024-01-31')"),
                    "child" | "late" => format!("({number}, 'v1')"),
                    _ => format!("({number}, 'v{number}')"),
                };
                let mut rows: Vec<String> = (0..count).map(good).collect();
                rows.insert(place, format!("({bad})"));
                let sql = format!("INSERT INTO {table} (id, v) VALUES {}", rows.join(", "));
                let when = format!("{sql}, in a transaction: {in_transaction}");
                let said = run(&mut wire, &sql, in_transaction);
                let tag = format!("CommandComplete INSERT 0 {count}\n");
                assert!(said.contains(&tag), "{when}: {said}");
                assert!(said.contains("1 row was set aside from table"), "{when}: {said}");
                let line = place + 1;
                let row = bad.replace(", ", "\t").replace('\'', "").replace("NULL", "\\N");
                let expected = format!("{table} {sqlstate} open INSERT id,v text {line} {row}");
                assert_eq!(aside(&database), [expected], "{when}");
                let gone = format!("DELETE FROM {table} WHERE id < 100");
                let count = format!("WITH gone AS ({gone} RETURNING 1) SELECT count(*) FROM gone");
                let loaded = database.query(&count);
                assert_eq!(loaded, [[rows.len().saturating_sub(1).to_string()]], "{when}");
            }
        }
    }
}

#[test]
fn a_statement_that_is_not_plain_rows_is_kept_as_it_is() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    database.query("INSERT INTO plain VALUES (1, 'a')");
    for (sql, kept, tag) in [
        (
            "UPDATE plain SET v = NULL WHERE id = 1;",
            "plain 23502 open UPDATE id,v sql 1",
            "UPDATE 0",
        ),
        ("DELETE FROM parent WHERE v = 'v0'", "parent 23503 open DELETE v sql 1", "DELETE 0"),
        (
            "INSERT INTO plain SELECT 7, repeat('x', 7)",
            "plain 22001 open INSERT id,v sql 1",
            "INSERT 0 0",
        ),
        (
            "INSERT INTO plain VALUES (7, lower('BAD'))",
            "plain 23514 open INSERT id,v sql 1",
            "INSERT 0 0",
        ),
        ("INSERT INTO made VALUES (1, 'a', 2)", "made 428C9 open INSERT id,v text 1", "INSERT 0 0"),
        (
            "MERGE INTO plain USING (VALUES (1, 'bad')) s (a, b) ON id = a
                WHEN MATCHED THEN UPDATE SET v = b",
            "plain 23514 open MERGE id,v sql 1",
            "MERGE 0",
        ),
    ] {
        database.query("INSERT INTO child VALUES (1, 'v0') ON CONFLICT DO NOTHING");
        for in_transaction in [false, true] {
            let said = run(&mut wire, sql, in_transaction);
            assert!(said.contains(&format!("CommandComplete {tag}\n")), "{sql}: {said}");
            let row = match kept.contains(" text ") {
                true => "1\ta\t2",
                false => sql.trim_end_matches(';'),
            };
            assert_eq!(aside(&database), [format!("{kept} {row}")], "{sql}");
        }
    }
    assert_eq!(database.query("SELECT * FROM plain WHERE id < 100"), [["1", "a"]]);
}

#[test]
fn other_statements_and_errors_are_the_server_s() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut direct = log_in(database.endpoint());
    let mut wire = begun(&proxy, &database);
    for before in ["", "BEGIN"] {
        for sql in [
            "INSERT INTO nowhere VALUES (1)",
            "INSERT INTO plain (nothing) VALUES (1)",
            "INSERT INTO plain VALUES (1, 'a'",
            "INSERT INTO plain VALUES (100, 'a') RETURNING id",
            "INSERT INTO plain SELECT 100, v FROM parent",
            "UPDATE plain SET v = p.v || 'longer' FROM parent p",
            "INSERT INTO plain VALUES (100, 'a'); SELECT 1",
            "SELECT 1 / 0",
            "UPDATE plain SET v = v WHERE id = 5",
        ] {
            let said = [&mut direct, &mut wire].map(|wire| {
                wire.query(before).until_ready();
                let said = say(wire, sql);
                said + &transcript(&wire.query("ROLLBACK").until_ready())
            });
            assert_eq!(said[0], said[1], "{sql} {before}");
        }
    }
    assert!(aside(&database).is_empty());
}

#[test]
fn what_is_set_aside_follows_the_transaction() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    let insert = "INSERT INTO plain VALUES (1, 'a'), (2, 'too long'), (3, 'c')";
    for (ends, rows, count) in
        [(["ROLLBACK TO a", "COMMIT"], "0", 0), (["RELEASE a", "COMMIT"], "2", 1)]
    {
        say(&mut wire, "BEGIN");
        say(&mut wire, "SAVEPOINT a");
        assert!(say(&mut wire, insert).contains("INSERT 0 2\n"));
        for end in ends {
            say(&mut wire, end);
        }
        let there = database.query("SELECT count(*) FROM plain WHERE id < 100");
        assert_eq!((there, aside(&database).len()), (vec![vec![rows.to_owned()]], count));
    }
}

#[test]
fn changes_that_meet_no_row_follow_the_policies() {
    let config = "[errors]\napply_error_insert_policy = \"ignore-record\"\n\
        apply_error_update_policy = \"LOG_ERROR\"\nApplyErrorDeletePolicy = \"stop-task\"\n\
        [fk]\nmode = \"off\"\n";
    let proxy = Proxy::start(config, &[]);
    let database = prepared();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    for in_transaction in [false, true] {
        let said = run(&mut wire, "INSERT INTO plain VALUES (1, 'a'), (100, 'b')", in_transaction);
        assert!(said.contains("INSERT 0 1\n"), "{said}");
        assert_eq!(aside(&database), ["plain 23505 ignored INSERT id,v text 2 100\tb"]);
        let update = "UPDATE plain SET v = 'b' WHERE id = 7";
        let said = run(&mut wire, update, in_transaction);
        assert!(said.contains("UPDATE 0\n") && said.contains("set aside"), "{said}");
        let expected = format!("plain 02000 open UPDATE id,v sql 1 {update}");
        assert_eq!(aside(&database), [expected]);
        if in_transaction {
            say(&mut wire, "BEGIN");
        }
        let said = say(&mut wire, "DELETE FROM plain WHERE id = 7");
        let status = if in_transaction { "E" } else { "I" };
        assert!(said.contains("02000"), "{said}");
        assert!(said.ends_with(&format!("ReadyForQuery {status}\n")), "{said}");
        say(&mut wire, "ROLLBACK");
        // Statements that meet their rows, and all rows of an empty table, are as ever.
        for sql in ["UPDATE plain SET v = 'c' WHERE id = 1", "DELETE FROM plain WHERE id = 1"] {
            assert!(run(&mut wire, sql, in_transaction).contains(" 1\n"), "{sql}");
        }
        assert!(run(&mut wire, "DELETE FROM dated", in_transaction).contains("DELETE 0\n"));
        // Nothing is said of other errors.
        assert!(say(&mut wire, "INSERT INTO plain VALUES ('x', 'b')").contains("22P02"));
        assert!(aside(&database).is_empty());
    }
}

#[test]
fn rows_that_a_statement_joins_are_tried_one_by_one() {
    let config = CONFIG.replace("[fk]", "apply_error_update_policy = \"log-error\"\n[fk]");
    let proxy = Proxy::start(&config, &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    let merge =
        "MERGE INTO plain p USING (VALUES (100, 'new'), (1, 'too long'), (2, 'it''s'), (3, NULL),
            (4, 'bad')) AS source (id, v) ON p.id = source.id
        WHEN MATCHED THEN UPDATE SET v = source.v
        WHEN NOT MATCHED THEN INSERT (id, v) VALUES (source.id, source.v)";
    let update = "UPDATE plain SET v = n.v FROM (VALUES (2, 'two'), (100, 'too long')) n (i, v)
        WHERE n.i = id";
    // Alone, its rows would be of other types.
    let mixed = "UPDATE plain SET id = n.v / 2 FROM (VALUES (2, 9), (100, 0.5 / 0)) n (i, v)
        WHERE n.i = id";
    let none = "UPDATE plain SET v = n.v FROM (VALUES (7, 'a'), (8, 'b')) n (i, v) WHERE n.i = id";
    let delete = "DELETE FROM plain USING (VALUES ('2'), ('x')) n (i) WHERE id = i::int";
    for in_transaction in [false, true] {
        assert!(run(&mut wire, merge, in_transaction).contains("MERGE 2\n"));
        assert!(run(&mut wire, update, in_transaction).contains("UPDATE 1\n"));
        assert!(run(&mut wire, mixed, in_transaction).contains("UPDATE 0\n"));
        assert!(run(&mut wire, none, in_transaction).contains("UPDATE 0\n"));
        let rows = database.query("SELECT id, v FROM plain ORDER BY id");
        assert_eq!(rows, [["2", "two"], ["100", "new"]]);
        assert!(run(&mut wire, delete, in_transaction).contains("DELETE 1\n"));
        let aside: Vec<String> = aside(&database)
            .into_iter()
            .map(|row| {
                let words: Vec<&str> = row.splitn(8, ' ').collect();
                let list = words[7].split_once("(VALUES ").unwrap().1.split_once(") ").unwrap().0;
                [words[1], words[3], words[6], list].join(" ")
            })
            .collect();
        let expected = [
            "22001 MERGE 2 (1, 'too long')",
            "23502 MERGE 4 (3, NULL)",
            "23514 MERGE 5 (4, 'bad')",
            "22001 UPDATE 2 (100, 'too long')",
            "22012 UPDATE 1 (2, 9), (100, 0.5 / 0)",
            "02000 UPDATE 1 (7, 'a')",
            "02000 UPDATE 2 (8, 'b')",
            "22P02 DELETE 2 ('x')",
        ];
        assert_eq!(aside, expected);
        database.query("UPDATE plain SET v = 'there' WHERE id = 100");
    }
}
