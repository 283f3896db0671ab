//! Whether a text is a timestamp, in the spellings whose meaning no setting of the server changes.

use super::bad_date::{Reader, date, time};
use crate::value::calendar;

/// The first year that PostgreSQL does not store in a timestamp.
const YEARS_END: u32 = 294_277;
/// The same before year 1.
const YEARS_BC_END: u32 = 4_714;

/// Why a text is not a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::value) enum TimestampFault {
    /// It is something else.
    Syntax,
    /// There is no such day, or no such time.
    Range,
}

/// What is wrong with a text as a timestamp, if anything. Taken are the spellings of
/// [`is_impossible`](super::bad_date::is_impossible), years of up to six digits, ` BC` and ` AD`, the zones `UTC`
/// and `GMT`, and `infinity`.
pub(in crate::value) fn timestamp_fault(value: &[u8]) -> Option<TimestampFault> {
    let text = value.trim_ascii();
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    if unsigned.eq_ignore_ascii_case(b"infinity") {
        return None;
    }
    let (text, is_bc) = match (without(text, b" bc"), without(text, b" ad")) {
        (Some(text), _) => (text, true),
        (None, text_of_ad) => (text_of_ad.unwrap_or(text), false),
    };
    let text = without(text, b"utc").or_else(|| without(text, b"gmt")).unwrap_or(text);
    let mut reader = Reader(text.trim_ascii());
    let day = match reader.digits_ahead() {
        5..=6 => long_year(&mut reader),
        _ => date(&mut reader),
    };
    let Some((year, month, day)) = day else { return Some(TimestampFault::Syntax) };
    let Some(has_time) = time(&mut reader) else { return Some(TimestampFault::Syntax) };
    let end = if is_bc { YEARS_BC_END } else { YEARS_END };
    // The year before year 1 is a leap year.
    let reckoned = if is_bc { 1 - i64::from(year) } else { i64::from(year) };
    let is_day = (1..=calendar::days_in_month(reckoned, month)).contains(&day);
    let exists = (1..end).contains(&year) && is_day && has_time;
    (!exists).then_some(TimestampFault::Range)
}

/// Whether a text is a timestamp with more digits of a second than `timestamp` keeps; with an offset behind them
/// only where it may have one.
pub fn is_too_precise(text: &[u8], may_have_zone: bool) -> bool {
    let Some(point) = text.iter().position(|byte| *byte == b'.') else { return false };
    let behind = text.get(point + 1..).unwrap_or_default();
    let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 6 && (may_have_zone || digits == behind.len()) && timestamp_fault(text).is_none()
}

fn without<'v>(text: &'v [u8], tail: &[u8]) -> Option<&'v [u8]> {
    let (front, end) = text.split_at_checked(text.len().checked_sub(tail.len())?)?;
    end.eq_ignore_ascii_case(tail).then(|| front.trim_ascii_end())
}

/// A date with a year of five or six digits.
fn long_year(reader: &mut Reader<'_>) -> Option<(u32, u32, u32)> {
    let year = reader.digits(reader.digits_ahead())?;
    reader.take_any(b"-")?;
    let month = reader.one_or_two_digits()?;
    reader.take_any(b"-")?;
    Some((year, month, reader.one_or_two_digits()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_told_from_what_is_not() {
        for text in [
            "2024-02-29 23:59:59.123456789",
            "2024-02-29T23:59:59.123456789Z",
            "2024-02-29 23:59:59+05:30",
            "2024-02-29 23:59:59 +0530",
            "2024-02-29",
            "20240229",
            "2024-02-29 24:00",
            "0044-03-15 12:00:00+01 BC",
            "0001-02-29 BC",
            "294276-12-31 23:59:59.999999+00",
            "2024-02-29 23:59:59 UTC",
            " -infinity ",
            "Infinity",
        ] {
            assert_eq!(timestamp_fault(text.as_bytes()), None, "{text}");
        }
        for text in
            ["", "x", "2024", "2024-02", "10:00", "2024-02-29 x", "2024-02-29 10:00 x", "now"]
        {
            assert_eq!(timestamp_fault(text.as_bytes()), Some(TimestampFault::Syntax), "{text}");
        }
        for text in
            ["2023-02-29", "0000-00-00", "2024-01-01 25:00", "294277-01-01", "4714-01-01 BC"]
        {
            assert_eq!(timestamp_fault(text.as_bytes()), Some(TimestampFault::Range), "{text}");
        }
    }
}
