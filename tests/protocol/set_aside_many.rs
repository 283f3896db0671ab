//! Many rows in each format, one in a hundred refused: what is loaded is what the good rows alone make, and what is set
//! aside is the others. `benches/set_aside` does the same with a million rows.

use super::set_aside::{Format, Row, copy, row};
use super::{log_in, say};
use crate::support::{Cluster, Proxy, Wire};

const ROWS: usize = 20_000;

/// A row, and whether it is one that is refused, in one of several ways.
fn made(number: usize) -> (Row, bool) {
    let id = number.to_string();
    match (number % 100 == 42, number / 100 % 3) {
        (true, 0) => (row(&id, Some(b"a value that is too long")), true),
        (true, 1) => (row(&id, None), true),
        (true, _) => (row("1", Some(b"twice")), true),
        _ => (row(&id, Some(format!("v{number}").as_bytes())), false),
    }
}

#[test]
fn many_rows_are_those_that_the_good_ones_make() {
    const CREATE: &str = "CREATE TABLE many (id int PRIMARY KEY, v varchar(10) NOT NULL)";
    const SUM: &str = "SELECT count(*), md5(string_agg(md5(m::text), '' ORDER BY id)) FROM many m";
    let config = "[errors]\ndata_error_policy = \"log-error\"\nbatch_bytes = 65536\n\
        data_truncation_error_policy = \"log-error\"\n[fk]\nmode = \"off\"\n";
    let proxy = Proxy::start(config, &[]);
    let rows: Vec<(Row, bool)> = (0..ROWS).map(made).collect();
    let all: Vec<Row> = rows.iter().map(|(row, _)| row.clone()).collect();
    let good: Vec<Row> =
        rows.iter().filter(|(_, is_bad)| !is_bad).map(|(row, _)| row.clone()).collect();
    for format in [Format::Text, Format::Csv, Format::Binary] {
        let database = Cluster::shared().create_database();
        let sql = format!("COPY many FROM STDIN{}", format.options());
        let load = |wire: &mut Wire, rows: &[Row], is_extended| {
            database.query(CREATE);
            let said = copy(wire, &sql, &format.stream(rows), 5000, is_extended);
            assert!(said.contains(&format!("COPY {}\n", good.len())), "{format:?}: {said}");
            let sum = database.query(SUM);
            database.query("DROP TABLE many");
            sum
        };
        let expected = load(&mut log_in(database.endpoint()), &good, false);
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        for is_extended in [false, true] {
            assert_eq!(load(&mut wire, &all, is_extended), expected, "{format:?} {is_extended}");
            let aside = "WITH gone AS (DELETE FROM dms_proxy.rejected_rows RETURNING *)
                SELECT string_agg((line - 1)::text, ' ' ORDER BY line) FROM gone";
            let lines = (0..ROWS).filter(|number| made(*number).1).map(|number| number.to_string());
            let lines: Vec<String> = lines.collect();
            assert_eq!(database.query(aside), [[lines.join(" ")]], "{format:?} {is_extended}");
        }
        say(&mut wire, "SELECT 1");
    }
}
