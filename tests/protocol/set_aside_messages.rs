//! Statements by the extended protocol whose rows the target refuses: in pipelines, named and unnamed, with values
//! as text and binary, in and outside of transactions of the client's.

use super::set_aside_changes::{BAD, CONFIG, aside, begun, prepared};
use super::{log_in, say};
use crate::support::{Database, Endpoint, Proxy, Wire, cutting_relay, transcript};

/// One execution by the unnamed portal.
fn execute(wire: &mut Wire, statement: &str, values: &[Option<&[u8]>], formats: &[i16]) {
    wire.bind("", statement, formats, values, 0).describe(b'P', "").execute("", 0);
}

/// The values of a row that is written as SQL.
fn values(row: &str) -> Vec<Option<&[u8]>> {
    row.split(", ")
        .map(|text| (text != "NULL").then(|| text.trim_matches('\'').as_bytes()))
        .collect()
}

fn good(table: &str, number: usize) -> String {
    match table {
        "dated" => format!("{number}, '2024-01-31'"),
        "child" | "late" => format!("{number}, 'v1'"),
        _ => format!("{number}, 'v{number}'"),
    }
}

/// A pipeline of some good rows and a bad one.
struct Pipeline {
    bad: (&'static str, &'static str, &'static str),
    count: usize,
    place: usize,
    in_transaction: bool,
    name: &'static str,
}

fn pipelines() -> Vec<Pipeline> {
    let mut pipelines = Vec::new();
    for bad in BAD {
        for (count, place) in [(0, 0), (4, 0), (4, 2), (4, 4)] {
            for (in_transaction, name) in
                [(false, ""), (false, "named"), (true, ""), (true, "named")]
            {
                // What is deferred is looked at by the client's COMMIT.
                if !(in_transaction && bad.0 == "late") {
                    pipelines.push(Pipeline { bad, count, place, in_transaction, name });
                }
            }
        }
    }
    pipelines
}

impl Pipeline {
    fn run(&self, wire: &mut Wire, database: &Database) {
        let Pipeline { bad: (table, bad, sqlstate), count, place, in_transaction, name } = self;
        let mut rows: Vec<String> = (0..*count).map(|number| good(table, number)).collect();
        rows.insert(*place, (*bad).to_owned());
        let when = format!("{table} {bad} {place} of {count} {in_transaction} {name:?}");
        let status = if *in_transaction { "T" } else { "I" };
        if *in_transaction {
            say(wire, "BEGIN");
        }
        wire.parse(name, format!("INSERT INTO {table} (id, v) VALUES ($1, $2)"), &[0, 0]);
        for row in &rows {
            execute(wire, name, &values(row), &[]);
        }
        let said = transcript(&wire.sync().until_ready());
        let said: Vec<&str> =
            said.lines().filter(|line| !line.starts_with("NoticeResponse")).collect();
        let mut expected = vec!["ParseComplete".to_owned()];
        for number in 0..rows.len() {
            let rows = usize::from(number != *place);
            expected.extend(["BindComplete".to_owned(), "NoData".to_owned()]);
            expected.push(format!("CommandComplete INSERT 0 {rows}"));
        }
        expected.push(format!("ReadyForQuery {status}"));
        assert_eq!(said, expected, "{when}");
        if *in_transaction {
            say(wire, "COMMIT");
        }
        if !name.is_empty() {
            wire.close(b'S', name).sync().until_ready();
        }
        let row = bad.replace(", ", "\t").replace('\'', "").replace("NULL", "\\N");
        let expected = format!("{table} {sqlstate} open INSERT id,v text 1 {row}");
        assert_eq!(aside(database), [expected], "{when}");
        let gone = format!("DELETE FROM {table} WHERE id < 100");
        let sql = format!("WITH gone AS ({gone} RETURNING 1) SELECT count(*) FROM gone");
        assert_eq!(database.query(&sql), [[count.to_string()]], "{when}");
    }
}

#[test]
fn rows_of_pipelines_are_set_aside_in_every_place() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    for pipeline in pipelines() {
        pipeline.run(&mut wire, &database);
    }
}

