//! `dms-proxy rewrite`: a dry run over SQL scripts, psql's among them. Needs no server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::diff::unified_diff;
use super::dry_run::{DryRun, Planned, Refused};
use super::script_lines::{ScriptLines, line_end, rows_end};
use super::{ConfigArguments, EXIT_USAGE, exit_code, say};
use crate::mapping::{Mapping, RuleId};
use crate::policy::Policy;
use crate::rewrite::ReplacementReason;
use crate::statement::{FileStatements, Lexing, Replacement, replace};

#[derive(Debug, Args)]
pub(super) struct RewriteArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Say on the standard error where each change is, and count the changes by rule
    #[arg(long)]
    explain: bool,
    /// What is written to the standard output
    #[arg(long, value_enum, default_value_t = RewriteFormat::Text)]
    format: RewriteFormat,
    /// Write a unified diff instead of the SQL; the same as --format diff
    #[arg(long, conflicts_with = "format")]
    diff: bool,
    /// SQL scripts; the standard input if there are none, or for "-"
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// How the outcome is written to the standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum RewriteFormat {
    /// The rewritten SQL, byte-identical outside the changed spans.
    #[default]
    Text,
    /// One JSON document: `files` (with the rewritten SQL), `changes`, `errors`.
    Json,
    /// A unified diff, which `patch` applies.
    Diff,
}

/// What `rewrite` is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RewriteOptions {
    /// Whether every change is explained on the standard error, with a summary by rule.
    pub explain: bool,
    /// The form of the standard output.
    pub format: RewriteFormat,
    /// Whether a diff is coloured, as for a terminal.
    pub color: bool,
    /// Whether long scripts say on the standard error how far they are, as for a terminal.
    pub progress: bool,
}

/// Statements between two words about the progress.
const PROGRESS_STATEMENTS: usize = 1000;

/// A script to rewrite: its name for messages, and where it is read from.
pub struct Input<'a> {
    /// The name of the file.
    pub name: String,
    /// Its bytes.
    pub reader: Box<dyn Read + 'a>,
}

impl RewriteArguments {
    pub(super) fn run(&self) -> ExitCode {
        let policy = match self.config.policy() {
            Ok(policy) => policy,
            Err(code) => return code,
        };
        // All files are opened before anything is written: a wrong name is a wrong call.
        let inputs = if self.files.is_empty() {
            Ok(vec![standard_input()])
        } else {
            self.files.iter().map(open).collect::<Result<Vec<_>, _>>()
        };
        let inputs = match inputs {
            Ok(inputs) => inputs,
            Err(message) => {
                say(&format!("dms-proxy: {message}"));
                return ExitCode::from(EXIT_USAGE);
            }
        };
        let options = RewriteOptions {
            explain: self.explain,
            format: if self.diff { RewriteFormat::Diff } else { self.format },
            color: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            progress: io::stderr().is_terminal(),
        };
        let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
        exit_code(rewrite(&policy, options, inputs, &mut stdout, &mut stderr))
    }
}

fn standard_input() -> Input<'static> {
    Input { name: "stdin".into(), reader: Box::new(io::stdin()) }
}

fn open(path: &PathBuf) -> Result<Input<'static>, String> {
    if path.as_os_str() == "-" {
        return Ok(standard_input());
    }
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => Ok(Input { name, reader: Box::new(file) }),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// Rewrites every input and gives the exit code: 0, or 1 if a type cannot be mapped. A statement
/// with such a type stays as it is. Rows behind `COPY ... FROM stdin;` and psql's backslash
/// commands at the start of a statement are passed through.
///
/// # Errors
/// Those of the readers and writers.
pub fn rewrite<'a>(
    policy: &Policy,
    options: RewriteOptions,
    inputs: impl IntoIterator<Item = Input<'a>>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> io::Result<u8> {
    let mut report = RewriteReport::default();
    for mut input in inputs {
        let mut sql = Vec::new();
        input.reader.read_to_end(&mut sql)?;
        let noted = (report.changes.len(), report.errors.len());
        let progress: Option<&mut dyn Write> =
            if options.progress { Some(&mut *stderr) } else { None };
        let edits = report.read(&input.name, &sql, policy, progress)?;
        report.explain(noted, options.explain, stderr)?;
        match options.format {
            RewriteFormat::Text => stdout.write_all(&replace(&sql, &edits))?,
            RewriteFormat::Diff => {
                unified_diff(&input.name, &sql, &edits, options.color, stdout)?;
            }
            RewriteFormat::Json => {
                let rewritten = replace(&sql, &edits);
                if let Some(file) = report.files.last_mut() {
                    let utf8 = std::str::from_utf8(&rewritten).is_ok();
                    file.encoding = if utf8 { "UTF8" } else { "LATIN1" };
                    file.sql = text(&rewritten);
                }
            }
        }
    }
    if options.format == RewriteFormat::Json {
        serde_json::to_writer_pretty(&mut *stdout, &report)?;
        writeln!(stdout)?;
    }
    if options.explain || options.format == RewriteFormat::Diff {
        report.summarize(&policy.mapping, stderr)?;
    }
    Ok(u8::from(!report.errors.is_empty()))
}

