//! Scanning row values for NULs: bytes a second, and nanoseconds for a small Bind.

use std::sync::Arc;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use dms_proxy::encoding::Encoding;
use dms_proxy::mapping::{Mapping, MappingOptions};
use dms_proxy::statement::Lexing;
use dms_proxy::statement::script::{Scratch, Script};
use dms_proxy::value::{
    BindParameter, BindRules, BindScanner, Column, ColumnJudge, CopyColumn, CopyFormat,
    CopyOptions, CopyRows, CopyScanner, FittedBind, NulPolicy, NumbersAsDates, ValueKind,
    ValuePolicies, fit, mend_parse, type_oid,
};
use dms_proxy::wire::BindBody;

/// A read buffer's worth of rows.
const STREAM_BYTES: usize = 256 * 1024;

fn rows(row: &[u8]) -> Vec<u8> {
    row.iter().copied().cycle().take(STREAM_BYTES).collect()
}

/// Scans a fresh copy of the stream each time, since a stream is mended only once.
fn scan_copy(bencher: Bencher, options: &CopyOptions, client: Encoding, row: &[u8]) {
    scan_stream(bencher, &rows(row), || CopyScanner::new(options, client));
}

fn scan_stream(bencher: Bencher, stream: &[u8], scanner: impl Fn() -> CopyScanner) {
    bencher
        .counter(BytesCount::new(stream.len()))
        .with_inputs(|| (stream.to_owned(), scanner()))
        .bench_local_refs(|(stream, scanner)| {
            let to = stream.len();
            scanner.scan(black_box(stream), 0, to);
            black_box(scanner.take_replaced())
        });
}

/// A row of COPY text by what is special about it.
fn text_row(kind: &str) -> &'static [u8] {
    match kind {
        "null-fields" => b"1234567\t\\N\t\\N\t\\N\t12.67\t\\N\n",
        "backslashes" => b"C:\\\\a\\\\b\\\\c\\tx\\ny\\\\z\n",
        "bytea-hex" => b"1234567\t\\\\x0123456789abcdef0123456789abcdef0123456789abcdef\n",
        "one-nul" => b"1234567\tsome name\\000 or other\t2024-05-06 07:08:09.123456\t1.67\tt\n",
        "nuls-only" => b"\\000\\0\\x00\0",
        _ => b"1234567\tsome name or other\t2024-05-06 07:08:09.123456\t12345.67\tt\n",
    }
}

#[divan::bench(args = [
    "clean", "null-fields", "backslashes", "bytea-hex", "one-nul", "nuls-only",
])]
fn copy_text(bencher: Bencher, kind: &str) {
    scan_copy(bencher, &CopyOptions::new(CopyFormat::Text), Encoding::Utf8, text_row(kind));
}

#[divan::bench]
fn copy_text_shift_jis(bencher: Bencher) {
    let row = b"1234567\tsome name or other\t\x95\\\x95\\\x95\\\x95\\\x95\\\t12345.67\tt\n";
    scan_copy(bencher, &CopyOptions::new(CopyFormat::Text), Encoding::ShiftJis, row);
}

#[divan::bench]
fn copy_text_null_is_a_space(bencher: Bencher) {
    let options = CopyOptions { null: b" ".to_vec(), ..CopyOptions::new(CopyFormat::Text) };
    scan_copy(bencher, &options, Encoding::Utf8, text_row("clean"));
}

#[divan::bench(args = ["clean", "one-nul", "nuls-only"])]
fn copy_csv(bencher: Bencher, kind: &str) {
    let row: &[u8] = match kind {
        "one-nul" => b"1234567,\"some name\0 or other\",2024-05-06 07:08:09.123456,1.67,t\n",
        "nuls-only" => b"\0",
        _ => b"1234567,\"some name or other\",2024-05-06 07:08:09.123456,12345.67,t\n",
    };
    scan_copy(bencher, &CopyOptions::new(CopyFormat::Csv), Encoding::Utf8, row);
}

/// A Bind body with so many parameters of seven bytes in text format, a format code each.
fn bind_body(parameters: u16) -> Vec<u8> {
    let mut body = b"\0\0".to_vec();
    body.extend(parameters.to_be_bytes());
    (0..parameters).for_each(|_| body.extend([0, 0]));
    body.extend(parameters.to_be_bytes());
    (0..parameters).for_each(|_| body.extend(b"\0\0\0\x071234567"));
    body.extend([0, 1, 0, 0]);
    body
}

#[divan::bench(args = [1, 10, 100])]
fn bind(bencher: Bencher, parameters: u16) {
    let mut body = bind_body(parameters);
    bencher.bench_local(move || {
        let mut scanner = BindScanner::new(body.len());
        scanner.scan(black_box(&mut body));
        scanner.take_replaced()
    });
}

