//! Rows that look like refused ones are tried alone, several attempts behind one another: each row that the target takes
//! is in, in its place, and a load that ends among them leaves nothing.

use super::set_aside::{Format, Row, copy, row};
use super::{log_in, say};
use crate::support::{Cluster, Proxy};

const CONFIG: &str =
    "[errors]\ndata_error_policy = \"log-error\"\nbatch_bytes = 8192\n[fk]\nmode = \"off\"\n";

/// Rows of which each tenth has a sign that others do not have. Of these the first is refused, and each third.
fn signed(count: usize) -> Vec<Row> {
    let value = |number: usize| match (number % 10 == 5, number % 3 == 2) {
        (true, true) => format!("v{number}-bad"),
        (true, false) => format!("v{number}-good"),
        (false, _) => format!("v{number}"),
    };
    (0..count).map(|number| row(&number.to_string(), Some(value(number).as_bytes()))).collect()
}

#[test]
fn rows_that_look_like_refused_ones_and_are_not_are_loaded_in_their_place() {
    const CREATE: &str = "CREATE TABLE s (id int, v text CHECK (v NOT LIKE '%-bad'), n serial)";
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let rows = signed(2000);
    let is_bad = |row: &&Row| row[1].as_deref().is_some_and(|value| value.ends_with(b"-bad"));
    let bad = rows.iter().filter(is_bad).count();
    for format in [Format::Text, Format::Csv, Format::Binary] {
        for is_extended in [false, true] {
            database.query(CREATE);
            let sql = format!("COPY s (id, v) FROM STDIN{}", format.options());
            let said = copy(&mut wire, &sql, &format.stream(&rows), 3000, is_extended);
            assert!(said.contains(&format!("COPY {}\n", 2000 - bad)), "{format:?}: {said}");
            // A row that was tried alone and taken is in front of those that were sent behind it.
            let sum = "SELECT count(*), bool_and(is_behind), (SELECT count(*) FROM dms_proxy.rejected_rows)
                FROM (SELECT n > lag(n, 1, 0) OVER (ORDER BY id) AS is_behind FROM s) t";
            let expected = [(2000 - bad).to_string(), "t".to_owned(), bad.to_string()];
            assert_eq!(database.query(sum), [expected], "{format:?} {is_extended}");
            database.query("DROP TABLE s; DELETE FROM dms_proxy.rejected_rows");
        }
    }
}

#[test]
fn of_two_rows_with_one_key_the_first_one_is_in() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE s (id int PRIMARY KEY, v text CHECK (v NOT LIKE '%-bad'))");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let mut rows = signed(600);
    // Behind a suspect that is taken, behind one that is refused, and in front of each.
    for (number, id) in [(316, "315"), (336, "335"), (354, "355"), (374, "375")] {
        rows[number] = row(id, Some(b"twice"));
    }
    let said = copy(&mut wire, "COPY s FROM STDIN", &Format::Text.stream(&rows), 1 << 20, false);
    let kept = database.query("SELECT id, v FROM s WHERE id IN (315, 335, 355, 375) ORDER BY id");
    let is_bad = |number: usize| number % 3 == 2;
    assert!(!is_bad(315) && is_bad(335) && !is_bad(355) && !is_bad(375));
    let expected = [["315", "v315-good"], ["335", "twice"], ["355", "twice"], ["375", "twice"]];
    assert_eq!(kept, expected, "{said}");
}

#[test]
fn a_load_that_ends_with_a_suspect_leaves_nothing() {
    let config = "[errors]\ndata_error_policy = \"log-error\"\nbatch_bytes = 8192\n\
        data_truncation_error_policy = \"stop-task\"\n[fk]\nmode = \"off\"\n";
    let proxy = Proxy::start(config, &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE s (v varchar(10), id int); CREATE TABLE o (a int)");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let made = |number: usize| match number % 20 {
        // What ends the load looks like what is set aside.
        10 if number == 310 => "a value that is too long\tx310\n".to_owned(),
        10 => format!("v{number}\tx{number}\n"),
        _ => format!("v{number}\t{number}\n"),
    };
    for last in [2000, 312, 311] {
        let stream: String = (0..last).map(made).collect();
        for (is_open, is_extended) in [(false, false), (true, false), (false, true), (true, true)] {
            if is_open {
                say(&mut wire, "BEGIN");
                say(&mut wire, "INSERT INTO o VALUES (1)");
            }
            let said =
                copy(&mut wire, "COPY s FROM STDIN", stream.as_bytes(), 1 << 20, is_extended);
            let line = "COPY s, line 311, column v";
            assert!(said.contains("22001") && said.contains(line), "{said}");
            let status = if is_open { "ReadyForQuery E" } else { "ReadyForQuery I" };
            assert!(said.trim_end().ends_with(status), "{last} {is_open} {is_extended}: {said}");
            let said = say(&mut wire, if is_open { "COMMIT" } else { "SELECT 1" });
            assert!(said.contains("ReadyForQuery I") && !said.contains("COMMIT"), "{said}");
            let left = "SELECT (SELECT count(*) FROM s), (SELECT count(*) FROM o)";
            assert_eq!(database.query(left), [["0", "0"]], "{last} {is_open} {is_extended}");
        }
    }
}

#[test]
fn a_count_that_suspends_a_table_is_exact() {
    let config = "[errors]\ndata_error_policy = \"log-error\"\nbatch_bytes = 8192\n\
        data_error_escalation_count = 5\ndata_error_escalation_policy = \"suspend-table\"\n[fk]\nmode = \"off\"\n";
    let proxy = Proxy::start(config, &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE s (id int, v text CHECK (v NOT LIKE '%-bad'))");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let rows = signed(600);
    let is_bad = |number: &usize| rows[*number][1].as_deref().unwrap().ends_with(b"-bad");
    let fifth = (0..600).filter(is_bad).nth(4).unwrap();
    copy(&mut wire, "COPY s FROM STDIN", &Format::Text.stream(&rows), 1 << 20, false);
    let sum = "SELECT count(*), max(id) FROM s";
    assert_eq!(database.query(sum), [[(fifth - 4).to_string(), (fifth - 1).to_string()]]);
}
