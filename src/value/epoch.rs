//! Numbers that are dates: seconds, milliseconds or days since 1970-01-01 UTC. Knows no formats of
//! messages and rows.

use super::binary_text::{date_text, time_text, timestamp_text};
use super::column::type_oid::{DATE, TIME, TIMESTAMP, TIMESTAMPTZ};
use super::policy::NumbersAsDates;

/// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL begins to count.
const MICROS_TO_2000: i128 = 946_684_800_000_000;
/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;
/// Digits of the longest number that is read, exponent apart.
const DIGITS_MAX: usize = 30;

/// Whether the policy makes values of a column out of numbers. A `time` takes those that lie within the
/// first day; no policy says what a number means for an `interval`.
pub(super) fn applies(numbers: NumbersAsDates, type_oid: u32) -> bool {
    match (numbers, type_oid) {
        (NumbersAsDates::Reject, _) | (NumbersAsDates::EpochDays, TIME) => false,
        (_, DATE | TIME | TIMESTAMP | TIMESTAMPTZ) => true,
        _ => false,
    }
}

/// The value of a column of this type, as text, that a decimal number stands for. `None` where the text is
/// not a number, where the type has no such value, and where `applies` says no. Digits beyond the
/// microsecond are cut, and so is the time of day in a `date`, as the server does with a timestamp.
pub fn text(numbers: NumbersAsDates, type_oid: u32, number: &[u8]) -> Option<Vec<u8>> {
    let micros = micros(numbers, type_oid, number)?;
    let text = match type_oid {
        DATE => date_text(days(micros)?)?,
        TIME => time_text(of_first_day(micros)?)?,
        TIMESTAMP => timestamp_text(micros, "")?,
        _ => timestamp_text(micros, "+00")?,
    };
    Some(text.into_bytes())
}

