//! What holds for every text: identity where no rule applies, nothing changed outside of spans,
//! no panic, linear time; and a real grammar that judges the lexer.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use dms_proxy::encoding::Encoding;
use dms_proxy::mapping::{Mapping, MappingOptions, Override, OverrideScope, SOURCES};
use dms_proxy::statement::lexer::{Lexer, TokenKind};
use dms_proxy::statement::script::{Scratch, Script};
use dms_proxy::statement::{Effects, Lexing, apply};
use proptest::prelude::*;
use squawk_parser::{EntryPoint, LexedStr, StrStep, SyntaxKind};

fn mapping() -> Mapping {
    Mapping::new(MappingOptions::default()).unwrap()
}

/// One mapping of each kind: every table of its own, with overrides, and without.
fn mappings() -> &'static [Mapping] {
    static MAPPINGS: OnceLock<Vec<Mapping>> = OnceLock::new();
    MAPPINGS.get_or_init(|| {
        let row = |key: &str, target: &str| Override {
            scope: OverrideScope::parse(key),
            target: target.to_owned(),
            origin: "test".to_owned(),
        };
        let overrides = vec![row("t*.%.a", "text"), row("UINT4", "bigint"), row("JSON*", "jsonb")];
        let mut all = Vec::new();
        for source in SOURCES {
            for overrides in [Vec::new(), overrides.clone()] {
                let source = (*source).to_owned();
                let options = MappingOptions { source, overrides, ..Default::default() };
                all.push(Mapping::new(options).unwrap());
            }
        }
        all
    })
}

fn lexings() -> impl Strategy<Value = Lexing> {
    let encodings = prop::sample::select(vec![
        Encoding::Utf8,
        Encoding::SingleByte,
        Encoding::Euc,
        Encoding::ShiftJis,
        Encoding::AsciiTrail,
        Encoding::Gb18030,
    ]);
    (encodings, any::<bool>()).prop_map(|(encoding, standard_conforming_strings)| Lexing {
        encoding,
        standard_conforming_strings,
    })
}

/// Every SQL text of the golden scripts.
fn corpus() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/statement");
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let script = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let script: String = script
            .lines()
            .filter(|line| !line.starts_with("# "))
            .fold(String::new(), |text, line| text + line + "\n");
        for case in script.split("\n====\n") {
            texts.push(case.split("\n---\n").next().unwrap().to_owned());
        }
    }
    texts
}

/// Words and marks in any order: nearer to SQL than random bytes.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..60);
    pieces.prop_map(|pieces| pieces.concat().into_bytes())
}

const PIECES: &[&str] = &[
    "CREATE ",
    "TABLE ",
    "t ",
    "(",
    ")",
    ",",
    ";",
    "a ",
    "STRING",
    "(5)",
    "UINT4 ",
    "::",
    "CAST",
    " AS ",
    "JSON ",
    "'",
    "E'",
    "\\",
    "\"",
    "$$",
    "$a$",
    "/*",
    "*/",
    "--",
    "\n",
    " ALTER ",
    "ADD ",
    "COLUMN ",
    "TYPE ",
    "FUNCTION ",
    "RETURNS ",
    "BEGIN ",
    "ATOMIC ",
    "END ",
    "CASE ",
    "COPY ",
    "FROM ",
    "STDIN ",
    "WITH ",
    "FORMAT ",
    "csv ",
    "NULL ",
    "SET ",
    "dms",
    ".",
    "=",
    "XMLTABLE",
    "COLUMNS ",
    "SELECT ",
    "DOMAIN ",
    "[",
    "]",
    "1",
    "-",
    "U&'",
    "UESCAPE ",
    "OPTIONS ",
    "PREPARE ",
    "EXPLAIN ",
    "LONG ",
    "RAW ",
    "TIMESTAMP",
    " LOCAL ",
    "UNSIGNED ",
    "ENUM",
    "KEY ",
    "`",
    "*",
    "AGGREGATE ",
    "SCHEMA ",
    "\u{e4}",
    "\0",
];

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    (prop::sample::select(corpus()), changes, any::<prop::sample::Index>()).prop_map(
        |(text, changes, cut)| {
            let mut bytes = text.into_bytes();
            if !bytes.is_empty() {
                for (index, byte) in changes {
                    let at = index.index(bytes.len());
                    bytes[at] = byte;
                }
                let length = cut.index(bytes.len() * 4);
                bytes.truncate(length.max(1));
            }
            bytes
        },
    )
}

