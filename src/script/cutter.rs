//! Cuts a script into its parts, in one pass.

use std::ops::Range;

use super::batch::{begins_statement, is_whole_batch};
use super::commands::Line;
use super::marks::{MarkKind, Marks, end_of_line};
use super::{ClientProgram, Segment, SegmentKind};

/// Words of a statement that are kept, from its beginning.
const WORDS_KEPT: usize = 8;

/// Words in front of the kind of thing that CREATE makes.
const CREATE_MODIFIERS: [&[u8]; 5] =
    [b"OR", b"REPLACE", b"EDITIONABLE", b"NONEDITIONABLE", b"FORCE"];

/// What Oracle stores as PL/SQL, whose semicolons do not end it.
const PLSQL_KINDS: [&[u8]; 6] =
    [b"FUNCTION", b"PROCEDURE", b"TRIGGER", b"PACKAGE", b"TYPE", b"LIBRARY"];

/// The parts of a script, in order, as `program` reads it. Linear in the length of the text.
pub fn segments(text: &[u8], program: ClientProgram) -> Vec<Segment> {
    let mut cutter = ScriptCutter {
        text,
        program,
        marks: Marks::of(program),
        delimiter: match program {
            ClientProgram::Sqlcmd | ClientProgram::Isql => Vec::new(),
            _ => b";".to_vec(),
        },
        open: None,
        found: Vec::new(),
    };
    cutter.run();
    cutter.found
}

struct ScriptCutter<'t> {
    text: &'t [u8],
    program: ClientProgram,
    marks: Marks,
    /// What ends a statement; empty if only a line does.
    delimiter: Vec<u8>,
    /// The statement that has begun.
    open: Option<OpenStatement>,
    found: Vec<Segment>,
}

/// A statement that has not ended.
struct OpenStatement {
    start: usize,
    /// Behind its last mark that is not a blank or a comment.
    end: usize,
    /// Its first words, in upper case.
    words: Vec<Vec<u8>>,
    /// Whether FROM STDIN stands outside of brackets.
    from_stdin: FromStdin,
    /// Open brackets.
    depth: usize,
    /// Open bodies `BEGIN ATOMIC .. END` of PostgreSQL, and CASEs in them.
    bodies: usize,
    /// What stands in front of the next mark.
    behind: Behind,
}

/// The last mark of a statement, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Begin,
    Dot,
    Other,
}

/// How much of `FROM STDIN` a COPY has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FromStdin {
    No,
    From,
    Both,
}

