//! How a constant is spelled for a column of another type. Knows types and spellings; finds neither columns nor
//! constants.

use crate::statement::{
    CastConstant, Lexing, SlotValue, cast_constant, quoted_bytes, quoted_number, timestamp_literal,
    without_national,
};
use crate::value::Column;
use crate::value::assignment::{VARCHAR_37, is_number, is_string};
use crate::value::is_too_precise;
use crate::value::type_oid::{BOOL, BPCHAR, BYTEA, DATE, TIMESTAMP, TIMESTAMPTZ, VARCHAR};

/// Types whose 0 and 1, cast, stand for false and true.
const TRUTHS: &[&str] = &[
    "bigint", "bit", "bool", "boolean", "decimal", "int", "int2", "int4", "int8", "integer",
    "number", "numeric", "signed", "smallint", "tinyint", "unsigned",
];

/// Types whose constants are bytes, and functions that make them of hexadecimal digits.
const BYTES: &[&str] = &["binary", "blob", "bytea", "raw", "varbinary"];
const FROM_HEXADECIMAL: &[&str] = &["bx", "hextoraw"];

/// The constant for a column, if it has to be another one than `core`, which has no parentheses around it. It
/// may begin with a blank.
pub(super) fn spelled(
    value: SlotValue,
    core: &[u8],
    column: &Column,
    lexing: Lexing,
) -> Option<String> {
    let cast = || cast_constant(core);
    match (column.type_oid, value) {
        (BOOL, SlotValue::Other) => boolean(cast().filter(|cast| cast.is_to(TRUTHS))?.constant),
        (BOOL, SlotValue::Integer | SlotValue::BitString | SlotValue::HexInteger) => boolean(core),
        (BYTEA, SlotValue::BitString | SlotValue::HexInteger) => bytes(core, lexing),
        (BYTEA, SlotValue::Other) => cast_bytes(cast()?, lexing),
        (oid, SlotValue::Boolean | SlotValue::BitString | SlotValue::HexInteger)
            if is_number(oid) =>
        {
            number(core)
        }
        (oid, SlotValue::Other) if is_number(oid) => {
            number(cast().filter(|cast| cast.is_to(TRUTHS))?.constant)
        }
        // The server reads a constant for the type, whatever that is made of.
        (0, SlotValue::Integer) if column.element_oid == 0 => {
            Some(format!("'{}'", std::str::from_utf8(core).ok()?.replace(' ', "")))
        }
        // The type would round the digits of the second.
        (VARCHAR, SlotValue::Other) if column.modifier == VARCHAR_37 => {
            let literal = timestamp_literal(core);
            let (text, _) = literal.filter(|(text, has_zone)| is_too_precise(text, *has_zone))?;
            Some(format!("'{}'", std::str::from_utf8(text).ok()?))
        }
        _ => None,
    }
}

/// Whether `N'..'` has to lose its N: where the column takes no `character`, or not with its blanks.
pub(super) fn is_national(core: &[u8], type_oid: u32) -> bool {
    let Some(text) = without_national(core) else { return false };
    match type_oid {
        0 | BPCHAR => false,
        oid => !is_string(oid) || text.ends_with(b" '"),
    }
}

/// Whether the type has dates.
pub(super) fn is_date(type_oid: u32) -> bool {
    matches!(type_oid, DATE | TIMESTAMP | TIMESTAMPTZ)
}

/// What stands between the quotes of a constant that is cast to a date.
pub(super) fn date_text(cast: &CastConstant<'_>) -> Option<Vec<u8>> {
    const DATES: &[&str] =
        &["date", "datetime", "datetime2", "smalldatetime", "timestamp", "timestamptz"];
    let text = cast.constant.strip_prefix(b"N").unwrap_or(cast.constant);
    let text = text.strip_prefix(b"'")?.strip_suffix(b"'")?;
    cast.is_to(DATES).then(|| text.to_vec())
}

/// FALSE or TRUE for a number that is 0 or 1, however it is spelled.
fn boolean(constant: &[u8]) -> Option<String> {
    let constant = constant.strip_prefix(b"+").unwrap_or(constant).trim_ascii();
    let digits = match constant {
        [b'b' | b'B' | b'x' | b'X', b'\'', digits @ .., b'\''] => digits,
        [b'0', b'x' | b'X', digits @ ..] => digits,
        [b'n' | b'N', b'\'', digits @ .., b'\''] | [b'\'', digits @ .., b'\''] => digits,
        digits => digits,
    };
    let (last, front) = digits.split_last()?;
    let is_true = match last {
        b'0' | b'1' if front.iter().all(|digit| *digit == b'0') => *last == b'1',
        _ if digits.eq_ignore_ascii_case(b"true") => true,
        _ if digits.eq_ignore_ascii_case(b"false") => false,
        _ => return None,
    };
    // A string would be text where only a CASE around it says what it is.
    Some(if is_true { "TRUE" } else { "FALSE" }.to_owned())
}

/// The decimal number for TRUE, FALSE, a bit string or a hexadecimal number of up to 63 bits.
fn number(constant: &[u8]) -> Option<String> {
    let ([b'x' | b'X', b'\'', digits @ .., b'\''] | [b'0', b'x' | b'X', digits @ ..]) = constant
    else {
        return Some(quoted_number(constant)?.trim_matches('\'').to_owned());
    };
    let digits = std::str::from_utf8(digits).ok()?;
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = i64::from_str_radix(digits, 16).ok().filter(|_| is_plain)?;
    Some(number.to_string())
}

/// The `bytea` constant for hexadecimal digits, or for the number that the bits of a bit string are, in whole bytes.
pub(super) fn bytes(constant: &[u8], lexing: Lexing) -> Option<String> {
    if let Some(bytes) = quoted_bytes(constant, lexing) {
        return Some(bytes);
    }
    match constant {
        [b'b' | b'B', b'\'', bits @ .., b'\''] => {
            let front = (8 - bits.len() % 8) % 8;
            let bits: Vec<u8> =
                std::iter::repeat_n(b'0', front).chain(bits.iter().copied()).collect();
            let mut digits = String::with_capacity(bits.len() / 4);
            for half in bits.chunks(4) {
                let half = std::str::from_utf8(half).ok()?;
                let half = u32::from_str_radix(half, 2).ok()?;
                digits.push(char::from_digit(half, 16)?);
            }
            quoted_bytes(format!("X'{digits}'").as_bytes(), lexing)
        }
        _ => None,
    }
}

fn cast_bytes(cast: CastConstant<'_>, lexing: Lexing) -> Option<String> {
    let is_string = cast.constant.starts_with(b"'");
    if cast.is_to(FROM_HEXADECIMAL) && is_string {
        return bytes(&[b"X", cast.constant].concat(), lexing);
    }
    if cast.is_to(BYTES) && !is_string { bytes(cast.constant, lexing) } else { None }
}
