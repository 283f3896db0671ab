//! Checked views of the message bodies that the session reads, and copies of an ErrorResponse with
//! some fields changed. A body that lies about its lengths gives `None`, never a panic.

use super::TransactionStatus;

/// The string up to the next zero byte, and what follows that byte.
pub fn cstring(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    let (string, rest) = bytes.split_at_checked(end)?;
    Some((string, rest.get(1..)?))
}

/// The fields of a Parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseView<'a> {
    /// The name of the prepared statement; empty for the unnamed one.
    pub name: &'a [u8],
    /// The SQL text.
    pub sql: &'a [u8],
    /// The declared parameter types as they stand: a count and the OIDs.
    pub parameter_types: &'a [u8],
}

/// Reads the body of a Parse.
pub fn parse_view(body: &[u8]) -> Option<ParseView<'_>> {
    let (name, rest) = cstring(body)?;
    let (sql, parameter_types) = cstring(rest)?;
    Some(ParseView { name, sql, parameter_types })
}

/// The code of an Authentication message that lists SASL mechanisms.
///
/// Source: PostgreSQL manual, "Message Formats", AuthenticationSASL.
pub const AUTHENTICATION_SASL: u32 = 10;

/// The code of the Authentication message that ends a log-in well.
pub const AUTHENTICATION_OK: u32 = 0;

/// The code of an Authentication message that asks for a password in the clear.
pub const AUTHENTICATION_CLEARTEXT_PASSWORD: u32 = 3;

/// The code of an Authentication message that asks for a password hashed with a salt.
pub const AUTHENTICATION_MD5_PASSWORD: u32 = 5;

/// The code of an Authentication message with a SASL challenge.
pub const AUTHENTICATION_SASL_CONTINUE: u32 = 11;

/// The code of an Authentication message with the outcome of SASL.
pub const AUTHENTICATION_SASL_FINAL: u32 = 12;

/// The code of a whole Authentication frame and what follows the code; `None` for any other frame.
pub fn authentication(frame: &[u8]) -> Option<(u32, &[u8])> {
    let (&tag, rest) = frame.split_first()?;
    let (code, data) = rest.get(4..)?.split_first_chunk::<4>()?;
    (tag == super::tag::AUTHENTICATION).then_some((u32::from_be_bytes(*code), data))
}

/// The transaction status in the body of a ReadyForQuery.
pub fn ready_status(body: &[u8]) -> TransactionStatus {
    body.first().map_or(TransactionStatus::Idle, |byte| TransactionStatus::from_byte(*byte))
}

/// The name and the value in the body of a ParameterStatus.
pub fn parameter_status(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = cstring(body)?;
    let (value, _) = cstring(rest)?;
    Some((name, value))
}

/// The number of rows that the command tag in a CommandComplete says were written: that of INSERT,
/// COPY, UPDATE, DELETE and MERGE; 0 for any other command.
pub fn command_rows(body: &[u8]) -> u64 {
    if !matches!(body.first(), Some(b'I' | b'C' | b'U' | b'D' | b'M')) {
        return 0;
    }
    let tag = body.strip_suffix(b"\0").unwrap_or(body);
    let digits = tag.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = tag.get(tag.len() - digits..).unwrap_or_default();
    let digit = |byte: u8| u64::from(byte - b'0');
    digits.iter().fold(0_u64, |rows, byte| rows.saturating_mul(10).saturating_add(digit(*byte)))
}

/// The types in the body of a ParameterDescription, or behind the text of a Parse; those that are there in full.
/// The server infers the type of a parameter that is declared as `unknown`; it is 0 here, as one without a type.
pub fn parameter_oids(body: &[u8]) -> Vec<u32> {
    const UNKNOWN: u32 = 705;
    let oids = body.get(2..).unwrap_or_default().chunks_exact(4);
    let oids = oids.filter_map(|oid| Some(u32::from_be_bytes(oid.try_into().ok()?)));
    oids.map(|oid| if oid == UNKNOWN { 0 } else { oid }).collect()
}

/// The columns of a DataRow in text format; a NULL is `None`.
pub fn data_row_text(body: &[u8]) -> Option<Vec<Option<&[u8]>>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut columns = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        match usize::try_from(i32::from_be_bytes(*length)) {
            Ok(length) => {
                let (value, after) = after.split_at_checked(length)?;
                columns.push(Some(value));
                rest = after;
            }
            Err(_) => {
                columns.push(None);
                rest = after;
            }
        }
    }
    Some(columns)
}

