//! Rows of a COPY that the target refuses are set aside, and the others load: each kind of error, in every place,
//! format and protocol, in and outside of a transaction of the client's.

use super::set_aside_changes::{CONFIG, prepared};
use super::{log_in, say};
use crate::support::{Database, Endpoint, Proxy, Wire, cutting_relay, transcript};

/// The sessions among which the loads are shared out.
const RUNS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Format {
    Text,
    Csv,
    Binary,
}

/// Fields of a row: the number and the value; more or fewer make another count of fields.
pub(super) type Row = Vec<Option<Vec<u8>>>;

pub(super) fn row(id: &str, v: Option<&[u8]>) -> Row {
    vec![Some(id.as_bytes().to_vec()), v.map(<[u8]>::to_vec)]
}

impl Format {
    pub(super) fn options(self) -> &'static str {
        match self {
            Format::Text => "",
            Format::Csv => " (FORMAT csv, NULL 'nil')",
            Format::Binary => " (FORMAT binary)",
        }
    }

    fn row(self, row: &Row) -> Vec<u8> {
        let join = |separator: &[u8], null: &[u8], quote: &[u8]| {
            let field = |field: &Option<Vec<u8>>| match field {
                Some(value) => [quote, value, quote].concat(),
                None => null.to_vec(),
            };
            row.iter().map(field).collect::<Vec<_>>().join(separator)
        };
        match self {
            Format::Text => [&join(b"\t", b"\\N", b"")[..], b"\n"].concat(),
            Format::Csv => [&join(b",", b"nil", b"\"")[..], b"\n"].concat(),
            Format::Binary => {
                let mut tuple = i16::try_from(row.len()).unwrap().to_be_bytes().to_vec();
                for (index, field) in row.iter().enumerate() {
                    let Some(value) = field else {
                        tuple.extend((-1i32).to_be_bytes());
                        continue;
                    };
                    let number = std::str::from_utf8(value).unwrap_or("").parse::<i32>();
                    let value = match (index, number) {
                        (0, Ok(number)) => number.to_be_bytes().to_vec(),
                        _ => value.clone(),
                    };
                    tuple.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                    tuple.extend(value);
                }
                tuple
            }
        }
    }

    pub(super) fn stream(self, rows: &[Row]) -> Vec<u8> {
        let rows: Vec<u8> = rows.iter().flat_map(|row| self.row(row)).collect();
        match self {
            Format::Binary => {
                [b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0", &rows[..], b"\xFF\xFF"].concat()
            }
            _ => rows,
        }
    }
}

/// Begins a COPY and sends its rows; gives what is said up to the end.
pub(super) fn copy(
    wire: &mut Wire,
    sql: &str,
    data: &[u8],
    piece: usize,
    is_extended: bool,
) -> String {
    if is_extended {
        wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
    } else {
        wire.query(sql);
    }
    let mut said = transcript(&wire.until(b'G'));
    for piece in data.chunks(piece) {
        wire.copy_data(piece);
    }
    wire.copy_done();
    if is_extended {
        wire.sync();
    }
    said += &transcript(&wire.until_ready());
    said
}

/// What is refused, and how it is told.
struct Case {
    table: &'static str,
    bad: Row,
    sqlstate: &'static str,
    formats: &'static [Format],
}

fn cases() -> Vec<Case> {
    use Format::{Binary, Csv, Text};
    const ALL: &[Format] = &[Text, Csv, Binary];
    const LINES: &[Format] = &[Text, Csv];
    let case = |table, bad, sqlstate, formats| Case { table, bad, sqlstate, formats };
    let good = |id: &str| row(id, Some(b"v0"));
    vec![
        case("plain", good("x"), "22P02", LINES),
        case("plain", good("x"), "08P01", &[Binary]),
        case("plain", good("xxxxx"), "22P03", &[Binary]),
        case("plain", row("50", Some(b"too long")), "22001", ALL),
        case("plain", good("99999999999"), "22003", LINES),
        case("dated", row("50", Some(b"no date")), "22007", LINES),
        case("dated", row("50", Some(b"2023-02-30")), "22008", LINES),
        case("plain", row("50", Some(b"\xFF\xFE")), "22021", ALL),
        case("plain", row("50", None), "23502", ALL),
        case("child", row("50", Some(b"none")), "23503", ALL),
        case("late", row("50", Some(b"none")), "23503", ALL),
        case("plain", good("100"), "23505", ALL),
        case("plain", row("50", Some(b"bad")), "23514", ALL),
        case("apart", row("50", Some(b"w")), "23P01", ALL),
        case("before_row", row("50", Some(b"rais")), "P0001", ALL),
        case("after_row", row("50", Some(b"rais")), "P0001", ALL),
        case("plain", vec![Some(b"50".to_vec())], "22P04", ALL),
        case("plain", vec![Some(b"50".to_vec()), Some(b"a".to_vec()), None], "22P04", ALL),
    ]
}

