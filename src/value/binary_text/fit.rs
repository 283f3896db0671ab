//! Values in binary format that only have another type than their column, in the binary format of
//! the column.

use super::{datetime, integer};
use crate::encoding::Encoding;
use crate::value::column::{Column, type_oid};

/// The type modifier of `varchar(37)`, which takes the place of timestamps that are too precise.
const VARCHAR_37: i32 = 41;
/// 0001-01-01 and 10000-01-01, in microseconds before and behind 2000-01-01.
const PLAIN_YEARS: std::ops::Range<i64> = -63_082_281_600_000_000..252_455_616_000_000_000;

/// The value in the binary format of the column's type, where the server would certainly refuse
/// `value` and its meaning is clear; `None` for all others, which are the server's to judge.
///
/// The client is taken to speak UTF-8. What is converted, and why it can be nothing else:
///
/// - Into `boolean` (1 byte): integers of 2, 4 and 8 bytes that are 0 or 1, because no text has
///   their bytes; and the words `true`, `false`, `yes`, `no`, `on`, `off`. One byte is always
///   accepted by the server (`f` and `0` as true), and so stays.
/// - Into integers: integers of another width (2, 4 or 8 bytes) that the column can hold. Decimal
///   text of any other length, because those are the lengths of integers. Bytes of such a length
///   that are decimal text too could be either, and stay: `12` is also the integer 12594.
/// - Into `real` and `double precision`: the other one of them by its length, rounded as the cast
///   does, and decimal text of other lengths than 4 and 8. Numbers so small or so odd that they are
///   more likely integers (subnormal, NaN beside the usual one) stay, and so does what a `real`
///   cannot hold.
/// - Into `uuid` (16 bytes): its text, with or without hyphens and braces, which has 32 bytes at
///   least.
/// - Into `jsonb`: JSON text, which lacks the version byte 1 in front. No JSON text starts with it.
///   (`jsonb` into `json` or `text` stays: there 1 is a character that the server takes or
///   refuses as such.)
/// - Into `varchar(37)`, in whose place the source has a timestamp: a timestamp of 8 bytes, in the
///   text layout of [`binary_to_text`](super::binary_to_text); only of the years 1 to 9999 or
///   infinite, and only where the bytes are no legal text. Such bytes start with a control
///   character or with one that UTF-8 does not have, which no text of eight bytes with a stray NUL
///   does.
///
/// Text of dates and times stays, since its meaning depends on settings of the server.
pub fn fit_binary(column: &Column, value: &[u8]) -> Option<Vec<u8>> {
    fit_binary_from(column, value, Encoding::Utf8)
}

/// The same for a client with another encoding, where every byte but 0x00 can be text.
pub(in crate::value) fn fit_binary_from(
    column: &Column,
    value: &[u8],
    encoding: Encoding,
) -> Option<Vec<u8>> {
    match column.type_oid {
        type_oid::BOOL => boolean(value).map(|is_true| vec![u8::from(is_true)]),
        type_oid::INT2 if value.len() != 2 => {
            Some(i16::try_from(whole_number(value)?).ok()?.to_be_bytes().to_vec())
        }
        type_oid::INT4 if value.len() != 4 => {
            Some(i32::try_from(whole_number(value)?).ok()?.to_be_bytes().to_vec())
        }
        type_oid::INT8 if value.len() != 8 => Some(whole_number(value)?.to_be_bytes().to_vec()),
        type_oid::FLOAT4 if value.len() != 4 => Some(real(value)?.to_be_bytes().to_vec()),
        type_oid::FLOAT8 if value.len() != 8 => Some(double(value)?.to_be_bytes().to_vec()),
        type_oid::UUID if value.len() != 16 => uuid(value).map(|uuid| uuid.to_vec()),
        type_oid::JSONB if starts_like_json(value) => Some([&[1], value].concat()),
        type_oid::VARCHAR if column.modifier == VARCHAR_37 => {
            let is_text = !value.contains(&0)
                && (encoding != Encoding::Utf8 || std::str::from_utf8(value).is_ok());
            let micros = i64::from_be_bytes(integer(value)?);
            let is_clear = PLAIN_YEARS.contains(&micros) || matches!(micros, i64::MIN | i64::MAX);
            let text = (!is_text && is_clear).then(|| datetime::timestamp(micros, ""))?;
            text.map(String::into_bytes)
        }
        _ => None,
    }
}

/// The bytes of every value that is of the column's own type already, where [`fit_binary`] goes by their number.
pub(in crate::value) fn own_bytes(column: &Column) -> Option<usize> {
    Some(match column.type_oid {
        type_oid::BOOL => 1,
        type_oid::INT2 => 2,
        type_oid::INT4 | type_oid::FLOAT4 => 4,
        type_oid::INT8 | type_oid::FLOAT8 => 8,
        type_oid::UUID => 16,
        _ => return None,
    })
}

