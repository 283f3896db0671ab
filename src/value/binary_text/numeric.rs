//! Numbers of type `numeric` in binary format as text.

/// The signs of the binary format.
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
/// The most decimal digits behind the point.
const SCALE_MAX: u16 = 0x3FFF;
/// Decimal digits of one digit of the format.
const DIGIT_LENGTH: usize = 4;

/// The number with all the decimal digits that its scale says; digits beyond are cut, as the server
/// does. At most 131072 digits in front of the point and 16383 behind it.
pub(super) fn text(value: &[u8]) -> Option<String> {
    let (words, []) = value.as_chunks::<2>() else { return None };
    let (head, digits) = words.split_first_chunk::<4>()?;
    let [count, weight, sign, scale] = head.map(u16::from_be_bytes);
    let digits: Vec<u16> = digits.iter().map(|digit| u16::from_be_bytes(*digit)).collect();
    if usize::from(count) != digits.len()
        || scale > SCALE_MAX
        || digits.iter().any(|digit| *digit > 9999)
    {
        return None;
    }
    let minus = match sign {
        0 => "",
        NEGATIVE => "-",
        NAN => return Some("NaN".to_owned()),
        INFINITY => return Some("Infinity".to_owned()),
        NEGATIVE_INFINITY => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    // A number without digits is zero, whatever its weight.
    let weight = if digits.is_empty() { 0 } else { i64::from(weight.cast_signed()) };
    let digit = |place: i64| {
        let index = usize::try_from(weight - place).ok();
        index.and_then(|index| digits.get(index)).copied().unwrap_or_default()
    };
    let whole: String = (0..=weight).rev().map(|place| format!("{:04}", digit(place))).collect();
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let scale = usize::from(scale);
    let groups = i64::try_from(scale.div_ceil(DIGIT_LENGTH)).ok()?;
    let mut fraction: String = (1..=groups).map(|place| format!("{:04}", digit(-place))).collect();
    fraction.truncate(scale);
    let point = if scale > 0 { "." } else { "" };
    Some(format!("{minus}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Option<String> {
        let count = u16::try_from(digits.len()).unwrap();
        let head = [count, weight.cast_unsigned(), sign, scale];
        let words: Vec<u8> = head.iter().chain(digits).flat_map(|w| w.to_be_bytes()).collect();
        text(&words)
    }

    #[test]
    fn numbers_have_their_text() {
        for (weight, sign, scale, digits, expected) in [
            (0, 0, 0, &[][..], Some("0")),
            (9, 0, 3, &[], Some("0.000")),
            (0, 0, 2, &[12, 3400], Some("12.34")),
            (0, NEGATIVE, 2, &[12, 3456], Some("-12.34")),
            (1, 0, 0, &[1], Some("10000")),
            (1, 0, 1, &[1, 2, 5000], Some("10002.5")),
            (-2, 0, 8, &[1], Some("0.00000001")),
            (-1, 0, 6, &[12, 3400], Some("0.001234")),
            (2, 0, 0, &[0, 0, 7], Some("7")),
            (0, NAN, 0, &[], Some("NaN")),
            (0, INFINITY, 0, &[], Some("Infinity")),
            (0, NEGATIVE_INFINITY, 0, &[], Some("-Infinity")),
            (0, 1, 0, &[], None),
            (0, 0, 0x4000, &[], None),
            (0, 0, 0, &[10_000], None),
        ] {
            assert_eq!(number(weight, sign, scale, digits).as_deref(), expected);
        }
        assert_eq!(number(i16::MAX, 0, 0, &[1]).unwrap().len(), 131_069);
        assert_eq!(number(i16::MIN, 0, 1, &[1]).unwrap(), "0.0");
    }

    #[test]
    fn a_cut_number_has_none() {
        for value in [&[][..], &[0; 7], &[0, 1, 0, 0, 0, 0, 0, 0], &[0; 9], &[0; 10]] {
            assert_eq!(text(value), None);
        }
    }
}