/// Where the streams of both sides are cut makes no difference.
#[test]
fn the_same_however_bytes_arrive() {
    let database = prepared();
    let target = cutting_relay(database.endpoint().address, 1);
    let proxy = Proxy::start_before(target, CONFIG, &[]);
    begun(&proxy, &database);
    let front = cutting_relay(proxy.address(), 1001);
    let mut wire = log_in(&Endpoint { address: front, ..database.endpoint().clone() });
    for pipeline in pipelines() {
        pipeline.run(&mut wire, &database);
    }
}

#[test]
fn rows_of_one_statement_are_tried_again_with_their_parameters() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    // As a driver writes batches: several rows, values of both formats, the types declared.
    let sql = "INSERT INTO plain (id, v) VALUES ($1,$2),($3,$4),($5,$6),($7,$8) \
        ON CONFLICT (id) DO UPDATE SET v = $2";
    let types = [23, 1043, 23, 1043, 23, 1043, 23, 1043];
    let number = |number: i32| number.to_be_bytes().to_vec();
    let ids: Vec<Vec<u8>> = (1..5).map(number).collect();
    let texts = [&b"a"[..], b"too long", b"bad", b"d"];
    let row = |(id, text): (&'static Vec<u8>, &'static [u8])| [Some(id.as_slice()), Some(text)];
    let ids: &'static Vec<Vec<u8>> = Box::leak(Box::new(ids));
    let bound: Vec<Option<&[u8]>> = ids.iter().zip(texts).flat_map(row).collect();
    for in_transaction in [false, true] {
        if in_transaction {
            say(&mut wire, "BEGIN");
        }
        wire.parse("", sql, &types);
        execute(&mut wire, "", &bound, &[1, 0, 1, 0, 1, 0, 1, 0]);
        let said = transcript(&wire.sync().until_ready());
        assert!(said.contains("CommandComplete INSERT 0 2\n"), "{said}");
        assert!(said.contains("2 rows were set aside"), "{said}");
        if in_transaction {
            say(&mut wire, "COMMIT");
        }
        let kept = |row: &str| format!("plain {row}");
        let expected =
            ["22001 open INSERT id,v text 2 2\ttoo long", "23514 open INSERT id,v text 3 3\tbad"];
        assert_eq!(aside(&database), expected.map(kept));
        let rows = database.query("SELECT id, v FROM plain WHERE id < 100 ORDER BY 1");
        assert_eq!(rows, [["1", "a"], ["4", "d"]]);
        database.query("DELETE FROM plain WHERE id < 100");
    }
}

#[test]
fn a_transaction_that_begins_in_the_pipeline_goes_on() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    wire.parse("", "BEGIN", &[]).bind("", "", &[], &[], 0).execute("", 0);
    wire.parse("s", "INSERT INTO plain VALUES ($1, $2)", &[23, 25]);
    execute(&mut wire, "s", &[Some(b"1"), Some(b"too long")], &[]);
    let said = transcript(&wire.sync().until_ready());
    assert!(said.contains("INSERT 0 0\n") && said.ends_with("ReadyForQuery T\n"), "{said}");
    execute(&mut wire, "s", &[Some(b"2"), Some(b"b")], &[]);
    wire.parse("", "UPDATE plain SET v = $2 WHERE id = $1", &[]);
    execute(&mut wire, "", &[Some(b"2"), Some(b"bad")], &[]);
    wire.parse("", "SELECT v FROM plain WHERE id = 2", &[]);
    execute(&mut wire, "", &[], &[]);
    let said = transcript(&wire.sync().until_ready());
    let order = ["INSERT 0 1\n", "UPDATE 0\n", "DataRow b\n", "ReadyForQuery T\n"];
    let places: Vec<_> = order.iter().map(|text| said.find(text)).collect();
    assert!(places.is_sorted() && !places.contains(&None), "{said}");
    wire.parse("", "COMMIT", &[]).bind("", "", &[], &[], 0).execute("", 0);
    assert!(transcript(&wire.sync().until_ready()).ends_with("ReadyForQuery I\n"));
    let kept = [
        "plain 22001 open INSERT id,v text 1 1\ttoo long".to_owned(),
        "plain 23514 open UPDATE id,v sql 1 UPDATE plain SET v = 'bad' WHERE id = '2'".to_owned(),
    ];
    assert_eq!(aside(&database), kept);
    assert_eq!(database.query("SELECT id FROM plain WHERE id < 100"), [["2"]]);
}

