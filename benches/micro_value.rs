//! Scanning row values for NULs: bytes a second, and nanoseconds for a small Bind.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use dms_proxy::encoding::Encoding;
use dms_proxy::value::{BindScanner, CopyFormat, CopyOptions, CopyScanner};

/// A read buffer's worth of rows.
const STREAM_BYTES: usize = 256 * 1024;

fn rows(row: &[u8]) -> Vec<u8> {
    row.iter().copied().cycle().take(STREAM_BYTES).collect()
}

/// Scans a fresh copy of the stream each time, since a stream is mended only once.
fn scan_copy(bencher: Bencher, options: &CopyOptions, client: Encoding, row: &[u8]) {
    let stream = rows(row);
    bencher
        .counter(BytesCount::new(stream.len()))
        .with_inputs(|| (stream.clone(), CopyScanner::new(options, client)))
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
