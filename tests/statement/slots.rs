//! Which value goes into which column: many shapes of statements, each with what is found in it,
//! and what holds for every text.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use dms_proxy::encoding::Encoding;
use dms_proxy::statement::{
    Lexing, Slot, SlotColumn, SlotValue, quoted_boolean, quoted_bytes, quoted_text,
};
use proptest::prelude::*;

use super::reading::{Written, json_casts, other_uses, read, writes};

fn name(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn names(parts: &[Vec<u8>], separator: &str) -> String {
    parts.iter().map(|part| name(part)).collect::<Vec<_>>().join(separator)
}

/// `Insert s.t(a,b) +12: 0=Integer 1, b=Parameter(1) $1; elsewhere 2`: +12 is where an OVERRIDING
/// could be.
fn render(sql: &str, writes: &Written) -> String {
    let head = writes;
    let mut text = format!("{:?} {}", head.kind, names(&head.name, "."));
    if !head.columns.is_empty() {
        text += &format!("({})", names(&head.columns, ","));
    }
    if head.is_prepare {
        text += " prepared";
    }
    if let Some(at) = head.overriding_at {
        let rest = &sql[at..];
        text += &format!(" +{}", &rest[..rest.find([' ', '\n']).unwrap_or(rest.len())]);
    }
    text.push(':');
    for slot in &writes.slots {
        let column = match &slot.column {
            SlotColumn::Named(column) => name(column),
            SlotColumn::Index(index) => index.to_string(),
        };
        text += &format!(" {column}={:?}[{}]", slot.value, &sql[slot.span.clone()]);
    }
    if !writes.other_uses.is_empty() {
        text += &format!(" elsewhere {:?}", writes.other_uses);
    }
    text
}

fn found(sql: &str) -> String {
    let writes = writes(sql.as_bytes(), Lexing::default());
    writes.iter().map(|writes| render(sql, writes)).collect::<Vec<_>>().join(" | ")
}

#[test]
fn values_have_their_columns() {
    for (sql, expected) in INSERTS.iter().chain(UPDATES).chain(MERGES).chain(SCRIPTS) {
        assert_eq!(found(sql), *expected, "{sql}");
    }
}

const INSERTS: &[(&str, &str)] = &[
    (
        "INSERT INTO t VALUES (1, $2, 'x,)', NULL)",
        "Insert t +VALUES: 0=Integer[1] 1=Parameter(2)[$2] 2=String['x,)'] 3=Null[NULL]",
    ),
    (
        "insert /* ( */ into \"S\".\"T\"\"x\" as A (\"a,b\", C, date) values (-1, +2.5, - 3e4)",
        "Insert S.T\"x(a,b,c,date) +values: 0=Integer[-1] 1=Number[+2.5] 2=Number[- 3e4]",
    ),
    (
        "INSERT INTO t (a, values, b) VALUES (f(1, 2), ARRAY[1, 2], CASE WHEN 1 = 2 THEN 3 END), \
         ((((4))), (5, 6), (SELECT 7, 8))",
        "Insert t(a,values,b) +VALUES: 0=Other[f(1, 2)] 1=Other[ARRAY[1, 2]] \
         2=Other[CASE WHEN 1 = 2 THEN 3 END] 0=Integer[(((4)))] 1=Other[(5, 6)] 2=Other[(SELECT 7, 8)]",
    ),
    (
        "INSERT INTO t VALUES (X'0F', 0x1F, 0x1, E'\\'(', U&'!0061' UESCAPE '!', $q$,$q$, N'n', \
         TRUE, default, b'1', 1_000, .5, (U&'a' uescape '!'))",
        "Insert t +VALUES: 0=BitString[X'0F'] 1=HexInteger[0x1F] 2=HexInteger[0x1] \
         3=String[E'\\'('] 4=String[U&'!0061' UESCAPE '!'] 5=String[$q$,$q$] 6=String[N'n'] \
         7=Boolean[TRUE] 8=Default[default] 9=BitString[b'1'] 10=Integer[1_000] 11=Number[.5] \
         12=String[(U&'a' uescape '!')]",
    ),
    (
        "INSERT INTO t VALUES ($1::jsonb, CAST($1 AS x), $1 + 1, - -1, -(1), (-1), \"null\", \
         date '2020-01-01', 'a' 'b', $70000, ($2)[1], -0x1F, 0b1, 'a' || 'b', true AND $3)",
        "Insert t +VALUES: 0=Other[$1::jsonb] 1=Other[CAST($1 AS x)] 2=Other[$1 + 1] \
         3=Other[- -1] 4=Other[-(1)] 5=Integer[(-1)] 6=Other[\"null\"] \
         7=Other[date '2020-01-01'] 8=Other['a' 'b'] 9=Other[$70000] 10=Other[($2)[1]] \
         11=Other[-0x1F] 12=Other[0b1] 13=Other['a' || 'b'] 14=Other[true AND $3] \
         elsewhere [1, 2, 3]",
    ),
    (
        "INSERT INTO t (a, c[1], b, d.f) VALUES ($1, $2, $1, $3)",
        "Insert t(a,c,b,d) +VALUES: 0=Parameter(1)[$1] 2=Parameter(1)[$1] elsewhere [2, 3]",
    ),
    (
        "INSERT INTO t (a, b) VALUES (1), (1, 2, 3), (4, 5), (r.*, 6)",
        "Insert t(a,b) +VALUES: 0=Integer[4] 1=Integer[5]",
    ),
    ("INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1)", "Insert t: 0=Integer[1]"),
    ("INSERT INTO t (a) OVERRIDING USER VALUE SELECT 1", "Insert t(a): 0=Integer[1]"),
    ("INSERT INTO t DEFAULT VALUES RETURNING a", "Insert t:"),
    (
        "INSERT INTO t (a, b) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM t WHERE a = $1)",
        "Insert t(a,b) +SELECT: 0=Parameter(1)[$1] 1=Parameter(2)[$2] elsewhere [1]",
    ),
    (
        "INSERT INTO t SELECT $1 AS a, $2 b, 'x' \"c\", 'y' ISNULL, a b, f(1) c, -1 AS from, \
         a.from, a IS DISTINCT FROM b, x::int, y || 'z' FROM u GROUP BY 1",
        "Insert t +SELECT: 0=Parameter(1)[$1] 1=Parameter(2)[$2] 2=String['x'] 6=Integer[-1] \
         7=Other[a.from] 9=Other[x::int] 10=Other[y || 'z']",
    ),
    ("INSERT INTO t SELECT 1, u.*, 2 FROM u", "Insert t +SELECT: 0=Integer[1]"),
    ("INSERT INTO t SELECT * FROM u", "Insert t +SELECT:"),
    ("INSERT INTO t (a, b) SELECT 1, 2, 3 FROM u", "Insert t(a,b) +SELECT:"),
    ("INSERT INTO t SELECT 1 FROM u UNION ALL SELECT 2", "Insert t +SELECT:"),
    ("INSERT INTO t (SELECT 1 FROM u) EXCEPT SELECT 2", "Insert t +(SELECT:"),
    ("INSERT INTO t SELECT DISTINCT 1, 2 FROM u", "Insert t +SELECT:"),
    ("INSERT INTO t SELECT ALL 1, 2", "Insert t +SELECT: 0=Integer[1] 1=Integer[2]"),
    ("INSERT INTO t (a) (SELECT (SELECT 1 UNION SELECT 2), 3 FROM u)", "Insert t(a) +(SELECT:"),
    (
        "INSERT INTO t (SELECT (SELECT 1 UNION SELECT 2), 3 FROM u) RETURNING *",
        "Insert t +(SELECT: 0=Other[(SELECT 1 UNION SELECT 2)] 1=Integer[3]",
    ),
    ("INSERT INTO t (VALUES (1, 2))", "Insert t +(VALUES: 0=Integer[1] 1=Integer[2]"),
    ("INSERT INTO t (a) VALUES (1) UNION VALUES (2)", "Insert t(a) +VALUES:"),
    ("INSERT INTO t VALUES (1), (2) ORDER BY 1 LIMIT 1", "Insert t +VALUES:"),
    ("INSERT INTO t WITH x AS (SELECT 1) SELECT 1", "Insert t +WITH:"),
    ("INSERT INTO t ((SELECT 1))", "Insert t +((SELECT:"),
    ("INSERT INTO t TABLE u", "Insert t +TABLE:"),
    (
        "INSERT INTO t SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a), \
         count(*) FILTER (WHERE b), 1 FROM u JOIN v ON u.x = v.x ON CONFLICT (a, b) \
         WHERE c > 1 DO UPDATE SET a = EXCLUDED.a, (b, c) = ($1, 2), (d) = ROW($2), e[1] = 3, \
         (f, g) = (SELECT 4, 5), \"H\" = DEFAULT WHERE t.a = $3 RETURNING $4",
        "Insert t +SELECT: 0=Other[percentile_cont(0.5) WITHIN GROUP (ORDER BY a)] \
         1=Other[count(*) FILTER (WHERE b)] 2=Integer[1] a=Other[EXCLUDED.a] \
         b=Parameter(1)[$1] c=Integer[2] d=Parameter(2)[$2] H=Default[DEFAULT] elsewhere [3, 4]",
    ),
    (
        "INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING RETURNING (a + $1)",
        "Insert t +VALUES: 0=Parameter(1)[$1] elsewhere [1]",
    ),
    ("INSERT INTO t VALUES (1", "Insert t +VALUES:"),
    ("INSERT INTO t VALUES ()", "Insert t +VALUES:"),
    ("INSERT INTO t VALUES (1) 'x'", "Insert t +VALUES:"),
    ("INSERT INTO t () VALUES (1)", ""),
    ("INSERT INTO t (U&\"a\") VALUES (1)", ""),
    ("INSERT INTO a.b.c.d VALUES (1)", ""),
    ("SELECT 'INSERT INTO t VALUES (1)'", ""),
];

const UPDATES: &[(&str, &str)] = &[
    (
        "UPDATE t SET a = 1, \"B\" = $1, set = NULL WHERE c = $2",
        "Update t: a=Integer[1] B=Parameter(1)[$1] set=Null[NULL] elsewhere [2]",
    ),
    (
        "UPDATE ONLY s.t * AS x SET a=-1,b=a IS NOT DISTINCT FROM $1, c=$2 FROM u WHERE x.a = u.a",
        "Update s.t: a=Integer[-1] b=Other[a IS NOT DISTINCT FROM $1] c=Parameter(2)[$2] \
         elsewhere [1]",
    ),
    (
        "UPDATE ONLY (t) x SET (a, b) = ROW ('x', (2)), (c, d) = (SELECT $1, $2), \
         (e, f) = ((SELECT 1), 2), (g, h) = (1, 2, 3), (i, j) = (r.*), (k, l) = (1, 2)::x",
        "Update t: a=String['x'] b=Integer[(2)] e=Other[(SELECT 1)] f=Integer[2] \
         elsewhere [1, 2]",
    ),
    (
        "UPDATE t SET a.f = 1, b[1:2] = 2, c = CASE a WHEN 1 THEN $1 END, d = now() AT TIME ZONE \
         'x', e = EXTRACT(year FROM d), f = t.where, g = 'a' COLLATE \"x\" RETURNING *",
        "Update t: c=Other[CASE a WHEN 1 THEN $1 END] d=Other[now() AT TIME ZONE 'x'] \
         e=Other[EXTRACT(year FROM d)] f=Other[t.where] g=Other['a' COLLATE \"x\"] elsewhere [1]",
    ),
    ("UPDATE t SET a = 'it''s' -- , b = 2\n, c = 3", "Update t: a=String['it''s'] c=Integer[3]"),
    ("UPDATE set SET a = 1", "Update set: a=Integer[1]"),
    ("UPDATE t SET a = 1 x", "Update t: a=Other[1 x]"),
    ("UPDATE t SET a = 1 AS x", "Update t:"),
    ("UPDATE t SET a == 1", "Update t:"),
    ("UPDATE t SET a = 1, b = ", "Update t:"),
    ("UPDATE t SET a = (1", "Update t:"),
];

const MERGES: &[(&str, &str)] = &[
    (
        "MERGE INTO s.t AS x USING (VALUES (1)) AS u (a) ON x.a = CASE WHEN u.a = 1 THEN $9 END \
         WHEN MATCHED AND x.b = CASE WHEN true THEN 1 END THEN UPDATE SET b = $1, \
         c = CASE WHEN u.a = 2 THEN 3 ELSE 4 END, (d, e) = (5, 6) \
         WHEN NOT MATCHED BY SOURCE THEN DELETE \
         WHEN NOT MATCHED THEN INSERT (a, f[1], g) OVERRIDING SYSTEM VALUE VALUES ($2, 7, 'x') \
         WHEN NOT MATCHED THEN INSERT VALUES (8, DEFAULT) \
         WHEN NOT MATCHED THEN INSERT DEFAULT VALUES \
         WHEN MATCHED THEN DO NOTHING RETURNING $3",
        "Merge s.t: b=Parameter(1)[$1] c=Other[CASE WHEN u.a = 2 THEN 3 ELSE 4 END] \
         d=Integer[5] e=Integer[6] a=Parameter(2)[$2] g=String['x'] 0=Integer[8] \
         1=Default[DEFAULT] elsewhere [3, 9]",
    ),
    (
        "MERGE INTO t USING u ON t.when = u.case WHEN MATCHED THEN UPDATE SET a = u.end WHEN NOT \
      MATCHED THEN INSERT (a, b) VALUES (1)",
        "Merge t: a=Other[u.end]",
    ),
    ("MERGE INTO t USING u ON true WHEN MATCHED THEN x", "Merge t:"),
];

const SCRIPTS: &[(&str, &str)] = &[
    (
        ";; INSERT INTO a VALUES (1); SELECT 'INSERT'; UPDATE b SET c = ';' ;DELETE FROM d",
        "Insert a +VALUES: 0=Integer[1] | Update b: c=String[';']",
    ),
    (
        "EXPLAIN (ANALYZE, COSTS off) INSERT INTO t VALUES ($1); EXPLAIN ANALYZE VERBOSE UPDATE t \
         SET a = 1; EXPLAIN (SELECT 1); EXPLAIN INSERT INTO t VALUES (2)",
        "Insert t +VALUES: 0=Parameter(1)[$1] | Update t: a=Integer[1] | \
         Insert t +VALUES: 0=Integer[2]",
    ),
    (
        "PREPARE p (int, numeric(3, 1)) AS INSERT INTO t VALUES ($1, $2 + $1); \
         PREPARE TRANSACTION 'x'; EXPLAIN EXECUTE p(1)",
        "Insert t prepared +VALUES: 0=Parameter(1)[$1] 1=Other[$2 + $1] elsewhere [1, 2]",
    ),
    (
        "WITH RECURSIVE a (x) AS NOT MATERIALIZED (SELECT $1), insert AS (INSERT INTO u VALUES (9) \
         RETURNING *) INSERT INTO t SELECT x, 1 FROM a",
        "Insert t +SELECT: 0=Other[x] 1=Integer[1] elsewhere [1]",
    ),
    (
        "WITH recursive AS (SELECT 1) UPDATE t SET a = 1; WITH a AS (SELECT 1) SELECT 1; WITH a AS \
         (SELECT 1) SEARCH BREADTH FIRST BY x SET y UPDATE t SET a = 1",
        "Update t: a=Integer[1]",
    ),
    (
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC INSERT INTO t VALUES (1); SELECT CASE WHEN \
         true THEN 1 END; UPDATE t SET a = $1; END; INSERT INTO t VALUES (2)",
        "Insert t +VALUES: 0=Integer[2]",
    ),
    (
        "CREATE RULE r AS ON INSERT TO t DO (INSERT INTO u VALUES (1); INSERT INTO v VALUES (2)); \
         COPY (INSERT INTO t VALUES (3) RETURNING *) TO STDOUT; UPDATE t SET a = 4",
        "Update t: a=Integer[4]",
    ),
    ("INSERT INTO t VALUES ('x", "Insert t +VALUES:"),
    (
        "BEGIN; INSERT INTO t VALUES (U&\"a\" , 1) ; COMMIT",
        "Insert t +VALUES: 0=Other[U&\"a\"] 1=Integer[1]",
    ),
];

#[test]
fn names_are_kept_as_the_server_keeps_them() {
    let long = "a".repeat(70);
    let sql = format!("INSERT INTO \"A\"\"\"\"\".T\u{c4} ({long}) VALUES (1)");
    let writes = writes(sql.as_bytes(), Lexing::default());
    let head = &writes[0];
    assert_eq!(names(&head.name, "."), "A\"\".t\u{c4}");
    assert_eq!(head.columns, [b"a".repeat(63)]);
}

#[test]
fn slots_come_one_by_one_until_no_more_is_wanted() {
    let sql =
        b"INSERT INTO t (a) VALUES ($1), (2); INSERT INTO u VALUES (3) x; UPDATE v SET b = $1";
    let script = read(sql, Lexing::default());
    let seen = |most: usize| {
        let mut seen = Vec::new();
        for (_, write) in script.writes() {
            let relation = names(&write.name, ".");
            let mut left = most;
            script.slots(write, sql, &mut |slot| {
                seen.push((relation.clone(), name(&sql[slot.span])));
                left -= 1;
                if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        }
        seen
    };
    let all = [("t", "$1"), ("t", "2"), ("v", "$1")].map(|(t, v)| (t.to_owned(), v.to_owned()));
    assert_eq!(seen(9), all);
    assert_eq!(seen(1), [all[0].clone(), all[2].clone()]);
}

#[test]
fn parameters_of_slots_that_are_not_looked_at_are_other_uses() {
    let sql = b"INSERT INTO t VALUES ($1, $2), ($3, $1 + 1)";
    let script = read(sql, Lexing::default());
    let (_, write) = script.writes().next().unwrap();
    let uses = |slots_max| other_uses(&script, write, sql, slots_max);
    assert_eq!(uses(9), [1]);
    assert_eq!(uses(2), [1, 3]);
    assert_eq!(uses(0), [1, 2, 3]);
}

#[test]
fn every_number_of_a_parameter_is_counted() {
    let list: Vec<_> = (1..=u16::MAX).map(|number| format!("(${number})")).collect();
    let sql = format!("INSERT INTO t VALUES {} RETURNING $7, $65535", list.join(", "));
    let script = read(sql.as_bytes(), Lexing::default());
    let (_, write) = script.writes().next().unwrap();
    assert_eq!(other_uses(&script, write, sql.as_bytes(), usize::MAX), [7, 65535]);
}

/// A row of a long text, and what it gives on its own.
fn rows() -> impl Strategy<Value = Vec<String>> {
    let values = prop::sample::select(vec![
        "1",
        "-2",
        "2.5",
        "'a'",
        "'it''s, (or) not'",
        "NULL",
        "true",
        "DEFAULT",
        "(1)",
        "(('x'))",
        "(1, 2)",
        "now()",
        "E'a'",
        "'a' || 'b'",
        "X'0f'",
        "- 1",
        "1e5",
        "$1",
        "'a'\n'b'",
        "'' ",
    ]);
    let row =
        prop::collection::vec(values, 2..4).prop_map(|values| format!("({})", values.join(", ")));
    prop::collection::vec(row, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Runs of plain constants give the slots that their rows give one by one.
    #[test]
    fn long_texts_have_the_slots_of_their_rows(rows in rows(), plain in 0..400_usize) {
        let mut all = vec!["(1, 'plain text', NULL)".to_owned(); plain];
        all.extend(rows.iter().cycle().take(600).cloned());
        all.extend(vec!["(0, 'x', (1.5))".to_owned(); 400 - plain]);
        let head = "INSERT INTO t (a, b, c) VALUES ";
        let sql = head.to_owned() + &all.join(" , ");
        let written = writes(sql.as_bytes(), Lexing::default()).remove(0);
        let (mut expected, mut offset) = (Vec::new(), 0);
        for row in &all {
            let one = head.to_owned() + row;
            for slot in writes(one.as_bytes(), Lexing::default()).remove(0).slots {
                expected.push(moved(slot, offset));
            }
            offset += row.len() + 3;
        }
        prop_assert_eq!(written.slots, expected);
    }
}

fn moved(slot: Slot, by: usize) -> Slot {
    let range = |range: std::ops::Range<usize>| range.start + by..range.end + by;
    let constant = slot.constant.map(|mut constant| {
        constant.span = range(constant.span);
        constant
    });
    Slot { span: range(slot.span), core: range(slot.core), constant, ..slot }
}

fn lexings() -> impl Strategy<Value = Lexing> {
    let encodings =
        vec![Encoding::Utf8, Encoding::SingleByte, Encoding::ShiftJis, Encoding::Gb18030];
    (prop::sample::select(encodings), any::<bool>())
        .prop_map(|(encoding, on)| Lexing { encoding, standard_conforming_strings: on })
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..50);
    let starts = prop::sample::select(vec!["", "INSERT INTO t ", "UPDATE t SET ", "MERGE INTO t "]);
    (starts, pieces).prop_map(|(start, pieces)| (start.to_owned() + &pieces.concat()).into_bytes())
}

const PIECES: &[&str] = &[
    "INSERT INTO t ",
    "UPDATE t SET ",
    "MERGE INTO t ",
    "USING u ON ",
    "WHEN ",
    "MATCHED ",
    "THEN ",
    "VALUES ",
    "SELECT ",
    "(",
    ")",
    "(",
    ")",
    ",",
    ",",
    "a ",
    "b ",
    "=",
    "=",
    "1",
    "$1",
    "$2",
    "'x'",
    "X'0f'",
    "0x0f",
    "NULL ",
    "DEFAULT ",
    "ROW",
    "[",
    "]",
    ".",
    "*",
    "AS ",
    "FROM ",
    "WHERE ",
    "UNION ",
    "ON CONFLICT ",
    "DO UPDATE SET ",
    "DISTINCT ",
    "IS ",
    "CASE ",
    "END ",
    "RETURNING ",
    ";",
    "-",
    " ",
    "::",
    "json ",
    "E'\\\\u0000'",
    "U&'\\\\u0000' ",
    "UESCAPE '!' ",
    "'",
    "$$",
    "\"",
    "/*",
    "*/",
    "--",
    "\n",
    "OVERRIDING SYSTEM VALUE ",
    "WITH ",
    "EXPLAIN ",
    "PREPARE p AS ",
    "CREATE ",
    "BEGIN ATOMIC ",
    "\u{e4}",
    "\0",
    "(a, b) ",
    "(1, $2)",
    "(1)",
];

/// What holds for whatever comes in.
fn check(sql: &[u8], lexing: Lexing) {
    let mut end = 0;
    for writes in writes(sql, lexing) {
        assert!(writes.span.start >= end && writes.span.end <= sql.len());
        let mut position = writes.span.start;
        if let Some(at) = writes.overriding_at {
            assert!((position..writes.span.end).contains(&at));
        }
        for slot in writes.slots {
            assert!(slot.span.start >= position && slot.span.end <= writes.span.end);
            assert!(!slot.span.is_empty(), "{sql:?} {slot:?}");
            position = slot.span.end;
            assert_eq!(slot.constant.is_some(), slot.value == SlotValue::String);
            if slot.value != SlotValue::Other {
                assert!(slot.core.start >= slot.span.start && slot.core.end <= slot.span.end);
                helpers(sql, lexing, &slot);
            }
        }
        end = writes.span.end;
    }
    for constant in json_casts(sql, lexing) {
        let value = constant.value(sql, lexing.encoding);
        assert!(
            value.is_some_and(|text| !text.is_empty()) || lexing.encoding != Encoding::Utf8,
            "{constant:?}"
        );
    }
}

/// A value that is read and written, and written in the place of the first, is the same value.
fn helpers(sql: &[u8], lexing: Lexing, slot: &Slot) {
    let (span, value) = (slot.span.clone(), slot.value);
    let mut mended = sql.to_vec();
    if let Some(constant) = &slot.constant {
        constant.mend_json(&mut mended, lexing.encoding);
        constant.mend_nul(&mut mended, lexing.encoding);
    }
    assert_eq!(writes(&mended, lexing), writes(sql, lexing));
    let is_hex = matches!(value, SlotValue::BitString | SlotValue::HexInteger);
    let hex = is_hex.then(|| quoted_bytes(&sql[slot.core.clone()], lexing)).flatten();
    let hex = hex.map(String::into_bytes);
    let boolean = quoted_boolean(sql, span.clone()).map(|text| text.as_bytes().to_vec());
    assert!(
        boolean.is_none()
            || matches!(value, SlotValue::Integer | SlotValue::BitString | SlotValue::Other)
    );
    let constant = slot.constant.as_ref();
    let text = constant.and_then(|constant| constant.value(sql, lexing.encoding));
    let quoted = text.as_ref().map(|text| quoted_text(text, lexing));
    for constant in [hex, boolean, quoted].into_iter().flatten() {
        let replaced = [&sql[..span.start], &constant, &sql[span.end..]].concat();
        let span = span.start..span.start + constant.len();
        let again = writes(&replaced, lexing);
        let blanks = constant.iter().take_while(|byte| **byte == b' ').count();
        let mut slots = again.iter().flat_map(|writes| &writes.slots);
        let slot = slots.find(|slot| slot.span == (span.start + blanks..span.end)).unwrap();
        assert_eq!(slot.value, SlotValue::String);
        if let Some(text) = &text {
            let again = slot.constant.as_ref().unwrap().value(&replaced, lexing.encoding);
            assert_eq!(again.as_ref(), Some(text));
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(sql in prop::collection::vec(any::<u8>(), 0..300), lexing in lexings()) {
        check(&sql, lexing);
        check(&[b"UPDATE t SET a=", sql.as_slice()].concat(), lexing);
    }

    #[test]
    fn pieces_of_sql_do_no_harm(sql in pieces(), lexing in lexings()) {
        check(&sql, lexing);
    }

    #[test]
    fn shapes_that_are_cut_or_changed_do_no_harm(
        case in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in prop::option::of(any::<u8>()),
        lexing in lexings(),
    ) {
        let cases: Vec<_> = INSERTS.iter().chain(UPDATES).chain(MERGES).chain(SCRIPTS).collect();
        let mut sql = case.get(&cases).0.as_bytes().to_vec();
        let at = at.index(sql.len());
        match byte {
            Some(byte) => sql[at] = byte,
            None => sql.truncate(at),
        }
        check(&sql, lexing);
    }
}

#[test]
fn time_is_linear() {
    const UNITS: &[&str] = &[
        "(",
        ")",
        "((1),",
        ",",
        "[",
        "a.",
        "'x'",
        "'x'\n",
        "(a)=(1),",
        "(a,b)=(",
        "a=(",
        "a,",
        "1,",
        "case ",
        "when ",
        "explain ",
        "explain (",
        "prepare a as ",
        "with a as (",
        "with a as (select 1),",
        "insert into t values (1);",
        "insert into t (",
        "do update ",
        "group ",
        "select ",
        "row(",
        "-",
        "$1,",
        "values ",
        "union ",
        "(1, 'a', NULL),",
        "('a', '",
        "((1, 2), 3),",
        "E'\\0',",
        "U&'\\0000' uescape '!',",
        "execute p('\\u0000', ",
        "create table t (a int); ",
        "create table t (a numeric(1, 2), ",
        "'\\u0000'::json",
        "cast('\\u0000' as ",
        "create ",
        "begin atomic ",
        "/*",
        "$a$",
    ];
    const PREFIXES: &[&str] = &[
        "",
        "insert into t ",
        "insert into t values (",
        "insert into t select ",
        "update t set ",
        "update t set (a, b) = (",
        "merge into t using u on ",
        "insert into t values (1) on conflict ",
        "create function f() begin atomic ",
        "select '\\u0000'::json, ",
        "execute p('\\u0000', ",
        "with a as (",
        "create table t (a int, ",
    ];
    for prefix in PREFIXES {
        for unit in UNITS {
            let sql = (*prefix).to_owned() + &unit.repeat(60_000 / unit.len());
            let started = Instant::now();
            let script = read(sql.as_bytes(), Lexing::default());
            for (_, write) in script.writes() {
                script.slots(write, sql.as_bytes(), &mut |_| ControlFlow::Continue(()));
                other_uses(&script, write, sql.as_bytes(), usize::MAX);
            }
            script.new_tables(sql.as_bytes(), &script.edits);
            // It takes some 20 ms without optimization.
            let taken = started.elapsed();
            assert!(taken < Duration::from_secs(5), "{prefix}{unit}: {taken:?}");
        }
    }
}
