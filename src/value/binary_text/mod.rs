//! Values in binary format as the text that PostgreSQL reads back, and in the binary format of the
//! column they go into; knows no SQL and no frames.
//!
//! Layouts of the text, each readable whatever `DateStyle`, `IntervalStyle` and `TimeZone` are:
//!
//! | Type | Text |
//! | --- | --- |
//! | `date` | `YYYY-MM-DD`, with ` BC` behind it before year 1 |
//! | `time`, `timetz` | `HH:MM:SS.ffffff`, with the offset `+HH:MM:SS` behind it |
//! | `timestamp`, `timestamptz` | `YYYY-MM-DD HH:MM:SS.ffffff`, with `+00` behind it, then ` BC` |
//! | `interval` | `+N mons +N days +HH:MM:SS.ffffff`, each part with a sign of its own |
//! | `date`, `timestamp`, `timestamptz` without end | `infinity`, `-infinity` |
//! | `bytea` | `\x` and hexadecimal digits |
//!
//! Fractions have always six digits and years at least four. Source of the binary formats:
//! PostgreSQL, the `recv` functions of the types in `src/backend/utils/adt`.

mod datetime;
mod fit;
mod numeric;

pub(super) use datetime::{date as date_text, time as time_text, timestamp as timestamp_text};
pub use fit::fit_binary;
pub(super) use fit::{boolean_as_number, fit_binary_from, own_bytes, uuid as uuid_bytes};

use super::column::type_oid;

/// The text that the input function of a type reads back, for a value in the type's binary format.
/// Character types and JSON are their own text, in the client's encoding. `None` for a type that is
/// not known here, and where the bytes cannot be of the type, so that the server refuses them.
pub fn binary_to_text(type_oid: u32, value: &[u8]) -> Option<Vec<u8>> {
    let text = match type_oid {
        type_oid::BOOL => {
            let [is_true] = integer::<1>(value)?;
            if is_true == 0 { "false" } else { "true" }.to_owned()
        }
        type_oid::INT2 => i16::from_be_bytes(integer(value)?).to_string(),
        type_oid::INT4 => i32::from_be_bytes(integer(value)?).to_string(),
        type_oid::INT8 => i64::from_be_bytes(integer(value)?).to_string(),
        type_oid::OID => u32::from_be_bytes(integer(value)?).to_string(),
        type_oid::FLOAT4 => float4(f32::from_be_bytes(integer(value)?)),
        type_oid::FLOAT8 => float8(f64::from_be_bytes(integer(value)?)),
        type_oid::NUMERIC => numeric::text(value)?,
        type_oid::DATE => datetime::date(i32::from_be_bytes(integer(value)?))?,
        type_oid::TIME => datetime::time(i64::from_be_bytes(integer(value)?))?,
        type_oid::TIMETZ => datetime::timetz(value)?,
        type_oid::TIMESTAMP => datetime::timestamp(i64::from_be_bytes(integer(value)?), "")?,
        type_oid::TIMESTAMPTZ => datetime::timestamp(i64::from_be_bytes(integer(value)?), "+00")?,
        type_oid::INTERVAL => datetime::interval(value)?,
        type_oid::UUID => uuid(integer(value)?),
        type_oid::BYTEA => return Some([b"\\x".as_slice(), &hexadecimal(value)].concat()),
        type_oid::CHAR => {
            // The type holds any byte; one beyond ASCII has no text in every encoding.
            let [character] = integer::<1>(value)?;
            return character
                .is_ascii()
                .then(|| value.iter().copied().filter(|b| *b != 0).collect());
        }
        type_oid::JSONB => {
            let (1, text) = value.split_first()? else { return None };
            return binary_to_text(type_oid::JSON, text);
        }
        _ if type_oid::kind_of(type_oid).is_characters() => {
            return (!value.contains(&0)).then(|| value.to_vec());
        }
        _ => return None,
    };
    Some(text.into_bytes())
}

