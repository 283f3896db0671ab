//! Golden scripts of statements: SQL, a line `---`, what becomes of it; `====` before the next.
//! With UPDATE_GOLDENFILES=1 the second part is written anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dms_proxy::encoding::Encoding;
use dms_proxy::mapping::{
    JsonPolicy, Mapping, MappingOptions, Override, OverrideScope, SOURCES, UnknownTypes,
};
use dms_proxy::statement::script::{Scratch, Script};
use dms_proxy::statement::{Lexing, SlotColumn, Write as WriteStatement, apply};
use dms_proxy::value::{CopyOptions, ForcedColumns};

use super::reading::other_uses;

/// The first line of a script may say `# options: source=oracle factor=3 json=keep numeric=string
/// unknown=error keep=TYPE override=KEY=>TYPE scs=off`; a blank in a type is written as `~`.
fn options(script: &str) -> (MappingOptions, Lexing) {
    let (mut mapping, mut lexing) = (MappingOptions::default(), Lexing::default());
    let line = script.lines().next().unwrap_or_default();
    for word in line.strip_prefix("# options: ").unwrap_or_default().split_whitespace() {
        match word.split_once('=').unwrap() {
            ("factor", factor) => mapping.string_length_factor = factor.parse().unwrap(),
            ("json", "keep") => mapping.json = JsonPolicy::Keep,
            ("numeric", "string") => mapping.unbounded_numeric_as_string = true,
            ("source", source) => mapping.source = source.to_owned(),
            ("unknown", "error") => mapping.unknown = UnknownTypes::Error,
            ("keep", pattern) => mapping.keep_types.push(pattern.replace('~', " ")),
            ("override", row) => {
                let row = row.replace('~', " ");
                let (key, target) = row.split_once("=>").unwrap();
                mapping.overrides.push(Override {
                    scope: OverrideScope::parse(key),
                    target: target.to_owned(),
                    origin: "test".to_owned(),
                });
            }
            ("scs", "off") => lexing.standard_conforming_strings = false,
            ("encoding", name) => lexing.encoding = Encoding::from_name(name),
            other => panic!("unknown option {other:?}"),
        }
    }
    (mapping, lexing)
}

fn outcome(sql: &str, lexing: Lexing, mapping: &Mapping) -> String {
    let script = Script::read(sql.as_bytes(), lexing, mapping, &mut Scratch::default());
    let mut text = String::new();
    if script.edits.is_empty() {
        text.push_str("(unchanged)\n");
    } else {
        let rewritten = String::from_utf8(apply(sql.as_bytes(), &script.edits)).unwrap();
        writeln!(text, "{rewritten}").unwrap();
        let rules: Vec<_> =
            script.edits.iter().map(|edit| mapping.rule(edit.rule).unwrap().id.as_str()).collect();
        writeln!(text, "-- rules: {}", rules.join(" ")).unwrap();
    }
    if let Some(fault) = &script.fault {
        let at = &sql[fault.span.clone()];
        writeln!(text, "-- fault {} at {at}: {}", fault.sqlstate, fault.message).unwrap();
        writeln!(text, "-- hint: {}", fault.hint).unwrap();
    }
    for copy in script.copies() {
        let o = &copy.options;
        writeln!(
            text,
            "-- copy {} {:?} delimiter={:?} quote={:?} escape={:?} null={:?} encoding={:?}{}",
            copy.relation,
            o.format,
            char::from(o.delimiter),
            char::from(o.quote),
            char::from(o.escape),
            String::from_utf8(o.null.clone()).unwrap(),
            o.encoding,
            rare_options(o)
        )
        .unwrap();
    }
    for setting in script.settings() {
        let at = &sql[setting.span.clone()];
        let local = if setting.is_local { "local " } else { "" };
        writeln!(text, "-- {local}setting {} = {:?} at {at}", setting.name, setting.value).unwrap();
    }
    for (flag, name) in [
        (script.effects.resets_role(), "resets role"),
        (script.effects.touches_settings(), "touches settings"),
        (script.effects.touches_settings() && script.states_settings(), "states settings"),
        (script.effects.changes_lexing(), "changes lexing"),
        (script.effects.ends_transaction(), "ends transaction"),
    ] {
        if flag {
            writeln!(text, "-- {name}").unwrap();
        }
    }
    for (_, write) in script.writes() {
        writeln!(text, "-- writes {}", values(sql, &script, write)).unwrap();
    }
    if script.statements.len() != 1 {
        writeln!(text, "-- statements: {}", script.statements.len()).unwrap();
    }
    if script.not_understood != 0 {
        writeln!(text, "-- not understood: {}", script.not_understood).unwrap();
    }
    if script.types.unknown != 0 {
        writeln!(text, "-- unknown types: {}", script.types.unknown).unwrap();
    }
    text
}

/// `t(a, b): 0=Integer b=Other`: the relation of a statement, the columns that it lists, and what it gives
/// to which column.
fn values(sql: &str, script: &Script, write: &WriteStatement) -> String {
    fn join<T: AsRef<[u8]>>(names: &[T], separator: &str) -> String {
        let names = names.iter().map(|name| std::str::from_utf8(name.as_ref()).unwrap());
        names.collect::<Vec<_>>().join(separator)
    }
    let relation = join(&write.name, ".");
    let listed = join(&script.listed_columns(write, sql.as_bytes()), ", ");
    let mut text = if listed.is_empty() { relation } else { format!("{relation}({listed})") };
    text.push(':');
    script.slots(write, sql.as_bytes(), &mut |slot| {
        match slot.column {
            SlotColumn::Named(name) => write!(text, " {}", String::from_utf8(name).unwrap()),
            SlotColumn::Index(index) => write!(text, " {index}"),
        }
        .unwrap();
        write!(text, "={:?}", slot.value).unwrap();
        ControlFlow::Continue(())
    });
    text
}