fn read(sql: &[u8], lexing: Lexing, mapping: &Mapping) -> Script {
    Script::read(sql, lexing, mapping, &mut Scratch::default())
}

/// What holds for whatever comes in.
fn check(sql: &[u8], lexing: Lexing, mapping: &Mapping) -> Script {
    let script = read(sql, lexing, mapping);
    let mut end = 0;
    for token in Lexer::new(sql, lexing) {
        assert!(token.start >= end && token.end > token.start && token.end <= sql.len());
        end = token.end;
    }
    let mut position = 0;
    for edit in &script.edits {
        assert!(edit.span.start >= position && edit.span.end <= sql.len());
        // An ADD or a NOT NULL stands between two bytes.
        assert!(!(edit.span.is_empty() && edit.text.is_empty()) && edit.text.is_ascii());
        position = edit.span.end;
    }
    let rewritten = apply(sql, &script.edits);
    let (mut old, mut new) = (0, 0);
    for edit in &script.edits {
        let kept = edit.span.start - old;
        assert_eq!(sql[old..edit.span.start], rewritten[new..new + kept]);
        new += kept + edit.text.len();
        assert_eq!(&rewritten[new - edit.text.len()..new], edit.text.as_bytes());
        old = edit.span.end;
    }
    assert_eq!(sql[old..], rewritten[new..]);
    script
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(
        sql in prop::collection::vec(any::<u8>(), 0..400),
        lexing in lexings(),
    ) {
        check(&sql, lexing, &mapping());
    }

    #[test]
    fn pieces_of_sql_do_no_harm(sql in pieces(), lexing in lexings()) {
        let mapping = mapping();
        let script = check(&sql, lexing, &mapping);
        if script.fault.is_none() {
            let once = apply(&sql, &script.edits);
            prop_assert_eq!(read(&once, lexing, &mapping).edits, vec![]);
        }
    }

    #[test]
    fn mutated_statements_do_no_harm(sql in mutated(), lexing in lexings()) {
        let mapping = mapping();
        let script = check(&sql, lexing, &mapping);
        if script.fault.is_none() {
            let once = apply(&sql, &script.edits);
            prop_assert_eq!(read(&once, lexing, &mapping).edits, vec![]);
        }
    }

    #[test]
    fn no_source_does_harm(
        sql in prop_oneof![pieces(), mutated()],
        lexing in lexings(),
        mapping in prop::sample::select(mappings()),
    ) {
        check(&sql, lexing, &mapping);
    }

    #[test]
    fn names_of_no_table_change_nothing(
        names in prop::collection::vec("[a-z]{1,3}[xyz][0-9]{0,2}", 1..20),
    ) {
        let columns: Vec<_> = names.iter().map(|name| format!("{name} {name}(5)[]")).collect();
        let casts: Vec<_> = names.iter().map(|name| format!("x::{name}, {name} 'y'")).collect();
        let sql = format!("CREATE TABLE t ({}); SELECT {}", columns.join(", "), casts.join(", "));
        let script = check(sql.as_bytes(), Lexing::default(), &mapping());
        // It is a definition, whatever its names are.
        prop_assert_eq!(script.effects, Effects::CHANGES_RELATIONS);
        prop_assert_eq!(script.table_statements().count(), 1);
        // The names of this form that PostgreSQL has.
        let unknown_types = names.iter().filter(|name| !["any", "box"].contains(&name.as_str())).count();
        prop_assert_eq!((script.statements.len(), script.types.unknown), (2, unknown_types));
        prop_assert_eq!((script.edits, script.fault, script.not_understood), (vec![], None, 0));
    }
}

