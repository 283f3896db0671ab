//! How a row is spelled that was set aside: the format that its table says, and its fields. What the table says
//! becomes SQL, so only what the proxy itself writes is taken. Pure text.

/// The options with a text, and those with columns.
const TEXTS: [&str; 6] = ["DELIMITER", "NULL", "DEFAULT", "QUOTE", "ESCAPE", "ENCODING"];
const COLUMNS: [&str; 2] = ["FORCE_NULL", "FORCE_NOT_NULL"];

/// What stands in front of the tuples of a binary stream, and behind them.
const BINARY_HEAD: &[u8] = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_TRAILER: &[u8] = b"\xFF\xFF";

/// A format with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectFormat {
    /// `text`, `csv` or `binary`.
    name: &'static str,
    /// As they are written.
    options: Vec<(&'static str, String)>,
}

impl RejectFormat {
    /// Reads `csv (DELIMITER ';', QUOTE '''')`; `None` for anything that the proxy does not write.
    pub fn parse(text: &str) -> Option<RejectFormat> {
        let (name, rest) = match text.split_once(" (") {
            Some((name, rest)) => (name, rest.strip_suffix(')')?),
            None => (text, ""),
        };
        let name = ["text", "csv", "binary"].into_iter().find(|known| *known == name)?;
        let mut format = RejectFormat { name, options: Vec::new() };
        let mut rest = rest;
        while !rest.is_empty() {
            let (word, value) = rest.split_once(' ')?;
            let end = match TEXTS.contains(&word) {
                true => constant_end(value)?,
                false => columns_end(value)?,
            };
            let known = TEXTS.into_iter().chain(COLUMNS).find(|known| *known == word)?;
            let (value, behind) = value.split_at_checked(end)?;
            format.options.push((known, value.to_owned()));
            rest = match behind.is_empty() {
                true => "",
                false => behind.strip_prefix(", ").filter(|rest| !rest.is_empty())?,
            };
        }
        Some(format)
    }

    /// The options of a COPY of it.
    pub fn options(&self) -> String {
        let more = self.options.iter().map(|(name, value)| format!(", {name} {value}"));
        format!("(FORMAT {}{})", self.name, more.collect::<String>())
    }

    /// The stream of one row.
    pub fn stream(&self, row: &[u8]) -> Vec<u8> {
        match self.name {
            "binary" => [BINARY_HEAD, row, BINARY_TRAILER].concat(),
            _ => [row, b"\n"].concat(),
        }
    }

    fn text_of(&self, name: &str) -> Option<Vec<u8>> {
        let (_, value) = self.options.iter().find(|(known, _)| *known == name)?;
        let is_escaped = value.starts_with('E');
        let inner = value.trim_start_matches('E').strip_prefix('\'')?.strip_suffix('\'')?;
        let inner = inner.replace("''", "'");
        let inner = if is_escaped { inner.replace("\\\\", "\\") } else { inner };
        // A byte beyond ASCII was written as the character with its number.
        inner.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
    }

    /// The fields of a row, NULL where one is; `None` for what is not read here: binary.
    pub fn fields(&self, row: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
        let byte = |name, default| {
            self.text_of(name).and_then(|text| text.first().copied()).unwrap_or(default)
        };
        match self.name {
            "text" => {
                let null = self.text_of("NULL").unwrap_or_else(|| b"\\N".to_vec());
                Some(text_fields(row, byte("DELIMITER", b'\t'), &null))
            }
            "csv" => {
                let quote = byte("QUOTE", b'"');
                let null = self.text_of("NULL").unwrap_or_default();
                let delimiter = byte("DELIMITER", b',');
                Some(csv_fields(row, delimiter, quote, byte("ESCAPE", quote), &null))
            }
            _ => None,
        }
    }
}

/// The encoding of the bytes, where they are text or a statement in another one than UTF-8.
pub(super) fn text_encoding(format: &str) -> Option<String> {
    // Statements have no other options.
    let of_text = format.strip_prefix("sql").map(|options| format!("text{options}"));
    let format = RejectFormat::parse(of_text.as_deref().unwrap_or(format))?;
    let encoding = format.text_of("ENCODING").filter(|_| format.name != "binary")?;
    String::from_utf8(encoding).ok()
}

