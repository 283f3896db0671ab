//! What the dry run found in scripts: the JSON document, and what is said of it to a person. Reads no SQL.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::mapping::{Mapping, RuleId};
use crate::rewrite::ReplacementReason;
use crate::script::{ClientProgram, FileEncoding, TextUnits};

/// What was done, over all inputs; the JSON document.
#[derive(Debug, Serialize)]
pub(super) struct RewriteReport {
    files: Vec<ScriptReport>,
    changes: Vec<RewriteChange>,
    errors: Vec<RewriteError>,
    /// What was skipped or not understood, and what PostgreSQL does not have.
    notes: Vec<RewriteNote>,
    /// The names that differ, the source's and the target's, in the order in which they were met.
    names: Vec<(String, String)>,
    #[serde(skip)]
    program: ClientProgram,
    /// The changes, errors and notes that have been explained.
    #[serde(skip)]
    explained: (usize, usize, usize),
}

/// What was found in one script.
#[derive(Debug, Default, Serialize)]
pub(super) struct ScriptReport {
    pub(super) file: String,
    pub(super) statements: usize,
    pub(super) not_understood: usize,
    /// Columns whose type neither the tables nor PostgreSQL know.
    pub(super) unknown_types: usize,
    /// Definitions of tables, wherever they stand in statements.
    pub(super) create_tables: usize,
    /// Those of them that were read to the end.
    pub(super) create_tables_understood: usize,
    /// Lines for the client program, which pass through, counted by their first words.
    pub(super) skipped: BTreeMap<String, usize>,
    /// How `sql` is to be encoded to give the bytes of the rewritten file.
    encoding: &'static str,
    sql: String,
}

/// Where something stands. Statement, line and column count from 1, the offset from 0: in bytes,
/// without a byte order mark and in UTF-8 if the file is UTF-16. The column is in characters.
#[derive(Clone, Debug, Serialize)]
pub(super) struct At {
    pub(super) file: String,
    pub(super) statement: usize,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) offset: usize,
}

/// A change that is made.
#[derive(Debug, Serialize)]
pub(super) struct RewriteChange {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) rule: String,
    #[serde(skip)]
    pub(super) reason: ReplacementReason,
}

/// Why a statement stays as it is.
#[derive(Debug, Serialize)]
pub(super) struct RewriteError {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) before: String,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Something that a person should know of.
#[derive(Debug, Serialize)]
pub(super) struct RewriteNote {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) kind: NoteKind,
    pub(super) text: String,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NoteKind {
    /// A line for the client program.
    Skipped,
    /// A statement whose shape is not known.
    NotUnderstood,
    /// Where in such a statement the reading has failed.
    OddSpot,
    /// A string, quoted name or comment that goes to the end of the script.
    Unterminated,
    /// A column's type that neither the tables nor PostgreSQL know.
    UnknownType,
    /// A clause that PostgreSQL does not have.
    NotInPostgresql,
    /// A column of decimals that refers to one of integers, or to one of which the type is not known.
    ForeignKey,
}

/// What is found while a script is read.
#[derive(Debug, Default)]
pub(super) struct ScriptFindings {
    pub(super) script: ScriptReport,
    pub(super) changes: Vec<RewriteChange>,
    pub(super) errors: Vec<RewriteError>,
    pub(super) notes: Vec<RewriteNote>,
    /// The names that differ, the source's and the target's.
    pub(super) names: Vec<(String, String)>,
}

impl RewriteReport {
    /// A report of nothing yet, about scripts for a client program.
    pub(super) fn new(program: ClientProgram) -> RewriteReport {
        RewriteReport {
            files: Vec::new(),
            changes: Vec::new(),
            errors: Vec::new(),
            notes: Vec::new(),
            names: Vec::new(),
            program,
            explained: (0, 0, 0),
        }
    }

    /// Takes what was found in a script.
    pub(super) fn add(&mut self, found: ScriptFindings) {
        self.files.push(found.script);
        self.changes.extend(found.changes);
        self.errors.extend(found.errors);
        self.notes.extend(found.notes);
        for pair in found.names {
            if !self.names.contains(&pair) {
                self.names.push(pair);
            }
        }
    }

    /// Writes a table of the names that differ: the source's, a tab, and the target's.
    ///
    /// # Errors
    /// Those of the writer.
    pub(super) fn write_names(&self, stdout: &mut dyn Write) -> io::Result<()> {
        let width = self.names.iter().map(|(source, _)| source.chars().count()).max().unwrap_or(0);
        let width = width.max("source".len());
        if !self.names.is_empty() {
            writeln!(stdout, "{:<width$}  target", "source")?;
        }
        for (source, target) in &self.names {
            writeln!(stdout, "{source:<width$}  {target}")?;
        }
        Ok(())
    }

