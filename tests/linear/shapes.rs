//! The shapes of text.

use super::target::Column;

/// Type OIDs. Source: PostgreSQL, `src/include/catalog/pg_type.dat`.
const BOOL: u32 = 16;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const JSON: u32 = 114;

pub struct Shape {
    pub name: &'static str,
    pub config: &'static str,
    /// The columns of the relation that the texts write to, for about so many bytes of text.
    pub columns: fn(usize) -> Vec<Column>,
    /// The messages, for about so many bytes, and the number of texts among them.
    pub messages: fn(usize) -> (Vec<u8>, u64),
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

fn parse(sql: &str) -> Vec<u8> {
    frame(b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

fn by_query(sql: &str) -> (Vec<u8>, u64) {
    (query(sql), 1)
}

fn by_parse(sql: &str) -> (Vec<u8>, u64) {
    ([parse(sql), frame(b'S', b"")].concat(), 1)
}

/// Pieces by number until there are so many bytes.
fn pieces(bytes: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes + 1024);
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&piece(number));
    }
    text
}

/// One text: this in front, then the pieces.
fn behind(front: &str, bytes: usize, piece: impl Fn(usize) -> String, back: &str) -> String {
    let mut all = pieces(bytes, piece);
    // What separates two of them is at their ends.
    while all.ends_with([',', ' ', '\n']) {
        all.pop();
    }
    format!("{front}{all}{back}")
}

fn none(_: usize) -> Vec<Column> {
    Vec::new()
}

/// Columns of types whose constants are looked at.
fn mixed(_: usize) -> Vec<Column> {
    vec![
        Column::new("a", INT4),
        Column::new("b", BOOL),
        Column::new("j", JSON),
        Column::new("v", TEXT),
    ]
}

fn with_generated(_: usize) -> Vec<Column> {
    vec![
        Column::new("a", INT4),
        Column { is_generated: true, ..Column::new("g", INT4) },
        Column::new("v", TEXT),
    ]
}

fn wide(_: usize) -> Vec<Column> {
    (0..1500).map(|number| Column::new(format!("c{number}"), BOOL)).collect()
}

/// A text of one parameter for each 20 bytes, and a Bind of them: 65,535 for the longer one.
fn parameters(bytes: usize) -> (Vec<u8>, u64) {
    let count = (bytes / 20).min(65_535);
    let uses: Vec<String> = (1..=count).map(|number| format!("(${number})")).collect();
    let sql = format!("INSERT INTO t (a) VALUES {}", uses.join(","));
    let mut bind = b"\0\0\0\x01\0\x01".to_vec();
    bind.extend(u16::try_from(count).unwrap().to_be_bytes());
    bind.extend(b"\0\0\0\x04\0\0\0\x07".repeat(count));
    bind.extend(b"\0\0");
    let execute = frame(b'E', b"\0\0\0\0\0");
    ([parse(&sql), frame(b'B', &bind), execute, frame(b'S', b"")].concat(), 1)
}

/// Small texts, one behind the other, without waiting.
fn many_parses(bytes: usize) -> (Vec<u8>, u64) {
    let (mut all, mut texts) = (Vec::new(), 0);
    while all.len() < bytes {
        all.extend(parse(&format!("INSERT INTO t{texts} VALUES ($1, 0)")));
        texts += 1;
    }
    all.extend(frame(b'S', b""));
    (all, texts)
}

const LEAVE_OUT: &str = "[values]\ngenerated = 'leave-out'\n";
const VALUES: &str = "[values]\ntoo_long = 'truncate'\nlob_bytes = 100\nnul = 'remove'\n\
    bad_dates = 'null'\nsilent_loss = 'warn'\nsamples = true\n";
const EMPTIES: &str = "[table_prep]\nmode = 'truncate-before-load'\n";
const PARKS: &str = "[table_prep]\nmode = 'drop-and-create'\n[fk]\nmode = 'park'\n";

macro_rules! shape {
    ($name:literal, $config:expr, $columns:expr, $messages:expr) => {
        Shape { name: $name, config: $config, columns: $columns, messages: $messages }
    };
}

