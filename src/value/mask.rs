//! What a mask makes of one value, in text format or in the binary format of its column. Knows no columns and no
//! formats of rows.

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::column::type_oid::{BPCHAR, INT2, INT4, INT8, NUMERIC, TEXT, VARCHAR};
use crate::encoding::Encoding;
use crate::mapping::masks::Mask;

/// Why a value cannot be masked.
pub(super) type Unmasked = &'static str;

/// Whether a mask is one for columns of this type.
///
/// Source: AWS DMS user guide, "Using data masking": digits and hashes for strings, random digits for numbers too.
pub fn can_mask(mask: Mask, type_oid: u32) -> bool {
    is_string(type_oid)
        || mask == Mask::Randomize && matches!(type_oid, INT2 | INT4 | INT8 | NUMERIC)
}

fn is_string(type_oid: u32) -> bool {
    matches!(type_oid, TEXT | VARCHAR | BPCHAR)
}

/// A value in text format as it is stored; `None` where there is nothing to mask in it.
///
/// # Errors
/// It cannot be masked.
pub(super) fn masked_text(
    mask: Mask,
    type_oid: u32,
    value: &[u8],
    encoding: Encoding,
) -> Result<Option<Vec<u8>>, Unmasked> {
    if !can_mask(mask, type_oid) {
        return Err("values of this type are not masked");
    }
    if !is_string(type_oid) {
        return masked_number(type_oid, value);
    }
    if encoding != Encoding::Utf8 && !value.is_ascii() {
        return Err("characters beyond ASCII are masked under client_encoding UTF8 alone");
    }
    match mask {
        Mask::Hash => {
            let hash = digest(&SHA256, value);
            let digits = hash.as_ref().iter().map(|byte| format!("{byte:02X}"));
            Ok(Some(digits.collect::<String>().into_bytes()))
        }
        Mask::Digits(character) => {
            let masked = |byte: &u8| if byte.is_ascii_digit() { character } else { *byte };
            Ok(changed(value, value.iter().map(masked).collect()))
        }
        Mask::Randomize => {
            let mut masked = value.to_vec();
            randomize(masked.iter_mut().filter(|byte| byte.is_ascii_digit()))?;
            Ok(has_digits(value).then_some(masked))
        }
    }
}

/// A value in the binary format of its type as it is stored.
///
/// # Errors
/// It cannot be masked.
pub(super) fn masked_binary(
    mask: Mask,
    type_oid: u32,
    value: &[u8],
    encoding: Encoding,
) -> Result<Option<Vec<u8>>, Unmasked> {
    const WRONG: Unmasked = "it is not a value of its type in binary format";
    let number = match type_oid {
        INT2 => value.try_into().map(|bytes| i64::from(i16::from_be_bytes(bytes))),
        INT4 => value.try_into().map(|bytes| i64::from(i32::from_be_bytes(bytes))),
        INT8 => value.try_into().map(i64::from_be_bytes),
        NUMERIC => return masked_numeric(mask, value),
        _ => return masked_text(mask, type_oid, value, encoding),
    };
    let number = number.map_err(|_| WRONG)?;
    let text = number.to_string();
    let Some(masked) = masked_text(mask, type_oid, text.as_bytes(), encoding)? else {
        return Ok(None);
    };
    let masked: i64 =
        std::str::from_utf8(&masked).ok().and_then(|text| text.parse().ok()).ok_or(WRONG)?;
    Ok(Some(match type_oid {
        INT2 => i16::try_from(masked).map_err(|_| WRONG)?.to_be_bytes().to_vec(),
        INT4 => i32::try_from(masked).map_err(|_| WRONG)?.to_be_bytes().to_vec(),
        _ => masked.to_be_bytes().to_vec(),
    }))
}