/// The bytes of a type that always has the same number of them.
fn integer<const BYTES: usize>(value: &[u8]) -> Option<[u8; BYTES]> {
    value.try_into().ok()
}

/// The shortest digits that give the same number, in the form that is short too.
fn float4(number: f32) -> String {
    match number {
        _ if number.is_infinite() => infinity(number < 0.0),
        _ if number == 0.0 || (1e-5..1e15).contains(&number.abs()) => number.to_string(),
        _ => format!("{number:e}"),
    }
}

/// As [`float4`].
fn float8(number: f64) -> String {
    match number {
        _ if number.is_infinite() => infinity(number < 0.0),
        _ if number == 0.0 || (1e-5..1e15).contains(&number.abs()) => number.to_string(),
        _ => format!("{number:e}"),
    }
}

fn infinity(is_negative: bool) -> String {
    if is_negative { "-Infinity" } else { "Infinity" }.to_owned()
}

fn uuid(value: [u8; 16]) -> String {
    let mut text = format!("{:032x}", u128::from_be_bytes(value));
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

fn hexadecimal(value: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    value.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(type_oid: u32, value: &[u8]) -> Option<String> {
        binary_to_text(type_oid, value).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn values_have_the_text_of_their_type() {
        let uuid: [u8; 16] = std::array::from_fn(|at| u8::try_from(at * 17).unwrap());
        for (type_oid, value, expected) in [
            (type_oid::BOOL, &[1][..], "true"),
            (type_oid::BOOL, &[0], "false"),
            (type_oid::INT2, &[0xFF, 0xFE], "-2"),
            (type_oid::INT4, &[0x80, 0, 0, 0], "-2147483648"),
            (type_oid::INT8, &[0, 0, 0, 1, 0, 0, 0, 0], "4294967296"),
            (type_oid::OID, &[0xFF; 4], "4294967295"),
            (type_oid::FLOAT4, &0.1f32.to_be_bytes(), "0.1"),
            (type_oid::FLOAT8, &0.1f64.to_be_bytes(), "0.1"),
            (type_oid::FLOAT8, &1e300f64.to_be_bytes(), "1e300"),
            (type_oid::FLOAT8, &5e-324f64.to_be_bytes(), "5e-324"),
            (type_oid::FLOAT8, &(-0.0f64).to_be_bytes(), "-0"),
            (type_oid::FLOAT8, &f64::NAN.to_be_bytes(), "NaN"),
            (type_oid::FLOAT8, &f64::NEG_INFINITY.to_be_bytes(), "-Infinity"),
            (type_oid::FLOAT4, &f32::INFINITY.to_be_bytes(), "Infinity"),
            (type_oid::UUID, &uuid, "00112233-4455-6677-8899-aabbccddeeff"),
            (type_oid::BYTEA, &[0, 0xAF, 9], "\\x00af09"),
            (type_oid::JSON, b"{}", "{}"),
            (type_oid::JSONB, b"\x01[]", "[]"),
            (type_oid::VARCHAR, "ä".as_bytes(), "ä"),
            (type_oid::CHAR, b"\0", ""),
            (type_oid::CHAR, b"x", "x"),
        ] {
            assert_eq!(text(type_oid, value).as_deref(), Some(expected), "{type_oid} {value:?}");
        }
    }

    #[test]
    fn bytes_of_no_such_value_have_none() {
        for (type_oid, value) in [
            (type_oid::BOOL, &[][..]),
            (type_oid::INT4, &[0; 5]),
            (type_oid::UUID, &[0; 15]),
            (type_oid::JSONB, b"{}"),
            (type_oid::JSONB, b""),
            (type_oid::TEXT, b"a\0"),
            (type_oid::CHAR, b"\xFF"),
            (600, &[0; 16]),
        ] {
            assert_eq!(text(type_oid, value), None, "{type_oid} {value:?}");
        }
    }
}