#[divan::bench]
fn bind_one_large_value(bencher: Bencher) {
    let mut body = b"\0\0\0\0\0\x01".to_vec();
    body.extend(u32::try_from(STREAM_BYTES).unwrap_or_default().to_be_bytes());
    body.extend(rows(b"some text "));
    body.extend([0, 0]);
    bencher.counter(BytesCount::new(body.len())).bench_local(move || {
        let mut scanner = BindScanner::new(body.len());
        scanner.scan(black_box(&mut body));
        scanner.take_replaced()
    });
}

const JSON_ROW: &str =
    r#"{"name": "some name or other", "at": "2024-05-06 07:08:09", "n": [1, 2]}"#;

/// Two columns, of which the second is JSON.
fn json_kinds() -> Arc<[ValueKind]> {
    Arc::from([ValueKind::Other, ValueKind::Json])
}

#[divan::bench(args = ["clean", "backslashes", "nuls"])]
fn copy_text_json(bencher: Bencher, kind: &str) {
    let json = match kind {
        "backslashes" => JSON_ROW.replace(' ', "\\\\\\n"),
        "nuls" => JSON_ROW.replace("name", "\\\\u0000"),
        _ => JSON_ROW.to_owned(),
    };
    let stream = rows(format!("1234567\t{json}\n").as_bytes());
    let options = CopyOptions::new(CopyFormat::Text);
    let kinds = json_kinds();
    scan_stream(bencher, &stream, || CopyScanner::with_kinds(&options, Encoding::Utf8, &kinds));
}

#[divan::bench]
fn copy_csv_json(bencher: Bencher) {
    let stream = rows(format!("1234567,\"{}\"\n", JSON_ROW.replace('"', "\"\"")).as_bytes());
    let options = CopyOptions::new(CopyFormat::Csv);
    let kinds = json_kinds();
    scan_stream(bencher, &stream, || CopyScanner::with_kinds(&options, Encoding::Utf8, &kinds));
}

/// Rows of eight fields, numbers and characters in turn.
#[divan::bench(args = [8, 40, 1000])]
fn copy_binary(bencher: Bencher, field_bytes: usize) {
    let field = u32::try_from(field_bytes).unwrap_or_default().to_be_bytes();
    let field = [&field[..], &vec![b'a'; field_bytes]].concat();
    let row = [&[0, 8][..], &field.repeat(8)].concat();
    let mut stream = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    stream.extend(rows(&row));
    let options = CopyOptions::new(CopyFormat::Binary);
    let kinds = Arc::from([ValueKind::Other, ValueKind::Character].repeat(4));
    scan_stream(bencher, &stream, || CopyScanner::with_kinds(&options, Encoding::Utf8, &kinds));
}

#[divan::bench(args = ["clean", "backslashes"])]
fn copy_binary_json(bencher: Bencher, kind: &str) {
    let json = match kind {
        "backslashes" => JSON_ROW.replace(' ', "\\n"),
        _ => JSON_ROW.to_owned(),
    };
    let length = u32::try_from(json.len()).unwrap_or_default().to_be_bytes();
    let row = [&b"\0\x02\0\0\0\x04\0\0\0\x01"[..], &length, json.as_bytes()].concat();
    let mut stream = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    stream.extend(rows(&row));
    let options = CopyOptions::new(CopyFormat::Binary);
    let kinds = json_kinds();
    scan_stream(bencher, &stream, || CopyScanner::with_kinds(&options, Encoding::Utf8, &kinds));
}

#[divan::bench(args = [1, 10, 100])]
fn bind_with_kinds(bencher: Bencher, parameters: u16) {
    let mut body = bind_body(parameters);
    let kinds = Arc::from(vec![ValueKind::Character; usize::from(parameters)]);
    bencher.bench_local(move || {
        let mut scanner = BindScanner::with_kinds(body.len(), Encoding::Utf8, &kinds);
        scanner.scan(black_box(&mut body));
        scanner.take_replaced()
    });
}

/// A whole Bind whose statement is not known.
#[divan::bench(args = [1, 10, 100])]
fn bind_asking_for_kinds(bencher: Bencher, parameters: u16) {
    fit_bind(bencher, parameters, &[], NulPolicy::Space);
}

#[divan::bench]
fn bind_removing_nuls(bencher: Bencher) {
    fit_bind(bencher, 10, &[], NulPolicy::Remove);
}