/// How many rows of a load are in the table, and what was set aside; both are empty afterwards.
fn found(database: &Database, table: &str) -> Vec<String> {
    let rows = database.query(&format!(
        "WITH gone AS (DELETE FROM {table} WHERE id < 100 RETURNING id),
            aside AS (DELETE FROM dms_proxy.rejected_rows RETURNING *)
        SELECT count(*)::text FROM gone
        UNION ALL
        SELECT * FROM (SELECT concat_ws(' ', table_name, sqlstate, line, state, operation,
            array_to_string(column_names, ','), encode(\"row\", 'hex')) FROM aside ORDER BY line) a"
    ));
    rows.into_iter().flatten().collect()
}

/// A COPY of some good rows and perhaps a bad one.
struct Load<'a> {
    case: &'a Case,
    format: Format,
    count: usize,
    /// Where the bad row stands.
    place: Option<usize>,
    is_extended: bool,
    in_transaction: bool,
}

fn loads(cases: &[Case]) -> Vec<Load<'_>> {
    let places = [(0, Some(0)), (4, Some(0)), (4, Some(2)), (4, Some(4)), (3, None)];
    let mut loads = Vec::new();
    for case in cases {
        for &format in case.formats {
            for (count, place) in places {
                for (is_extended, in_transaction) in
                    [(false, false), (false, true), (true, false), (true, true)]
                {
                    // What is deferred is looked at by the client's COMMIT.
                    if !(in_transaction && case.table == "late") {
                        loads.push(Load {
                            case,
                            format,
                            count,
                            place,
                            is_extended,
                            in_transaction,
                        });
                    }
                }
            }
        }
    }
    loads
}

impl Load<'_> {
    /// The rows, and what is found of them afterwards.
    fn rows(&self) -> (Vec<Row>, Vec<String>) {
        let Load { case, format, count, place, .. } = self;
        let good = |number: usize| match case.table {
            "dated" => row(&number.to_string(), Some(b"2024-01-31")),
            _ => row(&number.to_string(), Some(format!("v{number}").as_bytes())),
        };
        let mut rows: Vec<Row> = (0..*count).map(good).collect();
        let mut expected = vec![count.to_string()];
        if let Some(place) = place {
            rows.insert(*place, case.bad.clone());
            let mut kept = format.row(&case.bad);
            if *format != Format::Binary {
                kept.pop();
            }
            let kept: String = kept.iter().map(|byte| format!("{byte:02x}")).collect();
            let (table, sqlstate, line) = (case.table, case.sqlstate, place + 1);
            expected.push(format!("{table} {sqlstate} {line} open COPY id,v {kept}"));
        }
        (rows, expected)
    }

    fn run(&self, wire: &mut Wire, database: &Database, piece: usize) {
        let Load { case, format, count, place, is_extended, in_transaction } = self;
        let (rows, expected) = self.rows();
        let (table, sqlstate) = (case.table, case.sqlstate);
        let when = format!(
            "{table} {sqlstate} {format:?} {place:?} of {count}, extended: {is_extended}, in a \
             transaction: {in_transaction}"
        );
        if *in_transaction {
            say(wire, "BEGIN");
        }
        let sql = format!("COPY {table} FROM STDIN{}", format.options());
        let said = copy(wire, &sql, &format.stream(&rows), piece, *is_extended);
        assert!(said.contains(&format!("CommandComplete COPY {count}\n")), "{when}: {said}");
        let status = if *in_transaction { "T" } else { "I" };
        assert!(said.ends_with(&format!("ReadyForQuery {status}\n")), "{when}: {said}");
        assert_eq!(said.contains("set aside"), place.is_some(), "{when}: {said}");
        if *in_transaction {
            say(wire, "COMMIT");
        }
        assert_eq!(found(database, table), expected, "{when}");
    }
}

