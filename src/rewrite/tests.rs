//! Texts, what is known of the target, and what the configuration asks for; and what becomes of the texts.

use super::*;
use crate::catalog::{CatalogQuestion, Freshness, Moment, Sent, Subject};
use crate::config::Config;
use crate::policy::TablePrep;
use crate::statement::script::Scratch;
use crate::value::type_oid::{self, BOOL, BYTEA, DATE, INT4, JSON, JSONB, TEXT, UUID, VARCHAR};
use crate::wire::{Answer, AnswerRow};

/// `t (b boolean, x bytea, j jsonb, v varchar(3), d date, g int GENERATED STORED, id int IDENTITY ALWAYS,
/// u uuid)` and `k (a text)`; `gone` is not there.
const COLUMNS: &[(&str, &str, u32, i32, &str, &str)] = &[
    ("t", "b", BOOL, -1, "", ""),
    ("t", "x", BYTEA, -1, "", ""),
    ("t", "j", JSONB, -1, "", ""),
    ("t", "v", VARCHAR, 3 + 4, "", ""),
    ("t", "d", DATE, -1, "", ""),
    ("t", "g", INT4, -1, "", "s"),
    ("t", "id", INT4, -1, "a", ""),
    ("t", "u", UUID, -1, "", ""),
    ("k", "a", TEXT, -1, "", ""),
];

/// The rows in which a target tells of these subjects.
fn answer(subjects: &[Subject]) -> Answer {
    let mut rows: Vec<AnswerRow> = Vec::new();
    let text = |text: &str| Some(text.as_bytes().to_vec());
    for (number, subject) in subjects.iter().enumerate() {
        match subject {
            Subject::Relation(name) => {
                let is_of = |table: &str| name.last().is_some_and(|name| name == table.as_bytes());
                for (at, column) in COLUMNS.iter().filter(|column| is_of(column.0)).enumerate() {
                    let (table, name, oid, modifier, identity, generated) = *column;
                    rows.push(vec![
                        text(&number.to_string()),
                        text(&(at + 1).to_string()),
                        text("s"),
                        text(table),
                        text(name),
                        text(&oid.to_string()),
                        text("0"),
                        text(&modifier.to_string()),
                        text("f"),
                        text(identity),
                        text(generated),
                    ]);
                }
            }
            Subject::Routine(_) => {
                let mut row = vec![text(&number.to_string())];
                row.resize(11, None);
                row.push(text(&format!("{JSON} {INT4}")));
                rows.push(row);
            }
            Subject::Prepared(_) => {
                for (at, oid) in [JSONB, TEXT].into_iter().enumerate() {
                    let mut row = vec![text(&number.to_string()), text(&at.to_string())];
                    row.extend([None, None, None, text(&oid.to_string())]);
                    row.resize(11, None);
                    rows.push(row);
                }
            }
            Subject::SearchPath => {}
        }
    }
    Answer::from(rows)
}

fn read(sql: &[u8], policy: &Policy) -> Script {
    Script::read(sql, Lexing::default(), &policy.mapping, &mut Scratch::default())
}

/// A session's view of texts, without a session.
struct Texts {
    policy: Policy,
    settings: Settings,
    catalog: Catalog,
    /// Whether the target is asked.
    asks: bool,
    /// The questions that it was asked.
    questions: usize,
    /// The relations that it was not asked about.
    unread: u64,
}

impl Texts {
    fn new(toml: &str) -> Texts {
        let config: Config = toml::from_str(toml).unwrap();
        let policy = config.policy().unwrap();
        let settings = policy.defaults;
        Texts { policy, settings, catalog: Catalog::default(), asks: true, questions: 0, unread: 0 }
    }

    fn without_target(toml: &str) -> Texts {
        Texts { asks: false, ..Texts::new(toml) }
    }

