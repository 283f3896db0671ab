//! Statements whose every value is a number of its own, run by PostgreSQL: what is stored in a
//! column has to be the value that was said to go there.

use std::collections::BTreeMap;
use std::fmt::Write;

use dms_proxy::statement::{Lexing, SlotColumn, quoted_bytes};

use super::Numbers;
use crate::statement::reading::{Written, writes};
use crate::support::{Cluster, Database};

/// The columns of the table, in its order, as they are written.
const COLUMNS: &[(&str, &str)] = &[
    ("a", "a"),
    ("\"B,\"\"(\"", "B,\"("),
    ("values", "values"),
    ("DaTe", "date"),
    ("\u{e9}", "\u{e9}"),
];

/// Expressions that have the value of the number in the place of `#`.
const EXPRESSIONS: &[&str] = &[
    "#",
    "(#)",
    "(( # ))",
    "+#",
    "- -#",
    "'#'",
    "E'#'",
    "$$#$$",
    "$x$#$x$::int",
    "U&'#'",
    "'#' -- ', )\n",
    "'#'\n''",
    "CAST('#' AS integer)",
    "#::bigint::int",
    "(ARRAY[0, #, 1])[2]",
    "CASE WHEN 1 IS DISTINCT FROM 2 THEN # ELSE 0 END",
    "(SELECT # FROM (VALUES (1, 2)) AS v (x, y))",
    "coalesce(NULL, #, 3)",
    "(ROW(1, #)).f2",
    "int '#'",
    "/* ( */ # /* , */",
    "# + 0 * 2",
    "length('x,y') - 3 + # - 0",
    "CASE WHEN '(,' = $q$),($q$ THEN 1 WHEN true THEN # END",
    "(SELECT max(x) FROM unnest(ARRAY[1, #]) AS x)",
    "extract(year FROM date '2020-01-01')::int - 2020 + #",
    "substring('a#' from 2)::int",
    "(TABLE one) - 1 + #",
    "least(#, 1000000)",
    "abs(-#)",
];

/// An alias that makes the end of some expressions uncertain; these have no slot.
const BARE: &str = " bare";

fn expression(numbers: &mut Numbers, next: &mut i32) -> String {
    *next += 1;
    EXPRESSIONS[numbers.below(EXPRESSIONS.len())].replace('#', &next.to_string())
}

fn shuffled(numbers: &mut Numbers) -> Vec<(&'static str, &'static str)> {
    let mut columns = COLUMNS.to_vec();
    for last in (1..columns.len()).rev() {
        columns.swap(last, numbers.below(last + 1));
    }
    columns.truncate(1 + numbers.below(COLUMNS.len()));
    columns
}

fn list<T>(items: &[T], each: impl FnMut(&T) -> String) -> String {
    items.iter().map(each).collect::<Vec<_>>().join(" , ")
}

fn values(numbers: &mut Numbers, next: &mut i32, count: usize) -> String {
    list(&vec![(); count], |()| expression(numbers, next))
}

/// `SET` with assignments to all of some columns, alone or as rows.
fn assignments(numbers: &mut Numbers, next: &mut i32) -> String {
    let columns = shuffled(numbers);
    let mut rest = columns.as_slice();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (some, others) = rest.split_at(1 + numbers.below(rest.len()));
        rest = others;
        let names = list(some, |column| column.0.to_owned());
        all.push(match (some.len(), numbers.below(3)) {
            (1, 0..=1) => format!("{names} = {}", expression(numbers, next)),
            (2.., 0) => format!("({names}) = ({})", values(numbers, next, some.len())),
            _ => format!("({names})=ROW ({})", values(numbers, next, some.len())),
        });
    }
    all.join(", ")
}

fn insert(numbers: &mut Numbers, next: &mut i32) -> String {
    let columns = shuffled(numbers);
    let (names, count) = match numbers.below(3) {
        0 => (String::new(), COLUMNS.len()),
        _ => (format!("({})", list(&columns, |column| column.0.to_owned())), columns.len()),
    };
    let aliased = |numbers: &mut Numbers, next: &mut i32| {
        list(&vec![(); count], |()| {
            let alias = [" AS from", " AS \"x\"", " AS x", BARE][numbers.below(4)];
            expression(numbers, next) + alias
        })
    };
    let query = match numbers.below(4) {
        0 => format!("VALUES ({})", values(numbers, next, count)),
        1 => format!("(VALUES({}))", values(numbers, next, count)),
        2 => format!("SELECT {} FROM one GROUP BY ()", aliased(numbers, next)),
        _ => format!("(SELECT ALL {})", aliased(numbers, next)),
    };
    let with = ["", "WITH \"insert\" AS (SELECT 1) "][numbers.below(2)];
    let conflict = ["", " ON CONFLICT DO NOTHING"][numbers.below(2)];
    format!("{with}INSERT INTO t AS x {names} {query}{conflict}")
}

fn statement(numbers: &mut Numbers, next: &mut i32) -> String {
    match numbers.below(4) {
        0 => format!(
            "INSERT INTO t DEFAULT VALUES; UPDATE ONLY t x SET {} WHERE true",
            assignments(numbers, next)
        ),
        1 => format!(
            "INSERT INTO t (id) VALUES (1) ; INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET {}",
            assignments(numbers, next)
        ),
        2 => {
            let columns = shuffled(numbers);
            format!(
                "MERGE INTO t USING one ON CASE WHEN true THEN false END WHEN MATCHED THEN DELETE \
                 WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})",
                list(&columns, |column| column.0.to_owned()),
                values(numbers, next, columns.len())
            )
        }
        _ => insert(numbers, next),
    }
}

