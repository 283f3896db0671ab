//! U+0000 in values whose type only the server's catalog tells: elements of arrays, domains, arguments
//! of EXECUTE.

use super::{log_in, run, say};
use crate::support::{Body, Cluster, Database, Endpoint, Proxy, Recorder, transcript};

fn proxied() -> (Database, Endpoint) {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    (database, endpoint)
}

/// An array in binary format.
fn array(element_oid: u32, elements: &[&[u8]]) -> Vec<u8> {
    let mut value = Body::default().int32(1).int32(0).int32(element_oid.cast_signed());
    value = value.int32(i32::try_from(elements.len()).unwrap()).int32(1);
    for element in elements {
        value = value.int32(i32::try_from(element.len()).unwrap());
        value.0.extend_from_slice(element);
    }
    value.0
}

/// A stream of COPY binary with one row.
fn copy_stream(fields: &[&[u8]]) -> Vec<u8> {
    let mut stream = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    stream.extend(u16::try_from(fields.len()).unwrap().to_be_bytes());
    for field in fields {
        stream.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        stream.extend_from_slice(field);
    }
    stream.extend(b"\xff\xff");
    stream
}

const JSON: u32 = 114;
const JSONB: u32 = 3802;

#[test]
fn elements_of_binary_arrays() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    database.query(
        "CREATE DOMAIN label AS varchar(9); CREATE DOMAIN tag AS label;
         CREATE DOMAIN document AS jsonb; CREATE DOMAIN raw AS bytea;
         CREATE DOMAIN tags AS tag[];
         CREATE TABLE t (j json[], b jsonb[], l label[], g tag[], d document[], r raw[], s tags)",
    );
    let oids = database
        .query("SELECT o::regtype::oid FROM unnest(ARRAY['label', 'tag', 'document', 'raw']) o");
    let oid = |index: usize| oids[index][0].parse().unwrap();
    let json = array(JSON, &[br#""\u0000 \\u0000""#, b"\"\0\"", b"1"]);
    let jsonb = array(JSONB, &[b"\x01\"\\u0000\"", b"\x01[]", b"\x01\"\\\\\\u0000\""]);
    let labels = array(oid(0), &[b"a\0b", b"", b"\0"]);
    let tags = array(oid(1), &[b"\0tag"]);
    let documents = array(
        oid(2),
        &[br#"{"k": "\u0000"}"#]
            .map(|text| [&[1][..], text].concat())
            .each_ref()
            .map(Vec::as_slice),
    );
    let raw = array(oid(3), &[b"\0\x01"]);
    let values = [&json, &jsonb, &labels, &tags, &documents, &raw, &tags].map(Vec::as_slice);
    let parameters = values.map(Some);
    let sql = "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7)";
    // Types that the target infers, and declared ones, which in a new session nobody has seen yet.
    wire.parse("", sql, &[]).bind("", "", &[1], &parameters, 0).execute("", 0).sync();
    let mut said = transcript(&wire.until_ready());
    let arrays = "SELECT atttypid FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0";
    let declared: Vec<i32> =
        database.query(arrays).iter().map(|row| row[0].parse().unwrap()).collect();
    for _ in 0..2 {
        let mut fresh = log_in(&endpoint);
        for _ in 0..2 {
            fresh.parse("", sql, &declared).bind("", "", &[1], &parameters, 0);
            fresh.execute("", 0).sync();
            said += &transcript(&fresh.until_ready());
        }
    }
    // However the stream is cut.
    let stream = copy_stream(&values);
    for piece_bytes in [1, 2, 7, 1000] {
        wire.query("COPY t FROM STDIN BINARY").until(b'G');
        for piece in stream.chunks(piece_bytes) {
            wire.copy_data(piece);
        }
        wire.copy_done();
        said += &transcript(&wire.until_ready());
    }
    assert_eq!(
        (said.matches("INSERT 0 1").count(), said.matches("COPY 1").count()),
        (5, 4),
        "{said}"
    );
    let row = [
        r#"{"\"\\u0020 \\\\u0000\"","\" \"",1}"#,
        r#"{"\" \"",[],"\"\\\\ \""}"#,
        r#"{"a b",""," "}"#,
        r#"{" tag"}"#,
        r#"{"{\"k\": \" \"}"}"#,
        r#"{"\\x0001"}"#,
        r#"{" tag"}"#,
    ];
    let stored = database.query("TABLE t");
    assert_eq!(stored.len(), 9);
    for stored in stored {
        assert_eq!(stored, row);
    }
}

#[test]
fn a_long_array_of_json_is_mended_on_its_way() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (b jsonb[])");
    let element = [b"\x01\"", br"\u0000\\u0000".repeat(20_000).as_slice(), b"\""].concat();
    let value = array(JSONB, &[&element, &element]);
    wire.parse("", "INSERT INTO t VALUES ($1)", &[]);
    wire.bind("", "", &[1], &[Some(&value)], 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("INSERT 0 1"), "{said}");
    let sql = r"SELECT count(*) FROM t, unnest(b) e WHERE e #>> '{}' = repeat(' \u0000', 20000)";
    assert_eq!(database.query(sql), [["2"]]);
}

#[test]
fn arguments_of_execute() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    database.query(
        "CREATE DOMAIN document AS jsonb; CREATE TABLE t (n serial, a jsonb, b text, d document)",
    );
    let insert = "AS INSERT INTO t (a, b, d) VALUES ($1, $2, $3)";
    say(&mut wire, format!("PREPARE inferred {insert}"));
    say(&mut wire, format!("PREPARE \"D'eclared\"(json, text, document) {insert}"));
    wire.parse("by parse", &insert[3..], &[]).sync().until_ready();
    for name in ["inferred", "\"D'eclared\"", "\"by parse\""] {
        for by_parse in [false, true] {
            let execute =
                format!(r#"EXECUTE {name}('{{"k": "\u0000\\u0000"}}', '\u0000', E'"\\u0000"')"#);
            let said = run(&mut wire, &execute, by_parse);
            assert!(said.contains("INSERT 0 1\n"), "{said}");
        }
    }
    let row = [r#"{"k": " \\u0000"}"#, r"\u0000", "\" \""];
    assert_eq!(database.query("SELECT a, b, d FROM t"), [row; 6]);
    // In a text of several, in a transaction, in front of others, and in a pipeline.
    let json = r#"('"\u0000"', 'x', NULL)"#;
    say(&mut wire, "TRUNCATE t");
    let sql = format!("BEGIN; EXECUTE inferred{json}; EXPLAIN ANALYZE EXECUTE inferred{json}");
    assert!(!say(&mut wire, sql).contains("ErrorResponse"));
    say(&mut wire, format!("CREATE TEMP TABLE u AS EXECUTE missing{json}; ROLLBACK"));
    say(&mut wire, r#"ROLLBACK; PREPARE r(jsonb) AS SELECT $1 AS a"#);
    let sql = r#"CREATE TABLE u AS EXECUTE r('"\u0000"')"#;
    wire.parse("", "SELECT 1", &[]).parse("e", sql, &[]).bind("", "e", &[], &[], 0);
    wire.execute("", 0).sync();
    assert!(transcript(&wire.until_ready()).contains("SELECT 1\n"));
    assert_eq!(database.query("TABLE u"), [["\" \""]]);
    // The name stands for another statement from now on, and the text is none of JSON.
    say(&mut wire, "DEALLOCATE r; PREPARE r(text) AS SELECT $1");
    assert!(say(&mut wire, r"EXECUTE r('\u0000')").contains("DataRow \\\\u0000\n"));
    wire.close(b'S', "r").parse("r", "SELECT $1::jsonb", &[]).sync().until_ready();
    assert!(say(&mut wire, r#"EXECUTE r('"\u0000"')"#).contains("DataRow \\\" \\\"\n"));
}

#[test]
fn plain_arguments_of_execute_ask_nothing() {
    let database = Cluster::shared().create_database();
    let recorder = Recorder::start(database.endpoint().address);
    let proxy = Proxy::start_before(recorder.address(), "", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "PREPARE p(jsonb) AS SELECT $1");
    recorder.take();
    let questions = |recorder: &Recorder| {
        let asks = b"pg_prepared_statements";
        recorder.take().windows(asks.len()).filter(|window| window == asks).count()
    };
    say(&mut wire, r#"EXECUTE p('"\u0001"')"#);
    say(&mut wire, r#"EXECUTE p('"\u0000"'::jsonb)"#);
    assert_eq!(questions(&recorder), 0);
    say(&mut wire, r#"EXECUTE p('"\u0000"'); EXECUTE p('"\u0000\u0000"')"#);
    assert_eq!(questions(&recorder), 1);
}

#[test]
fn elements_of_arrays_that_a_cast_makes_json_are_mended() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE j (a jsonb[])");
    let mut direct = log_in(database.endpoint());
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    for sql in [
        r#"INSERT INTO j VALUES (ARRAY['{"a": "\u0000"}', '1']::jsonb[])"#,
        r#"INSERT INTO j SELECT CAST(ARRAY['{"a": "\u0000"}', '1'] AS jsonb[])"#,
        r#"INSERT INTO j VALUES (ARRAY['{"a": "\u0000"}'::jsonb, '1'])"#,
        r#"UPDATE j SET a = ARRAY[E'{"a": "\\u0000"}', '1']::pg_catalog.jsonb[]"#,
    ] {
        let said = super::say(&mut direct, sql);
        assert!(said.contains("ErrorResponse"), "{sql}: {said}");
        for by_parse in [false, true] {
            database.query("TRUNCATE j; INSERT INTO j VALUES (NULL)");
            let said = super::run(&mut wire, sql, by_parse);
            assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
            let rows = database.query("SELECT a FROM j WHERE a IS NOT NULL");
            assert_eq!(rows, [[r#"{"{\"a\": \" \"}",1}"#]], "{sql}");
        }
    }
}