#[test]
fn each_kind_of_error_is_set_aside_in_every_place() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    copy(&mut wire, "COPY plain FROM STDIN", b"none\n", 9, false);
    found(&database, "plain");
    let cases = cases();
    let loads = loads(&cases);
    assert!(loads.len() > 700, "{}", loads.len());
    for (number, load) in loads.iter().enumerate() {
        load.run(&mut wire, &database, 1 + number % 40);
    }
}

/// Where the streams of both sides are cut, and what has arrived when the other side speaks, makes no difference.
#[test]
fn the_same_however_bytes_arrive() {
    let run = |seed: usize| {
        let database = prepared();
        let target = cutting_relay(database.endpoint().address, seed as u64);
        let proxy = Proxy::start_before(target, CONFIG, &[]);
        let front = cutting_relay(proxy.address(), seed as u64 + 1000);
        let mut wire = log_in(&Endpoint { address: front, ..database.endpoint().clone() });
        copy(&mut wire, "COPY plain FROM STDIN", b"none\n", 9, false);
        found(&database, "plain");
        let cases = cases();
        // Together the runs hold each of them.
        for (number, load) in loads(&cases).iter().enumerate().skip(seed).step_by(RUNS) {
            load.run(&mut wire, &database, 1 + number % 40);
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..RUNS {
            scope.spawn(move || run(seed));
        }
    });
}

#[test]
fn errors_are_the_server_s_where_nothing_asks_for_more() {
    let said = |config: &str, before: &str| {
        let proxy = Proxy::start(&format!("{config}[fk]\nmode = \"off\"\n"), &[]);
        let database = prepared();
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        if !before.is_empty() {
            say(&mut wire, before);
        }
        copy(&mut wire, "COPY plain FROM STDIN", b"1\ta\n2\tb\nx\tc\n4\td\n", 3, false)
    };
    let database = prepared();
    let mut direct = log_in(database.endpoint());
    let data = b"1\ta\n2\tb\nx\tc\n4\td\n";
    let direct = copy(&mut direct, "COPY plain FROM STDIN", data, 3, false);
    assert!(direct.contains("22P02") && direct.contains("line 3"), "{direct}");
    let set_aside = "[errors]\ndata_error_policy = \"log-error\"\n";
    assert_eq!(said("", ""), direct);
    assert_eq!(said("[errors]\ndata_error_policy = \"stop-task\"\n", ""), direct);
    assert_eq!(said(set_aside, "SET dms.errors = 'stop'"), direct);
    // The policy for other errors is not for this one.
    let other = "[errors]\ndata_truncation_error_policy = \"log-error\"\n";
    assert_eq!(said(other, ""), direct);
    assert!(said("", "SET dms.errors = 'set-aside'").contains("COPY 3\n"));
    assert!(said(set_aside, "").contains("COPY 3\n"));
    for (table, count) in [("public.pl*", true), ("other.*", false)] {
        let rule = format!("[[errors.sessions]]\ntable = \"{table}\"\nerrors = \"set-aside\"\n");
        assert_eq!(said(&rule, "").contains("COPY 3\n"), count, "{table}");
    }
}

#[test]
fn other_errors_end_the_load() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut direct = log_in(database.endpoint());
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    for is_extended in [false, true] {
        for before in ["", "BEGIN"] {
            for sql in [
                "COPY nowhere FROM STDIN",
                "COPY plain (nothing) FROM STDIN",
                "COPY plain FROM STDIN (FORMAT nothing)",
            ] {
                let said = [&mut direct, &mut wire].map(|wire| {
                    wire.query(before).until_ready();
                    let said = super::run(wire, sql, is_extended);
                    said + &transcript(&wire.query("ROLLBACK").until_ready())
                });
                assert_eq!(said[0], said[1], "{sql} {before} {is_extended}");
            }
            // The client gives up, with rows on their way.
            let said = [&mut direct, &mut wire].map(|wire| {
                wire.query(before).until_ready();
                if is_extended {
                    wire.parse("", "COPY plain FROM STDIN", &[]).bind("", "", &[], &[], 0);
                    wire.execute("", 0).sync();
                } else {
                    wire.query("COPY plain FROM STDIN");
                }
                wire.until(b'G');
                wire.copy_data("1\ta\nx").copy_fail("enough");
                if is_extended {
                    wire.sync();
                }
                let said = transcript(&wire.until_ready());
                said + &transcript(&wire.query("ROLLBACK").until_ready())
            });
            assert_eq!(said[0], said[1], "{before} {is_extended}");
        }
    }
    assert_eq!(database.query("SELECT count(*) FROM plain"), [["1"]]);
}

