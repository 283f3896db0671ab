//! What the target says of a row that it refuses: whose row it means, and what is kept of it. Reads error
//! messages; sends nothing.

use crate::ledger::rejects::RejectedRow;
use crate::value::{CopyFormat, CopyOptions, ForcedColumns};
use crate::wire::{self, ErrorAbout, OwnError};

/// The five characters of an ErrorResponse; empty where it has none.
pub(super) fn sqlstate(frame: &[u8]) -> &[u8] {
    field(frame, b'C').unwrap_or_default()
}

/// The SQLSTATE by which it is decided over a row. A binary value that is too short is an error of the protocol
/// to the server; it names the column.
pub(super) fn deciding(frame: &[u8]) -> &[u8] {
    let context = field(frame, b'W').unwrap_or_default();
    match sqlstate(frame) {
        b"08P01" if named_column(context).is_some() => b"22P03",
        sqlstate => sqlstate,
    }
}

fn field(frame: &[u8], code: u8) -> Option<&[u8]> {
    wire::error_field(frame.get(wire::HEAD_BYTES..)?, code)
}

/// The constraint that an error names; empty if it names none.
pub(super) fn constraint(frame: &[u8]) -> &[u8] {
    field(frame, b'n').unwrap_or_default()
}

/// Whether a notice is that of a BEGIN in a transaction.
pub(super) fn is_begun_before(notice: &[u8]) -> bool {
    sqlstate(notice) == b"25001"
}

/// Whether a CommandComplete is that of a BEGIN.
pub(super) fn is_begin(frame: &[u8]) -> bool {
    let body = frame.get(wire::HEAD_BYTES..).unwrap_or_default();
    matches!(body, b"BEGIN\0" | b"START TRANSACTION\0")
}

/// Whether the session ends with this error.
pub(super) fn is_fatal(body: &[u8]) -> bool {
    let severity = wire::error_field(body, b'V').or(wire::error_field(body, b'S'));
    matches!(severity, Some(b"FATAL" | b"PANIC"))
}

/// The line of the rows that an error names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedLine {
    Line(u64),
    /// It names none: a constraint or a trigger that is looked at when all rows are there, or a server that
    /// speaks another language.
    None,
}

/// The line that the context of an error names: `COPY t, line 3, column a: "x"`.
///
/// Source: PostgreSQL, `CopyFromErrorCallback` in `src/backend/commands/copyfrom.c`.
pub(super) fn named_line(frame: &[u8], table: &[u8]) -> NamedLine {
    let number = line_number(field(frame, b'W').unwrap_or_default(), table)
        .and_then(|(digits, _)| std::str::from_utf8(digits).ok()?.parse().ok());
    number.map_or(NamedLine::None, NamedLine::Line)
}

/// The digits of the line, and where they stand.
fn line_number<'a>(context: &'a [u8], table: &[u8]) -> Option<(&'a [u8], usize)> {
    let words = [b"COPY ", table, b", line "].concat();
    // What is nested in it comes first, each in a line of its own.
    let is_begin = |at: &usize| at.checked_sub(1).is_none_or(|at| context.get(at) == Some(&b'\n'));
    let at = memchr::memmem::find_iter(context, &words).find(is_begin)? + words.len();
    let rest = context.get(at..)?;
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some((rest.get(..count)?, at))
}

/// The error with the line that the client knows, in place of the one in what was sent.
pub(super) fn with_line(frame: &[u8], table: &[u8], line: u64) -> Vec<u8> {
    let context = field(frame, b'W').unwrap_or_default();
    let Some((digits, at)) = line_number(context, table) else { return frame.to_vec() };
    let line = line.to_string();
    let parts = [
        context.get(..at).unwrap_or_default(),
        line.as_bytes(),
        context.get(at + digits.len()..).unwrap_or_default(),
    ];
    wire::with_error_bytes(frame, b'W', &parts.concat())
}

/// The same where the line is known.
pub(super) fn with_line_if(frame: Vec<u8>, table: &[u8], line: Option<u64>) -> Vec<u8> {
    line.map(|line| with_line(&frame, table, line)).unwrap_or(frame)
}

/// What is kept of the error. Without the values of the row neither message nor detail are, which may have
/// some of them.
pub(super) fn rejected(frame: &[u8], has_values: bool) -> RejectedRow {
    let text = |code| field(frame, code).map(wire::printable);
    let sqlstate = text(b'C').unwrap_or_default();
    let message = match has_values {
        true => text(b'M').unwrap_or_default(),
        false => format!("SQLSTATE {sqlstate}"),
    };
    let column = text(b'c').or_else(|| named_column(field(frame, b'W')?));
    RejectedRow {
        message,
        detail: text(b'D').filter(|_| has_values),
        constraint: text(b'n'),
        column,
        sqlstate,
        ..RejectedRow::default()
    }
}

/// The column that the context names: `COPY t, line 3, column a: "x"`.
fn named_column(context: &[u8]) -> Option<String> {
    const WORD: &[u8] = b", column ";
    let line = context.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"COPY "))?;
    let at = memchr::memmem::find(line, WORD)? + WORD.len();
    let name = line.get(at..)?;
    let end = memchr::memmem::find(name, b": ").unwrap_or(name.len());
    Some(wire::printable(name.get(..end)?))
}

/// The value that the context of an error names: `COPY t, line 3, column a: "x"`. A long one is cut there.
pub(super) fn named_value(frame: &[u8]) -> Option<&[u8]> {
    let context = field(frame, b'W')?;
    let line = context.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"COPY "))?;
    let at = memchr::memmem::find(line, b", column ")?;
    let value = line.get(at..)?;
    let begin = memchr::memmem::find(value, b": \"")? + 3;
    value.get(begin..)?.strip_suffix(b"\"")
}

