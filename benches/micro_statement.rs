//! Reading statements: short ones, a table of twenty columns, an INSERT of five megabytes.

use std::ops::ControlFlow;

use divan::Bencher;
use divan::counter::BytesCount;
use dms_proxy::mapping::{Mapping, MappingOptions, Override, OverrideScope};
use dms_proxy::statement::lexer::Lexer;
use dms_proxy::statement::script::{Scratch, Script};
use dms_proxy::statement::{Edit, Lexing, apply};

const SELECT: &[u8] = b"SELECT a, b FROM accounts WHERE id = 17 AND name = 'x'";
const INSERT: &[u8] = b"INSERT INTO t (a, b, c) VALUES (1, 'some text', NULL)";
const PARSE: &[u8] = b"INSERT INTO public.t (a, b, c, d) VALUES ($1, $2, $3, $4)";
const SHORT: &[u8] = b"UPDATE accounts SET balance = balance + $1 WHERE id = $2 ;;";

fn mapping() -> Mapping {
    Mapping::new(MappingOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn insert(bytes: usize) -> Vec<u8> {
    let row = "(17, 'a text of some length, as names and addresses have, with a quote '' in it', \
               'and a second one, which is somewhat longer than the first one was, to be sure', \
               '2020-01-01 10:11:12.123456', 12345.67, NULL), ";
    let mut sql = b"INSERT INTO public.t (a, b, c, d, e, f) VALUES ".to_vec();
    while sql.len() < bytes {
        sql.extend_from_slice(row.as_bytes());
    }
    sql.extend_from_slice(b"(1, '', '', NULL, 0, NULL)");
    sql
}

fn table() -> Vec<u8> {
    table_of(["UINT4 NOT NULL", "STRING(100)", "DATETIME(6)", "NUMERIC(10,2) DEFAULT 0", "CLOB"])
}

fn table_of(types: [&str; 5]) -> Vec<u8> {
    let columns: Vec<_> = (0..20).map(|n| format!("column_{n} {}", types[n % 5])).collect();
    format!("CREATE TABLE \"public\".\"t\" ({}, PRIMARY KEY (column_0))", columns.join(", "))
        .into_bytes()
}

#[divan::bench]
fn lex_short_statement(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Lexer::new(divan::black_box(SHORT), Lexing::default()).count());
}

#[divan::bench(args = [SELECT, SHORT, INSERT, PARSE])]
fn read_short_statement(bencher: Bencher<'_, '_>, sql: &[u8]) {
    let (mapping, mut scratch) = (mapping(), Scratch::default());
    bencher.bench_local(|| {
        let script = Script::read(divan::black_box(sql), Lexing::default(), &mapping, &mut scratch);
        script.give_back(&mut scratch);
    });
}

/// The same, and a look at each value that goes into a column.
#[divan::bench(args = [SELECT, SHORT, INSERT, PARSE])]
fn read_values_of_short_statement(bencher: Bencher<'_, '_>, sql: &[u8]) {
    let (mapping, mut scratch) = (mapping(), Scratch::default());
    bencher.bench_local(|| {
        let sql = divan::black_box(sql);
        let script = Script::read(sql, Lexing::default(), &mapping, &mut scratch);
        let slots = count_slots(&script, sql);
        script.give_back(&mut scratch);
        slots
    });
}

fn count_slots(script: &Script, sql: &[u8]) -> usize {
    let mut slots = 0;
    for (_, write) in script.writes() {
        script.slots(write, sql, &mut |_| {
            slots += 1;
            ControlFlow::Continue(())
        });
    }
    slots
}

fn edits(sql: &[u8], mapping: &Mapping) -> Vec<Edit> {
    Script::read(sql, Lexing::default(), mapping, &mut Scratch::default()).edits
}

#[divan::bench]
fn rewrite_create_table_of_20_columns(bencher: Bencher<'_, '_>) {
    let (mapping, sql) = (mapping(), table());
    bencher.bench(|| {
        let sql = divan::black_box(sql.as_slice());
        apply(sql, &edits(sql, &mapping))
    });
}

const ORACLE_TYPES: [&str; 5] = [
    "NUMBER(10,0) NOT NULL",
    "VARCHAR2(100 CHAR)",
    "TIMESTAMP(9) WITH TIME ZONE",
    "NUMBER(10,2) DEFAULT 0",
    "LONG RAW",
];

/// The same table from Oracle, with overrides that have to be looked through and without.
#[divan::bench(args = [false, true])]
fn rewrite_oracle_table_of_20_columns(bencher: Bencher<'_, '_>, with_overrides: bool) {
    let row = |key: &str| Override {
        scope: OverrideScope::parse(key),
        target: "text".into(),
        origin: String::new(),
    };
    let keys = ["s.t.%_x", "other.*.a", "oracle:BFILE", "UINT8"];
    let overrides = if with_overrides { keys.map(row).to_vec() } else { Vec::new() };
    let options = MappingOptions { source: "oracle".into(), overrides, ..Default::default() };
    let mapping = Mapping::new(options).unwrap_or_else(|error| panic!("{error}"));
    let sql = table_of(ORACLE_TYPES);
    bencher.bench(|| {
        let sql = divan::black_box(sql.as_slice());
        apply(sql, &edits(sql, &mapping))
    });
}

#[divan::bench]
fn lex_insert_of_5_mb(bencher: Bencher<'_, '_>) {
    let sql = insert(5_000_000);
    bencher
        .counter(BytesCount::new(sql.len()))
        .bench(|| Lexer::new(divan::black_box(&sql), Lexing::default()).count());
}

#[divan::bench(args = [false, true])]
fn read_insert_of_5_mb(bencher: Bencher<'_, '_>, with_values: bool) {
    let (mapping, sql, mut scratch) = (mapping(), insert(5_000_000), Scratch::default());
    bencher.counter(BytesCount::new(sql.len())).bench_local(|| {
        let sql = divan::black_box(sql.as_slice());
        let script = Script::read(sql, Lexing::default(), &mapping, &mut scratch);
        let slots = if with_values { count_slots(&script, sql) } else { 0 };
        script.give_back(&mut scratch);
        slots
    });
}