/// What each column gets by the slots; every number has five digits.
fn expected(sql: &str, writes: &Written) -> BTreeMap<String, String> {
    let mut expected = BTreeMap::new();
    for slot in &writes.slots {
        let column = match &slot.column {
            SlotColumn::Named(name) => name.clone(),
            SlotColumn::Index(index) => match writes.columns.get(*index) {
                Some(name) => name.clone(),
                None => COLUMNS[*index].1.as_bytes().to_vec(),
            },
        };
        if column == b"id" {
            continue;
        }
        let text = &sql[slot.span.clone()];
        let mut digits = text
            .split(|c: char| !c.is_ascii_digit())
            .map(|run| &run[run.len().saturating_sub(5)..]);
        let number = digits
            .find(|run| run.len() == 5 && *run >= "50000")
            .unwrap_or_else(|| panic!("{text}"));
        let old = expected.insert(String::from_utf8(column).unwrap(), number.to_owned());
        assert_eq!(old, None, "{sql}");
    }
    expected
}

fn table() -> Database {
    let database = Cluster::shared().create_database();
    let columns = list(COLUMNS, |column| format!("{} integer", column.0));
    database.query(&format!(
        "CREATE TABLE t ({columns}, id integer UNIQUE); CREATE TABLE one AS SELECT 1 AS one"
    ));
    database
}

#[test]
fn each_value_is_stored_in_the_column_that_was_said() {
    let database = table();
    let mut numbers = Numbers::new();
    let mut next = 50_000;
    let mut script = String::new();
    let mut all = Vec::new();
    for _ in 0..400 {
        let sql = statement(&mut numbers, &mut next);
        let found = writes(sql.as_bytes(), Lexing::default());
        let last = found.last().unwrap_or_else(|| panic!("nothing in {sql}"));
        let expected = expected(&sql, last);
        assert!(!expected.is_empty() || sql.contains(BARE), "{sql}");
        // The second time each expression stands in parentheses: its span has to be exact.
        let slots: Vec<_> = found.iter().flat_map(|writes| &writes.slots).collect();
        let mut wrapped = sql.clone();
        for slot in slots.iter().rev() {
            wrapped.insert(slot.span.end, ')');
            wrapped.insert_str(slot.span.start, " (");
        }
        for sql in [&sql, &wrapped] {
            write!(script, "TRUNCATE t; {sql} ; SELECT ").unwrap();
            script += &list(COLUMNS, |column| column.0.to_owned());
            script += " FROM t; ";
            all.push((sql.clone(), expected.clone()));
        }
    }
    let rows = database.query(&script);
    assert_eq!(rows.len(), all.len());
    for (row, (sql, expected)) in rows.iter().zip(&all) {
        let mut stored: BTreeMap<_, _> = COLUMNS
            .iter()
            .zip(row)
            .filter(|(_, value)| *value != "NULL")
            .map(|(column, value)| (column.1.to_owned(), value.clone()))
            .collect();
        if sql.contains(BARE) {
            stored.retain(|column, _| expected.contains_key(column));
        }
        assert_eq!(&stored, expected, "{sql}");
    }
}

#[test]
fn hexadecimal_constants_are_stored_as_bytes() {
    for standard_conforming_strings in [true, false] {
        let database = Cluster::shared().create_database();
        let lexing = Lexing { standard_conforming_strings, ..Lexing::default() };
        let name = &database.endpoint().database;
        let on = if standard_conforming_strings { "on" } else { "off" };
        database.query(&format!("ALTER DATABASE {name} SET standard_conforming_strings = {on}"));
        database.query("CREATE TABLE b (n serial, v bytea)");
        let mut sql =
            b"INSERT INTO b (v) SELECT(X'DEADbeef'); INSERT INTO b (v) VALUES (0x00ff), (X'');"
                .to_vec();
        let slots = writes(&sql, lexing).into_iter().flat_map(|writes| writes.slots);
        for slot in slots.collect::<Vec<_>>().into_iter().rev() {
            let constant = quoted_bytes(&sql[slot.core.clone()], lexing).unwrap();
            sql.splice(slot.span, constant.into_bytes());
        }
        database.query(&String::from_utf8(sql).unwrap());
        let rows = database.query("SELECT encode(v, 'hex') FROM b ORDER BY n");
        assert_eq!(rows, [["deadbeef"], ["00ff"], [""]]);
    }
}

/// Statements whose overriding could be put in: an identity that is ALWAYS its own takes the value.
#[test]
fn overriding_stands_where_the_server_takes_it() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE i (id integer GENERATED ALWAYS AS IDENTITY, a integer)");
    for query in [
        "VALUES (70000, 1)",
        "(VALUES (70000, 1))",
        "SELECT 70000, 1",
        "(SELECT 70000, 1)",
        "WITH x AS (SELECT 70000, 1) TABLE x",
        "SELECT 70000, 1 UNION SELECT 70000, 1",
        "((SELECT 70000, 1))",
    ] {
        for columns in ["", "(id, a)"] {
            let sql = format!("INSERT INTO i {columns}{query}");
            let found = writes(sql.as_bytes(), Lexing::default());
            let at = found[0].overriding_at.unwrap();
            let sql = format!("{} OVERRIDING SYSTEM VALUE {}", &sql[..at], &sql[at..]);
            let rows = database.query(&format!("TRUNCATE i; {sql}; SELECT id FROM i"));
            assert_eq!(rows, [["70000"]], "{sql}");
        }
    }
}