#[test]
fn what_is_set_aside_follows_the_transaction() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let data = b"1\ta\n2\ttoo long\nx\tc\n4\td\n";
    let count = |database: &Database| {
        let aside = "SELECT (SELECT count(*) FROM plain WHERE id < 100),
            (SELECT count(*) FROM dms_proxy.rejected_rows)";
        database.query(aside)
    };
    copy(&mut wire, "COPY plain FROM STDIN", data, 99, false);
    assert_eq!(count(&database), [["2", "2"]]);
    database.query("DELETE FROM plain WHERE id < 100");
    for (ends, rows) in
        [(["ROLLBACK TO a", "COMMIT"], ["0", "2"]), (["RELEASE a", "COMMIT"], ["2", "4"])]
    {
        say(&mut wire, "BEGIN");
        say(&mut wire, "SAVEPOINT a");
        copy(&mut wire, "COPY plain FROM STDIN", data, 2, false);
        for end in ends {
            say(&mut wire, end);
        }
        assert_eq!(count(&database), [rows], "{ends:?}");
    }
    // And the session goes on as any other.
    assert!(say(&mut wire, "SELECT 1").contains("DataRow 1"));
}

/// Numbered rows, of which every hundredth has a NULL.
fn many(format: Format, count: usize) -> (Vec<u8>, usize) {
    let rows: Vec<Row> = (0..count)
        .map(|number| match number % 100 {
            57 => row(&number.to_string(), None),
            _ => row(&number.to_string(), Some(if number % 2 == 0 { b"even" } else { b"odd" })),
        })
        .collect();
    (format.stream(&rows), count / 100)
}

#[test]
fn rows_in_and_rows_aside_are_the_rows_sent() {
    let batches = CONFIG.replace("[fk]", "batch_bytes = 20000\n[fk]");
    for config in [CONFIG, &batches] {
        let proxy = Proxy::start(config, &[]);
        let database = prepared();
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        say(&mut wire, "CREATE TABLE many (id int PRIMARY KEY, v varchar(5) NOT NULL)");
        for format in [Format::Text, Format::Csv, Format::Binary] {
            let (data, bad) = many(format, 30_000);
            let sql = format!("COPY many FROM STDIN{}", format.options());
            let said = copy(&mut wire, &sql, &data, 50_001, false);
            assert!(said.contains(&format!("COPY {}\n", 30_000 - bad)), "{format:?} {said}");
            let good = (0..30_000u64).filter(|number| number % 100 != 57).sum::<u64>();
            let sums = "SELECT count(*), sum(id), count(*) FILTER (WHERE v = 'odd') FROM many";
            let expected = ["29700".to_owned(), good.to_string(), "14700".to_owned()];
            assert_eq!(database.query(sums), [expected], "{format:?}");
            let aside = "SELECT count(*), count(DISTINCT line), min(line), max(line),
                count(*) FILTER (WHERE sqlstate = '23502'), count(DISTINCT run)
                FROM dms_proxy.rejected_rows";
            assert_eq!(database.query(aside), [["300", "300", "58", "29958", "300", "1"]]);
            database.query("TRUNCATE many, dms_proxy.rejected_rows");
        }
    }
}

#[test]
fn a_row_longer_than_a_batch_is_cut() {
    let config = CONFIG.replace("[fk]", "batch_bytes = 5000\n[fk]");
    let proxy = Proxy::start(&config, &[]);
    let database = prepared();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE long (id int, v text CHECK (v NOT LIKE 'bad%'))");
    let value = |start: &str, length: usize| format!("{start}{}", "x".repeat(length));
    for format in [Format::Text, Format::Csv, Format::Binary] {
        let rows = [
            row("1", Some(b"short")),
            row("2", Some(value("good", 300_000).as_bytes())),
            row("3", Some(value("bad", 300_000).as_bytes())),
            row("4", Some(b"short")),
            row("5", Some(b"bad")),
            row("6", Some(value("good", 70_000).as_bytes())),
        ];
        for is_extended in [false, true] {
            let sql = format!("COPY long FROM STDIN{}", format.options());
            let said = copy(&mut wire, &sql, &format.stream(&rows), 30_000, is_extended);
            assert!(said.contains("COPY 4\n"), "{format:?}: {said}");
            let aside = database.query(
                "SELECT line, state, length(\"row\") BETWEEN 1 AND 1024,
                    coalesce(detail, '') LIKE '%300%bytes%'
                FROM dms_proxy.rejected_rows ORDER BY line",
            );
            assert_eq!(aside, [["3", "cut", "t", "t"], ["5", "open", "t", "f"]], "{format:?}");
            assert_eq!(database.query("SELECT sum(length(v)) FROM long"), [["370018"]]);
            database.query("TRUNCATE long, dms_proxy.rejected_rows");
        }
    }
}