/// The script with its second parts as the code gives them.
fn regenerated(script: &str) -> String {
    let (mapping_options, lexing) = options(script);
    let mapping = Mapping::new(mapping_options).unwrap();
    let header = if script.starts_with("# ") { script.find('\n').unwrap() + 1 } else { 0 };
    let (header, cases) = script.split_at(header);
    let cases = cases.split("\n====\n").map(|case| {
        let sql = case.split("\n---\n").next().unwrap().trim_end_matches('\n');
        format!("{sql}\n---\n{}", outcome(sql, lexing, &mapping).trim_end_matches('\n'))
    });
    header.to_owned() + &cases.collect::<Vec<_>>().join("\n====\n") + "\n"
}

fn script_paths() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statement");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "script"));
    paths.sort();
    assert!(paths.len() >= 5, "scripts are missing: {paths:?}");
    paths
}

/// Whatever is asked of a reading, the text is cut into tokens once.
#[cfg(debug_assertions)]
#[test]
fn a_text_is_cut_into_tokens_once() {
    let mut scratch = Scratch::default();
    let mut texts = 0;
    for path in script_paths() {
        let script = std::fs::read_to_string(path).unwrap();
        let (mapping_options, lexing) = options(&script);
        let mapping = Mapping::new(mapping_options).unwrap();
        for case in script.split("\n====\n") {
            let sql = case.split("\n---\n").next().unwrap();
            let before = dms_proxy::statement::lexings();
            let script = Script::read(sql.as_bytes(), lexing, &mapping, &mut scratch);
            for (_, write) in script.writes() {
                values(sql, &script, write);
                other_uses(&script, write, sql.as_bytes(), usize::MAX);
                script.without_columns(write, sql.as_bytes(), &[b"a", b"b"], &|index| index == 1);
            }
            script.new_tables(sql.as_bytes(), &script.edits);
            let mut text = sql.as_bytes().to_vec();
            for noted in &script.constants {
                noted.constant.value(&text, lexing.encoding);
                noted.constant.mend_nul(&mut text, lexing.encoding);
                noted.constant.mend_json(&mut text, lexing.encoding);
            }
            script.give_back(&mut scratch);
            assert_eq!(dms_proxy::statement::lexings(), before + 1, "{sql}");
            texts += 1;
        }
    }
    assert!(texts > 100, "{texts}");
}

#[test]
fn scripts_give_what_they_say() {
    for path in script_paths() {
        let script = std::fs::read_to_string(&path).unwrap();
        let current = regenerated(&script);
        if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
            std::fs::write(&path, current).unwrap();
            continue;
        }
        for (expected, current) in script.split("\n====\n").zip(current.split("\n====\n")) {
            assert_eq!(expected.trim_end(), current.trim_end(), "in {}", path.display());
        }
        assert_eq!(script.trim_end(), current.trim_end(), "in {}", path.display());
    }
}

#[test]
fn every_rule_of_every_source_is_in_a_script() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statement");
    let texts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let rules = texts.iter().flat_map(|text| text.lines());
    let rules = rules.filter_map(|line| line.strip_prefix("-- rules: "));
    let named: BTreeSet<_> = rules.flat_map(|rules| rules.split(' ')).collect();
    for source in SOURCES {
        let options = MappingOptions {
            source: (*source).to_owned(),
            unbounded_numeric_as_string: true,
            ..Default::default()
        };
        for rule in Mapping::new(options).unwrap().rules() {
            if named.contains(rule.id.as_str()) {
                continue;
            }
            // What is spelled as PostgreSQL spells it gives no edit that could name the row.
            let name = rule.target.split('(').next().unwrap();
            let kept = rule.source_type.split(", ").find_map(|spelling| {
                spelling.split(" [").next().filter(|spelling| *spelling == name)
            });
            let kept = kept.or((rule.id == "numeric").then_some("NUMERIC"));
            let kept = kept.unwrap_or_else(|| panic!("{} is in no script", rule.id));
            // The sources of the MySQL family share their rows, and so their scripts.
            let source = rule.id.split_once('-').filter(|_| *source != "dms");
            let source = source.map_or("", |(source, _)| source);
            let own = texts.iter().filter(|text| match source {
                "" => !text.starts_with("# options: source="),
                source => text.starts_with(&format!("# options: source={source}")),
            });
            let mut columns = own.flat_map(|text| text.lines());
            let found = columns
                .any(|line| line.starts_with("CREATE TABLE") && line.contains(&format!(" {kept}")));
            assert!(found, "{} is in no script", rule.id);
        }
    }
}

/// The options of a COPY that are said only where they are given.
fn rare_options(options: &CopyOptions) -> String {
    let mut text = String::new();
    if options.header_lines > 0 {
        write!(text, " header={}", options.header_lines).unwrap();
    }
    if let Some(default) = &options.default {
        write!(text, " default={}", default.escape_ascii()).unwrap();
    }
    let forced = [("null", &options.force_null), ("not_null", &options.force_not_null)];
    for (name, columns) in forced {
        match columns {
            ForcedColumns::All => write!(text, " force_{name}=*").unwrap(),
            ForcedColumns::Named(names) if !names.is_empty() => {
                let names = names.join(&b',');
                write!(text, " force_{name}={}", names.escape_ascii()).unwrap();
            }
            ForcedColumns::Named(_) => {}
        }
    }
    text
}