fn boolean(value: &[u8]) -> Option<bool> {
    if value.len() == 1 {
        return None;
    }
    let words: [(&[u8], bool); 6] = [
        (b"true", true),
        (b"false", false),
        (b"yes", true),
        (b"no", false),
        (b"on", true),
        (b"off", false),
    ];
    match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)) {
        Some((_, is_true)) => Some(*is_true),
        None => match binary_integer(value)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

/// The number that a boolean in text format is for a column of numbers, as the server and its clients write it:
/// `1` or `0`.
pub(in crate::value) fn boolean_as_number(text: &[u8]) -> Option<&'static [u8]> {
    let is = |words: [&[u8]; 2]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match text.first()? | 0x20 {
        b't' if is([b"true", b"t"]) => Some(b"1"),
        b'f' if is([b"false", b"f"]) => Some(b"0"),
        _ => None,
    }
}

/// An integer of 2, 4 or 8 bytes.
fn binary_integer(value: &[u8]) -> Option<i64> {
    match value.len() {
        2 => Some(i16::from_be_bytes(integer(value)?).into()),
        4 => Some(i32::from_be_bytes(integer(value)?).into()),
        8 => Some(i64::from_be_bytes(integer(value)?)),
        _ => None,
    }
}

/// An integer in binary format or as text, whichever alone it can be.
fn whole_number(value: &[u8]) -> Option<i64> {
    let text = decimal(value).filter(|text| !text.contains(['.', 'e', 'E']));
    match (binary_integer(value), text) {
        (Some(number), None) => Some(number),
        (None, Some(text)) => text.parse().ok(),
        _ => None,
    }
}

fn real(value: &[u8]) -> Option<f32> {
    match (integer(value).map(f64::from_be_bytes), decimal(value)) {
        (Some(double), None) => {
            // As the cast does: what a `real` cannot hold is an error, not infinity or zero.
            let real = double as f32;
            let holds = real.is_infinite() == double.is_infinite()
                && (real == 0.0) == (double == 0.0)
                && !double.is_subnormal()
                && (!double.is_nan() || is_quiet(double.to_bits() << 12));
            holds.then_some(real)
        }
        (None, Some(decimal)) => decimal.parse().ok().filter(|number: &f32| number.is_finite()),
        _ => None,
    }
}