impl ScriptCutter<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while at < self.text.len() {
            if self.is_line_start(at)
                && let Some(next) = self.take_line(at)
            {
                at = next;
                continue;
            }
            at = self.take_mark(at);
        }
        self.close();
    }

    fn is_line_start(&self, at: usize) -> bool {
        at.checked_sub(1).is_none_or(|before| self.text.get(before) == Some(&b'\n'))
    }

    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }

    /// A line that is not SQL; gives where the next one begins.
    fn take_line(&mut self, start: usize) -> Option<usize> {
        let end = end_of_line(self.text, start);
        let line = Line(self.slice(start..end).trim_ascii());
        if line.is_separator(self.program) {
            self.close();
            self.push(start..end, SegmentKind::Terminator);
            return Some(end);
        }
        if self.open.is_some() || !line.is_command(self.program) {
            return None;
        }
        let delimiter = line.delimiter(self.program).map(<[u8]>::to_vec);
        let mut end = end;
        let mut goes_on = line.goes_on(self.program);
        while goes_on && end < self.text.len() {
            let next = end + 1;
            end = end_of_line(self.text, next);
            goes_on = Line(self.slice(next..end).trim_ascii()).goes_on(self.program);
        }
        self.delimiter = delimiter.unwrap_or_else(|| std::mem::take(&mut self.delimiter));
        self.push(start..end, SegmentKind::Command);
        Some(end)
    }

    /// The mark at `at`; gives where the next one begins.
    fn take_mark(&mut self, at: usize) -> usize {
        if self.is_delimiter(at) {
            let end = at + self.delimiter.len();
            let rows = self.open.as_ref().is_some_and(OpenStatement::reads_rows)
                && self.program == ClientProgram::Psql;
            self.close();
            self.push(at..end, SegmentKind::Terminator);
            return if rows { self.take_rows(end) } else { end };
        }
        if self.text.get(at) == Some(&b'\\')
            && matches!(self.program, ClientProgram::Psql | ClientProgram::Mysql)
        {
            return self.take_backslash(at);
        }
        let (kind, end) = self.marks.next(self.text, at);
        if matches!(kind, MarkKind::Blank | MarkKind::Comment) {
            return end;
        }
        if kind == MarkKind::Word && self.begins_statement_of_batch(at, end) {
            self.close();
        }
        let mark = self.text.get(at..end).unwrap_or_default();
        let open = self.open.get_or_insert_with(|| OpenStatement::new(at));
        match kind {
            MarkKind::Word => open.on_word(mark),
            _ => open.on_other(mark),
        }
        open.end = end;
        end
    }

    /// Whether the word is the first one of another statement of a batch: Transact-SQL needs nothing between
    /// two statements. Found are those that begin a line, outside of brackets and of routines.
    fn begins_statement_of_batch(&self, start: usize, end: usize) -> bool {
        let Some(open) = &self.open else { return false };
        let is_transact = matches!(self.program, ClientProgram::Sqlcmd | ClientProgram::Isql);
        if !is_transact || open.depth > 0 || is_whole_batch(&open.words) {
            return false;
        }
        let word = self.slice(start..end);
        let behind = self.text.get(end..).unwrap_or_default();
        begins_statement(word, behind, open.word(0)) && self.begins_line(start)
    }

    /// Whether nothing but blanks stands in front of an offset in its line.
    fn begins_line(&self, at: usize) -> bool {
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let blanks = self.slice(0..at).iter().rev().take_while(is_blank).count();
        self.is_line_start(at - blanks)
    }

    fn is_delimiter(&self, at: usize) -> bool {
        if self.delimiter.is_empty() {
            return false;
        }
        let here = self.text.get(at..at + self.delimiter.len());
        let is_within = || match (&self.open, self.program) {
            (Some(open), ClientProgram::SqlPlus) => open.is_plsql(),
            (Some(open), ClientProgram::Psql) => open.depth > 0 || open.bodies > 0,
            _ => false,
        };
        here.is_some_and(|here| here.eq_ignore_ascii_case(&self.delimiter)) && !is_within()
    }

    /// A command of psql or mysql that does not begin a line: `\g` and its like end the statement. Others of
    /// mysql stand within one, and are left there.
    fn take_backslash(&mut self, at: usize) -> usize {
        let is_mysql = self.program == ClientProgram::Mysql;
        if is_mysql && matches!(self.text.get(at + 1), Some(b'g' | b'G')) {
            self.close();
            self.push(at..at + 2, SegmentKind::Terminator);
            return at + 2;
        }
        if is_mysql && let Some(open) = &mut self.open {
            open.end = at + 1;
            return at + 1;
        }
        // Of psql: a semicolon that does not send what stands in front of it yet.
        if !is_mysql && self.text.get(at + 1) == Some(&b';') {
            self.close();
            self.push(at..at + 2, SegmentKind::Terminator);
            return at + 2;
        }
        let end = end_of_line(self.text, at);
        self.close();
        self.push(at..end, SegmentKind::Command);
        end
    }

    /// Rows up to the line `\.`, or to the end of the text.
    fn take_rows(&mut self, at: usize) -> usize {
        let start = end_of_line(self.text, at) + 1;
        let mut next = start;
        while next < self.text.len() {
            let end = end_of_line(self.text, next);
            let is_end = self.slice(next..end).trim_ascii_end() == b"\\.";
            next = end + 1;
            if is_end {
                break;
            }
        }
        let end = next.min(self.text.len());
        if start < end {
            self.push(start..end, SegmentKind::Rows);
        }
        end.max(at)
    }

    /// Ends the statement that has begun.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let has_backslash_escapes = self.marks.has_backslash_escapes;
        self.push(open.start..open.end, SegmentKind::Statement { has_backslash_escapes });
        if self.program == ClientProgram::Psql
            && let Some(is_standard) = open.sets_standard_strings()
        {
            self.marks.has_backslash_escapes = !is_standard;
        }
    }

    fn push(&mut self, span: Range<usize>, kind: SegmentKind) {
        self.found.push(Segment { span, kind });
    }
}