#[test]
fn the_corpus_is_rewritten_once_and_for_all() {
    let mapping = mapping();
    for sql in corpus() {
        let script = check(sql.as_bytes(), Lexing::default(), &mapping);
        if script.fault.is_none() {
            let once = apply(sql.as_bytes(), &script.edits);
            let twice = check(&once, Lexing::default(), &mapping);
            assert_eq!(twice.edits, vec![], "{sql}");
            assert_eq!(twice.statements.len(), script.statements.len(), "{sql}");
        }
    }
}

#[test]
fn time_is_linear() {
    time_is_linear_for(&mapping(), 200_000);
    // One with quotes of each kind and PostgreSQL; overrides look at more.
    for source in ["mysql", "sqlserver", "postgresql"] {
        let with_overrides = |mapping: &&Mapping| !mapping.options().overrides.is_empty();
        let mut mappings = mappings().iter().filter(with_overrides);
        let mapping = mappings.find(|mapping| mapping.options().source == source).unwrap();
        time_is_linear_for(mapping, 50_000);
    }
}

fn time_is_linear_for(mapping: &Mapping, bytes: usize) {
    for prefix in ["", "select ", "create table t (a uint4, ", "create function f() begin atomic "]
    {
        for unit in HOSTILE {
            let sql = prefix.to_owned() + &unit.repeat(bytes / unit.len());
            let started = Instant::now();
            for lexing in [
                Lexing::default(),
                Lexing { encoding: Encoding::ShiftJis, standard_conforming_strings: false },
            ] {
                read(sql.as_bytes(), lexing, mapping);
            }
            // It takes some 20 ms without optimization; quadratic time is half a minute and more.
            let taken = started.elapsed();
            assert!(taken < Duration::from_secs(10), "{prefix}{unit}: {taken:?}");
        }
    }
}

/// A word or a string: the tokens whose bounds matter.
fn kind_of(kind: TokenKind) -> Option<char> {
    match kind {
        TokenKind::Word => Some('w'),
        TokenKind::QuotedName | TokenKind::UnicodeName => Some('q'),
        TokenKind::Text
        | TokenKind::EscapeText
        | TokenKind::BitText
        | TokenKind::NationalText
        | TokenKind::UnicodeText
        | TokenKind::DollarText => Some('s'),
        TokenKind::Number => Some('n'),
        _ => None,
    }
}

/// Kind, start and end of tokens.
type Tokens = Vec<(char, usize, usize)>;

/// The words, quoted names, strings and numbers of `sql`, and the types in it, as the judge sees
/// them; `None` if it does not accept the text.
fn judged(sql: &str) -> Option<(Tokens, Vec<(usize, usize)>)> {
    let lexed = LexedStr::new(sql);
    let output = EntryPoint::SourceFile.parse(&lexed.to_input());
    let (mut tokens, mut types, mut open): (Tokens, _, _) = (Vec::new(), Vec::new(), Vec::new());
    let (mut offset, mut accepted) = (0, lexed.errors().next().is_none());
    lexed.intersperse_trivia(&output, &mut |step| match step {
        StrStep::Token { kind, text } => {
            let (start, end) = (offset, offset + text.len());
            offset = end;
            let kind = match kind {
                SyntaxKind::COMMENT | SyntaxKind::WHITESPACE => return,
                SyntaxKind::BIT_STRING
                | SyntaxKind::BYTE_STRING
                | SyntaxKind::DOLLAR_QUOTED_STRING
                | SyntaxKind::ESC_STRING
                | SyntaxKind::NATIONAL_STRING
                | SyntaxKind::STRING
                | SyntaxKind::UNICODE_ESC_STRING => 's',
                SyntaxKind::INT_NUMBER | SyntaxKind::NUMERIC_NUMBER => 'n',
                _ if text.starts_with('"') || text.to_lowercase().starts_with("u&\"") => 'q',
                _ if text.starts_with(|c: char| c.is_alphabetic() || c == '_') => 'w',
                _ => return,
            };
            match tokens.last_mut() {
                // To the judge, the parts of a continued string are tokens of their own.
                Some(last) if kind == 's' && last.0 == 's' && sql[last.2..start].contains('\n') => {
                    last.2 = end;
                }
                _ => tokens.push((kind, start, end)),
            }
        }
        StrStep::Enter { kind } => open.push((kind, offset)),
        StrStep::Exit => {
            let (kind, start) = open.pop().unwrap();
            if format!("{kind:?}").ends_with("_TYPE") {
                types.push((start, offset));
            }
        }
        StrStep::Error { .. } => accepted = false,
    });
    accepted.then_some((tokens, types))
}