fn inserts(bytes: usize) -> String {
    pieces(bytes, |n| format!("INSERT INTO t{n} VALUES (1, 0);"))
}

fn creates(bytes: usize) -> String {
    pieces(bytes, |n| format!("CREATE TABLE t{n} (a STRING(5));INSERT INTO t{n} VALUES (0);"))
}

fn copies(bytes: usize) -> String {
    pieces(bytes, |n| format!("COPY s{n}.t{n} (a, b) FROM STDIN;"))
}

fn executes(bytes: usize) -> String {
    pieces(bytes, |n| format!("EXECUTE p{n}('a\\u0000', 1);"))
}

fn rows(bytes: usize) -> String {
    let row = |n| format!("({n}, 1, '{{\"a\": \"\\u0000\"}}', 'it''s'),\n");
    behind("INSERT INTO t (a, b, j, v) VALUES ", bytes, row, "")
}

fn generated(bytes: usize) -> String {
    behind("INSERT INTO t (g) VALUES ", bytes, |n| format!("(${}),", n % 60_000 + 1), "")
}

pub const SHAPES: &[Shape] = &[
    shape!("many inserts by Query", "", none, |n| by_query(&inserts(n))),
    shape!("many inserts by Parse", "", none, |n| by_parse(&inserts(n))),
    shape!("many inserts with values", VALUES, mixed, |n| by_query(&inserts(n))),
    shape!("small texts in a pipeline", "", none, many_parses),
    shape!("pairs of CREATE and INSERT", "", none, |n| by_query(&creates(n))),
    shape!("pairs of CREATE and INSERT with values", VALUES, none, |n| by_query(&creates(n))),
    shape!("COPY of many tables", "", none, |n| by_query(&copies(n))),
    shape!("EXECUTE of many names", "", none, |n| by_query(&executes(n))),
    shape!("parameters", "", mixed, parameters),
    shape!("parameters with values", VALUES, mixed, parameters),
    shape!("parameters of a generated column", LEAVE_OUT, with_generated, |n| by_parse(
        &generated(n)
    )),
    shape!("one parameter often", LEAVE_OUT, with_generated, |n| {
        by_parse(&behind("INSERT INTO t (g, a) VALUES ", n, |_| "($1,$2),".into(), ""))
    }),
    shape!("1,500 listed columns", "", wide, |n| {
        let columns: Vec<String> = (0..1500).map(|number| format!("c{number}")).collect();
        let row = format!("({}),", vec!["1"; 1500].join(","));
        let front = format!("INSERT INTO t ({}) VALUES ", columns.join(","));
        by_query(&behind(&front, n, |_| row.clone(), ""))
    }),
    shape!("1,500 columns of an UPDATE", "", wide, |n| {
        by_query(&behind("UPDATE t SET ", n, |n| format!("c{} = 1, ", n % 1500), ""))
    }),
    shape!("rows", "", mixed, |n| by_query(&rows(n))),
    shape!("rows with values", VALUES, mixed, |n| by_query(&rows(n))),
    shape!("deep parentheses", "", mixed, |n| {
        let depth = n / 2;
        by_query(&format!("INSERT INTO t VALUES {}1{}", "(".repeat(depth), ")".repeat(depth)))
    }),
    shape!("open parentheses", "", mixed, |n| by_query(&format!("SELECT {}", "(".repeat(n)))),
    shape!("deep queries", "", mixed, |n| {
        by_query(&format!("INSERT INTO t {}1{}", "SELECT (".repeat(n / 9), ")".repeat(n / 9)))
    }),
    shape!("a long comment", "", mixed, |n| {
        by_query(&format!("/*{}*/ INSERT INTO t VALUES (1, 1)", "x".repeat(n)))
    }),
    shape!("nested comments", "", mixed, |n| {
        by_query(&format!("{}{} SELECT 1", "/*".repeat(n / 4), "*/".repeat(n / 4)))
    }),
    shape!("many comments", "", mixed, |n| {
        by_query(&behind("INSERT INTO t VALUES (1, ", n, |n| format!("--{n}\n/*x*/"), "\n1)"))
    }),
    shape!("casts", "", none, |n| by_query(&behind(
        "SELECT ",
        n,
        |_| "a::INT8::STRING(5),".into(),
        ""
    ))),
    shape!("casts of one value", "", none, |n| by_query(&format!(
        "SELECT 1{}",
        "::int4".repeat(n / 6)
    ))),
    shape!("CAST in CAST", "", none, |n| {
        by_query(&format!("SELECT {}1{}", "CAST(".repeat(n / 10), " AS x)".repeat(n / 10)))
    }),
    shape!("escape strings", VALUES, mixed, |n| {
        by_query(&behind("INSERT INTO t (v) VALUES ", n, |_| r"(E'\000\x00\\it\'s'),".into(), ""))
    }),
    shape!("one long escape string", "", mixed, |n| {
        by_query(&format!("INSERT INTO t (v) VALUES (E'{}')", r"\000\\".repeat(n / 6)))
    }),
    shape!("strings that go on", "", mixed, |n| {
        by_query(&behind("INSERT INTO t (v) VALUES (", n, |_| "'x'\n".into(), ")"))
    }),
    shape!("dollar quotes", "", mixed, |n| {
        by_query(&behind("INSERT INTO t (v) VALUES ", n, |n| format!("($q{n}$x$y$$q{n}$),"), ""))
    }),
    shape!("dollar quotes that do not end", "", mixed, |n| {
        by_query(&behind("SELECT ", n, |n| format!("$a{n}$ "), ""))
    }),
    shape!("dollars", "", mixed, |n| by_query(&format!("SELECT $a${}", "$a".repeat(n / 2)))),
    shape!("many DROPs", EMPTIES, none, |n| {
        by_query(&pieces((n / 8).min(300_000), |n| {
            format!("DROP TABLE IF EXISTS a_long_name_of_{n};")
        }))
    }),
    shape!("a DROP of many tables", EMPTIES, none, |n| {
        by_query(&behind("DROP TABLE IF EXISTS ", n, |n| format!("t{n}, "), ""))
    }),
    shape!("many DROPs that park", PARKS, none, |n| by_query(&pieces(n, |n| format!(
        "DROP TABLE t{n};"
    )))),
    shape!("JSON with escapes", "", mixed, |n| {
        let json = format!("{{\"a\": \"{}\"}}", r"\u0000\\\ud83d".repeat(n / 14));
        by_query(&format!("INSERT INTO t (j) VALUES ('{json}')"))
    }),
    shape!("JSON with duplicate keys", VALUES, mixed, |n| {
        let json = pieces(n, |n| format!("\"k{}\": {n}, ", n % 7));
        by_query(&format!("INSERT INTO t (j) VALUES ('{{{json}\"z\": 1}}')"))
    }),
    shape!("deep JSON", VALUES, mixed, |n| {
        by_query(&format!(
            "INSERT INTO t (j) VALUES ('{}{}')",
            "[".repeat(n / 2),
            "]".repeat(n / 2)
        ))
    }),
    shape!("arrays", "", mixed, |n| {
        by_query(&behind("INSERT INTO t (a) VALUES (ARRAY[", n, |_| "ARRAY[1,2],".into(), "])"))
    }),
    shape!("deep arrays", "", mixed, |n| {
        by_query(&format!("SELECT {}{}", "ARRAY[".repeat(n / 7), "]".repeat(n / 7)))
    }),
    shape!("with queries", "", mixed, |n| {
        let with = behind("WITH ", n, |n| format!("w{n} AS (SELECT 1),"), "");
        by_query(&format!("{with} INSERT INTO t SELECT 1"))
    }),
    shape!("a CREATE of many columns", "", none, |n| {
        by_query(&behind("CREATE TABLE t (", n, |n| format!("c{n} STRING({}),", n % 9 + 1), ")"))
    }),
    shape!("names in quotes", "", none, |n| {
        by_query(&pieces(n, |n| format!("INSERT INTO \"a\"\"{n}\".\"b\" VALUES (0);")))
    }),
    shape!("semicolons", "", none, |n| by_query(&";".repeat(n))),
    shape!("functions of JSON", "", mixed, |n| {
        by_query(&behind("SELECT ", n, |_| r#"json_typeof('"\u0000"'),"#.into(), ""))
    }),
];