/// The error of a row, where it could not be set aside.
pub(super) fn not_written(row_error: &[u8], failure: &[u8]) -> Vec<u8> {
    let why = field(failure, b'M').map(wire::printable).unwrap_or_default();
    let is_right = sqlstate(failure) == b"42501";
    if row_error.is_empty() || !is_right {
        return failure.to_vec();
    }
    let mut hint = format!("The row could not be set aside: {why}.");
    if !why.contains("awsdms_apply_exceptions") {
        hint.push_str(
            " As an administrator run dms-proxy init-target --role with the role that loads.",
        );
    }
    wire::with_error_bytes(row_error, b'H', hint.as_bytes())
}

/// The server's error for a row with a line break of another kind than the stream has.
pub(super) fn foreign_break(row: &[u8], is_csv: bool, table: &str, line: u64) -> OwnError {
    let which = if without_break(row).contains(&b'\n') { "newline" } else { "carriage return" };
    let how = if is_csv { "unquoted" } else { "literal" };
    let mut error = OwnError::new("22P04", format!("{how} {which} found in data"));
    let context = Some(format!("COPY {table}, line {line}"));
    error.about = Some(Box::new(ErrorAbout { context, ..ErrorAbout::default() }));
    error
}

/// What the client is told at the end of a load.
pub(super) fn notice(table: &str, set_aside: u64, run: &str) -> Vec<u8> {
    let rows = if set_aside == 1 { "row was" } else { "rows were" };
    let message = format!("{set_aside} {rows} set aside from table \"{table}\"");
    let mut notice = OwnError::new("00000", message);
    notice.detail = Some(format!("See dms_proxy.rejected_rows, run {run}."));
    wire::notice_of_success(&notice)
}

/// A line without its line break.
pub(super) fn without_break(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// The name of the format.
pub(super) fn format_name(options: &CopyOptions) -> &'static str {
    match options.format {
        CopyFormat::Text => "text",
        CopyFormat::Csv => "csv",
        CopyFormat::Binary => "binary",
    }
}

/// The options by which one of the rows is read, a comma behind each.
pub(super) fn format_options(options: &CopyOptions) -> String {
    let plain = CopyOptions::new(options.format);
    let mut text = String::new();
    let constant = |bytes: &[u8]| {
        let quoted: String = bytes.iter().copied().map(char::from).collect();
        crate::parking::spelling::quoted_literal(&quoted)
    };
    let mut add = |name: &str, value: String| text.push_str(&format!("{name} {value}, "));
    if options.delimiter != plain.delimiter {
        add("DELIMITER", constant(&[options.delimiter]));
    }
    if options.null != plain.null {
        add("NULL", constant(&options.null));
    }
    if let Some(default) = &options.default {
        add("DEFAULT", constant(default));
    }
    if options.format == CopyFormat::Csv {
        if options.quote != plain.quote {
            add("QUOTE", constant(&[options.quote]));
        }
        if options.escape != options.quote {
            add("ESCAPE", constant(&[options.escape]));
        }
        for (name, columns) in
            [("FORCE_NULL", &options.force_null), ("FORCE_NOT_NULL", &options.force_not_null)]
        {
            match columns {
                ForcedColumns::All => add(name, "*".to_owned()),
                ForcedColumns::Named(names) if names.is_empty() => {}
                ForcedColumns::Named(names) => {
                    let name_of = |name: &Vec<u8>| {
                        let name = wire::printable(name);
                        crate::parking::spelling::quoted_identifier(&name)
                    };
                    let names: Vec<String> = names.iter().map(name_of).collect();
                    add(name, format!("({})", names.join(", ")));
                }
            }
        }
    }
    if let Some(encoding) = &options.encoding_name {
        add("ENCODING", constant(encoding.as_bytes()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tag;

    fn error(fields: &str) -> Vec<u8> {
        wire::with_body(tag::ERROR_RESPONSE, &[fields.as_bytes(), b"\0"])
    }

    #[test]
    fn the_line_is_that_of_the_outermost_copy() {
        let context = "PL/pgSQL function f() line 2 at RAISE\nCOPY t, line 12: \"COPY t, line 7\"";
        let frame = error(&format!("C23505\0W{context}\0"));
        assert_eq!(named_line(&frame, b"t"), NamedLine::Line(12));
        assert_eq!(named_line(&frame, b"u"), NamedLine::None);
        let moved = with_line(&frame, b"t", 1012);
        assert_eq!(named_line(&moved, b"t"), NamedLine::Line(1012));
        assert!(moved.escape_ascii().to_string().contains("line 1012: "));
        assert_eq!(named_line(&error("C23503\0"), b"t"), NamedLine::None);
    }

    #[test]
    fn without_values_an_error_tells_its_place_alone() {
        let frame = error("C22P02\0Mbad: \"x\"\0Dx\0WCOPY t, line 1, column a b: \"x\"\0");
        let kept = rejected(&frame, true);
        assert_eq!((&*kept.message, kept.detail.as_deref()), ("bad: \"x\"", Some("x")));
        assert_eq!(kept.column.as_deref(), Some("a b"));
        let kept = rejected(&frame, false);
        assert_eq!((&*kept.message, kept.detail), ("SQLSTATE 22P02", None));
    }

    #[test]
    fn options_are_those_that_differ() {
        let mut options = CopyOptions::new(CopyFormat::Csv);
        assert_eq!(format_options(&options), "");
        options.delimiter = b'\'';
        options.force_null = ForcedColumns::Named(vec![b"a\"".to_vec()]);
        assert_eq!(format_options(&options), "DELIMITER '''', FORCE_NULL (\"a\"\"\"), ");
    }
}
