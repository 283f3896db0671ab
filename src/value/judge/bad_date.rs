//! Dates that do not exist, in the spellings whose meaning no setting of the server changes.

use super::super::calendar;

/// The time of the end of a day, and the most that a time may be, in microseconds.
const DAY_MICROS: u64 = 86_400_000_000;

/// Whether a date or timestamp in text format names a day or a time that does not exist, so that
/// the server refuses it with 22008: zeros (`0000-00-00`, `2006-00-13`), days beyond the end of
/// their month, months beyond 12, year 0, times beyond 24:00:00.
///
/// Judged are `YYYY-MM-DD`, `YYYY/MM/DD` and `YYYYMMDD`, alone or with `HH:MM[:SS[.f...]]` behind a
/// `T` or blanks (behind a `T` also `HHMMSS[.f...]`), and with `Z` or an offset behind that.
/// Anything else is the server's to judge.
pub(super) fn is_impossible(value: &[u8]) -> bool {
    let mut reader = Reader(value.trim_ascii());
    let Some((year, month, day)) = date(&mut reader) else { return false };
    let Some(has_time) = time(&mut reader) else { return false };
    let is_day = year > 0 && (1..=calendar::days_in_month(year.into(), month)).contains(&day);
    !is_day || !has_time
}

pub(super) fn date(reader: &mut Reader<'_>) -> Option<(u32, u32, u32)> {
    match reader.digits_ahead() {
        8 => Some((reader.digits(4)?, reader.digits(2)?, reader.digits(2)?)),
        4 => {
            let year = reader.digits(4)?;
            let separator = reader.take_any(b"-/")?;
            let month = reader.one_or_two_digits()?;
            reader.take_any(&[separator])?;
            Some((year, month, reader.one_or_two_digits()?))
        }
        _ => None,
    }
}

/// Whether the time behind a date is one that exists, or there is none; `None` where it is something
/// else.
pub(super) fn time(reader: &mut Reader<'_>) -> Option<bool> {
    if reader.0.is_empty() {
        return Some(true);
    }
    let is_behind_t = reader.take_any(b"Tt").is_some();
    if !is_behind_t && !reader.skip_blanks() {
        return None;
    }
    if is_behind_t && reader.digits_ahead() == 6 {
        // The server does not look whether such a time exists.
        reader.digits(6)?;
        fraction(reader);
        return zone(reader).map(|()| true);
    }
    let hours = reader.one_or_two_digits()?;
    reader.take_any(b":")?;
    let minutes = reader.one_or_two_digits()?;
    let (mut seconds, mut micros) = (0, 0);
    if reader.take_any(b":").is_some() {
        seconds = reader.one_or_two_digits()?;
        micros = fraction(reader);
    }
    zone(reader)?;
    let of_day = u64::from((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros;
    Some(minutes < 60 && seconds <= 60 && of_day <= DAY_MICROS)
}

/// The fraction of a second in microseconds, rounded; 0 where there is none.
fn fraction(reader: &mut Reader<'_>) -> u64 {
    if reader.take_any(b".").is_none() {
        return 0;
    }
    let (digits, rest) = reader.0.split_at(reader.digits_ahead());
    reader.0 = rest;
    let digits = digits.iter().map(|digit| u64::from(digit - b'0')).chain(std::iter::repeat(0));
    (digits.take(7).fold(0, |number, digit| number * 10 + digit) + 5) / 10
}

/// The zone that ends the value, or none.
fn zone(reader: &mut Reader<'_>) -> Option<()> {
    reader.skip_blanks();
    if reader.take_any(b"Zz").is_none() && reader.take_any(b"+-").is_some() {
        match reader.digits_ahead() {
            4 => drop(reader.digits(4)?),
            _ => drop(reader.one_or_two_digits()?),
        }
        while reader.take_any(b":").is_some() {
            reader.digits(2)?;
        }
    }
    reader.0.is_empty().then_some(())
}

/// What is left to read.
pub(super) struct Reader<'v>(pub(super) &'v [u8]);

impl Reader<'_> {
    pub(super) fn digits_ahead(&self) -> usize {
        self.0.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// The number that the next digits make, up to nine of them.
    pub(super) fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let digit = |number, byte: &u8| {
            let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
            Some(number * 10 + digit)
        };
        let number = digits.iter().try_fold(0, digit)?;
        self.0 = rest;
        Some(number)
    }

    /// A number of one or two digits, with no third one behind it.
    pub(super) fn one_or_two_digits(&mut self) -> Option<u32> {
        match self.digits_ahead() {
            count @ 1..=2 => self.digits(count),
            _ => None,
        }
    }

    pub(super) fn take_any(&mut self, wanted: &[u8]) -> Option<u8> {
        let (byte, rest) = self.0.split_first().filter(|(byte, _)| wanted.contains(byte))?;
        self.0 = rest;
        Some(*byte)
    }

    /// Whether there were any.
    fn skip_blanks(&mut self) -> bool {
        let rest = self.0.trim_ascii_start();
        let were_there = rest.len() < self.0.len();
        self.0 = rest;
        were_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_do_not_exist_are_found() {
        for text in [
            "0000-00-00",
            " 0000-00-00 ",
            "0000-00-00 00:00:00",
            "0000-00-00T00:00:00.000000Z",
            "2006-00-13",
            "2006-01-00",
            "2006-1-0",
            "0000-01-01",
            "2023-02-29",
            "1900/02/29 10:00",
            "2023-13-01",
            "2023-04-31",
            "20230230",
            "20230230T101010",
            "20230230 10:10:10.5+02",
            "2023-01-01 24:00:01",
            "2023-01-01 23:60:00",
            "2023-01-01 23:59:61",
            "2023-01-01 23:59:60.1",
        ] {
            assert!(is_impossible(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_values_are_not() {
        for text in [
            "",
            "2024-02-29",
            "2000-02-29 24:00:00",
            "2023-01-01 23:59:60",
            "2023-12-31T23:59:59.9999999+05:30",
            "20231231T235959Z",
            "20231231T246060Z",
            "infinity",
            "-infinity",
            "now",
            "30/02/2023",
            "2023-02-30 BC",
            "0001-02-29 BC",
            "2023-02-30/31",
            "2023-02/30",
            "2023-02-30 ten",
            "2023-02-30 10",
            "2023-002-30",
            "12023-02-30",
            "J2451187",
        ] {
            assert!(!is_impossible(text.as_bytes()), "{text}");
        }
    }
}
