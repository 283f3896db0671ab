//! Reads a script as the client program of its source does, and gives each statement to the dry run. Notes what
//! was found and where; writes nothing but how far it is.

use std::io::{self, Write};
use std::ops::Range;

use super::dry_run::{DryRun, Planned, Refused};
use super::rewrite_report::{
    At, NoteKind, RewriteChange, RewriteError, RewriteNote, ScriptFindings, text,
};
use super::script_lines::ScriptLines;
use crate::mapping::{Mapping, MappingOptions, UnknownTypes};
use crate::policy::Policy;
use crate::rewrite::{MisfitKey, ReplacementReason};
use crate::script::{
    ClientProgram, Segment, SegmentKind, foreign_clauses, readable, segments, table_definitions,
    unterminated,
};
use crate::statement::script::{Scratch, Script};
use crate::statement::{FileStatements, Lexing, Replacement};

/// Statements between two words about the progress.
const PROGRESS_STATEMENTS: usize = 1000;

/// The most unknown types of a statement that are named; each is a reading of the statement.
const NAMED_TYPES_MAX: usize = 50;

/// The most characters of a statement or a line that are shown.
const SHOWN_CHARACTERS: usize = 80;

/// Reads scripts by one policy.
#[derive(Debug)]
pub(super) struct ScriptReader<'p> {
    policy: &'p Policy,
    program: ClientProgram,
    /// The mapping that refuses unknown types, by which they are found.
    strict: Mapping,
}

impl<'p> ScriptReader<'p> {
    /// A reader for scripts of the policy's source.
    ///
    /// # Errors
    /// The policy's mapping cannot be made again.
    pub(super) fn new(policy: &'p Policy) -> io::Result<ScriptReader<'p>> {
        let options = policy.mapping.options().clone();
        let program = ClientProgram::of(&options.source);
        let strict = Mapping::new(MappingOptions { unknown: UnknownTypes::Error, ..options })
            .map_err(io::Error::other)?;
        Ok(ScriptReader { policy, program, strict })
    }

    /// The client program whose scripts it reads.
    pub(super) fn program(&self) -> ClientProgram {
        self.program
    }

    /// Reads a script; gives the edits to make and what was found.
    ///
    /// # Errors
    /// Those of the writer.
    pub(super) fn read(
        &self,
        name: &str,
        sql: &[u8],
        mut progress: Option<&mut dyn Write>,
    ) -> io::Result<(Vec<Replacement>, ScriptFindings)> {
        let mut found = ScriptFindings::default();
        found.script.file = name.to_owned();
        let mut reading = OpenScript {
            reader: self,
            sql,
            lines: ScriptLines::new(sql),
            dry_run: DryRun::new(self.policy),
            found,
            edits: Vec::new(),
        };
        let (mut said, mut last) = (0, 0);
        for Segment { span, kind } in segments(sql, self.program) {
            match kind {
                SegmentKind::Statement { has_backslash_escapes } => {
                    // Those of other engines are masked in the readable text.
                    let standard_conforming_strings =
                        !(has_backslash_escapes && self.program == ClientProgram::Psql);
                    let lexing = Lexing { standard_conforming_strings, ..Lexing::default() };
                    reading.segment(span.clone(), lexing);
                }
                SegmentKind::Command => reading.skipped(span.clone()),
                SegmentKind::Terminator => reading.terminator(span.clone()),
                SegmentKind::Rows => {}
            }
            // From here on nothing is known to be ended.
            last = match kind {
                SegmentKind::Statement { .. } => span.start,
                _ => span.end,
            };
            let statements = reading.found.script.statements;
            if statements / PROGRESS_STATEMENTS > said
                && let Some(stderr) = &mut progress
            {
                said = statements / PROGRESS_STATEMENTS;
                let percent = 100 * span.end / sql.len().max(1);
                write!(stderr, "\r{name}: {statements} statements, {percent} %")?;
                stderr.flush()?;
            }
        }
        reading.note_unterminated(last);
        reading.found.names = reading.dry_run.pairs().to_vec();
        if let Some(stderr) = progress.filter(|_| said > 0) {
            // What was said gives way to what is said next.
            write!(stderr, "\r\x1b[K")?;
        }
        Ok((reading.edits, reading.found))
    }
}

/// One script while it is read.
struct OpenScript<'r> {
    reader: &'r ScriptReader<'r>,
    sql: &'r [u8],
    lines: ScriptLines<'r>,
    dry_run: DryRun<'r>,
    found: ScriptFindings,
    edits: Vec<Replacement>,
}