/// Where a string constant ends that begins here.
fn constant_end(text: &str) -> Option<usize> {
    let is_escaped = text.starts_with('E');
    let start = usize::from(is_escaped);
    let mut bytes = text.bytes().enumerate().skip(start);
    if bytes.next()?.1 != b'\'' {
        return None;
    }
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if is_escaped => {
                bytes.next().filter(|(_, next)| *next == b'\\')?;
            }
            b'\\' => return None,
            b'\'' if text.as_bytes().get(at + 1) == Some(&b'\'') => {
                bytes.next();
            }
            b'\'' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Where `*`, or quoted names in parentheses, end.
fn columns_end(text: &str) -> Option<usize> {
    if text.starts_with('*') {
        return Some(1);
    }
    let mut at = text.strip_prefix('(').map(|_| 1)?;
    loop {
        let name = text.get(at..)?.strip_prefix('"')?;
        let mut end = 0;
        loop {
            end += name.get(end..)?.find('"')? + 1;
            match name.get(end..)?.starts_with('"') {
                true => end += 1,
                false => break,
            }
        }
        at += 1 + end;
        let rest = text.get(at..)?;
        match (rest.strip_prefix(", "), rest.strip_prefix(')')) {
            (Some(_), _) => at += 2,
            (None, Some(_)) => return Some(at + 1),
            (None, None) => return None,
        }
    }
}

fn text_fields(row: &[u8], delimiter: u8, null: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at <= row.len() {
        match row.get(at) {
            Some(b'\\') => at += 2,
            Some(byte) if *byte != delimiter => at += 1,
            _ => {
                let raw = row.get(start..at).unwrap_or_default();
                fields.push((raw != null).then(|| unescaped(raw)));
                at += 1;
                start = at;
            }
        }
    }
    if start < row.len() || fields.is_empty() {
        fields.push(Some(unescaped(row.get(start..).unwrap_or_default())));
    }
    fields
}

fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        let digits = |bytes: &mut std::iter::Peekable<_>, radix: u32, most: usize, first: u32| {
            let mut number = first;
            for _ in 0..most {
                let next: Option<&u8> = bytes.peek();
                let Some(digit) = next.and_then(|next| char::from(*next).to_digit(radix)) else {
                    break;
                };
                bytes.next();
                number = number * radix + digit;
            }
            u8::try_from(number & 0xFF).unwrap_or_default()
        };
        value.push(match bytes.next() {
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 11,
            Some(digit @ b'0'..=b'7') => digits(&mut bytes, 8, 2, u32::from(digit - b'0')),
            Some(b'x') if bytes.peek().is_some_and(u8::is_ascii_hexdigit) => {
                digits(&mut bytes, 16, 2, 0)
            }
            Some(other) => other,
            None => b'\\',
        });
    }
    value
}

fn csv_fields(
    row: &[u8],
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: &[u8],
) -> Vec<Option<Vec<u8>>> {
    let mut fields = Vec::new();
    let (mut value, mut in_quotes, mut was_quoted) = (Vec::new(), false, false);
    let mut bytes = row.iter().copied().peekable();
    loop {
        let byte = bytes.next();
        match byte {
            Some(byte)
                if in_quotes
                    && byte == escape
                    && bytes.peek().is_some_and(|next| *next == quote || *next == escape) =>
            {
                value.extend(bytes.next());
            }
            Some(byte) if byte == quote => {
                in_quotes = !in_quotes;
                was_quoted = true;
            }
            Some(byte) if in_quotes || byte != delimiter => value.push(byte),
            end => {
                let value = std::mem::take(&mut value);
                let is_null = !std::mem::take(&mut was_quoted) && value == null;
                fields.push((!is_null).then_some(value));
                if end.is_none() {
                    return fields;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(format: &str, row: &str) -> Vec<String> {
        let fields = RejectFormat::parse(format).unwrap().fields(row.as_bytes()).unwrap();
        let shown =
            |field: Option<Vec<u8>>| field.map_or("NULL".into(), |f| f.escape_ascii().to_string());
        fields.into_iter().map(shown).collect()
    }

    #[test]
    fn only_what_the_proxy_writes_is_a_format() {
        for (text, options) in [
            ("text", "(FORMAT text)"),
            ("binary (ENCODING 'LATIN1')", "(FORMAT binary, ENCODING 'LATIN1')"),
            ("csv (DELIMITER ';', QUOTE '''')", "(FORMAT csv, DELIMITER ';', QUOTE '''')"),
            ("text (NULL E'\\\\')", "(FORMAT text, NULL E'\\\\')"),
            (
                "csv (FORCE_NULL (\"a\"\"\", \"b\"), FORCE_NOT_NULL *)",
                "(FORMAT csv, FORCE_NULL (\"a\"\"\", \"b\"), FORCE_NOT_NULL *)",
            ),
        ] {
            let format = RejectFormat::parse(text).map(|format| format.options());
            assert_eq!(format.as_deref(), Some(options), "{text}");
        }
        for text in [
            "json",
            "csv)",
            "csv ()x",
            "text (NULL 'a'); DROP TABLE t; --')",
            "text (NULL '\\')",
            "text (NULL E'\\'')",
            "csv (FORCE_NULL (a))",
            "csv (FORCE_NULL (\"a\"), HEADER *)",
            "text (FREEZE 'on')",
            "text (NULL 'a', )",
        ] {
            assert_eq!(RejectFormat::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_encoding_is_that_of_text() {
        for (format, encoding) in [
            ("sql (ENCODING 'LATIN1')", Some("LATIN1")),
            ("csv (DELIMITER ';', ENCODING 'SJIS')", Some("SJIS")),
            ("binary (ENCODING 'LATIN1')", None),
            ("text", None),
        ] {
            assert_eq!(text_encoding(format).as_deref(), encoding, "{format}");
        }
    }

    #[test]
    fn fields_are_those_that_the_server_reads() {
        assert_eq!(fields("text", "a\\tb\t\\N\t\t\\x41\\101\\\t"), ["a\\tb", "NULL", "", "AA\\t"]);
        assert_eq!(fields("text (DELIMITER ',', NULL '')", "a,,\\,"), ["a", "NULL", ","]);
        assert_eq!(fields("csv", "a,\"b\"\"c,\",,\"\""), ["a", "b\\\"c,", "NULL", ""]);
        assert_eq!(fields("csv (DELIMITER ';', QUOTE '''')", "'a;b';c"), ["a;b", "c"]);
        assert_eq!(RejectFormat::parse("binary").unwrap().fields(b""), None);
    }
}