/// What the client sends up to a Sync, statement by statement.
type Sent = fn(&mut Wire);

#[test]
fn other_messages_and_errors_are_the_server_s() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut direct = log_in(database.endpoint());
    let mut wire = begun(&proxy, &database);
    let cases: [(&str, Sent); 9] = [
        ("a missing table", |wire| {
            wire.parse("", "INSERT INTO nowhere VALUES ($1)", &[]);
            execute(wire, "", &[Some(b"1")], &[]);
        }),
        ("a row, then a missing table", |wire| {
            wire.parse("", "INSERT INTO plain VALUES ($1, $2)", &[]);
            execute(wire, "", &[Some(b"1"), Some(b"a")], &[]);
            execute(wire, "", &[Some(b"2"), Some(b"a")], &[]);
            wire.parse("", "INSERT INTO nowhere VALUES ($1)", &[]);
            execute(wire, "", &[Some(b"1")], &[]);
            wire.parse("", "SELECT 1", &[]);
            execute(wire, "", &[], &[]);
        }),
        ("a row, then a syntax error", |wire| {
            wire.parse("", "INSERT INTO plain VALUES ($1, $2)", &[]);
            execute(wire, "", &[Some(b"1"), Some(b"a")], &[]);
            wire.parse("", "SELEC", &[]);
            execute(wire, "", &[], &[]);
        }),
        ("RETURNING", |wire| {
            wire.parse("", "INSERT INTO plain VALUES ($1, $2) RETURNING id", &[]);
            execute(wire, "", &[Some(b"100"), Some(b"a")], &[]);
        }),
        ("too few values", |wire| {
            wire.parse("", "INSERT INTO plain VALUES ($1, $2)", &[]);
            execute(wire, "", &[Some(b"100")], &[]);
        }),
        ("good rows", |wire| {
            wire.parse("", "INSERT INTO plain VALUES ($1, $2)", &[]).describe(b'S', "");
            for id in [b"1", b"2", b"3"] {
                execute(wire, "", &[Some(id), Some(b"a")], &[]);
            }
            wire.parse("", "DELETE FROM plain WHERE id = $1", &[]);
            execute(wire, "", &[Some(b"3")], &[]);
        }),
        ("a query between", |wire| {
            wire.parse("i", "INSERT INTO plain VALUES ($1, $2)", &[]);
            execute(wire, "i", &[Some(b"1"), Some(b"a")], &[]);
            wire.parse("", "SELECT count(*) FROM plain", &[]);
            execute(wire, "", &[], &[]);
            execute(wire, "i", &[Some(b"2"), Some(b"a")], &[]);
            wire.close(b'S', "i");
        }),
        ("a flush behind each message", |wire| {
            wire.parse("", "INSERT INTO plain VALUES ($1, $2)", &[]).flush();
            wire.bind("", "", &[], &[Some(b"1"), Some(b"a")], 0).flush();
            wire.describe(b'P', "").flush().execute("", 0).flush();
        }),
        ("nothing", |_| {}),
    ];
    for before in ["", "BEGIN"] {
        for (what, send) in &cases {
            let said = [&mut direct, &mut wire].map(|wire| {
                wire.query(before).until_ready();
                send(wire);
                let said = transcript(&wire.sync().until_ready());
                let there = say(wire, "SELECT id FROM plain WHERE id < 100 ORDER BY 1");
                wire.query("ROLLBACK").until_ready();
                say(wire, "DELETE FROM plain WHERE id < 100");
                said + &there
            });
            assert_eq!(said[0], said[1], "{what} {before}");
        }
    }
    assert!(aside(&database).is_empty());
}