#[test]
fn a_stray_line_break_is_refused_wherever_it_stands() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE lines (v text)");
    let data = b"a\nb\rc\nd\n\\.\nrest\n";
    let said = copy(&mut wire, "COPY lines FROM STDIN", data, 99, false);
    assert!(said.contains("COPY 2\n"), "{said}");
    let aside = "SELECT convert_from(\"row\", 'UTF8') = E'b\\rc', sqlstate, line
        FROM dms_proxy.rejected_rows";
    assert_eq!(database.query(aside), [["t", "22P04", "2"]]);
    assert_eq!(database.query("SELECT v FROM lines ORDER BY 1"), [["a"], ["d"]]);
}

#[test]
fn headers_and_options_hold_for_every_batch() {
    let config = CONFIG.replace("[fk]", "batch_bytes = 1024\n[fk]");
    let proxy = Proxy::start(&config, &[]);
    let database = prepared();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE many (id int PRIMARY KEY, v text NOT NULL)");
    let rows: String = (0..2000)
        .map(|number| match number % 50 {
            7 => format!("{number};\n"),
            8 => format!("{number};'two\nlines'\n"),
            _ => format!("{number};'v'\n"),
        })
        .collect();
    let data = format!("id;v\n{rows}");
    let sql = "COPY many FROM STDIN (FORMAT csv, HEADER, DELIMITER ';', QUOTE '''')";
    let said = copy(&mut wire, sql, data.as_bytes(), 700, false);
    assert!(said.contains("COPY 1960\n"), "{said}");
    let aside = "SELECT count(*), min(line), max(line), min(format), max(format)
        FROM dms_proxy.rejected_rows";
    let format = "csv (DELIMITER ';', QUOTE '''')";
    // A line more for the header, and one for each row of two lines in front.
    assert_eq!(database.query(aside), [["40", "9", "1998", format, format]]);
}

#[test]
fn without_the_right_to_write_it_down_a_load_stops() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = prepared();
    let role = format!("loader_{}", database.endpoint().database);
    database.query(&format!("CREATE ROLE {role} LOGIN"));
    database.query(&format!("GRANT ALL ON plain TO {role}"));
    let endpoint = Endpoint { user: role.clone(), ..proxy.endpoint(database.endpoint()) };
    let load = || {
        let mut wire = log_in(&endpoint);
        copy(&mut wire, "COPY plain FROM STDIN", b"1\ta\n2\ttoo long\n", 99, false)
    };
    let said = load();
    assert!(said.contains("22001") && said.contains("dms-proxy init-target"), "{said}");
    assert_eq!(database.query("SELECT count(*) FROM plain"), [["1"]]);
    database.query(&dms_proxy::ledger::target::init_sql(std::slice::from_ref(&role)));
    let said = load();
    assert!(said.contains("COPY 1\n"), "{said}");
    let aside = database.query("SELECT sqlstate FROM dms_proxy.rejected_rows");
    assert_eq!(aside, [["22001"]]);
    let readable = "has_table_privilege('ROLE', 'dms_proxy.rejected_rows', 'SELECT')";
    let readable = format!("SELECT {}", readable.replace("ROLE", &role));
    assert_eq!(database.query(&readable), [["f"]]);
    database.query(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn nothing_of_the_rows_is_kept_where_that_is_asked() {
    let config = CONFIG.replace("[fk]", "keep = \"nothing\"\n[fk]");
    let proxy = Proxy::start(&config, &[]);
    let database = prepared();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    copy(&mut wire, "COPY plain FROM STDIN", b"100\tsecre\nx\tsecre\n", 99, false);
    let rows = database.query("SELECT r::text FROM dms_proxy.rejected_rows r");
    let text = format!("{rows:?}");
    assert!(rows.len() == 2 && !text.contains("secre") && text.contains("plain_pkey"), "{text}");
}