    fn learn(&mut self, needs: Vec<Need>) {
        if let Some(question) = self.catalog.missing(needs, Moment::default()).filter(|_| self.asks)
        {
            let CatalogQuestion::Relations(subjects) = &question else { panic!("{question:?}") };
            let answer = answer(subjects);
            self.questions += 1;
            self.catalog.on_answer(&question, &answer);
        }
    }

    fn plan(&mut self, sql: &str, declared: &[u32]) -> Rewrite {
        let lexing = Lexing::default();
        let script = read(sql.as_bytes(), &self.policy);
        let sql = sql.as_bytes();
        let policy = std::mem::replace(&mut self.policy, Config::default().policy().unwrap());
        let rules = Rules { policy: &policy, settings: self.settings, lexing, masks: &[] };
        let known = (&self.catalog, Moment::default());
        let needs = needs(&script, sql, declared, known, &rules);
        self.learn(needs);
        let mut rewrite = plan(&script, sql, declared, &self.catalog, &rules);
        if !rewrite.asks_again.is_empty() {
            self.learn(std::mem::take(&mut rewrite.asks_again));
            rewrite = plan(&script, sql, declared, &self.catalog, &rules);
            assert_eq!(rewrite.asks_again, []);
        }
        self.unread += self.catalog.unread();
        self.catalog
            .on_sent(Sent { writes: Some(&rewrite.writes.clone().into()), ..Sent::default() });
        self.policy = policy;
        rewrite
    }

    /// The text as the target gets it.
    fn rewritten(&mut self, sql: &str) -> String {
        let text = self.plan(sql, &[]).apply(sql.as_bytes());
        text.map_or_else(|| sql.to_owned(), |text| String::from_utf8(text).unwrap())
    }
}

/// What the changes of a text are called, with how often and where.
fn changes(rewrite: &Rewrite) -> Vec<String> {
    let change = |change: &Change| {
        let Place { table, column, rule, .. } = &change.place;
        format!("{rule} {} {table}.{column}", change.count)
    };
    rewrite.changes.iter().map(change).collect()
}