/// A whole Bind of an INSERT, whose parameters all go into columns of type text.
#[divan::bench(args = [1, 10, 100])]
fn bind_into_columns(bencher: Bencher, parameters: u16) {
    let column = Column { type_oid: type_oid::TEXT, ..Column::default() };
    let parameter = BindParameter {
        declared_oid: 0,
        is_inferred: false,
        numbers: NumbersAsDates::Reject,
        column: column.into(),
        judge: None,
    };
    let list = vec![Some(parameter); usize::from(parameters)];
    fit_bind(bencher, parameters, &list, NulPolicy::Space);
}

fn fit_bind(bencher: Bencher, parameters: u16, list: &[Option<BindParameter>], nul: NulPolicy) {
    let mut body = bind_body(parameters);
    let rules = BindRules { parameters: list, nul: Some(nul), ..BindRules::default() };
    bencher.bench_local(move || {
        let bind = BindBody::cut(black_box(&mut body));
        bind.map(|mut bind| matches!(fit(&mut bind, &rules), FittedBind::InPlace(_)))
    });
}

#[divan::bench(args = ["clean", "backslashes", "escape-constants", "nuls"])]
fn literals(bencher: Bencher, kind: &str) {
    let sql = rows(match kind {
        "backslashes" => {
            b"INSERT INTO t VALUES (1234567, '{\"path\": \"C:\\\\a\\\\b\\n\"}', 12.5);\n"
        }
        "escape-constants" => b"INSERT INTO t VALUES (1234567, E'C:\\\\a\\\\b\\x41\\n', 12.5);\n",
        "nuls" => b"INSERT INTO t VALUES (1234567, E'some name\\000 or other', 12.5);\n",
        _ => b"INSERT INTO t VALUES (1234567, 'some name or other', 'a & b', 12.5);\n",
    });
    let mapping = Mapping::new(MappingOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut scratch = Scratch::default();
    bencher.counter(BytesCount::new(sql.len())).with_inputs(|| sql.clone()).bench_local_refs(
        |sql| {
            let script = Script::read(black_box(sql), Lexing::default(), &mapping, &mut scratch);
            let noted = script.constants.iter();
            let mended: u64 = noted.map(|noted| noted.constant.mend_nul(sql, Encoding::Utf8)).sum();
            script.give_back(&mut scratch);
            mended
        },
    );
}

#[divan::bench]
fn parse(bencher: Bencher) {
    let mut body = b"\0".to_vec();
    body.extend(rows(b"SELECT 'some text' "));
    body.extend(b"\0\0\x01\0\0\0\x19");
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(move || mend_parse(black_box(&mut body)));
}

/// Rows of five fields, judged and kept; in `left-out` without the second one, in `nuls` with a value
/// that changes.
#[divan::bench(args = ["text", "text-escapes", "csv", "csv-quotes", "binary", "left-out", "nuls"])]
fn copy_rows(bencher: Bencher, kind: &str) {
    let format = match kind {
        "csv" | "csv-quotes" => CopyFormat::Csv,
        "binary" => CopyFormat::Binary,
        _ => CopyFormat::Text,
    };
    let row: &[u8] = match kind {
        "csv" => b"1234567,some name or other,2024-05-06 07:08:09.123456,12345.67,t\n",
        "csv-quotes" => b"1234567,\"some name, or \"\"other\"\"\",\"2024-05-06 07:08:09\",1.67,\"t\"\n",
        "binary" => b"\0\x05\0\0\0\x041234\0\0\0\x12some name or other\0\0\0\x0812345678\0\0\0\x041.67\0\0\0\x01\x01",
        "text-escapes" => b"1234567\tC:\\\\some\\\\name\\tor other\t2024-05-06 07:08:09.123456\t\\N\tt\n",
        "nuls" => text_row("one-nul"),
        _ => text_row("clean"),
    };
    let mut stream = match format {
        CopyFormat::Binary => b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec(),
        _ => Vec::new(),
    };
    stream.extend(row.repeat(STREAM_BYTES / row.len()));
    let policies = ValuePolicies { nul: NulPolicy::Remove, ..ValuePolicies::default() };
    let column = Column { type_oid: type_oid::TEXT, ..Column::default() };
    let judge = ColumnJudge::new(&policies, &policies.bad_dates, &column, Encoding::Utf8);
    let mut columns = vec![CopyColumn::Judged(judge); 5];
    if kind == "left-out" {
        columns[1] = CopyColumn::LeftOut;
    }
    let mut rows = Vec::with_capacity(2 * STREAM_BYTES);
    let options = CopyOptions::new(format);
    bencher.counter(BytesCount::new(stream.len())).bench_local(move || {
        let mut copy = CopyRows::new(&options, Encoding::Utf8, columns.clone(), 1 << 20);
        rows.clear();
        let _ = black_box(copy.rewrite(black_box(&stream), &mut rows));
        rows.len()
    });
}