    /// Takes the rewritten text of the script that was read last.
    pub(super) fn set_text(&mut self, rewritten: &[u8], encoding: FileEncoding) {
        let Some(file) = self.files.last_mut() else { return };
        file.encoding = match encoding.units {
            TextUnits::Utf16Le => "UTF16LE",
            TextUnits::Utf16Be => "UTF16BE",
            TextUnits::Bytes if std::str::from_utf8(rewritten).is_ok() => "UTF8",
            TextUnits::Bytes => "LATIN1",
        };
        // The mark in LATIN1 is its bytes.
        let mark = match (encoding.is_marked, file.encoding) {
            (false, _) => "",
            (true, "LATIN1") => "\u{ef}\u{bb}\u{bf}",
            (true, _) => "\u{feff}",
        };
        file.sql = format!("{mark}{}", text(rewritten));
    }

    /// Whether a type could not be mapped.
    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Says what was noted since this was last called; errors alone unless `all` is asked for.
    ///
    /// # Errors
    /// Those of the writer.
    pub(super) fn explain_last(&mut self, all: bool, stderr: &mut dyn Write) -> io::Result<()> {
        let one_line = |text: &str| text.replace(['\n', '\r'], " ");
        let program = self.program;
        let (changes, errors, notes) = self.explained;
        if all {
            for RewriteChange { at, before, after, rule, .. } in self.changes.iter().skip(changes) {
                let At { file, line, column, .. } = at;
                let before = one_line(before);
                writeln!(stderr, "{file}:{line}:{column}: {before} -> {after} ({rule})")?;
            }
            for RewriteNote { at, kind, text } in self.notes.iter().skip(notes) {
                let At { file, line, column, .. } = at;
                let what = match kind {
                    NoteKind::Skipped => format!("line for {}, passed through", program.name()),
                    NoteKind::NotUnderstood => "not understood".to_owned(),
                    NoteKind::OddSpot => "not understood from here".to_owned(),
                    NoteKind::Unterminated => "not ended".to_owned(),
                    NoteKind::UnknownType => "unknown type, left alone".to_owned(),
                    NoteKind::NotInPostgresql => "not in PostgreSQL".to_owned(),
                    NoteKind::ForeignKey => {
                        "foreign key of decimals, which must refer to decimals".to_owned()
                    }
                };
                writeln!(stderr, "{file}:{line}:{column}: {what}: {}", one_line(text))?;
            }
        }
        for RewriteError { at, message, hint, .. } in self.errors.iter().skip(errors) {
            let At { file, line, column, .. } = at;
            writeln!(stderr, "{file}:{line}:{column}: error: {message}")?;
            writeln!(stderr, "{file}:{line}:{column}: hint: {hint}")?;
        }
        self.explained = (self.changes.len(), self.errors.len(), self.notes.len());
        Ok(())
    }

    /// Says how often each rule was used, what was left alone, and how much was understood.
    ///
    /// # Errors
    /// Those of the writer.
    pub(super) fn summarize(&self, mapping: &Mapping, stderr: &mut dyn Write) -> io::Result<()> {
        self.say_rules(mapping, stderr)?;
        let sum = |count: fn(&ScriptReport) -> usize| self.files.iter().map(count).sum::<usize>();
        let unknown_types = sum(|file| file.unknown_types);
        if unknown_types > 0 {
            writeln!(
                stderr,
                "{unknown_types:>8}  columns of a type that nobody knows, left alone"
            )?;
        }
        let clauses = self.notes.iter().filter(|note| note.kind == NoteKind::NotInPostgresql);
        let clauses = clauses.count();
        if clauses > 0 {
            writeln!(stderr, "{clauses:>8}  clauses that PostgreSQL does not have, left alone")?;
        }
        self.write_skipped(stderr)?;
        writeln!(
            stderr,
            "{:>8}  changes in {} statements; {} not understood, {} with a type that cannot be \
             mapped",
            self.changes.len(),
            sum(|file| file.statements),
            sum(|file| file.not_understood),
            self.errors.len()
        )?;
        let (all, understood) =
            (sum(|file| file.create_tables), sum(|file| file.create_tables_understood));
        writeln!(stderr, "{understood:>8}  of {all} CREATE TABLEs understood")
    }

    /// Says how often each rule was used.
    fn say_rules(&self, mapping: &Mapping, stderr: &mut dyn Write) -> io::Result<()> {
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
        Ok(())
    }

    /// Says how many lines were for a client other than psql, which cannot run them.
    ///
    /// # Errors
    /// Those of the writer.
    pub(super) fn say_skipped(&self, stderr: &mut dyn Write) -> io::Result<()> {
        if self.program == ClientProgram::Psql {
            return Ok(());
        }
        self.write_skipped(stderr)
    }

    fn write_skipped(&self, stderr: &mut dyn Write) -> io::Result<()> {
        let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
        for (kind, count) in self.files.iter().flat_map(|file| &file.skipped) {
            *skipped.entry(kind).or_default() += count;
        }
        let all: usize = skipped.values().sum();
        if all == 0 {
            return Ok(());
        }
        let kinds: Vec<String> =
            skipped.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let program = self.program.name();
        writeln!(stderr, "{all:>8}  lines for {program}, passed through: {}", kinds.join(", "))
    }
}

/// Bytes as a string: UTF-8, or else one character a byte, so that nothing is lost.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}
