//! Digits and blanks that PostgreSQL drops or rounds without an error, in text format.

use super::super::column::{Column, type_oid};

/// The most digits of a second that PostgreSQL keeps.
const SECOND_DIGITS_MAX: usize = 6;
/// The precision of an `interval` without one.
const INTERVAL_FULL_PRECISION: i32 = 0xFFFF;
/// The parts of the modifier of `numeric(p,s)`: 4 added to all of it, the precision above 16 bits,
/// the scale a signed number of 11 bits.
const MODIFIER_HEAD: i32 = 4;
const SCALE_BITS: u32 = 11;

/// How many digits of a second a column keeps; `None` where it is not one of time.
pub(super) fn second_digits(column: &Column) -> Option<usize> {
    let precision = match column.type_oid {
        type_oid::TIME | type_oid::TIMETZ | type_oid::TIMESTAMP | type_oid::TIMESTAMPTZ => {
            column.modifier
        }
        type_oid::INTERVAL if column.modifier >= 0 => {
            match column.modifier & INTERVAL_FULL_PRECISION {
                INTERVAL_FULL_PRECISION => -1,
                precision => precision,
            }
        }
        type_oid::INTERVAL => -1,
        _ => return None,
    };
    let precision = usize::try_from(precision).unwrap_or(SECOND_DIGITS_MAX);
    Some(precision.min(SECOND_DIGITS_MAX))
}

/// How many digits behind the point a `numeric` column keeps, negative where it rounds in front of
/// it; `None` where it keeps all.
pub(super) fn numeric_scale(column: &Column) -> Option<i64> {
    if column.type_oid != type_oid::NUMERIC || column.modifier < MODIFIER_HEAD {
        return None;
    }
    let sign_shift = i32::BITS - SCALE_BITS;
    let scale = ((column.modifier - MODIFIER_HEAD) << sign_shift) >> sign_shift;
    Some(scale.into())
}

/// Whether a second has digits beyond the first `kept` that are not zero.
///
/// The fraction of a second stands behind `HH:MM:SS` or `HHMMSS`; in an interval also behind a
/// number alone or one of seconds (`1.5 secs`, `PT1.5S`).
pub(super) fn loses_second_digits(value: &[u8], kept: usize, is_interval: bool) -> bool {
    let mut start = 0;
    while let Some(found) = value.get(start..).and_then(|rest| memchr::memchr(b'.', rest)) {
        let (front, behind) = value.split_at(start + found);
        let behind = behind.get(1..).unwrap_or_default();
        let length = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, behind) = behind.split_at(length);
        let is_lost = fraction.iter().skip(kept).any(|digit| *digit != b'0');
        if is_lost && is_second(front, behind, is_interval) {
            return true;
        }
        start += found + 1 + length;
    }
    false
}

/// Whether the digits at the end of `front` are a second and its fraction ends before `behind`.
fn is_second(front: &[u8], behind: &[u8], is_interval: bool) -> bool {
    // A number that has more digits is no second, and need not be walked to its start.
    let digits = front.iter().rev().take(20).take_while(|byte| byte.is_ascii_digit()).count();
    let before = front.len().checked_sub(digits + 1).and_then(|at| front.get(at));
    if before == Some(&b':') {
        return digits > 0;
    }
    if !is_interval {
        return matches!(digits, 6 | 12 | 14) && before.is_none_or(|byte| b" \tTt".contains(byte));
    }
    let unit = behind.trim_ascii_start();
    match unit {
        [] => true,
        [b's' | b'S', ..] => true,
        // The number of another part follows, or a sign, or `ago`.
        [next, ..] => unit.len() < behind.len() && (next.is_ascii_digit() || b"+-".contains(next)),
    }
}

/// Whether a decimal number has digits beyond `scale` that are not zero. Anything else has none.
pub(super) fn loses_numeric_digits(value: &[u8], scale: i64) -> bool {
    last_digit_place(value).is_some_and(|place| place < -scale)
}

/// The power of ten of the last digit that is not zero; `None` for zero and for what is no decimal
/// number.
fn last_digit_place(value: &[u8]) -> Option<i64> {
    let value = value.trim_ascii();
    let number = value.strip_prefix(b"-").or(value.strip_prefix(b"+")).unwrap_or(value);
    let end = number.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(number.len());
    let (number, exponent) = number.split_at(end);
    let exponent = match exponent {
        [] => 0,
        [_, exponent @ ..] => std::str::from_utf8(exponent).ok()?.parse::<i32>().ok()?,
    };
    let point = memchr::memchr(b'.', number).unwrap_or(number.len());
    let is_number =
        |(at, byte): (usize, &u8)| byte.is_ascii_digit() || (at == point && *byte == b'.');
    if !number.iter().enumerate().all(is_number) {
        return None;
    }
    let last = number.iter().rposition(|byte| matches!(byte, b'1'..=b'9'))?;
    // A digit behind the point lies one place lower than its distance says, for the point itself.
    let distance = i64::try_from(point).ok()? - i64::try_from(last).ok()?;
    Some(distance - i64::from(last < point) + i64::from(exponent))
}