/// A statement in the text that is read of it.
struct StatementText<'s> {
    /// Where it starts in the script.
    start: usize,
    /// As PostgreSQL's lexer can cut it.
    readable: &'s [u8],
    lexing: Lexing,
}

impl<'r> OpenScript<'r> {
    /// The statements of a part of the script that the client sends as one.
    fn segment(&mut self, span: Range<usize>, lexing: Lexing) {
        let (sql, program) = (self.sql, self.reader.program);
        let original = sql.get(span.clone()).unwrap_or_default();
        let readable = readable(original, program);
        let mapping = &*self.reader.policy.mapping;
        let mut statements = FileStatements::new(&readable, lexing, mapping);
        loop {
            let start = statements.next_offset();
            let Some(script) = statements.next() else { break };
            // One that is too long to be read has no span, and is the last.
            let own =
                script.statements.first().map_or(start..readable.len(), |found| found.span.clone());
            let readable = readable.get(own.clone()).unwrap_or_default();
            let start = span.start + own.start;
            self.statement(&script, &StatementText { start, readable, lexing });
            statements.give_back(script);
        }
    }

    fn statement(&mut self, script: &Script, text: &StatementText<'_>) {
        self.found.script.statements += 1;
        self.lines.position(text.start);
        let outcome = self.dry_run.statement(text.readable, text.lexing);
        self.note_outcome(outcome, text);
        for MisfitKey { span, text: shown } in self.dry_run.take_misfit_keys() {
            let at = self.at(&mut self.lines.clone(), text.start + span.start);
            self.found.notes.push(RewriteNote { at, kind: NoteKind::ForeignKey, text: shown });
        }
        self.note_reading(script, text);
        let unknown = self.dry_run.types().unknown;
        if unknown > 0 {
            self.found.script.unknown_types += unknown;
            self.note_unknown_types(unknown, text);
        }
        let mut lines = self.lines;
        for Range { start, end } in foreign_clauses(text.readable, self.reader.program) {
            let span = text.start + start..text.start + end;
            self.note(&mut lines, span, NoteKind::NotInPostgresql);
        }
    }

    /// Whether the statement, and the definitions of tables in it, were understood.
    fn note_reading(&mut self, script: &Script, text: &StatementText<'_>) {
        let definitions = table_definitions(text.readable, self.reader.program);
        let is_read = script.not_understood == 0 && !script.is_too_long;
        let understood = definitions.iter().filter(|table| is_read && table.is_whole).count();
        self.found.script.create_tables += definitions.len();
        self.found.script.create_tables_understood += understood;
        if is_read && understood == definitions.len() {
            return;
        }
        self.found.script.not_understood += script.not_understood.max(1);
        let mut lines = self.lines;
        let end = text.start + text.readable.len();
        self.note(&mut lines, text.start..end, NoteKind::NotUnderstood);
        let own = script.statements.first().map_or(0, |statement| statement.span.start);
        for spot in &script.odd_spots {
            let spot = text.start + spot.saturating_sub(own);
            self.note(&mut lines, spot..end.max(spot), NoteKind::OddSpot);
        }
        for table in definitions.iter().filter(|table| table.start > 0) {
            self.note(&mut lines, text.start + table.start..end, NoteKind::NotUnderstood);
        }
    }

    /// Names the types that nobody knows. A mapping that refuses them says where the first one is; behind a
    /// known one in its place the next one is the first.
    fn note_unknown_types(&mut self, count: usize, text: &StatementText<'_>) {
        const KNOWN: &[u8] = b"int";
        let (mut copy, mut scratch) = (text.readable.to_vec(), Scratch::default());
        let (mut lines, mut longer, mut shorter) = (self.lines, 0, 0);
        for _ in 0..count.min(NAMED_TYPES_MAX) {
            let aliases = &self.dry_run.types().aliases;
            let strict = &self.reader.strict;
            let script = Script::read_behind(&copy, text.lexing, strict, aliases, &mut scratch);
            let Some(Range { start, end }) = script.fault.map(|fault| fault.span) else { return };
            let at = text.start + start + shorter - longer;
            self.note(&mut lines, at..at + (end - start), NoteKind::UnknownType);
            (longer, shorter) = (longer + KNOWN.len(), shorter + (end - start));
            copy.splice(start..end, KNOWN.iter().copied());
        }
    }