#[test]
fn a_row_that_is_there_takes_the_new_values() {
    let policy = "apply_error_insert_policy = \"INSERT_RECORD\"\n[fk]";
    let proxy = Proxy::start(&CONFIG.replace("[fk]", policy), &[]);
    let database = prepared();
    let mut wire = begun(&proxy, &database);
    database.query(
        "CREATE TABLE kept (id int, w int); CREATE UNIQUE INDEX i ON kept (id);
        CREATE TABLE wide (gone int, a int, \"B %\" int[], c int GENERATED ALWAYS AS (a) STORED,
            d int DEFAULT 4, id int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (a));
        ALTER TABLE wide DROP gone",
    );
    for before in ["", "BEGIN"] {
        wire.query(before).until_ready();
        let sql = "INSERT INTO plain (id, v) VALUES (100, 'new'), (1, 'a'), (100, 'bad')";
        assert!(say(&mut wire, sql).contains("INSERT 0 2\n"));
        wire.parse("", "INSERT INTO plain (id, v) VALUES ($1, $2)", &[]);
        execute(&mut wire, "", &[Some(b"1"), Some(b"newer")], &[]);
        execute(&mut wire, "", &[Some(b"x"), Some(b"a")], &[]);
        execute(&mut wire, "", &[Some(b"2"), Some(b"b")], &[]);
        let said = transcript(&wire.sync().until_ready());
        assert_eq!(said.matches("INSERT 0 1\n").count(), 2, "{said}");
        // Without columns they are the first ones.
        say(&mut wire, "INSERT INTO plain VALUES (2, 'none'), (100, 'anew')");
        say(&mut wire, "INSERT INTO wide (a, d) VALUES (1, 1)");
        say(&mut wire, "INSERT INTO wide VALUES (1, ARRAY[2, 3]), (2, NULL)");
        wire.parse("", "INSERT INTO wide VALUES ($1, NULL, DEFAULT)", &[23]);
        execute(&mut wire, "", &[Some(b"2")], &[]);
        assert!(transcript(&wire.sync().until_ready()).contains("INSERT 0 1\n"));
        say(
            &mut wire,
            "INSERT INTO wide OVERRIDING SYSTEM VALUE VALUES (2, '{1}', DEFAULT, 5, 99)",
        );
        // For an index it is not known how.
        say(&mut wire, "INSERT INTO kept (id, w) VALUES (1, 1)");
        say(&mut wire, "INSERT INTO kept (id, w) VALUES (1, 2)");
        wire.query("COMMIT").until_ready();
        let rows = database.query("SELECT id, v FROM plain ORDER BY 1");
        assert_eq!(rows, [["1", "newer"], ["2", "none"], ["100", "anew"]], "{before}");
        let rows = database.query("DELETE FROM wide RETURNING a, \"B %\"::text, c, d");
        assert_eq!(rows, [["1", "{2,3}", "1", "1"], ["2", "{1}", "2", "5"]], "{before}");
        assert_eq!(
            aside(&database),
            [
                "plain 23514 open INSERT id,v text 3 100\tbad",
                "plain 22P02 open INSERT id,v text 1 x\ta",
                "kept 23505 open INSERT id,w text 1 1\t2",
            ],
            "{before}"
        );
        database.query("DELETE FROM plain WHERE id < 100; DELETE FROM kept");
    }
}

/// What the target skips behind an error is not executed, a Query ends a pipeline as a Sync does, and a portal is gone
/// behind a Sync.
#[test]
fn odd_pipelines_are_answered_as_without_the_proxy() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut direct = log_in(database.endpoint());
    let mut wire = begun(&proxy, &database);
    let said = [&mut direct, &mut wire].map(|wire| {
        let insert = "INSERT INTO plain VALUES ($1, 'a')";
        wire.bind("", "none", &[], &[], 0).flush();
        let mut said = transcript(&wire.until(b'E'));
        wire.parse("", insert, &[23]).bind("", "", &[], &[Some(b"1")], 0).execute("", 0).sync();
        said += &transcript(&wire.until_ready());
        wire.parse("", insert, &[23]).bind("", "", &[], &[Some(b"2")], 0).execute("", 0);
        wire.query("SELECT count(*) FROM plain WHERE id < 100");
        said += &transcript(&wire.until_ready());
        wire.parse("", "COPY plain FROM STDIN", &[]).bind("", "", &[], &[], 0).sync();
        said += &transcript(&wire.until_ready());
        said += &transcript(&wire.execute("", 0).sync().until_ready());
        said + &say(wire, "DELETE FROM plain WHERE id < 100")
    });
    assert_eq!(said[0], said[1]);
    assert!(said[0].contains("DataRow 1\n") && said[0].contains("DELETE 1\n"), "{}", said[0]);
}