#[test]
fn a_grammar_sees_the_same_words_and_strings() {
    let (mut texts, mut counted) = (corpus(), 0);
    texts.extend(VALID.iter().map(|&sql| sql.to_owned()));
    for sql in &texts {
        let Some((expected, _)) = judged(sql) else { continue };
        let ours: Vec<_> = Lexer::new(sql.as_bytes(), Lexing::default())
            .filter_map(|token| kind_of(token.kind).map(|kind| (kind, token.start, token.end)))
            .collect();
        assert_eq!(ours, expected, "{sql}");
        counted += 1;
    }
    assert!(counted >= 100, "the judge accepted only {counted} of {} texts", texts.len());
}

#[test]
fn a_grammar_sees_types_where_we_see_them() {
    let mapping = mapping();
    let mut counted = 0;
    for sql in corpus() {
        let Some((_, types)) = judged(&sql) else { continue };
        for edit in read(sql.as_bytes(), Lexing::default(), &mapping).edits {
            assert!(
                types.iter().any(|&(start, end)| start <= edit.span.start && edit.span.end <= end),
                "{} in {sql}",
                &sql[edit.span.clone()]
            );
            counted += 1;
        }
    }
    assert!(counted >= 100, "only {counted} types were judged");
}

const VALID: &[&str] = &[
    "SELECT 1.5e10, .5, 1., 0x1F, 1_000, 1e-5 FROM t WHERE a<-1 AND b@>'x' AND c!=-2 AND d=@-3",
    "SELECT E'a\\'b\\\\', E'\\\\', 'a''b', '\\', B'01', x'ff', U&'d\\0061t', N'n', U&\"d\\0061t\"",
    "SELECT $$a$b$$, $a$ $b$ $$ $a$, $é$ x $é$, a$1, _x, é1 FROM \"a\"\"b\".\"c'd\"",
    "SELECT 'a' -- comment 'x'\n 'b', /* 'x /* \"y */ */ 'c'",
    "SELECT a[1:2], a.b.c, x::int, (r).f, -- end\n *, $1 /* ; */; SELECT 2",
    "INSERT INTO t (a, b) VALUES ('x', 1), ('y;', 2) ON CONFLICT DO NOTHING",
    "UPDATE t SET a = a || 'x', b = b->>'k' WHERE c ~ '^a\\d' AND d ?| array['e']",
    "SELECT e'x', b'1', n'x', e, b, n, u, x, u & 'a', e.b, u.x FROM n",
];

/// What, repeated, could make a reader look at the same bytes again and again.
const HOSTILE: &[&str] = &[
    "(",
    ")",
    ",",
    "'",
    "\"",
    "$$",
    "$a$",
    "/*",
    "*/",
    "--",
    "\n",
    "'\n",
    "''",
    "E'\\",
    "::",
    "cast(",
    "as(",
    "a ",
    "(a string,",
    "+-",
    "-",
    "@-",
    "$",
    "$1",
    ".",
    "1.",
    "0x",
    "1e",
    "U&'",
    "create table t(a ",
    ";",
    "string(",
    "string(5)",
    "options(",
    "xmltable(columns ",
    "case ",
    "create schema s ",
    "alter table t add a string,",
    "create function f(a ",
    "'' -- \n",
    "key a (",
    "prepare p as ",
    "explain ",
    "$a",
    "\u{e4}",
    "/* */",
    "set dms.a = ",
    "partition ",
    "copy t from stdin csv null '",
    "json_table(a columns(",
    "string '' ",
    "_1",
    "x) y(a b,",
    "a[",
    "[a",
    "[a b",
    "`",
    "`a",
    "a enum('',",
    "double(",
    "long(",
    "interval(",
    "x::interval(",
    "x::interval day(",
    "x::national(",
    "x::decimal(1,",
    "x::a.b(",
    "x::mood(",
    "cast(a as timestamp(",
    "a char(5) for bit ",
];