/// The same in binary format, for an integer in binary format of another width than the type has.
pub(super) fn binary(numbers: NumbersAsDates, type_oid: u32, integer: &[u8]) -> Option<Vec<u8>> {
    let width = if type_oid == DATE { 4 } else { 8 };
    let number = match *integer {
        [a, b] => i64::from(i16::from_be_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
        _ => i64::from_be_bytes(integer.try_into().ok()?),
    };
    if integer.len() == width {
        return None;
    }
    let number = number.to_string();
    // What has no text is not a value of the type.
    text(numbers, type_oid, number.as_bytes())?;
    let micros = micros(numbers, type_oid, number.as_bytes())?;
    Some(match type_oid {
        DATE => days(micros)?.to_be_bytes().to_vec(),
        TIME => of_first_day(micros)?.to_be_bytes().to_vec(),
        _ => micros.to_be_bytes().to_vec(),
    })
}

/// Microseconds since 2000-01-01; the two that mean infinity are not among them.
fn micros(numbers: NumbersAsDates, type_oid: u32, number: &[u8]) -> Option<i64> {
    if !applies(numbers, type_oid) {
        return None;
    }
    // The power of ten of the unit in microseconds, and what is left of it.
    let (power, factor) = match numbers {
        NumbersAsDates::Reject => return None,
        NumbersAsDates::EpochSeconds => (6, 1),
        NumbersAsDates::EpochMillis => (3, 1),
        NumbersAsDates::EpochDays => (0, i128::from(DAY_MICROS)),
    };
    let scaled = scaled(number, power)?;
    if numbers == NumbersAsDates::EpochDays && !scaled.is_exact {
        return None;
    }
    let micros = scaled.number.checked_mul(factor)?.checked_sub(MICROS_TO_2000)?;
    i64::try_from(micros).ok().filter(|micros| !matches!(*micros, i64::MIN | i64::MAX))
}

struct Scaled {
    number: i128,
    is_exact: bool,
}

/// A decimal number (sign, digits, point, digits, exponent) times a power of ten, rounded down.
fn scaled(number: &[u8], power: i64) -> Option<Scaled> {
    let text = std::str::from_utf8(number).ok()?.trim_matches(' ');
    let is_negative = text.starts_with('-');
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = [whole, fraction.trim_end_matches('0')].concat();
    let digits = digits.trim_start_matches('0');
    if digits.len() > DIGITS_MAX {
        return None;
    }
    let number: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let number = if is_negative { -number } else { number };
    let shift =
        power + i64::from(exponent) - i64::try_from(fraction.trim_end_matches('0').len()).ok()?;
    let factor = |shift: i64| 10_i128.checked_pow(u32::try_from(shift).ok()?);
    if number == 0 || shift >= 0 {
        let number = if number == 0 { 0 } else { number.checked_mul(factor(shift)?)? };
        return Some(Scaled { number, is_exact: true });
    }
    let factor = factor(-shift)?;
    let is_exact = number.rem_euclid(factor) == 0;
    Some(Scaled { number: number.div_euclid(factor), is_exact })
}

fn days(micros: i64) -> Option<i32> {
    let days = i32::try_from(micros.div_euclid(DAY_MICROS)).ok()?;
    (!matches!(days, i32::MIN | i32::MAX)).then_some(days)
}

/// The microseconds since midnight of a time on 1970-01-01.
fn of_first_day(micros: i64) -> Option<i64> {
    let time = i64::try_from(i128::from(micros) + MICROS_TO_2000).ok()?;
    (0..DAY_MICROS).contains(&time).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::super::column::type_oid::INTERVAL;
    use super::*;
    use NumbersAsDates::{EpochDays, EpochMillis, EpochSeconds, Reject};

    #[test]
    fn numbers_have_the_dates_that_the_policy_says() {
        for (numbers, type_oid, number, expected) in [
            (EpochSeconds, TIMESTAMP, "1704060715", Some("2023-12-31 22:11:55.000000")),
            (EpochSeconds, TIMESTAMPTZ, "1704060715.25", Some("2023-12-31 22:11:55.250000+00")),
            (EpochSeconds, TIMESTAMP, "1.704060715e9", Some("2023-12-31 22:11:55.000000")),
            (EpochMillis, TIMESTAMP, "1704060715123", Some("2023-12-31 22:11:55.123000")),
            (EpochMillis, TIMESTAMP, "-1", Some("1969-12-31 23:59:59.999000")),
            (EpochMillis, TIMESTAMP, "0.0001", Some("1970-01-01 00:00:00.000000")),
            (EpochMillis, DATE, "-1", Some("1969-12-31")),
            (EpochDays, DATE, "19723", Some("2024-01-01")),
            (EpochDays, TIMESTAMP, "-0", Some("1970-01-01 00:00:00.000000")),
            (EpochDays, DATE, "1.5", None),
            (EpochMillis, TIME, "36061001", Some("10:01:01.001000")),
            (EpochSeconds, TIME, "86399", Some("23:59:59.000000")),
            (EpochSeconds, TIME, "86400", None),
            (EpochSeconds, TIME, "-1", None),
            (EpochDays, TIME, "0", None),
            (EpochSeconds, INTERVAL, "0", None),
            (Reject, TIMESTAMP, "0", None),
            (EpochSeconds, TIMESTAMP, "99999999999999", None),
            (EpochSeconds, TIMESTAMP, "1e40", None),
            (EpochSeconds, TIMESTAMP, "1e-9", Some("1970-01-01 00:00:00.000000")),
            (EpochSeconds, TIMESTAMP, "0e999", Some("1970-01-01 00:00:00.000000")),
            (EpochSeconds, TIMESTAMP, "2024-01-01", None),
            (EpochSeconds, TIMESTAMP, "", None),
            (EpochSeconds, TIMESTAMP, "NaN", None),
            (EpochSeconds, TIMESTAMP, "0x10", None),
        ] {
            let found = text(numbers, type_oid, number.as_bytes());
            assert_eq!(
                found.as_deref(),
                expected.map(str::as_bytes),
                "{numbers:?} {type_oid} {number}"
            );
        }
    }

    #[test]
    fn integers_of_the_width_of_the_type_are_its_own() {
        assert_eq!(binary(EpochDays, DATE, &19_723_i32.to_be_bytes()), None);
        assert_eq!(binary(EpochMillis, TIMESTAMP, &0_i64.to_be_bytes()), None);
        assert_eq!(
            binary(EpochDays, DATE, &19_723_i64.to_be_bytes()),
            Some(8766_i32.to_be_bytes().to_vec())
        );
        assert_eq!(
            binary(EpochSeconds, TIMESTAMP, &946_684_801_i32.to_be_bytes()),
            Some(1_000_000_i64.to_be_bytes().to_vec())
        );
        assert_eq!(binary(EpochSeconds, TIMESTAMP, b"abc"), None);
    }
}