/// What was done, over all inputs; the JSON document.
#[derive(Debug, Default, Serialize)]
struct RewriteReport {
    files: Vec<ScriptReport>,
    changes: Vec<RewriteChange>,
    errors: Vec<RewriteError>,
}

#[derive(Debug, Serialize)]
struct ScriptReport {
    file: String,
    statements: usize,
    not_understood: usize,
    /// Columns whose type neither the tables nor PostgreSQL know.
    unknown_types: usize,
    /// How `sql` is to be encoded to give the bytes of the rewritten file.
    encoding: &'static str,
    sql: String,
}

/// Where something stands. Statement, line and column count from 1, the offset (bytes) from 0;
/// the column is in characters.
#[derive(Clone, Debug, Serialize)]
struct At {
    file: String,
    statement: usize,
    line: usize,
    column: usize,
    offset: usize,
}

#[derive(Debug, Serialize)]
struct RewriteChange {
    #[serde(flatten)]
    at: At,
    before: String,
    after: String,
    rule: String,
    #[serde(skip)]
    reason: ReplacementReason,
}

#[derive(Debug, Serialize)]
struct RewriteError {
    #[serde(flatten)]
    at: At,
    before: String,
    message: String,
    hint: String,
}

impl RewriteReport {
    /// Reads a script, notes what is found, and gives the edits to make.
    fn read(
        &mut self,
        name: &str,
        sql: &[u8],
        policy: &Policy,
        mut progress: Option<&mut dyn Write>,
    ) -> io::Result<Vec<Replacement>> {
        let mut edits = Vec::new();
        let mut dry_run = DryRun::new(policy);
        let mut file = ScriptReport {
            file: name.to_owned(),
            statements: 0,
            not_understood: 0,
            unknown_types: 0,
            encoding: "UTF8",
            sql: String::new(),
        };
        let mut lines = ScriptLines::new(sql);
        let mut statements = FileStatements::new(sql, Lexing::default(), &policy.mapping);
        loop {
            let start = statements.next_offset();
            if sql.get(start) == Some(&b'\\') {
                statements.seek(line_end(sql, start));
                continue;
            }
            let Some(script) = statements.next() else { break };
            // One that is too long to be read has no span, and is the last.
            let span =
                script.statements.first().map_or(start..sql.len(), |found| found.span.clone());
            let has_rows = script.copies().next().is_some();
            file.statements += 1;
            file.not_understood += script.not_understood + usize::from(script.is_too_long);
            file.unknown_types += script.unknown_types;
            if file.statements.is_multiple_of(PROGRESS_STATEMENTS)
                && let Some(stderr) = &mut progress
            {
                let percent = 100 * span.end / sql.len().max(1);
                write!(stderr, "\r{name}: {} statements, {percent} %", file.statements)?;
                stderr.flush()?;
            }
            let mut at = |span: &Range<usize>| {
                let (line, column) = lines.position(span.start);
                let statement = file.statements;
                At { file: name.to_owned(), statement, line, column, offset: span.start }
            };
            let outcome = dry_run.statement(sql.get(span.clone()).unwrap_or_default());
            edits.extend(self.note(outcome, (sql, span.start), &mut at, &policy.mapping));
            if has_rows {
                statements.seek(rows_end(sql, span.end));
            }
            statements.give_back(script);
        }
        if let Some(stderr) = progress.filter(|_| file.statements >= PROGRESS_STATEMENTS) {
            // What was said gives way to what is said next.
            write!(stderr, "\r\x1b[K")?;
        }
        self.files.push(file);
        Ok(edits)
    }

    /// Notes what becomes of the statement of `sql` that starts at `start`, and gives the edits to make.
    fn note(
        &mut self,
        outcome: Result<Vec<Planned>, Refused>,
        (sql, start): (&[u8], usize),
        at: &mut dyn FnMut(&Range<usize>) -> At,
        mapping: &Mapping,
    ) -> Vec<Replacement> {
        let before = |span: &Range<usize>| text(sql.get(span.clone()).unwrap_or_default());
        let from_start = |span: Range<usize>| start + span.start..start + span.end;
        let planned = match outcome {
            Ok(planned) => planned,
            Err(Refused { span, message, hint }) => {
                let span = from_start(span);
                let (at, before) = (at(&span), before(&span));
                self.errors.push(RewriteError { at, before, message, hint });
                return Vec::new();
            }
        };
        let edit = |Planned { replacement, reason }: Planned| {
            let Replacement { span, text: after } = replacement;
            let span = from_start(span);
            self.changes.push(RewriteChange {
                at: at(&span),
                before: before(&span),
                after: text(&after),
                rule: rule_name(reason, mapping),
                reason,
            });
            Replacement { span, text: after }
        };
        planned.into_iter().map(edit).collect()
    }

