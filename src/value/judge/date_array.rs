//! Arrays of dates in text format: elements that do not exist give way, as a value of their own would. Knows what
//! an array looks like; not which columns have one.

use super::super::column::Column;
use super::super::column::type_oid::{DATE, TIMESTAMP, TIMESTAMPTZ};
use super::super::policy::BadDates;
use super::super::rule::ValueRule;
use super::bad_date;

/// Whether values of the type are dates.
pub(super) fn has_dates(type_oid: u32) -> bool {
    matches!(type_oid, DATE | TIMESTAMP | TIMESTAMPTZ)
}

/// Whether the column is an array in which dates may give way. An element takes NULL whatever the column takes.
pub(super) fn applies(column: &Column, bad_dates: &BadDates) -> bool {
    has_dates(column.element_oid) && *bad_dates != BadDates::Reject
}

/// The array with what takes the place of each impossible date, and how many these are; `None` where all stay.
/// An array with other bytes than ASCII holds something else than dates, and stays.
pub(super) fn mended(array: &[u8], bad_dates: &BadDates) -> Option<(Vec<u8>, ValueRule, u64)> {
    let (instead, rule) = match bad_dates {
        BadDates::Reject => return None,
        BadDates::Null => ("NULL".to_owned(), ValueRule::BadDateToNull),
        BadDates::Sentinel(date) => (format!("\"{date}\""), ValueRule::BadDateToSentinel),
    };
    if !array.is_ascii() {
        return None;
    }
    let (mut mended, mut count) = (Vec::with_capacity(array.len()), 0);
    // What stands in front of the first brace are bounds.
    let (bounds, mut rest) = array.split_at(array.iter().position(|byte| *byte == b'{')?);
    mended.extend_from_slice(bounds);
    while !rest.is_empty() {
        let element_bytes = element_bytes(rest);
        let (element, behind) = rest.split_at_checked(element_bytes)?;
        let text = element.trim_ascii();
        let inside = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        if bad_date::is_impossible(inside.unwrap_or(text)) {
            mended.extend_from_slice(instead.as_bytes());
            count += 1;
        } else {
            mended.extend_from_slice(element);
        }
        let (separator, behind) = behind.split_at(usize::from(!behind.is_empty()));
        mended.extend_from_slice(separator);
        rest = behind;
    }
    (count > 0).then_some((mended, rule, count))
}

/// The bytes up to the next brace or comma that is not between quotes.
fn element_bytes(rest: &[u8]) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let ends = |byte: &u8| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        match byte {
            b'\\' => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'{' | b'}' | b',' => return !is_quoted,
            _ => {}
        }
        false
    };
    rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_give_way_and_the_rest_stays() {
        let sentinel = BadDates::Sentinel("1970-01-01".to_owned());
        for (array, with_null, with_date) in [
            ("{0000-00-00}", "{NULL}", "{\"1970-01-01\"}"),
            (
                "{2024-01-01, \"0000-00-00 00:00:00\" ,NULL}",
                "{2024-01-01,NULL,NULL}",
                "{2024-01-01,\"1970-01-01\",NULL}",
            ),
            (
                "[0:1][1:1]={{2024-01-01},{2023-02-30}}",
                "[0:1][1:1]={{2024-01-01},{NULL}}",
                "[0:1][1:1]={{2024-01-01},{\"1970-01-01\"}}",
            ),
        ] {
            for (bad, rule, expected) in [
                (&BadDates::Null, ValueRule::BadDateToNull, with_null),
                (&sentinel, ValueRule::BadDateToSentinel, with_date),
            ] {
                let found = mended(array.as_bytes(), bad);
                assert_eq!(found, Some((expected.as_bytes().to_vec(), rule, 1)), "{array}");
            }
        }
    }

    #[test]
    fn what_is_no_impossible_date_stays() {
        for array in [
            "{}",
            "0000-00-00",
            "{2024-01-01}",
            "{\"a, 0000-00-00\"}",
            "{\"\\\"\",x}",
            "{ä,0000-00-00}",
            "{\"0000-00-00",
        ] {
            assert_eq!(mended(array.as_bytes(), &BadDates::Null), None, "{array}");
        }
        assert_eq!(mended(b"{0000-00-00}", &BadDates::Reject), None);
    }
}
