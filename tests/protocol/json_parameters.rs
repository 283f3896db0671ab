//! JSON in parameters of other types: where a cast or a column makes JSON of it, `\u0000` is mended.

use super::typed_values::{oid, proxied};
use super::{field, log_in, say};
use crate::support::{Cluster, Frame, Proxy, Wire, transcript};

const BYTEA: i32 = 17;

/// What a statement with one parameter says, and the table behind it.
fn loaded(wire: &mut Wire, sql: &str, declared: &[i32], format: i16, value: &[u8]) -> String {
    say(wire, "TRUNCATE t");
    wire.parse("", sql, declared).bind("", "", &[format], &[Some(value)], 0);
    let said = transcript(&wire.execute("", 0).sync().until_ready());
    let error = said.lines().find(|line| line.starts_with("ErrorResponse")).map(str::to_owned);
    error.unwrap_or_else(|| say(wire, "SELECT doc::text FROM t").replace('\\', ""))
}

#[test]
fn nul_is_mended_in_parameters_that_casts_make_json() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (doc jsonb, j json)");
    let value = br#"{"a": "x\u0000y", "b": "\\u0000"}"#;
    let expected = r#"DataRow {"a": "x y", "b": "u0000"}"#;
    for sql in [
        "INSERT INTO t (doc) VALUES ($1::jsonb)",
        "INSERT INTO t (doc) Values ($1::JsonB)",
        "Insert Into t (doc) VALUES (CAST($1 AS jsonb))",
        "INSERT INTO t (doc) VALUES (($1)::text::jsonb)",
        "INSERT INTO t (doc) VALUES (CAST(CAST($1 AS varchar) AS jsonb))",
        "INSERT INTO t (doc) SELECT jsonb_build_array($1::jsonb)->0",
        "INSERT INTO t (doc) SELECT x::jsonb FROM (SELECT $1::json AS x) s",
        "INSERT INTO t (doc) SELECT v.x FROM (VALUES ($1)) v (x)",
        "INSERT INTO t (doc) SELECT x::jsonb FROM (SELECT $1::Json AS x) s",
        "INSERT INTO t (doc) Select v.x From (Values ($1)) v (x)",
        "INSERT INTO t (doc) SELECT $1 UNION ALL SELECT NULL WHERE false",
        "INSERT INTO t (doc) VALUES (COALESCE($1, '{}'))",
        "INSERT INTO t (doc) VALUES ($1)",
        "WITH x AS (SELECT $1::jsonb AS d) INSERT INTO t (doc) SELECT d FROM x",
    ] {
        for (declared, format) in [
            (&[oid::VARCHAR][..], 0),
            (&[oid::VARCHAR], 1),
            (&[oid::TEXT], 0),
            (&[oid::TEXT], 1),
            (&[], 0),
            // `unknown`.
            (&[705], 0),
        ] {
            let found = loaded(&mut wire, sql, declared, format, value);
            assert!(found.contains(expected), "{declared:?} {format} {sql}: {found}");
        }
    }
    // A text stays what it is.
    let sql = "INSERT INTO t (doc) SELECT to_jsonb($1)";
    let found = loaded(&mut wire, sql, &[oid::TEXT], 0, br"\u0000");
    assert!(found.contains(r#"DataRow "u0000""#), "{found}");
}

#[test]
fn named_statements_keep_what_is_known_of_their_parameters() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (doc jsonb, n int)");
    for declared in [&[oid::TEXT, oid::INT4][..], &[oid::TEXT]] {
        wire.parse("s", "INSERT INTO t (doc, n) VALUES ($1::jsonb, $2)", declared).sync();
        wire.until_ready();
        for _ in 0..3 {
            wire.bind("", "s", &[], &[Some(br#""\u0000""#), Some(b"1")], 0).execute("", 0).sync();
            let said = transcript(&wire.until_ready());
            assert!(said.contains("CommandComplete INSERT 0 1"), "{declared:?}: {said}");
        }
        wire.close(b'S', "s").sync();
        wire.until_ready();
    }
}

#[test]
fn arrays_of_json_in_text_format_are_mended() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (doc jsonb[], j json[])");
    let array = br#"{"{\"a\": \"x\\u0000y\", \"b\": \"\\\\u0000\"}",NULL}"#;
    for sql in ["INSERT INTO t (doc) VALUES ($1)", "INSERT INTO t (doc) VALUES ($1::jsonb[])"] {
        for declared in [&[][..], &[3807], &[1015], &[1009]] {
            if sql.contains("::") && declared.first() == Some(&1015) {
                continue;
            }
            loaded(&mut wire, sql, declared, 0, array);
            let stored = database.query("SELECT doc[1]->>'a', doc[1]->>'b', doc[2] FROM t");
            assert_eq!(stored, [["x y", r"\u0000", "NULL"]], "{declared:?} {sql}");
        }
    }
}

#[test]
fn arrays_of_json_in_constants_and_copied_rows_are_mended() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (id int, doc jsonb[], j json[])");
    let array = r#"{"{\"a\": \"x\\u0000y\", \"b\": \"\\\\u0000\"}",NULL}"#;
    let escaped = array.replace('\\', r"\\");
    for (sql, rows) in [
        (format!("INSERT INTO t VALUES (1, '{array}', '{array}')"), String::new()),
        (format!("INSERT INTO t VALUES (1, E'{escaped}', $a${array}$a$)"), String::new()),
        (format!("INSERT INTO t SELECT 1, '{array}', NULL"), String::new()),
        (
            format!("INSERT INTO t VALUES (1); UPDATE t SET doc = '{array}'; SELECT 1"),
            String::new(),
        ),
        ("COPY t FROM STDIN".to_owned(), format!("1\t{escaped}\t{{}}\n2\t{{}}\t{{}}\n")),
        (
            "COPY t (doc, id) FROM STDIN CSV".to_owned(),
            format!("\"{}\",1\n", array.replace('"', "\"\"")),
        ),
    ] {
        say(&mut wire, "TRUNCATE t");
        wire.query(&sql);
        if !rows.is_empty() {
            wire.until(b'G');
            wire.copy_data(rows).copy_done();
        }
        let said = transcript(&wire.until_ready());
        assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
        let stored = database
            .query("SELECT doc[1]->>'a', doc[1]->>'b', doc[2] FROM t WHERE id = 1 AND doc <> '{}'");
        assert_eq!(stored, [["x y", r"\u0000", "NULL"]], "{sql}");
    }
}

#[test]
fn half_surrogates_are_replaced_where_that_is_asked() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[values]\ninvalid_utf8 = \"replace\"\n", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (doc jsonb, j json)");
    let value = br#"{"a": "\ud83dx", "b": "\ud83d\ude00", "c": "\\ud83d"}"#;
    for declared in [&[][..], &[oid::VARCHAR], &[oid::JSONB]] {
        loaded(&mut wire, "INSERT INTO t (doc) VALUES ($1)", declared, 0, value);
        let stored = database.query("SELECT doc->>'a', doc->>'b', doc->>'c' FROM t");
        assert_eq!(stored, [["\u{FFFD}x", "😀", r"\ud83d"]], "{declared:?}");
    }
    let text = std::str::from_utf8(value).unwrap();
    say(&mut wire, format!("TRUNCATE t; INSERT INTO t (doc) VALUES ('{text}')"));
    assert_eq!(database.query("SELECT doc->>'a' FROM t"), [["\u{FFFD}x"]]);
}

