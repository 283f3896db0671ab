//! `dms-proxy rewrite`: a dry run over SQL scripts, psql's among them. Needs no server.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::diff::unified_diff;
use super::rewrite_report::RewriteReport;
use super::script_reader::ScriptReader;
use super::{ConfigArguments, EXIT_USAGE, exit_code, say};
use crate::colour;
use crate::policy::Policy;
use crate::script::{FileEncoding, TextUnits, decode, encode};
use crate::statement::{Replacement, replace};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct RewriteArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Say on the standard error where each change is, and what is skipped, unknown, not understood
    /// or not in PostgreSQL; count the changes by rule
    #[arg(long)]
    explain: bool,
    /// What is written to the standard output
    #[arg(long, value_enum, default_value_t = RewriteFormat::Text)]
    format: RewriteFormat,
    /// Write a unified diff instead of the SQL; the same as --format diff
    #[arg(long, conflicts_with = "format")]
    diff: bool,
    /// Write a table of the names that rules change, the source's and the target's, instead of the SQL
    #[arg(long, conflicts_with_all = ["format", "diff"])]
    names_only: bool,
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
    /// One JSON document: `files` (with the rewritten SQL), `changes`, `errors`, `notes`.
    Json,
    /// A unified diff, which `patch` applies.
    Diff,
    /// A table of the names that rules change.
    #[value(skip)]
    Names,
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
            format: match (self.diff, self.names_only) {
                (true, _) => RewriteFormat::Diff,
                (_, true) => RewriteFormat::Names,
                _ => self.format,
            },
            color: colour::is_wanted(&io::stdout()),
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
/// with such a type stays as it is. An input is read as the client program of its source reads it:
/// lines for the client and rows behind `COPY ... FROM stdin;` are passed through, and byte order
/// marks and UTF-16 stay.
///
/// # Errors
/// Those of the readers and writers, and an input in UTF-16 that is malformed.
pub fn rewrite<'a>(
    policy: &Policy,
    options: RewriteOptions,
    inputs: impl IntoIterator<Item = Input<'a>>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> io::Result<u8> {
    let scripts = ScriptReader::new(policy)?;
    let mut report = RewriteReport::new(scripts.program());
    for mut input in inputs {
        let mut bytes = Vec::new();
        input.reader.read_to_end(&mut bytes)?;
        let malformed = |what: &str| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", input.name))
        };
        let (encoding, sql) = decode(&bytes)
            .map_err(|at| malformed(&format!("character {} is not UTF-16", at + 1)))?;
        let progress: Option<&mut dyn Write> =
            if options.progress { Some(&mut *stderr) } else { None };
        let (edits, found) = scripts.read(&input.name, &sql, progress)?;
        report.add(found);
        report.explain_last(options.explain, stderr)?;
        let rewritten = || {
            let text = encode(&replace(&sql, &edits), encoding);
            text.map_err(|error| malformed(&error.to_string()))
        };
        match options.format {
            RewriteFormat::Text => stdout.write_all(&rewritten()?)?,
            RewriteFormat::Diff if encoding.units == TextUnits::Bytes => {
                let edits = behind_mark(edits, encoding);
                unified_diff(&input.name, &bytes, &edits, options.color, stdout)?;
            }
            RewriteFormat::Diff => {
                writeln!(stderr, "{}: UTF-16; the diff is of its text in UTF-8", input.name)?;
                unified_diff(&input.name, &sql, &edits, options.color, stdout)?;
            }
            RewriteFormat::Names => {}
            RewriteFormat::Json => report.set_text(&replace(&sql, &edits), encoding),
        }
    }
    if options.format == RewriteFormat::Json {
        serde_json::to_writer_pretty(&mut *stdout, &report)?;
        writeln!(stdout)?;
    }
    if options.format == RewriteFormat::Names {
        report.write_names(stdout)?;
    }
    if options.explain || options.format == RewriteFormat::Diff {
        report.summarize(&policy.mapping, stderr)?;
    } else {
        report.say_skipped(stderr)?;
    }
    Ok(u8::from(report.has_errors()))
}

/// The edits of a text, for the file that has it behind its byte order mark.
fn behind_mark(mut edits: Vec<Replacement>, encoding: FileEncoding) -> Vec<Replacement> {
    let mark = if encoding.is_marked { '\u{feff}'.len_utf8() } else { 0 };
    for edit in &mut edits {
        edit.span = edit.span.start + mark..edit.span.end + mark;
    }
    edits
}

#[cfg(test)]
mod tests;