/// A number with other digits, as many of them, within the range of its type.
fn masked_number(type_oid: u32, value: &[u8]) -> Result<Option<Vec<u8>>, Unmasked> {
    let number = value.trim_ascii();
    let digits = number.strip_prefix(b"-").or(number.strip_prefix(b"+")).unwrap_or(number);
    let is_plain = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if !is_plain && has_digits(digits) {
        return Err("only plain decimal numbers are masked");
    }
    let mut masked = value.to_vec();
    randomize(masked.iter_mut().filter(|byte| byte.is_ascii_digit()))?;
    // The largest numbers begin with 3, 2 and 9: one that begins with 1 has room whatever follows.
    let longest = match type_oid {
        INT2 => 5,
        INT4 => 10,
        INT8 => 19,
        _ => usize::MAX,
    };
    let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if whole > longest {
        return Err("the number is out of range for its column");
    }
    if whole == longest
        && let Some(first) = masked.iter_mut().find(|byte| byte.is_ascii_digit())
    {
        *first = b'1';
    }
    Ok(has_digits(value).then_some(masked))
}

/// The same for a `numeric` in binary format, whose digits are those of base 10,000.
///
/// Source: `numeric_send` in PostgreSQL's src/backend/utils/adt/numeric.c.
fn masked_numeric(mask: Mask, value: &[u8]) -> Result<Option<Vec<u8>>, Unmasked> {
    const WRONG: Unmasked = "it is not a number in binary format";
    const SIGNS: [u16; 2] = [0, 0x4000];
    const GROUP: i64 = 4;
    if mask != Mask::Randomize {
        return Err("values of this type are not masked");
    }
    let (words, []) = value.as_chunks::<2>() else { return Err(WRONG) };
    let Some((head, groups)) = words.split_first_chunk::<4>() else { return Err(WRONG) };
    let [count, weight, sign, scale] = head.map(u16::from_be_bytes);
    if usize::from(count) != groups.len() || groups.is_empty() || !SIGNS.contains(&sign) {
        // Zero, NaN and the infinities have no digits.
        return Ok(None);
    }
    let mut masked = value.get(..8).unwrap_or_default().to_vec();
    let (weight, scale) = (i64::from(weight.cast_signed()), i64::from(scale));
    let mut is_first = true;
    for (at, group) in (0_i64..).zip(groups) {
        let mut digits = format!("{:04}", u16::from_be_bytes(*group)).into_bytes();
        // Digits behind the point that the group has in front of the last one that the scale shows.
        let behind = scale + (weight - at) * GROUP + GROUP;
        let shown = usize::try_from(behind.clamp(0, GROUP)).unwrap_or_default();
        let leading = match is_first {
            true => digits.iter().take_while(|byte| **byte == b'0').count(),
            false => 0,
        };
        is_first &= leading == digits.len();
        randomize(digits.iter_mut().take(shown).skip(leading))?;
        let group: u16 =
            std::str::from_utf8(&digits).ok().and_then(|text| text.parse().ok()).ok_or(WRONG)?;
        masked.extend(group.to_be_bytes());
    }
    Ok(Some(masked))
}

fn has_digits(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
}

fn changed(old: &[u8], new: Vec<u8>) -> Option<Vec<u8>> {
    (old != new).then_some(new)
}