#[test]
fn half_surrogates_are_replaced_behind_casts() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[values]\ninvalid_utf8 = \"replace\"\n", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (doc jsonb)");
    let json = r#"{"a": "\ud83dx", "b": "\ud83d\ude00", "c": "\\ud83d"}"#;
    let expected = [["\u{FFFD}x", "😀", r"\ud83d"]];
    let stored = || database.query("SELECT doc->>'a', doc->>'b', doc->>'c' FROM t");
    for value in ["$1::jsonb", "$1::json", "CAST($1 AS jsonb)", "CAST(CAST($1 AS text) AS json)"] {
        for (declared, format) in
            [(&[][..], 0), (&[oid::TEXT], 0), (&[oid::TEXT], 1), (&[oid::VARCHAR], 0)]
        {
            let sql = format!("INSERT INTO t (doc) VALUES ({value})");
            let said = loaded(&mut wire, &sql, declared, format, json.as_bytes());
            assert_eq!(stored(), expected, "{value} {declared:?} {format}: {said}");
        }
    }
    let sql = "INSERT INTO t (doc) VALUES (jsonb($1))";
    loaded(&mut wire, sql, &[oid::TEXT], 0, json.as_bytes());
    assert_eq!(stored(), expected);
    // More than is looked at while it arrives.
    let long = format!(r#"{{"d": "{}", {}"#, "y".repeat(100_000), &json[1..]);
    loaded(&mut wire, "INSERT INTO t (doc) VALUES ($1::jsonb)", &[], 0, long.as_bytes());
    assert_eq!(stored(), expected);
    let doubled = json.replace('\\', r"\\");
    for constant in [
        format!("'{json}'::jsonb"),
        format!("CAST('{json}' AS json)"),
        format!("jsonb '{json}'"),
        format!("jsonb('{json}')"),
        format!("$a${json}$a$::jsonb"),
        format!("E'{doubled}'::jsonb"),
        format!("COALESCE(NULL, '{json}')"),
        format!("(ARRAY['{json}']::jsonb[])[1]"),
    ] {
        let said = say(&mut wire, format!("TRUNCATE t; INSERT INTO t (doc) VALUES ({constant})"));
        assert_eq!(stored(), expected, "{constant}: {said}");
    }
    // A text stays what it is.
    let said = say(&mut wire, r"SELECT '\ud83d', to_json('\ud83d'::text)");
    assert!(said.contains(r#"DataRow \\ud83d \"\\\\ud83d\""#), "{said}");
}

#[test]
fn half_surrogates_are_replaced_in_arrays_of_json() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[values]\ninvalid_utf8 = \"replace\"\n", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    // Through the proxy `json` would become another type.
    database.query("CREATE TABLE t (doc jsonb[], texts json[])");
    let json = r#"{"a": "\ud83dx", "b": "\ud83d\ude00", "c": "\\ud83d"}"#;
    let escaped = json.replace('\\', r"\\").replace('"', r#"\""#);
    let text = format!("{{\"{escaped}\"}}");
    let binary = |element_oid: i32, version: &[u8]| {
        let element = [version, json.as_bytes()].concat();
        let length = i32::try_from(element.len()).unwrap();
        let head = [1, 0, element_oid, 1, 1, length].map(i32::to_be_bytes);
        [head.as_flattened(), &element].concat()
    };
    const JSON: i32 = 114;
    for (column, value, format, bytes) in [
        ("doc", "$1", 0, text.clone().into_bytes()),
        ("doc", "$1::jsonb[]", 0, text.clone().into_bytes()),
        ("texts", "$1", 0, text.clone().into_bytes()),
        ("doc", "$1", 1, binary(oid::JSONB, &[1])),
        ("doc", "$1::jsonb[]", 1, binary(oid::JSONB, &[1])),
        ("texts", "$1", 1, binary(JSON, &[])),
        ("texts", "$1::json[]", 1, binary(JSON, &[])),
    ] {
        let sql = format!("INSERT INTO t ({column}) VALUES ({value})");
        let said = loaded(&mut wire, &sql, &[], format, &bytes);
        let stored = database.query(&format!(
            "SELECT {column}[1]->>'a', {column}[1]->>'b', {column}[1]->>'c' FROM t"
        ));
        assert_eq!(stored, [["\u{FFFD}x", "😀", r"\ud83d"]], "{column} {value} {format}: {said}");
    }
}

#[test]
fn json_declared_as_bytes_goes_into_json() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (doc jsonb, j json, note text)");
    let json = "{\"a\": [1, \"e\"]}";
    let escaped =
        format!("\\x{}", json.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
    for sql in [
        "INSERT INTO t (doc) VALUES ($1)",
        "INSERT INTO t (doc) VALUES ($1) ON CONFLICT DO NOTHING",
        "INSERT INTO t (doc) SELECT $1",
        "INSERT INTO t (doc) VALUES (COALESCE($1, $1))",
        "INSERT INTO t (doc) SELECT * FROM (VALUES ($1)) v",
        "INSERT INTO t (doc, j) VALUES ($1, $1)",
    ] {
        for (format, value) in [(1, json.as_bytes()), (0, escaped.as_bytes())] {
            let found = loaded(&mut wire, sql, &[BYTEA], format, value);
            assert!(found.contains(&format!("DataRow {json}")), "{format} {sql}: {found}");
        }
    }
    let found = loaded(&mut wire, "INSERT INTO t (doc) VALUES ($1)", &[BYTEA], 1, br#""\u0000""#);
    assert!(found.contains("DataRow \" \""), "{found}");
    // What is not JSON or not UTF-8 is refused.
    for (sql, value) in [
        ("INSERT INTO t (doc) VALUES ($1)", &b"{broken"[..]),
        ("INSERT INTO t (doc) VALUES ($1)", b"\"\xFF\""),
    ] {
        let found = loaded(&mut wire, sql, &[BYTEA], 1, value);
        assert!(found.starts_with("ErrorResponse"), "{sql}: {found}");
        assert!(loaded(&mut direct, sql, &[BYTEA], 1, value).starts_with("ErrorResponse"));
    }
}

#[test]
fn what_text_cannot_do_is_said_with_a_hint() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (id int, doc JSON, flag BOOL)");
    let hint = |frames: &[Frame]| {
        let said = |code| field(frames, b'E', code).unwrap_or_default();
        (said(b'C'), said(b'H'))
    };
    for expression in [
        "doc->'a'",
        "doc ->> 'a'",
        "doc #>> '{a}'",
        "doc @> '{}'",
        "doc ? 'a'",
        "json_array_length(doc)",
        "jsonb_typeof(doc)",
    ] {
        for sql in [
            format!("SELECT {expression} FROM t"),
            // Its text changes on the way.
            format!("INSERT INTO t (flag) SELECT 1 FROM t WHERE ({expression}) IS NULL"),
        ] {
            let (code, said) = hint(&wire.query(&sql).until_ready());
            assert_eq!(code, "42883", "{sql}");
            assert!(said.contains("mapping.json"), "{sql}: {said}");
            wire.parse("", &sql, &[]).sync();
            assert!(hint(&wire.until_ready()).1.contains("mapping.json"), "{sql}");
        }
    }
    for sql in ["SELECT doc + 1 FROM t", "SELECT 1 -> 2", "SELECT nothing(doc) FROM t"] {
        let (_, said) = hint(&wire.query(sql).until_ready());
        assert!(said.contains("You might need"), "{sql}: {said}");
    }
    // JSON that stays has its operators, and nothing is said of a setting.
    let proxy = Proxy::start("[mapping]\njson = \"keep\"\n", &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let (_, said) = hint(&wire.query("SELECT text 'x' -> 'a'").until_ready());
    assert!(!said.contains("mapping.json"), "{said}");
}
