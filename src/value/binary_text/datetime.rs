//! Dates, times and intervals in binary format as text, in the layouts that the parent documents.

use super::super::calendar;
use super::integer;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;
/// The days before and behind 2000-01-01 that a `date` can be: 4714-11-24 BC to 5874897-12-31.
const DATE_DAYS: std::ops::Range<i32> = -2_451_545..2_145_031_949;
/// The microseconds before and behind 2000-01-01 that a `timestamp` can be: 4714-11-24 BC to
/// 294276-12-31.
const TIMESTAMP_MICROS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
/// The seconds from UTC that PostgreSQL takes stay below this.
const ZONE_SECONDS_END: i32 = 16 * 3600;

pub(in crate::value) fn date(days: i32) -> Option<String> {
    match days {
        i32::MIN => Some("-infinity".to_owned()),
        i32::MAX => Some("infinity".to_owned()),
        _ if DATE_DAYS.contains(&days) => {
            let (date, era) = day(days.into());
            Some(date + era)
        }
        _ => None,
    }
}

/// `zone` is what stands behind the time.
pub(in crate::value) fn timestamp(micros: i64, zone: &str) -> Option<String> {
    match micros {
        i64::MIN => Some("-infinity".to_owned()),
        i64::MAX => Some("infinity".to_owned()),
        _ if TIMESTAMP_MICROS.contains(&micros) => {
            let (date, era) = day(micros.div_euclid(DAY_MICROS));
            let time = clock(micros.rem_euclid(DAY_MICROS).unsigned_abs());
            Some(format!("{date} {time}{zone}{era}"))
        }
        _ => None,
    }
}

/// The end of a day, 24:00:00, is a time too.
pub(in crate::value) fn time(micros: i64) -> Option<String> {
    (0..=DAY_MICROS).contains(&micros).then(|| clock(micros.unsigned_abs()))
}

pub(super) fn timetz(value: &[u8]) -> Option<String> {
    let (micros, zone) = value.split_first_chunk()?;
    let west = i32::from_be_bytes(integer(zone)?);
    if west <= -ZONE_SECONDS_END || west >= ZONE_SECONDS_END {
        return None;
    }
    let time = time(i64::from_be_bytes(*micros))?;
    let (sign, seconds) = (if west > 0 { '-' } else { '+' }, west.unsigned_abs());
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    Some(format!("{time}{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60))
}

/// An interval without end, which servers have from version 17 on, is as large as each part can be.
pub(super) fn interval(value: &[u8]) -> Option<String> {
    let (micros, rest) = value.split_first_chunk()?;
    let (days, months) = rest.split_first_chunk()?;
    let (micros, days) = (i64::from_be_bytes(*micros), i32::from_be_bytes(*days));
    let months = i32::from_be_bytes(integer(months)?);
    match (micros, days, months) {
        (i64::MAX, i32::MAX, i32::MAX) => return Some("infinity".to_owned()),
        (i64::MIN, i32::MIN, i32::MIN) => return Some("-infinity".to_owned()),
        _ => {}
    }
    let sign = if micros < 0 { '-' } else { '+' };
    Some(format!("{months:+} mons {days:+} days {sign}{}", clock(micros.unsigned_abs())))
}

/// The date that lies `days` behind 2000-01-01, and the era behind it.
fn day(days: i64) -> (String, &'static str) {
    let (year, month, day) = calendar::date_of(days);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

fn clock(micros: u64) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{micros:06}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_their_text() {
        for (days, expected) in [
            (0, Some("2000-01-01")),
            (-730_119, Some("0001-01-01")),
            (-730_120, Some("0001-12-31 BC")),
            (-2_451_545, Some("4714-11-24 BC")),
            (2_145_031_948, Some("5874897-12-31")),
            (2_145_031_949, None),
            (-2_451_546, None),
            (i32::MAX, Some("infinity")),
            (i32::MIN, Some("-infinity")),
        ] {
            assert_eq!(date(days).as_deref(), expected);
        }
    }

    #[test]
    fn timestamps_have_their_text() {
        for (micros, expected) in [
            (1, Some("2000-01-01 00:00:00.000001+00")),
            (-1, Some("1999-12-31 23:59:59.999999+00")),
            (TIMESTAMP_MICROS.start, Some("4714-11-24 00:00:00.000000+00 BC")),
            (TIMESTAMP_MICROS.end - 1, Some("294276-12-31 23:59:59.999999+00")),
            (TIMESTAMP_MICROS.end, None),
            (i64::MAX, Some("infinity")),
        ] {
            assert_eq!(timestamp(micros, "+00").as_deref(), expected);
        }
        assert_eq!(timestamp(0, "").as_deref(), Some("2000-01-01 00:00:00.000000"));
    }

    #[test]
    fn times_and_intervals_have_their_text() {
        assert_eq!(time(DAY_MICROS).as_deref(), Some("24:00:00.000000"));
        assert_eq!(time(DAY_MICROS + 1), None);
        assert_eq!(time(-1), None);
        let timetz = |west: i32| timetz(&[&[0; 8][..], &west.to_be_bytes()].concat());
        assert_eq!(timetz(-19_815).as_deref(), Some("00:00:00.000000+05:30:15"));
        assert_eq!(timetz(3600).as_deref(), Some("00:00:00.000000-01:00:00"));
        assert_eq!(timetz(ZONE_SECONDS_END), None);
        let interval = |micros: i64, days: i32, months: i32| {
            let parts = [&micros.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()];
            interval(&parts.concat()).unwrap()
        };
        assert_eq!(interval(-1, 2, -3), "-3 mons +2 days -00:00:00.000001");
        assert_eq!(interval(DAY_MICROS * 2, 0, 0), "+0 mons +0 days +48:00:00.000000");
        assert_eq!(interval(i64::MAX, i32::MAX, i32::MAX), "infinity");
        assert_eq!(super::interval(&[0; 15]), None);
    }
}