    /// Says what was noted since `noted` changes and errors.
    fn explain(
        &self,
        noted: (usize, usize),
        changes: bool,
        stderr: &mut dyn Write,
    ) -> io::Result<()> {
        let one_line = |text: &str| text.replace(['\n', '\r'], " ");
        if changes {
            for RewriteChange { at, before, after, rule, .. } in self.changes.iter().skip(noted.0) {
                let At { file, line, column, .. } = at;
                let before = one_line(before);
                writeln!(stderr, "{file}:{line}:{column}: {before} -> {after} ({rule})")?;
            }
        }
        for RewriteError { at, message, hint, .. } in self.errors.iter().skip(noted.1) {
            let At { file, line, column, .. } = at;
            writeln!(stderr, "{file}:{line}:{column}: error: {message}")?;
            writeln!(stderr, "{file}:{line}:{column}: hint: {hint}")?;
        }
        Ok(())
    }

    /// Says how often each rule was used.
    fn summarize(&self, mapping: &Mapping, stderr: &mut dyn Write) -> io::Result<()> {
        let mut types: BTreeMap<RuleId, usize> = BTreeMap::new();
        let mut others: BTreeMap<&str, usize> = BTreeMap::new();
        for change in &self.changes {
            match change.reason {
                ReplacementReason::Type(id) => *types.entry(id).or_default() += 1,
                ReplacementReason::Rule(_) | ReplacementReason::Refused => {
                    *others.entry(&change.rule).or_default() += 1
                }
            }
        }
        for (id, count) in types {
            let Some(rule) = mapping.rule(id) else { continue };
            let legs = match rule.dms == rule.source_type || rule.dms.is_empty() {
                true => rule.source_type.clone(),
                false => format!("{} -> {}", rule.source_type, rule.dms),
            };
            writeln!(stderr, "{count:>8}  {}: {legs} -> {}", rule.id, rule.target)?;
        }
        for (rule, count) in others {
            writeln!(stderr, "{count:>8}  {rule}")?;
        }
        let statements: usize = self.files.iter().map(|file| file.statements).sum();
        let not_understood: usize = self.files.iter().map(|file| file.not_understood).sum();
        let unknown_types: usize = self.files.iter().map(|file| file.unknown_types).sum();
        if unknown_types > 0 {
            writeln!(
                stderr,
                "{unknown_types:>8}  columns of a type that nobody knows, left alone"
            )?;
        }
        writeln!(
            stderr,
            "{:>8}  changes in {statements} statements; {not_understood} not understood, {} with \
             a type that cannot be mapped",
            self.changes.len(),
            self.errors.len()
        )
    }
}

fn rule_name(reason: ReplacementReason, mapping: &Mapping) -> String {
    match reason {
        ReplacementReason::Type(id) => {
            mapping.rule(id).map_or_else(String::new, |rule| rule.id.clone())
        }
        ReplacementReason::Rule(name) => name.to_owned(),
        ReplacementReason::Refused => String::new(),
    }
}