/// Puts random digits in the place of these.
fn randomize<'d>(digits: impl Iterator<Item = &'d mut u8>) -> Result<(), Unmasked> {
    const NOTHING: Unmasked = "the system gives no random numbers";
    let random = SystemRandom::new();
    let mut pool: Vec<u8> = Vec::new();
    for digit in digits {
        // Bytes from 250 on would make some digits more frequent than others.
        let byte = loop {
            if let Some(byte) = pool.pop() {
                if byte < 250 {
                    break byte;
                }
                continue;
            }
            pool.resize(64, 0);
            random.fill(&mut pool).map_err(|_| NOTHING)?;
        };
        *digit = b'0' + byte % 10;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::binary_text::binary_to_text;

    fn text(mask: Mask, oid: u32, value: &str) -> Result<Option<String>, Unmasked> {
        let masked = masked_text(mask, oid, value.as_bytes(), Encoding::Utf8)?;
        Ok(masked.map(|masked| String::from_utf8(masked).unwrap()))
    }

    #[test]
    fn strings_are_masked() {
        let masked = |mask, value| text(mask, TEXT, value).unwrap();
        assert_eq!(masked(Mask::Digits(b'#'), "DE 12-3é").as_deref(), Some("DE ##-#é"));
        assert_eq!(masked(Mask::Digits(b'#'), "none"), None);
        // The digests are those of sha256sum.
        let abc = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        assert_eq!(masked(Mask::Hash, "abc").as_deref(), Some(abc));
        assert_eq!(masked(Mask::Hash, "").unwrap().len(), 64);
        let random = masked(Mask::Randomize, &"a7".repeat(1000)).unwrap();
        assert_eq!(random.replace(|c: char| c.is_ascii_digit(), "7"), "a7".repeat(1000));
        for digit in '0'..='9' {
            let found = random.matches(digit).count();
            assert!((40..250).contains(&found), "{digit} {found}");
        }
        assert!(masked_text(Mask::Hash, TEXT, b"\xE9", Encoding::SingleByte).is_err());
        assert!(masked_text(Mask::Hash, TEXT, b"e", Encoding::SingleByte).is_ok());
    }

    #[test]
    fn numbers_get_other_digits_of_the_same_number() {
        for (oid, value) in [
            (INT2, "32767"),
            (INT4, "-2147483648"),
            (INT8, "9223372036854775807"),
            (INT4, "12"),
            (NUMERIC, "-12.3400"),
            (NUMERIC, "99999999999999999999999999"),
        ] {
            for _ in 0..200 {
                let masked = text(Mask::Randomize, oid, value).unwrap().unwrap();
                let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
                assert_eq!(shape(&masked), shape(value));
                let fits = match oid {
                    INT2 => masked.parse::<i16>().is_ok(),
                    INT4 => masked.parse::<i32>().is_ok(),
                    INT8 => masked.parse::<i64>().is_ok(),
                    _ => true,
                };
                assert!(fits, "{value} {masked}");
            }
        }
        assert_eq!(text(Mask::Randomize, NUMERIC, "NaN"), Ok(None));
        assert!(text(Mask::Randomize, NUMERIC, "1e5").is_err());
        assert!(text(Mask::Randomize, INT2, "123456").is_err());
        assert!(text(Mask::Digits(b'x'), INT4, "1").is_err() && text(Mask::Hash, 17, "x").is_err());
    }

    #[test]
    fn binary_values_are_masked_like_their_texts() {
        let masked = |oid, value: &[u8]| masked_binary(Mask::Randomize, oid, value, Encoding::Utf8);
        assert_eq!(masked(INT2, &1234_i16.to_be_bytes()).unwrap().unwrap().len(), 2);
        assert_eq!(masked(INT8, &i64::MIN.to_be_bytes()).unwrap().unwrap().len(), 8);
        assert!(masked(INT4, &[0; 3]).is_err());
        // -12.34, 10000.5 and 0.0012.
        for (words, shape) in [
            (&[2_u16, 0, 0x4000, 2, 12, 3400][..], "-00.00"),
            (&[3, 1, 0, 1, 1, 0, 5000], "00000.0"),
            (&[1, 0xFFFF, 0, 4, 12], "0.0000"),
        ] {
            let value: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..50 {
                let text = binary_to_text(NUMERIC, &masked(NUMERIC, &value).unwrap().unwrap());
                let text = String::from_utf8(text.unwrap()).unwrap();
                // Zeros in front are not shown.
                assert!(text.trim_start_matches('-').len() <= shape.len(), "{text}");
                let behind = |text: &str| text.split('.').nth(1).map(str::len);
                assert_eq!(behind(&text), behind(shape));
                seen.insert(text);
            }
            assert!(seen.len() > 10, "{seen:?}");
        }
        assert_eq!(masked(NUMERIC, &[0, 0, 0, 0, 0xC0, 0, 0, 0]), Ok(None));
        assert!(!can_mask(Mask::Hash, 114) && can_mask(Mask::Randomize, INT4));
    }
}
