//! The changes of a script as a unified diff, as `diff -u` and `git diff` write it. Knows edits and
//! lines, no SQL.

use std::io::{self, Write};
use std::ops::Range;

use memchr::memchr_iter;

use crate::statement::{Replacement, replace};

/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Lines that change together, counted from 0, and the edits in them.
struct Region {
    lines: Range<usize>,
    edits: Range<usize>,
}

/// Writes what `edits` make of `sql`; nothing if there are none. `edits` are in order.
///
/// # Errors
/// Those of the writer.
pub(super) fn unified_diff(
    name: &str,
    sql: &[u8],
    edits: &[Replacement],
    color: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    if edits.is_empty() {
        return Ok(());
    }
    let diff = Diff { sql, starts: line_starts(sql), edits, color };
    let regions = diff.regions();
    // `patch -p1` takes the first part off; an absolute name would leave two slashes.
    let name = name.trim_start_matches('/');
    diff.line(BOLD, "--- ", format!("a/{name}\n").as_bytes(), out)?;
    diff.line(BOLD, "+++ ", format!("b/{name}\n").as_bytes(), out)?;
    let mut added = 0;
    let near = |one: &Region, next: &Region| next.lines.start - one.lines.end <= 2 * CONTEXT_LINES;
    for hunk in regions.chunk_by(near) {
        diff.hunk(hunk, &mut added, out)?;
    }
    Ok(())
}

/// The offsets at which lines start.
fn line_starts(sql: &[u8]) -> Vec<usize> {
    let ends = memchr_iter(b'\n', sql).map(|end| end + 1).filter(|start| *start < sql.len());
    std::iter::once(0).chain(ends).collect()
}

struct Diff<'a> {
    sql: &'a [u8],
    starts: Vec<usize>,
    edits: &'a [Replacement],
    color: bool,
}

impl Diff<'_> {
    /// The line, counted from 0, that an offset is in.
    fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn offset(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.sql.len())
    }

    fn regions(&self) -> Vec<Region> {
        let mut regions: Vec<Region> = Vec::new();
        for (at, Replacement { span, .. }) in self.edits.iter().enumerate() {
            let lines = self.line_of(span.start)..self.line_of(span.end.saturating_sub(1)) + 1;
            match regions.last_mut() {
                Some(last) if lines.start < last.lines.end => {
                    last.lines.end = lines.end.max(last.lines.end);
                    last.edits.end = at + 1;
                }
                _ => regions.push(Region { lines, edits: at..at + 1 }),
            }
        }
        regions
    }

    /// The lines of a region after its edits.
    fn changed(&self, region: &Region) -> Vec<u8> {
        let (start, end) = (self.offset(region.lines.start), self.offset(region.lines.end));
        let edits = self.edits.get(region.edits.clone()).unwrap_or_default().iter();
        let edits: Vec<_> = edits
            .map(|edit| Replacement {
                span: edit.span.start - start..edit.span.end - start,
                ..edit.clone()
            })
            .collect();
        replace(self.sql.get(start..end).unwrap_or_default(), &edits)
    }

    /// One hunk. `added` is by how many lines the changes before it made the text longer.
    fn hunk(&self, regions: &[Region], added: &mut isize, out: &mut dyn Write) -> io::Result<()> {
        let (Some(first), Some(last)) = (regions.first(), regions.last()) else { return Ok(()) };
        let start = first.lines.start.saturating_sub(CONTEXT_LINES);
        let end = (last.lines.end + CONTEXT_LINES).min(self.starts.len());
        let texts: Vec<_> = regions.iter().map(|region| self.changed(region)).collect();
        let lines = |text: &[u8]| text.split_inclusive(|byte| *byte == b'\n').count();
        let old: usize = regions.iter().map(|region| region.lines.len()).sum();
        let new: usize = texts.iter().map(|text| lines(text)).sum();
        let difference = new.cast_signed() - old.cast_signed();
        let count = end - start;
        let head = format!(
            "@@ -{},{count} +{},{} @@\n",
            start + 1,
            (start + 1).cast_signed() + *added,
            count.cast_signed() + difference
        );
        *added += difference;
        self.line(CYAN, "", head.as_bytes(), out)?;
        let mut line = start;
        for (region, text) in regions.iter().zip(&texts) {
            self.lines("", " ", self.between(line, region.lines.start), out)?;
            self.lines(RED, "-", self.between(region.lines.start, region.lines.end), out)?;
            self.lines(GREEN, "+", text, out)?;
            line = region.lines.end;
        }
        self.lines("", " ", self.between(line, end), out)
    }

    fn between(&self, start: usize, end: usize) -> &[u8] {
        self.sql.get(self.offset(start)..self.offset(end)).unwrap_or_default()
    }

    fn lines(&self, color: &str, mark: &str, text: &[u8], out: &mut dyn Write) -> io::Result<()> {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            self.line(color, mark, line, out)?;
        }
        Ok(())
    }

    fn line(&self, color: &str, mark: &str, line: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let (text, ended) = match line.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (line, false),
        };
        let colored = self.color && !color.is_empty();
        if colored {
            out.write_all(color.as_bytes())?;
        }
        out.write_all(mark.as_bytes())?;
        out.write_all(text)?;
        if colored {
            out.write_all(PLAIN.as_bytes())?;
        }
        out.write_all(b"\n")?;
        if !ended {
            out.write_all(b"\\ No newline at end of file\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    fn diff(sql: &str, color: bool) -> String {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let mut scratch = Scratch::default();
        let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
        let edits: Vec<_> = script.edits.iter().map(Replacement::from).collect();
        let mut out = Vec::new();
        unified_diff("/a.sql", sql.as_bytes(), &edits, color, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hunks_have_three_lines_around_them() {
        let sql = "-- 1\n-- 2\n-- 3\n-- 4\nCREATE TABLE t (a UINT4,\n b STRING\n (5));\n-- 8\n-- 9\n\
                   -- 10\n-- 11\n-- 12\n-- 13\n-- 14\nSELECT 1::uint4";
        let expected = "--- a/a.sql\n+++ b/a.sql\n@@ -2,9 +2,8 @@\n -- 2\n -- 3\n -- 4\n\
                        -CREATE TABLE t (a UINT4,\n+CREATE TABLE t (a BIGINT,\n- b STRING\n\
                        - (5));\n+ b VARCHAR(5));\n -- 8\n -- 9\n -- 10\n\
                        @@ -12,4 +11,4 @@\n -- 12\n -- 13\n -- 14\n-SELECT 1::uint4\n\
                        \\ No newline at end of file\n+SELECT 1::BIGINT\n\
                        \\ No newline at end of file\n";
        assert_eq!(diff(sql, false), expected);
    }

    #[test]
    fn colors_change_no_letter_and_no_change_is_no_diff() {
        let sql = "SELECT 1::uint4;\n";
        let colored = diff(sql, true);
        assert!(colored.contains("\x1b[31m-SELECT 1::uint4;\x1b[0m\n"), "{colored}");
        let plain = [RED, GREEN, CYAN, BOLD, PLAIN]
            .iter()
            .fold(colored, |text, color| text.replace(color, ""));
        assert_eq!(plain, diff(sql, false));
        assert_eq!(diff("SELECT 1;\n", false), "");
    }
}