impl OpenStatement {
    fn new(start: usize) -> OpenStatement {
        OpenStatement {
            start,
            end: start,
            words: Vec::new(),
            from_stdin: FromStdin::No,
            depth: 0,
            bodies: 0,
            behind: Behind::Other,
        }
    }

    fn on_other(&mut self, mark: &[u8]) {
        match mark {
            b"(" => self.depth += 1,
            b")" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.behind = if mark == b"." { Behind::Dot } else { Behind::Other };
        if self.from_stdin == FromStdin::From {
            self.from_stdin = FromStdin::No;
        }
    }

    fn on_word(&mut self, word: &[u8]) {
        self.on_word_of_body(word);
        self.from_stdin = match self.from_stdin {
            FromStdin::Both => FromStdin::Both,
            FromStdin::From if word.eq_ignore_ascii_case(b"STDIN") => FromStdin::Both,
            _ if self.depth == 0 && word.eq_ignore_ascii_case(b"FROM") => FromStdin::From,
            _ => FromStdin::No,
        };
        if self.words.len() < WORDS_KEPT {
            self.words.push(word.to_ascii_uppercase());
        }
    }

    fn on_word_of_body(&mut self, word: &[u8]) {
        let is = |other: &[u8]| word.eq_ignore_ascii_case(other);
        let behind = std::mem::replace(&mut self.behind, Behind::Other);
        if behind == Behind::Dot || !matches!(self.word(0), b"CREATE" | b"ALTER") {
            return;
        }
        if is(b"BEGIN") {
            self.behind = Behind::Begin;
        } else if is(b"ATOMIC") && behind == Behind::Begin || is(b"CASE") && self.bodies > 0 {
            self.bodies += 1;
        } else if is(b"END") {
            self.bodies = self.bodies.saturating_sub(1);
        }
    }

    fn word(&self, at: usize) -> &[u8] {
        self.words.get(at).map_or(&[], Vec::as_slice)
    }

    fn reads_rows(&self) -> bool {
        self.word(0) == b"COPY" && self.from_stdin == FromStdin::Both
    }

    fn is_plsql(&self) -> bool {
        match self.word(0) {
            b"BEGIN" | b"DECLARE" => true,
            b"CREATE" => {
                let mut kinds = self.words.iter().skip(1);
                let kind = kinds.find(|word| !CREATE_MODIFIERS.contains(&word.as_slice()));
                kind.is_some_and(|kind| PLSQL_KINDS.contains(&kind.as_slice()))
            }
            _ => false,
        }
    }

    /// `SET [SESSION | LOCAL] standard_conforming_strings TO off` and its like: whether they are on.
    fn sets_standard_strings(&self) -> Option<bool> {
        let at = match self.word(1) {
            b"SESSION" | b"LOCAL" => 2,
            _ => 1,
        };
        if self.word(0) != b"SET" || self.word(at) != b"STANDARD_CONFORMING_STRINGS" {
            return None;
        }
        let value = if self.word(at + 1) == b"TO" { at + 2 } else { at + 1 };
        match self.word(value) {
            b"ON" | b"TRUE" | b"YES" | b"1" => Some(true),
            b"OFF" | b"FALSE" | b"NO" | b"0" => Some(false),
            _ => None,
        }
    }
}
