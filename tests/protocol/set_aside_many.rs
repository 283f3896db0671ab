//! Many rows in each format, one in a hundred refused: what is loaded is what the good rows alone make, and what is set
//! aside is the others. `benches/set_aside` does the same with a million rows.

use super::set_aside::{Format, Row, copy, row};
use super::{log_in, say};
use crate::support::{Cluster, Proxy, Wire, transcript};

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

/// Rows of which those at some places are refused, each in another way.
fn refused_at(places: &[usize], count: usize) -> Vec<Row> {
    let bad = |place: usize, id: &str| match place % 4 {
        0 => row(id, Some(b"a value that is too long")),
        1 => row(id, None),
        // A row of this batch or of the first one is there.
        2 if !places.contains(&(place - 1)) => row(&(place - 1).to_string(), Some(b"near")),
        _ => row("0", Some(b"far")),
    };
    let made = |number: usize| {
        let id = number.to_string();
        match places.contains(&number) {
            true => bad(number, &id),
            false => row(&id, Some(format!("v{number}").as_bytes())),
        }
    };
    (0..count).map(made).collect()
}

#[test]
fn rows_that_go_on_as_they_come_are_in_once_wherever_one_is_refused() {
    const COUNT: usize = 3000;
    let config = "[errors]\ndata_error_policy = \"log-error\"\nbatch_bytes = 4096\n\
        data_truncation_error_policy = \"log-error\"\n[fk]\nmode = \"off\"\n";
    let proxy = Proxy::start(config, &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE many (id int PRIMARY KEY, v varchar(10) NOT NULL)");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let far: Vec<usize> = (300..500).chain([1, 2, 2999]).collect();
    let single = (4..2900).step_by(199).map(|place| vec![place]);
    let all = single.chain([vec![2], vec![2999], vec![700, 701, 702, 703], far]);
    for (number, places) in all.enumerate() {
        let format = [Format::Text, Format::Csv, Format::Binary][number % 3];
        let stream = format.stream(&refused_at(&places, COUNT));
        let sql = format!("COPY many FROM STDIN{}", format.options());
        let is_open = number % 2 == 0;
        say(&mut wire, if is_open { "BEGIN" } else { "SELECT 1" });
        let said = copy(&mut wire, &sql, &stream, [97, 5000, 1 << 20][number % 3], number % 5 == 0);
        let count = COUNT - places.len();
        assert!(said.contains(&format!("COPY {count}\n")), "{places:?}: {said}");
        say(&mut wire, if is_open { "COMMIT" } else { "SELECT 1" });
        let aside = "WITH gone AS (DELETE FROM dms_proxy.rejected_rows RETURNING *), t AS (DELETE FROM many RETURNING id)
            SELECT (SELECT string_agg((line - 1)::text, ' ' ORDER BY line) FROM gone),
                (SELECT string_agg(id::text, ' ' ORDER BY id) FROM t)";
        let mut sorted = places.clone();
        sorted.sort_unstable();
        let text = |numbers: Vec<usize>| {
            numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
        };
        let good = (0..COUNT).filter(|number| !places.contains(number)).collect();
        assert_eq!(database.query(aside), [[text(sorted), text(good)]], "{places:?}");
    }
}

#[test]
fn a_client_that_gives_up_among_batches_leaves_no_row() {
    let config =
        "[errors]\ndata_error_policy = \"log-error\"\nbatch_bytes = 4096\n[fk]\nmode = \"off\"\n";
    let proxy = Proxy::start(config, &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE many (id int PRIMARY KEY, v varchar(10) NOT NULL)");
    let mut direct = log_in(database.endpoint());
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let rows = [(Format::Text, "7\tv"), (Format::Csv, "7,\"v\nw\nx"), (Format::Csv, "")];
    for (count, (format, rest)) in [0, 1, 100, 1000, 3000].into_iter().zip(rows.into_iter().cycle())
    {
        let stream = [&format.stream(&refused_at(&[], count))[..], rest.as_bytes()].concat();
        let sql = format!("COPY many FROM STDIN{}", format.options());
        let said = [&mut direct, &mut wire].map(|wire| {
            wire.query(&sql).until(b'G');
            for piece in stream.chunks(1000) {
                wire.copy_data(piece);
            }
            transcript(&wire.copy_fail("enough").until_ready())
        });
        assert_eq!(said[0], said[1], "{count}");
    }
    assert_eq!(database.query("SELECT count(*) FROM many"), [["0"]]);
}
