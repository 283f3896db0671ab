//! The Gregorian calendar, reckoned backwards and forwards without end; knows no formats.

/// The days of a month (1 to 12); 0 for a month that does not exist. Year 0 is 1 BC.
pub(super) fn days_in_month(year: i64, month: u32) -> u32 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => 0,
    }
}

/// Year (0 is 1 BC), month and day of the day that lies `days` behind 2000-01-01, which may be any
/// that an `i32` holds.
pub(super) fn date_of(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that a leap day ends its year: 400 years have 146097 days, and
    // five months from March on have 153.
    let days = days + 730_425;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let month = if is_next_year { month - 9 } else { month + 3 };
    (era * 400 + year + i64::from(is_next_year), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_five_hundred_years_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1600, 1, 1);
        for days in -146_097..36_525 {
            assert_eq!(date_of(days), (year, i64::from(month), i64::from(day)));
            day += 1;
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (2100, 1, 1));
    }

    #[test]
    fn the_ends_of_what_postgresql_stores_are_right() {
        assert_eq!(date_of(-2_451_545), (-4713, 11, 24));
        assert_eq!(date_of(2_145_031_948), (5_874_897, 12, 31));
        assert_eq!(days_in_month(0, 2), 29);
        assert_eq!(days_in_month(1900, 2), 28);
        assert_eq!(days_in_month(2023, 13), 0);
    }
}