/// Bytes as a string: UTF-8, or else one character a byte, so that nothing is lost.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// Exit code, standard output, standard error.
    fn run(sql: &[u8], explain: bool, format: RewriteFormat) -> (u8, Vec<u8>, String) {
        let policy = Config::default().policy().unwrap();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let input = Input { name: "a.sql".into(), reader: Box::new(sql) };
        let options = RewriteOptions { explain, format, ..RewriteOptions::default() };
        let code = rewrite(&policy, options, [input], &mut stdout, &mut stderr).unwrap();
        (code, stdout, String::from_utf8(stderr).unwrap())
    }

    #[test]
    fn changes_are_explained_by_line_and_column() {
        let sql = "-- Größe\nCREATE TABLE \"ä\" (a UINT4,\n\tb STRING\n (5));\nSELECT 1;\n";
        let (code, stdout, stderr) = run(sql.as_bytes(), true, RewriteFormat::Text);
        assert_eq!(code, 0);
        assert_eq!(
            String::from_utf8(stdout).unwrap(),
            "-- Größe\nCREATE TABLE \"ä\" (a BIGINT,\n\tb VARCHAR(5));\nSELECT 1;\n"
        );
        assert_eq!(
            stderr,
            "a.sql:2:21: UINT4 -> BIGINT (uint4)\n\
             a.sql:3:4: STRING  (5) -> VARCHAR(5) (string-1-21845)\n\
             \x20      1  string-1-21845: STRING -> VARCHAR(n)\n\
             \x20      1  uint4: UINT4 -> BIGINT\n\
             \x20      2  changes in 2 statements; 0 not understood, 0 with a type that cannot be \
             mapped\n"
        );
    }

    #[test]
    fn every_statement_with_an_unmappable_type_is_named_and_left_alone() {
        let sql = "CREATE TABLE t (a UINT4, b STRING(0));\nCREATE TABLE u (a UINT4);\n\
                   CREATE TABLE v (a DATETIME(10));\n";
        let (code, stdout, stderr) = run(sql.as_bytes(), false, RewriteFormat::Text);
        assert_eq!(code, 1);
        assert_eq!(String::from_utf8(stdout).unwrap(), sql.replace("u (a UINT4)", "u (a BIGINT)"));
        let errors: Vec<_> = stderr.lines().filter(|line| line.contains(": error: ")).collect();
        assert_eq!(errors.len(), 2);
        assert!(errors[0].starts_with("a.sql:1:28: ") && errors[1].starts_with("a.sql:3:19: "));
        assert_eq!(stderr.lines().filter(|line| line.contains(": hint: Write ")).count(), 2);
    }

    #[test]
    fn rows_and_meta_commands_of_psql_pass_through() {
        let sql = "\\connect 'it\nCREATE TABLE t (a UINT4);\n\
                   COPY t (a, b) FROM stdin;\n1\tCREATE TABLE x (a UINT4);\n\\.x\n'\t/*\n\\.\n\
                   \\echo it's ::uint4\nCOPY u FROM stdin;\n\\.\nCREATE TABLE u (a CLOB);\n";
        let (code, stdout, _) = run(sql.as_bytes(), false, RewriteFormat::Text);
        let expected = sql.replace("t (a UINT4)", "t (a BIGINT)").replace("CLOB", "TEXT");
        assert_eq!((code, String::from_utf8(stdout).unwrap()), (0, expected));
    }

    #[test]
    fn json_holds_files_changes_and_errors() {
        let sql = b"SELECT 1;\nSELECT 'x'::uint4, '\xE4'; SELECT 1::string(0)";
        let (code, stdout, _) = run(sql, false, RewriteFormat::Json);
        let json: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
        assert_eq!(code, 1);
        let change = &json["changes"][0];
        assert_eq!(change["file"], "a.sql");
        assert_eq!((&change["statement"], &change["line"]), (&2.into(), &2.into()));
        assert_eq!((&change["column"], &change["offset"]), (&13.into(), &22.into()));
        assert_eq!((&change["before"], &change["after"]), (&"uint4".into(), &"BIGINT".into()));
        assert_eq!(change["rule"], "uint4");
        assert_eq!(json["errors"][0]["statement"], 3);
        assert_eq!(json["files"][0]["encoding"], "LATIN1");
        assert_eq!(
            json["files"][0]["sql"],
            "SELECT 1;\nSELECT 'x'::BIGINT, 'ä'; SELECT 1::string(0)"
        );
    }

    #[test]
    fn a_diff_comes_with_a_summary_and_progress_is_wiped_out() {
        let sql = "SELECT 1::uint4;\n".repeat(2500) + "CREATE TABLE t (a VARCHAR2(3));\n";
        let policy = Config::default().policy().unwrap();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let input = Input { name: "a.sql".into(), reader: Box::new(sql.as_bytes()) };
        let format = RewriteFormat::Diff;
        let options = RewriteOptions { format, progress: true, ..RewriteOptions::default() };
        assert_eq!(rewrite(&policy, options, [input], &mut stdout, &mut stderr).unwrap(), 0);
        let (stdout, stderr) =
            (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(stdout.starts_with("--- a/a.sql\n+++ b/a.sql\n@@ -1,2501 +1,2501 @@\n"));
        assert_eq!(stdout.matches("\n+SELECT 1::BIGINT;").count(), 2500);
        let said: Vec<_> = stderr.split('\r').collect();
        assert_eq!(said.get(1), Some(&"a.sql: 1000 statements, 39 %"));
        assert!(said.last().unwrap().starts_with("\x1b[K    2500  uint4: UINT4 -> BIGINT\n"));
        assert!(stderr.contains("       1  columns of a type that nobody knows"), "{stderr}");
    }

    #[test]
    fn bytes_that_are_not_utf8_stay() {
        let sql = b"CREATE TABLE t (\xE4\xFF UINT1, b \x80);";
        let (code, stdout, _) = run(sql, false, RewriteFormat::Text);
        assert_eq!((code, stdout), (0, b"CREATE TABLE t (\xE4\xFF SMALLINT, b \x80);".to_vec()));
    }
}