#[test]
fn types_and_constants_are_rewritten() {
    let mut texts = Texts::new("");
    for (sql, expected) in [
        ("SELECT 1", "SELECT 1"),
        ("CREATE TABLE n (a UINT4)", "CREATE TABLE n (a BIGINT)"),
        ("INSERT INTO t VALUES (1, X'AB', '{}')", r"INSERT INTO t VALUES ('1', '\xAB', '{}')"),
        ("INSERT INTO s.t (v, b) VALUES (1, 0)", "INSERT INTO s.t (v, b) VALUES (1, '0')"),
        (r#"INSERT INTO t (j) VALUES ('"\u0000"')"#, r#"INSERT INTO t (j) VALUES ('"\u0020"')"#),
        (r#"INSERT INTO k VALUES ('"\u0000"')"#, r#"INSERT INTO k VALUES ('"\u0000"')"#),
        (r#"SELECT '"\u0000"'::jsonb"#, r#"SELECT '"\u0020"'::jsonb"#),
        (r#"EXECUTE p('"\u0000"', '\u0000')"#, r#"EXECUTE p('"\u0020"', '\u0000')"#),
        (r"INSERT INTO k VALUES (E'a\000b')", r"INSERT INTO k VALUES (E'a\040b')"),
        ("UPDATE t SET b = 1; DELETE FROM t", "UPDATE t SET b = '1'; DELETE FROM t"),
        ("INSERT INTO gone VALUES (1, X'AB')", "INSERT INTO gone VALUES (1, X'AB')"),
        (
            "CREATE TABLE n (a BOOL, b UINT4); INSERT INTO n VALUES (1, 1)",
            "CREATE TABLE n (a BOOL, b BIGINT); INSERT INTO n VALUES ('1', 1)",
        ),
    ] {
        assert_eq!(texts.rewritten(sql), expected);
    }
    texts.settings.rewrite = false;
    for sql in ["CREATE TABLE n (a UINT4)", "INSERT INTO t VALUES (1, X'AB')"] {
        assert_eq!(texts.rewritten(sql), sql);
    }
}

#[test]
fn without_a_target_the_text_itself_says_what_it_can() {
    let mut texts = Texts::without_target("table_prep.mode = \"do-nothing\"");
    for (sql, expected) in [
        ("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)"),
        ("CREATE TABLE n (a UINT4)", "CREATE TABLE IF NOT EXISTS n (a BIGINT)"),
        (r#"SELECT '"\u0000"'::json"#, r#"SELECT '"\u0020"'::json"#),
    ] {
        assert_eq!(texts.rewritten(sql), expected);
    }
    let mut texts = Texts::without_target("");
    let sql = "CREATE TABLE n (a BOOL); INSERT INTO n VALUES (0)";
    assert_eq!(texts.rewritten(sql), "CREATE TABLE n (a BOOL); INSERT INTO n VALUES ('0')");
}

#[test]
fn what_was_done_is_given_back() {
    let mut texts = Texts::new("");
    let sql = r#"INSERT INTO t VALUES (1, X'AB', '"\u0000"'), (0, X'CD', '""')"#;
    let rewrite = texts.plan(sql, &[]);
    let expected = ["type-converted 2 t.b", "type-converted 2 t.x", "nul 1 ."];
    assert_eq!(changes(&rewrite), expected);
    assert_eq!(rewrite.writes, [vec![b"t".to_vec()]]);
    let rewrite = texts.plan("CREATE TABLE n (a UINT4, b UINT4, c UINT2)", &[]);
    let columns: Vec<_> =
        rewrite.changes.iter().map(|one| (&*one.place.column, one.count)).collect();
    assert_eq!(columns, [("a", 1), ("b", 1), ("c", 1)]);
    assert!(rewrite.changes.iter().all(|change| matches!(change.by, By::Type(_))));
}

#[test]
fn policies_change_values() {
    let mut texts = Texts::new(
        "values.too_long = \"truncate\"\nvalues.bad_dates = \"null\"\nvalues.nul = \"remove\"\n\
         values.identity_always = \"override\"\nvalues.generated = \"leave-out\"",
    );
    for (sql, expected) in [
        ("INSERT INTO t (v) VALUES ('abcd')", "INSERT INTO t (v) VALUES ('abc')"),
        ("INSERT INTO t (d) VALUES ('0000-00-00')", "INSERT INTO t (d) VALUES (NULL)"),
        (r"INSERT INTO t (v) VALUES (E'a\000b')", "INSERT INTO t (v) VALUES ('ab')"),
        ("INSERT INTO t (g, v) VALUES (1, 'a')", "INSERT INTO t (g, v) VALUES (DEFAULT, 'a')"),
        ("INSERT INTO t (v, g) SELECT v, g FROM k", "INSERT INTO t (v) SELECT v FROM k"),
        ("INSERT INTO t (id) VALUES (1)", "INSERT INTO t (id)  OVERRIDING SYSTEM VALUE VALUES (1)"),
        ("COPY t (v, g, d) FROM STDIN", "COPY t (v, d) FROM STDIN"),
        // A type inside of what is left out goes with it.
        ("INSERT INTO t (g) VALUES (CAST(1 AS INT4))", "INSERT INTO t (g) VALUES (DEFAULT)"),
    ] {
        assert_eq!(texts.rewritten(sql), expected);
    }
    let sql = "CREATE TABLE e (a date[]); INSERT INTO e VALUES (ARRAY['0000-00-00', '2020-01-01', '2023-02-30'])";
    assert_eq!(changes(&texts.plan(sql, &[])), ["bad-date-to-null 2 e.a", "type-converted 1 e.a"]);
}

#[test]
fn a_value_is_refused_where_it_stands() {
    let mut texts = Texts::new("values.nul = \"reject\"");
    let sql = r"INSERT INTO t (v) VALUES ('ä'), (E'a\000b'), (E'\000')";
    let rewrite = texts.plan(sql, &[]);
    let error = rewrite.refused.as_ref().unwrap();
    let before = &sql[..sql.find("E'a").unwrap()];
    let characters = before.chars().count();
    assert_eq!((error.sqlstate, error.position), ("22021", Some(characters + 1)));
    assert_eq!(error.detail.as_deref(), Some("Table \"s\".\"t\", column \"v\", value 2."));
    assert!(changes(&rewrite).is_empty());
    let text = String::from_utf8(rewrite.apply(sql.as_bytes()).unwrap()).unwrap();
    let expected = r"INSERT INTO t (v) VALUES ('ä'), (NULL::pg_catalog.varchar(0)), (E'\000')";
    assert_eq!(text, expected);
}

#[test]
fn rules_that_change_values_act_on_exact_answers_alone() {
    let mut texts = Texts::new("values.too_long = \"truncate\"");
    for (sql, questions) in [
        ("INSERT INTO t (v) VALUES ('abc')", 1),
        // TextRelations, and nothing is changed.
        ("INSERT INTO t (v) VALUES ('abc')", 0),
        ("INSERT INTO t (b) VALUES (1)", 0),
        ("INSERT INTO t (v) VALUES ('abcd')", 1),
        ("INSERT INTO t (x) VALUES (X'AB')", 1),
        ("INSERT INTO k VALUES ('x'); UPDATE t SET v = 'abcd'", 2),
        // The values of its rows are judged.
        ("COPY t FROM STDIN", 1),
        ("COPY t FROM STDIN", 1),
    ] {
        let before = texts.questions;
        texts.plan(sql, &[]);
        assert_eq!(texts.questions - before, questions, "{sql}");
    }
    // Many relations are one question.
    let mut texts = Texts::new("");
    texts.plan(
        "INSERT INTO t VALUES (1); INSERT INTO k VALUES (1); INSERT INTO gone VALUES (1)",
        &[],
    );
    assert_eq!(texts.questions, 1);
}

#[test]
fn a_copy_whose_columns_decide_nothing_acts_on_what_is_known() {
    for (toml, sql, questions) in [
        ("", "COPY t (v, u) FROM STDIN", 0),
        ("", "COPY t (v, u) FROM STDIN CSV", 0),
        // Zero bytes are data in some types.
        ("", "COPY t (v, u) FROM STDIN BINARY", 1),
        // It has JSON.
        ("", "COPY t FROM STDIN", 1),
        // It may be there by now.
        ("", "COPY gone FROM STDIN", 1),
        ("values.too_long = \"truncate\"", "COPY t (v, u) FROM STDIN", 1),
        ("values.generated = \"leave-out\"", "COPY t (v, u) FROM STDIN", 0),
        ("values.generated = \"leave-out\"", "COPY t (v, g) FROM STDIN", 1),
    ] {
        let mut texts = Texts::new(toml);
        texts.plan(sql, &[]);
        let before = texts.questions;
        texts.plan(sql, &[]);
        assert_eq!(texts.questions - before, questions, "{toml} {sql}");
    }
}

#[test]
fn what_has_to_be_known_is_named_once() {
    let texts = Texts::new("");
    let lexing = Lexing::default();
    let rules = Rules { policy: &texts.policy, settings: texts.settings, lexing, masks: &[] };
    let needs = |sql: &str, declared: &[u32]| -> Vec<String> {
        let script = read(sql.as_bytes(), &texts.policy);
        let needs =
            needs(&script, sql.as_bytes(), declared, (&texts.catalog, Moment::default()), &rules);
        let text = |need: Need| {
            let name = match &need.subject {
                Subject::Relation(name) => name.join(&b'.'),
                Subject::Prepared(name) => [b"EXECUTE ", name.as_slice()].concat(),
                Subject::Routine(name) => [b"ROUTINE ".as_slice(), &name.join(&b'.')].concat(),
                Subject::SearchPath => b"search_path".to_vec(),
            };
            let mark = if need.freshness == Freshness::Exact { "!" } else { "" };
            String::from_utf8(name).unwrap() + mark
        };
        needs.into_iter().map(text).collect()
    };
    for (sql, declared, expected) in [
        ("SELECT 1", &[][..], &[][..]),
        ("INSERT INTO a VALUES ('x', 2)", &[], &[]),
        (
            "INSERT INTO a VALUES (1); INSERT INTO s.b VALUES (0); UPDATE a SET x = 1",
            &[],
            &["a", "s.b"],
        ),
        ("INSERT INTO a VALUES ($1)", &[], &["a"]),
        ("INSERT INTO a VALUES ($1)", &[BYTEA], &["a"]),
        ("SELECT * FROM a WHERE x = $1", &[BYTEA], &[]),
        ("SELECT * FROM a JOIN s.b c ON c.x = $1 AND a.y IN ($1)", &[TEXT], &["s.b", "a"]),
        ("INSERT INTO a VALUES (1); COPY a FROM STDIN; COPY b FROM STDIN", &[], &["a", "b"]),
        (r"EXECUTE p('\u0000'); EXECUTE p('\u0000', '\u0000')", &[], &["EXECUTE p"]),
        ("DROP TABLE a", &[], &[]),
    ] {
        assert_eq!(needs(sql, declared), expected, "{sql}");
    }
    let long = format!("INSERT INTO a VALUES ('{}')", "x".repeat(9_000));
    assert_eq!(needs(&long, &[]), ["a"]);
}

#[test]
fn parameters_share_what_is_known_of_their_column() {
    let mut texts = Texts::new("values.too_long = \"truncate\"");
    let rows: Vec<String> =
        (0..1_000).map(|row| format!("(${}, ${})", 2 * row + 1, 2 * row + 2)).collect();
    let sql = format!("INSERT INTO t (v, u) VALUES {}", rows.join(", "));
    let declared = [[TEXT, VARCHAR]; 1_000].concat();
    let rewrite = texts.plan(&sql, &declared);
    let parameters = rewrite.parameters.unwrap();
    assert_eq!(parameters.list().len(), 2_000);
    let column = |index: usize| parameters.list()[index].as_ref().unwrap();
    assert!(Arc::ptr_eq(&column(0).column, &column(1_998).column));
    assert!(column(1).is_inferred && !column(0).is_inferred);
    let (declared_bytes, bytes) = (4 * declared.len(), parameters.bytes());
    assert!(bytes <= 10 * declared_bytes, "{bytes}");
    // The target infers what it would refuse, and the client is told what it declared.
    let told = parameters.told().unwrap();
    assert_eq!(&told[..10], [7, 208, 0, 0, 0, TEXT as u8, 0, 0, 0, 0]);
    assert_eq!(parameters.described(&[TEXT, UUID]), Some(vec![TEXT, VARCHAR]));
    assert_eq!(rewrite.facts.place.unwrap().table, "t");
}

#[test]
fn parameters_that_go_elsewhere_as_well_stay() {
    let mut texts = Texts::new("");
    let mut list = |sql: &str, declared: &[u32]| -> Vec<bool> {
        let parameters = texts.plan(sql, declared).parameters;
        parameters.map_or_else(Vec::new, |found| found.list().iter().map(Option::is_some).collect())
    };
    assert_eq!(list("INSERT INTO t (u, v) VALUES ($1, $2)", &[TEXT, TEXT]), [true, true]);
    assert_eq!(list("INSERT INTO t (u, v) VALUES ($1, $1)", &[]), Vec::<bool>::new());
    assert_eq!(list("UPDATE t SET u = $1 WHERE v = $1", &[TEXT]), Vec::<bool>::new());
    assert_eq!(list("PREPARE p AS INSERT INTO t (u) VALUES ($1)", &[TEXT]), Vec::<bool>::new());
    assert_eq!(list("INSERT INTO t (v) VALUES ($1)", &[type_oid::TEXT]), Vec::<bool>::new());
}

#[test]
fn parameters_that_are_left_out_keep_a_type() {
    let mut texts = Texts::new("values.generated = \"leave-out\"");
    let rewrite = texts.plan("INSERT INTO t (v, g) VALUES ($1, $2), ($3, $2), ($4, $1)", &[]);
    let text = rewrite.apply(b"INSERT INTO t (v, g) VALUES ($1, $2), ($3, $2), ($4, $1)").unwrap();
    let expected = "INSERT INTO t (v, g) VALUES ($1, DEFAULT), ($3, DEFAULT), ($4, DEFAULT)";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
    // Nothing says any more what $2 is.
    let told = rewrite.parameters.unwrap().told().unwrap();
    assert_eq!(told, [0, 2, 0, 0, 0, 0, 0, 0, 0, INT4 as u8]);
}

#[test]
fn parameters_follow_a_relation_that_has_changed() {
    let mut texts = Texts::new("values.too_long = \"truncate\"");
    let sql = "INSERT INTO t (v, u) VALUES ($1, $2)";
    let parameters = texts.plan(sql, &[TEXT, TEXT]).parameters.unwrap();
    let lexing = Lexing::default();
    let rules = Rules { policy: &texts.policy, settings: texts.settings, lexing, masks: &[] };
    assert!(parameters.renewed(&Arc::clone(&parameters.relation), &rules).is_none());
    let mut columns = parameters.relation.columns().to_vec();
    columns.retain(|column| column.name != b"u");
    for column in &mut columns {
        Arc::make_mut(&mut column.column).modifier = 13;
    }
    let relation = Arc::new(Relation::new("s".into(), "t".into(), columns));
    let renewed = parameters.renewed(&relation, &rules).unwrap();
    let modifiers = renewed.list().iter().map(|found| Some(found.as_ref()?.column.modifier));
    assert_eq!(modifiers.collect::<Vec<_>>(), [Some(13), None]);
    assert_eq!(renewed.told(), parameters.told());
}

#[test]
fn tables_are_prepared_as_the_mode_says() {
    let mut texts = Texts::new("");
    texts.settings.table_prep = TablePrep::TruncateBeforeLoad;
    let rewrite = texts.plan("DROP TABLE a, s.b; SELECT 1; TRUNCATE c; DROP TABLE awsdms_x", &[]);
    assert_eq!(rewrite.completions.tags, [(0, "DROP TABLE"), (2, "TRUNCATE TABLE")]);
    let expected = ["drop-emptied 1 a.", "drop-emptied 1 b.", "truncate-emptied 1 c."];
    assert_eq!(changes(&rewrite), expected);
    assert_eq!(rewrite.replacements.len(), 2);
    // What the text sets in front of a statement is in force there.
    let sql = "SET dms.table_prep = 'pass-through'; DROP TABLE a; SET dms.table_prep = 'do-nothing'; DROP TABLE b";
    let rewrite = texts.plan(sql, &[]);
    assert_eq!((rewrite.completions.tags, rewrite.changes.len()), ([(3, "DROP TABLE")].into(), 1));
    texts.settings.table_prep = TablePrep::DropAndCreate;
    let before = texts.questions;
    assert!(texts.plan("DROP TABLE t", &[]).apply(b"DROP TABLE t").is_none());
    assert_eq!(texts.questions, before + 1);
    let sql = b"DROP TABLE a, awsdms_b; CREATE TABLE c (x int)";
    let script = read(sql, &texts.policy);
    let dropped: Vec<_> = dropped(&script).map(|table| table.name.clone()).collect();
    assert_eq!(dropped, [[b"a".to_vec()]]);
}

#[test]
fn errors_stand_at_the_client_s_own_text() {
    let mut texts = Texts::new("");
    let lexing = Lexing::default();
    texts.settings.table_prep = TablePrep::DoNothing;
    let rules = Rules { policy: &texts.policy, settings: texts.settings, lexing, masks: &[] };
    let refused = |sql: &str| {
        let script = read(sql.as_bytes(), &texts.policy);
        refusal(&script, sql.as_bytes(), &rules).map(|error| (error.sqlstate, error.position))
    };
    assert_eq!(refused("SELECT 'ä'; SET dms.fk = 'nope'"), Some(("22023", Some(26))));
    assert_eq!(refused("CREATE TABLE ä (x STRING(0))"), Some(("22023", Some(19))));
    assert_eq!(refused("SET dms.fk = 'off'; DROP TABLE a"), None);
    assert_eq!(refused(&"DROP TABLE a;".repeat(10_001)), Some(("54000", None)));
}

#[test]
fn copies_know_their_columns() {
    let mut texts = Texts::new("values.generated = \"leave-out\"");
    let rewrite =
        texts.plan("COPY t (v, nope, g) FROM STDIN; COPY t FROM STDIN; COPY gone FROM STDIN", &[]);
    let fields: Vec<_> = rewrite.copies.iter().map(|copy| copy.fields.clone()).collect();
    assert_eq!(fields[0], [Some(3), None, Some(5)]);
    // Columns that are generated are in no stream that lists none.
    assert_eq!(fields[1], [0, 1, 2, 3, 4, 6, 7].map(Some));
    assert!(fields[2].is_empty());
    let lexing = Lexing::default();
    let rules = Rules { policy: &texts.policy, settings: texts.settings, lexing, masks: &[] };
    let apart: Vec<bool> =
        rewrite.copies.iter().map(|copy| copy.columns(&rules).is_some()).collect();
    assert_eq!(apart, [true, false, false]);
}

#[test]
fn bytes_that_are_nul_are_mended_before_a_text_is_read() {
    let lexing = Lexing::default();
    for (toml, message, body, expected, count) in [
        ("", TextMessage::Query, &b"a\0b\0"[..], &b"a b\0"[..], 1),
        ("values.nul = \"remove\"", TextMessage::Query, b"a\0b\0", b"ab\0", 1),
        ("values.nul = \"reject\"", TextMessage::Query, b"a\0b\0", b"a\0b\0", 0),
        ("", TextMessage::Query, b"ab\0", b"ab\0", 0),
        ("", TextMessage::Parse, b"p\0a\0b\0\0\0", b"p\0a b\0\0\0", 1),
        ("values.nul = \"remove\"", TextMessage::Parse, b"p\0a\0b\0\0\0", b"p\0ab\0\0\0", 1),
    ] {
        let texts = Texts::new(toml);
        let rules = Rules { policy: &texts.policy, settings: texts.settings, lexing, masks: &[] };
        let mut body = body.to_vec();
        let (shorter, change) = mend_bytes(message, &mut body, &rules);
        assert_eq!(shorter.unwrap_or(body), expected, "{toml} {message:?}");
        assert_eq!(change.map_or(0, |change| change.count), count);
        assert_eq!(byte_refusal(b"a", &rules).is_some(), toml.contains("reject"));
    }
}

#[test]
fn positions_move_back_over_what_was_replaced() {
    let mut texts = Texts::new("");
    let sql = "INSERT INTO t (b, v) VALUES (1, nope)";
    let rewrite = texts.plan(sql, &[]);
    let rewritten = String::from_utf8(rewrite.apply(sql.as_bytes()).unwrap()).unwrap();
    let positions = rewrite.positions(sql.as_bytes(), Encoding::Utf8).unwrap();
    let at = |text: &str| text.find("nope").unwrap() + 1;
    assert_eq!(positions.to_client(at(&rewritten)), at(sql));
    let rewrite = texts.plan("SELECT 1", &[]);
    assert!(rewrite.positions(b"SELECT 1", Encoding::Utf8).is_none());
}

#[test]
fn work_grows_with_the_text_alone() {
    let mut texts = Texts::new("values.too_long = \"truncate\"\nvalues.generated = \"leave-out\"");
    // Each of these takes minutes where anything in it is quadratic.
    let parameters = "($1), ".repeat(400_000);
    let sql = format!("INSERT INTO t (g) VALUES {parameters}($1)");
    assert_eq!(texts.plan(&sql, &[]).replacements.len(), 400_001);
    let sql = "INSERT INTO t (v) VALUES ('abcd');".repeat(20_000);
    let rewrite = texts.plan(&sql, &[]);
    assert_eq!(changes(&rewrite), ["truncated 20000 t.v"]);
    let tables: Vec<String> =
        (0..20_000).map(|n| format!("INSERT INTO t{n} VALUES (1);")).collect();
    texts.plan(&tables.concat(), &[]);
    assert!(texts.unread > 0);
}

#[test]
fn rows_whose_constants_no_column_wants_otherwise_are_not_looked_at() {
    let mut texts = Texts::new("");
    // What is known of the relations.
    for table in ["t", "k"] {
        texts.plan(&format!("INSERT INTO {table} VALUES (X'AB')"), &[]);
    }
    let rules = Rules {
        policy: &texts.policy,
        settings: texts.settings,
        lexing: Lexing::default(),
        masks: &[],
    };
    let is_untouched = |sql: &str| {
        let script = read(sql.as_bytes(), &texts.policy);
        values::untouched(&script, sql.as_bytes(), &texts.catalog, &rules).is_some()
    };
    let nul = r#"'{"a": "\u0000"}'"#;
    for (column, others, respelled) in [
        ("b", vec!["true", "'t'", "-1.5", nul], vec!["1", "(1)", "X'AB'", "0x1F", "N't'"]),
        ("x", vec!["1", "true", "'a'", nul], vec!["X'AB'", "0x1F"]),
        ("j", vec!["1", "true", "'{}'", "X'AB'"], vec![nul, "E'\\\\u0000'", "N'{}'"]),
        ("id", vec!["1", "'1'", "-1.5", "1e3", nul], vec!["true", "B'1'", "0x1F"]),
        ("v", vec!["1", "true", "X'AB'", "'a'", nul, "NULL", "DEFAULT"], vec!["N'a'", "$$a$$"]),
    ] {
        let all = others.iter().map(|value| (value, true));
        for (value, expected) in all.chain(respelled.iter().map(|value| (value, false))) {
            // In a long text the constants behind the first stand in runs.
            let many = format!("('a', NULL), {}('a', {value})", "(NULL, 'b'), ".repeat(2_000));
            let run = format!("('a', {value}), ").repeat(2_000);
            for rows in [format!("('a', {value})"), many, format!("{run}('a', NULL)")] {
                let sql = format!("INSERT INTO t (v, {column}) VALUES {rows}");
                assert_eq!(is_untouched(&sql), expected, "{value} into {column}: {rows:.80}");
            }
        }
    }
    // Without a list the columns are those of the table.
    assert!(is_untouched(
        "INSERT INTO t VALUES (true, 'a'), (NULL, '\\x00', '{}', 'a', '2024-01-01', 1)"
    ));
    assert!(!is_untouched("INSERT INTO t VALUES (true, 'a'), (NULL, X'AB')"));
    assert!(is_untouched("INSERT INTO unknown VALUES (X'AB')"));
    for sql in ["SELECT 1", "UPDATE k SET a = 'b'", "INSERT INTO k SELECT 'a'", "EXECUTE p"] {
        assert!(!is_untouched(sql), "{sql}");
    }
    // A long text is not searched for spellings, which may stand behind anything.
    let many = "(0.5), ".repeat(2_000);
    let sql = |value: &str| format!("INSERT INTO t (u) VALUES {many}(\n{value})");
    assert_eq!(texts.rewritten(&sql("N'a'")), sql("'a'"));
}