fn double(value: &[u8]) -> Option<f64> {
    match (integer(value).map(f32::from_be_bytes), decimal(value)) {
        (Some(real), None) => {
            let is_float = !real.is_subnormal()
                && (!real.is_nan() || is_quiet(u64::from(real.to_bits()) << 41));
            is_float.then_some(real.into())
        }
        (None, Some(decimal)) => decimal.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Whether the fraction of a NaN, moved to the upper end, is the usual one. Others are those of
/// small negative integers.
fn is_quiet(fraction: u64) -> bool {
    fraction == 1 << 63
}

/// The value as a decimal number: sign, digits, point, digits, exponent.
fn decimal(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (number, exponent) = match number.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (number, "0"),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    [whole, fraction, exponent].into_iter().all(is_digits).then_some(text)
}

/// As `uuid_in`: 32 digits, a hyphen allowed behind every four of them, all of it in braces or not.
pub(in crate::value) fn uuid(value: &[u8]) -> Option<[u8; 16]> {
    let digits = match value {
        [b'{', digits @ .., b'}'] => digits,
        digits => digits,
    };
    let (mut uuid, mut count, mut may_part) = (0u128, 0, false);
    for &byte in digits {
        if byte == b'-' && may_part {
            may_part = false;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        count += 1;
        if count > 32 {
            return None;
        }
        uuid = uuid << 4 | u128::from(digit);
        may_part = count % 4 == 0 && count < 32;
    }
    (count == 32).then_some(uuid.to_be_bytes())
}

/// Whether the first character that is no blank can start a JSON text.
fn starts_like_json(value: &[u8]) -> bool {
    let first = value.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    matches!(first, Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_oid: u32, modifier: i32) -> Column {
        Column { type_oid, modifier, ..Column::default() }
    }

    fn fit(type_oid: u32, value: &[u8]) -> Option<Vec<u8>> {
        let column = column(type_oid, -1);
        assert!(column.takes_other_binary());
        fit_binary(&column, value)
    }

    #[test]
    fn booleans_are_read_from_integers_and_words() {
        for (value, expected) in [
            (&0i16.to_be_bytes()[..], Some(0)),
            (&1i32.to_be_bytes(), Some(1)),
            (&1i64.to_be_bytes(), Some(1)),
            (&2i32.to_be_bytes(), None),
            (&(-1i16).to_be_bytes(), None),
            (b"true", Some(1)),
            (b"FALSE", Some(0)),
            (b"no", Some(0)),
            (b"on", Some(1)),
            (b"tr", None),
            (b"t", None),
            (b"\x01", None),
            (b"", None),
        ] {
            assert_eq!(fit(type_oid::BOOL, value), expected.map(|byte| vec![byte]), "{value:?}");
        }
    }

    #[test]
    fn integers_change_their_width_and_their_format() {
        let wide = |number: i64| Some(number.to_be_bytes().to_vec());
        for (value, expected) in [
            (&7i32.to_be_bytes()[..], wide(7)),
            (&(-7i16).to_be_bytes(), wide(-7)),
            (&7i64.to_be_bytes(), None),
            (b"-12", wide(-12)),
            (b"5", wide(5)),
            (b"+12345", wide(12_345)),
            (b"9223372036854775807", wide(i64::MAX)),
            (b"9223372036854775808", None),
            (b"12", None),
            (b"1234", None),
            (b"1.5", None),
            (b"1e5", None),
            (b"", None),
            (b"abc", None),
        ] {
            assert_eq!(fit(type_oid::INT8, value), expected, "{value:?}");
        }
        assert_eq!(fit(type_oid::INT2, &32_767i64.to_be_bytes()), Some(vec![0x7F, 0xFF]));
        assert_eq!(fit(type_oid::INT2, &32_768i32.to_be_bytes()), None);
        assert_eq!(fit(type_oid::INT4, &(-1i64).to_be_bytes()), Some(vec![0xFF; 4]));
        assert_eq!(fit(type_oid::INT4, &i64::MIN.to_be_bytes()), None);
    }

    #[test]
    fn floats_change_their_width_and_their_format() {
        let double = |number: f64| Some(number.to_be_bytes().to_vec());
        let real = |number: f32| Some(number.to_be_bytes().to_vec());
        for (value, expected) in [
            (&1.5f32.to_be_bytes()[..], double(1.5)),
            (&0i32.to_be_bytes(), double(0.0)),
            (&1i32.to_be_bytes(), None),
            (&(-1i32).to_be_bytes(), None),
            (&f32::NAN.to_be_bytes(), double(f64::NAN)),
            (&f32::NEG_INFINITY.to_be_bytes(), double(f64::NEG_INFINITY)),
            (b"-1.5e3", double(-1500.0)),
            (b"1.25", None),
            (b"1e999", None),
            (b"inf", None),
        ] {
            assert_eq!(fit(type_oid::FLOAT8, value), expected, "{value:?}");
        }
        for (value, expected) in [
            (&0.1f64.to_be_bytes()[..], real(0.1)),
            (&1e300f64.to_be_bytes(), None),
            (&1e-300f64.to_be_bytes(), None),
            (&7i64.to_be_bytes(), None),
            (&f64::INFINITY.to_be_bytes(), real(f32::INFINITY)),
            (&f64::NAN.to_be_bytes(), real(f32::NAN)),
            (b"12345678", None),
            (b"0.1", real(0.1)),
        ] {
            assert_eq!(fit(type_oid::FLOAT4, value), expected, "{value:?}");
        }
    }

    #[test]
    fn uuids_are_read_as_the_server_does() {
        let expected = Some((0..16).map(|at| at * 17).collect::<Vec<u8>>());
        for text in [
            "00112233-4455-6677-8899-aabbccddeeff",
            "00112233445566778899AABBCCDDEEFF",
            "{00112233-4455-6677-8899-aabbccddeeff}",
            "0011-2233-4455-6677-8899-aabb-ccdd-eeff",
        ] {
            assert_eq!(fit(type_oid::UUID, text.as_bytes()), expected, "{text}");
        }
        for text in [
            "00112233-4455-6677-8899-aabbccddeef",
            "00112233-4455-6677-8899-aabbccddeeff0",
            "{00112233-4455-6677-8899-aabbccddeeff",
            "00112233--4455-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeeff-",
            "-00112233-4455-6677-8899-aabbccddeeff",
            "001122-334455-6677-8899-aabbccddeeff",
        ] {
            assert_eq!(fit(type_oid::UUID, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn json_gets_its_version() {
        assert_eq!(fit(type_oid::JSONB, b" {}").unwrap(), b"\x01 {}");
        for value in [&b"\x01{}"[..], b"", b" ", b"x"] {
            assert_eq!(fit(type_oid::JSONB, value), None);
        }
        assert_eq!(fit_binary(&column(type_oid::TEXT, -1), b"\x01{}"), None);
    }

    #[test]
    fn a_timestamp_becomes_the_text_of_varchar_37() {
        let fit = |value: &[u8], encoding| {
            let fitted = fit_binary_from(&column(type_oid::VARCHAR, VARCHAR_37), value, encoding)?;
            Some(String::from_utf8(fitted).unwrap())
        };
        let of_2024 = 757_382_400_000_000i64.to_be_bytes();
        let expected = Some("2024-01-01 00:00:00.000000".to_owned());
        assert_eq!(fit(&of_2024, Encoding::Utf8), expected);
        assert_eq!(fit(&of_2024, Encoding::SingleByte), expected);
        let before = (-1i64).to_be_bytes();
        let expected = Some("1999-12-31 23:59:59.999999".to_owned());
        assert_eq!(fit(&before, Encoding::Utf8), expected);
        assert_eq!(fit(&before, Encoding::SingleByte), None);
        assert_eq!(fit(&i64::MAX.to_be_bytes(), Encoding::Utf8).as_deref(), Some("infinity"));
        for text in [&b"eight by"[..], b"eight\0by", b"seven b", b"\0\0\0\0"] {
            assert_eq!(fit(text, Encoding::Utf8), None);
        }
        assert_eq!(fit_binary(&column(type_oid::VARCHAR, 42), &of_2024), None);
    }
}