    /// Notes what becomes of a statement, and the edits to make.
    fn note_outcome(
        &mut self,
        outcome: Result<Vec<Planned>, Refused>,
        statement: &StatementText<'_>,
    ) {
        let (sql, start) = (self.sql, statement.start);
        let from_start = |span: Range<usize>| start + span.start..start + span.end;
        let mut lines = self.lines;
        let planned = match outcome {
            Ok(planned) => planned,
            Err(Refused { span, message, hint }) => {
                let span = from_start(span);
                let (at, before) = (self.at(&mut lines, span.start), shown_whole(sql, &span));
                self.found.errors.push(RewriteError { at, before, message, hint });
                return;
            }
        };
        for Planned { replacement: Replacement { span, text: after }, reason } in planned {
            let read = statement.readable.get(span.clone());
            let span = from_start(span);
            // The values of constants that are masked are not known.
            if !matches!(reason, ReplacementReason::Type(_)) && read != sql.get(span.clone()) {
                continue;
            }
            let change = RewriteChange {
                at: self.at(&mut lines, span.start),
                before: shown_whole(sql, &span),
                after: text(&after),
                rule: rule_name(reason, &self.reader.policy.mapping),
                reason,
            };
            self.found.changes.push(change);
            self.edits.push(Replacement { span, text: after });
        }
    }

    /// Notes what begins behind an offset and that nothing ends: all behind it was taken for a part of it.
    fn note_unterminated(&mut self, from: usize) {
        let rest = self.sql.get(from..).unwrap_or_default();
        let Some(start) = unterminated(rest, self.reader.program) else { return };
        self.found.script.not_understood += 1;
        let mut lines = self.lines;
        self.note(&mut lines, from + start..self.sql.len(), NoteKind::Unterminated);
    }

    /// A line for the client.
    fn skipped(&mut self, span: Range<usize>) {
        let line = self.sql.get(span.clone()).unwrap_or_default().trim_ascii();
        let is_mark = |byte: &u8| !byte.is_ascii_alphanumeric() && !byte.is_ascii_whitespace();
        let marks = line.iter().take_while(|byte| is_mark(byte)).count();
        let behind = line.get(marks..).unwrap_or_default();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let word = behind.iter().take_while(|byte| is_word(byte)).count();
        // What runs another file has its name behind the mark.
        let length = if line.starts_with(b"@") { marks } else { marks + word };
        let kind = text(line.get(..length).unwrap_or_default());
        let kind = if marks == 0 { kind.to_uppercase() } else { kind };
        *self.found.script.skipped.entry(kind).or_default() += 1;
        let mut lines = self.lines;
        self.note(&mut lines, span.clone(), NoteKind::Skipped);
        self.lines.position(span.start);
    }

    /// What ends a statement: a line of the client's unless it is the semicolon.
    fn terminator(&mut self, span: Range<usize>) {
        let program = self.reader.program;
        let is_line =
            matches!(program, ClientProgram::Sqlcmd | ClientProgram::Isql | ClientProgram::SqlPlus);
        if is_line && self.sql.get(span.clone()) != Some(b";") {
            self.skipped(span);
        }
    }

    fn note(&mut self, lines: &mut ScriptLines<'_>, span: Range<usize>, kind: NoteKind) {
        let at = self.at(lines, span.start);
        let text = shown(self.sql, &span);
        self.found.notes.push(RewriteNote { at, kind, text });
    }

    fn at(&self, lines: &mut ScriptLines<'_>, offset: usize) -> At {
        let (line, column) = lines.position(offset);
        let script = &self.found.script;
        At { file: script.file.clone(), statement: script.statements, line, column, offset }
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

fn shown_whole(sql: &[u8], span: &Range<usize>) -> String {
    text(sql.get(span.clone()).unwrap_or_default())
}

/// The beginning of a text.
fn shown(sql: &[u8], span: &Range<usize>) -> String {
    let mut end = span.end.min(span.start + 4 * SHOWN_CHARACTERS);
    // Not through a character of UTF-8.
    while end < span.end && sql.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
        end += 1;
    }
    let all = text(sql.get(span.start..end).unwrap_or_default().trim_ascii());
    let mut shown: String = all.chars().take(SHOWN_CHARACTERS).collect();
    if shown.len() < all.len() || end < span.end {
        shown.push('…');
    }
    shown
}