/// The fields of an ErrorResponse or a NoticeResponse, one after the other.
fn error_fields(body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (&code, after) = rest.split_first()?;
        if code == 0 {
            return None;
        }
        let (value, after) = cstring(after)?;
        rest = after;
        Some((code, value))
    })
}

/// One field of an ErrorResponse or a NoticeResponse: `C` is the SQLSTATE, `M` the message.
pub fn error_field(body: &[u8], code: u8) -> Option<&[u8]> {
    error_fields(body).find(|&(found, _)| found == code).map(|(_, value)| value)
}

/// A copy of the whole frame in which the position field, counted in characters, went through
/// `shift`; `None` where there is no position or it stays the same. No other byte changes.
pub fn with_position(frame: &[u8], shift: impl Fn(usize) -> usize) -> Option<Vec<u8>> {
    let body = frame.get(super::HEAD_BYTES..)?;
    let position: usize = std::str::from_utf8(error_field(body, b'P')?).ok()?.parse().ok()?;
    let shifted = shift(position);
    (shifted != position).then(|| with_error_fields(frame, &[(b'P', shifted.to_string())]))
}

/// A copy of an ErrorResponse with this field, in place of the one that it may have.
pub fn with_error_bytes(frame: &[u8], code: u8, value: &[u8]) -> Vec<u8> {
    let Some((&tag, rest)) = frame.split_first() else { return Vec::new() };
    let mut copy = vec![tag, 0, 0, 0, 0];
    let mut add = |code, value: &[u8]| {
        copy.push(code);
        copy.extend_from_slice(value);
        copy.push(0);
    };
    let mut is_there = false;
    for (found, old) in error_fields(rest.get(4..).unwrap_or_default()) {
        is_there |= found == code;
        add(found, if found == code { value } else { old });
    }
    if !is_there {
        add(code, value);
    }
    copy.push(0);
    super::build::set_length(&mut copy);
    copy
}

/// A copy of the whole frame with the values of some fields replaced; fields that the frame does
/// not have are left out.
pub fn with_error_fields(frame: &[u8], changes: &[(u8, String)]) -> Vec<u8> {
    let Some((&tag, rest)) = frame.split_first() else { return Vec::new() };
    let mut copy = vec![tag, 0, 0, 0, 0];
    for (code, value) in error_fields(rest.get(4..).unwrap_or_default()) {
        copy.push(code);
        match changes.iter().find(|(changed, _)| *changed == code) {
            Some((_, new)) => copy.extend_from_slice(new.as_bytes()),
            None => copy.extend_from_slice(value),
        }
        copy.push(0);
    }
    copy.push(0);
    super::build::set_length(&mut copy);
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_without_its_zero_bytes_is_nothing() {
        assert_eq!(parse_view(b"name\0SELECT 1"), None);
        assert_eq!(data_row_text(b"\0\x02\0\0\0\x01x"), None);
        assert_eq!(data_row_text(b"\0\x01\x7F\xFF\xFF\xFFx"), None);
    }

    #[test]
    fn written_rows_come_from_the_command_tag() {
        assert_eq!(command_rows(b"INSERT 0 12\0"), 12);
        assert_eq!(command_rows(b"COPY 100000\0"), 100_000);
        assert_eq!(command_rows(b"SELECT 7\0"), 0);
        assert_eq!(command_rows(b"CREATE TABLE\0"), 0);
        assert_eq!(command_rows(b""), 0);
    }

    #[test]
    fn only_the_position_changes() {
        let frame = b"E\0\0\0\x18SERROR\0M\xE4\xFF\0P12\0H?\0\0".to_vec();
        let shifted = with_position(&frame, |position| position + 100).unwrap();
        assert_eq!(&shifted[5..], b"SERROR\0M\xE4\xFF\0P112\0H?\0\0");
        assert_eq!(shifted[4] as usize, shifted.len() - 1);
        assert_eq!(with_position(&frame, |position| position), None);
        assert_eq!(with_position(b"E\0\0\0\x07M\0\0", |_| 1), None);
    }

    #[test]
    fn a_null_column_is_told_from_an_empty_one() {
        let row = b"\0\x02\xFF\xFF\xFF\xFF\0\0\0\0";
        assert_eq!(data_row_text(row), Some(vec![None, Some(&b""[..])]));
    }
}