/// Whether blanks at the end of a value are lost: surplus ones, which a column that takes
/// `characters_max` characters cuts, and those that `character(n)` cannot tell from its padding,
/// unless the value fills it.
pub(super) fn loses_blanks(
    value: &[u8],
    characters: usize,
    characters_max: usize,
    is_padded: bool,
) -> bool {
    let is_lossy = characters > characters_max || (is_padded && characters < characters_max);
    is_lossy && value.ends_with(b" ")
}

/// Whether a text is a whole number that `bigint` is too small for.
pub(super) fn is_above_bigint(text: &[u8]) -> bool {
    const MAX: &[u8] = b"9223372036854775807";
    let text = text.trim_ascii();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if digits.len() < MAX.len() || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = digits.get(zeros..).unwrap_or_default();
    (digits.len(), digits) > (MAX.len(), MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_oid: u32, modifier: i32) -> Column {
        Column { type_oid, modifier, ..Column::default() }
    }

    #[test]
    fn modifiers_say_what_is_kept() {
        for (type_oid, modifier, expected) in [
            (type_oid::TIMESTAMP, -1, Some(6)),
            (type_oid::TIMESTAMPTZ, 0, Some(0)),
            (type_oid::TIME, 3, Some(3)),
            (type_oid::INTERVAL, -1, Some(6)),
            (type_oid::INTERVAL, 0x7FFF_0002, Some(2)),
            (type_oid::INTERVAL, 0x1000_FFFF, Some(6)),
            (type_oid::DATE, -1, None),
        ] {
            assert_eq!(second_digits(&column(type_oid, modifier)), expected);
        }
        for (precision, scale) in [(10, 2), (5, 0), (3, -2), (2, 1000), (1, -1000)] {
            let modifier = ((precision << 16) | (scale & 0x7FF)) + 4;
            assert_eq!(numeric_scale(&column(type_oid::NUMERIC, modifier)), Some(scale.into()));
        }
        assert_eq!(numeric_scale(&column(type_oid::NUMERIC, -1)), None);
        assert_eq!(numeric_scale(&column(type_oid::INT4, 4)), None);
    }

    #[test]
    fn digits_of_seconds_are_found_behind_seconds_only() {
        for (text, kept, expected) in [
            ("2024-01-01 10:00:00.1234567", 6, true),
            ("2024-01-01 10:00:00.1234560", 6, false),
            ("2024-01-01 10:00:00.123456+02", 6, false),
            ("2024-01-01 10:00:00.123456+02", 3, true),
            ("2024-01-01 10:00:00.5", 0, true),
            ("01.02.2024 10:00:00", 0, false),
            ("01.02.2024 10:00:00.000000001", 6, true),
            ("20240101T100000.1234567", 6, true),
            ("20240101100000.1234567", 6, true),
            ("100000.1234567", 6, true),
            ("infinity", 0, false),
            ("10:00:00.", 0, false),
            ("2024.1234567", 6, false),
        ] {
            assert_eq!(loses_second_digits(text.as_bytes(), kept, false), expected, "{text}");
        }
        for (text, expected) in [
            ("1 day 10:00:00.1234567", true),
            ("1.1234567 secs", true),
            ("1.1234567", true),
            ("1.1234560 s", false),
            ("P1DT1.1234567S", true),
            ("1.1234567 days", false),
            ("P1.1234567D", false),
            ("1.1234567 +2 days", true),
        ] {
            assert_eq!(loses_second_digits(text.as_bytes(), 6, true), expected, "{text}");
        }
    }

    #[test]
    fn digits_beyond_the_scale_are_found() {
        for (text, scale, expected) in [
            ("1.23", 2, false),
            ("1.234", 2, true),
            ("1.230", 2, false),
            ("-0.005", 2, true),
            (".5", 0, true),
            ("5.", 0, false),
            ("123.4e-1", 1, true),
            ("123.4e1", 0, false),
            ("1e-3", 2, true),
            ("1e+3", 0, false),
            ("150", -2, true),
            ("1500", -2, false),
            ("1050", -1, false),
            ("1051", -1, true),
            ("0e-9", 0, false),
            (" 1.5 ", 0, true),
            ("NaN", 0, false),
            ("1.5x", 0, false),
            ("1.2.3", 0, false),
            ("1e99999999999", 0, false),
            ("", 0, false),
        ] {
            assert_eq!(loses_numeric_digits(text.as_bytes(), scale), expected, "{text} {scale}");
        }
    }

    #[test]
    fn blanks_are_lost_as_surplus_and_as_padding() {
        for (value, characters_max, is_padded, expected) in [
            (&b"ab "[..], 5, true, true),
            (b"ab ", 3, true, false),
            (b"ab ", 2, true, true),
            (b"ab ", 5, false, false),
            (b"ab ", 2, false, true),
            (b"ab", 5, true, false),
        ] {
            let lost = loses_blanks(value, value.len(), characters_max, is_padded);
            assert_eq!(lost, expected, "{value:?} {characters_max} {is_padded}");
        }
    }
}
