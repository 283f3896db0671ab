//! What rules about names cost: a text is read, renamed, read again and planned, as a session does it.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use dms_proxy::catalog::{Catalog, Relation};
use dms_proxy::config::Config;
use dms_proxy::encoding::Encoding;
use dms_proxy::policy::Policy;
use dms_proxy::rewrite::{Naming, PositionMap, Rewrite, Rules, plan, reached, rename};
use dms_proxy::statement::Lexing;
use dms_proxy::statement::script::{Scratch, Script};
use dms_proxy::value::CopyScanner;

const NAMES: &str = r#"
    [mapping.names]
    schemas = { "HR" = "people" }
    tables = "lower"
    columns = "lower"
"#;
const TABLE: &[u8] =
    b"CREATE TABLE people.employees (employee_id int8 PRIMARY KEY, first_name text, \
                       hired_at timestamp, salary numeric(10,2), is_active bool)";
const COPY: &str = r#"COPY "HR"."EMPLOYEES" ("EMPLOYEE_ID", "FIRST_NAME", "HIRED_AT", "SALARY", "IS_ACTIVE") FROM STDIN"#;
const ROW: &[u8] = b"1234567\tsome name or other\t2024-05-06 07:08:09.123456\t12345.67\tt\n";

/// What the texts of a bench are read with.
struct Reader {
    policy: Policy,
    catalog: Catalog,
    scratch: Scratch,
}

impl Reader {
    /// Rules as an Oracle source has them, or none; the table is known.
    fn new(has_rules: bool) -> Reader {
        let config: Config = toml::from_str(if has_rules { NAMES } else { "" }).unwrap();
        let policy = config.policy().unwrap();
        let mut reader =
            Reader { policy, catalog: Catalog::default(), scratch: Scratch::default() };
        let (lexing, mapping) = (Lexing::default(), &reader.policy.mapping);
        let script = Script::read(TABLE, lexing, mapping, &mut reader.scratch);
        for table in script.new_tables(TABLE, &script.edits) {
            let relation = Relation::from_text(&table);
            reader.catalog.define(table.name, relation);
        }
        reader
    }

    fn rules(policy: &Policy) -> Rules<'_> {
        Rules { policy, settings: policy.defaults, lexing: Lexing::default(), masks: &[] }
    }

    /// All that is decided over a text.
    fn plan(&mut self, sql: &[u8]) -> Rewrite {
        let Reader { policy, catalog, scratch } = self;
        let (rules, lexing) = (Reader::rules(policy), Lexing::default());
        let script = Script::read(sql, lexing, &policy.mapping, scratch);
        black_box(reached(&script, sql, &rules));
        let planned = match rename(&script, sql, &rules, catalog) {
            Naming::Untouched => plan(&script, sql, &[], catalog, &rules),
            Naming::Renamed(renamed) => {
                black_box(PositionMap::new(sql, &renamed.replacements, lexing.encoding));
                let second = Script::read(&renamed.sql, lexing, &policy.mapping, scratch);
                let second = second.without_types();
                black_box(reached(&second, &renamed.sql, &rules));
                let planned = plan(&second, &renamed.sql, &[], catalog, &rules);
                second.give_back(scratch);
                planned
            }
            other => panic!("{other:?}"),
        };
        script.give_back(scratch);
        planned
    }
}

/// The text as its client sends it: where no rules are, with the names of the target.
fn text(sql: &str, has_rules: bool) -> Vec<u8> {
    if has_rules {
        return sql.as_bytes().to_vec();
    }
    // Their names are all that these texts have in double quotes.
    let parts = sql.split('"').enumerate();
    let lower = |(at, part): (usize, &str)| match at % 2 {
        1 => part.replace("HR", "people").to_lowercase(),
        _ => part.to_owned(),
    };
    parts.map(lower).collect::<Vec<_>>().join("\"").into_bytes()
}

/// An INSERT whose first name is as long as is asked.
fn insert(name_bytes: usize) -> String {
    let name = "x".repeat(name_bytes);
    format!(
        r#"INSERT INTO "HR"."EMPLOYEES" ("EMPLOYEE_ID", "FIRST_NAME", "HIRED_AT", "SALARY", "IS_ACTIVE") VALUES (17, '{name}', '2020-01-01 10:11:12', 12.67, true)"#
    )
}

fn bench_text(bencher: Bencher<'_, '_>, sql: &str, has_rules: bool) {
    let (sql, mut reader) = (text(sql, has_rules), Reader::new(has_rules));
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| reader.plan(black_box(&sql)));
}

/// By the length of its first name; see what a byte costs in the difference.
#[divan::bench(args = [10, 1_000, 100_000])]
fn insert_on_mapped_table(bencher: Bencher<'_, '_>, name_bytes: usize) {
    bench_text(bencher, &insert(name_bytes), true);
}

#[divan::bench(args = [10, 1_000, 100_000])]
fn insert_without_rules(bencher: Bencher<'_, '_>, name_bytes: usize) {
    bench_text(bencher, &insert(name_bytes), false);
}

/// The text of a Parse, which is renamed once for all its executions.
#[divan::bench(args = [true, false])]
fn parse_of_insert(bencher: Bencher<'_, '_>, has_rules: bool) {
    let sql = r#"INSERT INTO "HR"."EMPLOYEES" ("EMPLOYEE_ID", "FIRST_NAME", "HIRED_AT", "SALARY", "IS_ACTIVE") VALUES ($1, $2, $3, $4, $5)"#;
    bench_text(bencher, sql, has_rules);
}

/// A statement that names nothing that rules are about, with them and without.
#[divan::bench(args = [true, false])]
fn select_of_other_table(bencher: Bencher<'_, '_>, has_rules: bool) {
    bench_text(bencher, "SELECT a, b FROM accounts WHERE id = 17 AND name = 'x'", has_rules);
}

/// The statement of a COPY.
#[divan::bench(args = [true, false])]
fn copy_statement(bencher: Bencher<'_, '_>, has_rules: bool) {
    bench_text(bencher, COPY, has_rules);
}

/// Its rows, a read buffer's worth at a time: rules that only rename leave them whole.
#[divan::bench(args = [true, false])]
fn copy_rows_of_mapped_table(bencher: Bencher<'_, '_>, has_rules: bool) {
    let mut reader = Reader::new(has_rules);
    let planned = reader.plan(&text(COPY, has_rules));
    let copy = &planned.copies[0];
    assert!(copy.columns(&Reader::rules(&reader.policy)).is_none(), "rows are taken apart");
    let stream: Vec<u8> = ROW.iter().copied().cycle().take(256 * 1024).collect();
    bencher
        .counter(BytesCount::new(stream.len()))
        .with_inputs(|| {
            let scanner = CopyScanner::with_kinds(&copy.options, Encoding::Utf8, &copy.kinds);
            (stream.clone(), scanner)
        })
        .bench_local_refs(|(stream, scanner)| {
            let to = stream.len();
            scanner.scan(black_box(stream), 0, to);
            black_box(scanner.take_replaced())
        });
}
