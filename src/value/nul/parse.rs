//! Raw NULs in the SQL text of a Parse message, whose end they hide. Knows no SQL.

use std::ops::Range;

use memchr::memchr;

use super::nul_to_space;

/// Behind the text of a Parse come the number of parameter types and so many OIDs.
const COUNT_BYTES: usize = 2;
const OID_BYTES: usize = 4;

/// Makes every byte 0x00 in the SQL text of a Parse message a space; gives the number of them.
///
/// The server takes the first of them for the end of the text and refuses the message (08P01). The
/// true end is a zero byte behind which the message is as long as its count of parameter types
/// says. Where that holds for the first one, the message is good; where it holds for more than one
/// place, which of them was meant cannot be known. Then, and where it holds for none, nothing is
/// touched. A text without parameter types, or whose types are named, has one such place.
///
/// Source: PostgreSQL manual, "Message Formats", Parse.
pub fn mend_parse(body: &mut [u8]) -> u64 {
    let text = text_with_nuls(body).and_then(|text| body.get_mut(text));
    text.map_or(0, nul_to_space)
}

/// Where the SQL text of a Parse message lies that holds a byte 0x00, up to the zero byte that ends it;
/// `None` where [`mend_parse`] touches nothing.
pub fn text_with_nuls(body: &[u8]) -> Option<Range<usize>> {
    let start = memchr(0, body)? + 1;
    let rest = body.get(start..)?;
    let first = memchr(0, rest)?;
    if ends_at(rest, first) {
        return None;
    }
    let types_max = rest.len() / OID_BYTES;
    let mut ends = (0..=types_max.min(usize::from(u16::MAX))).filter_map(|types| {
        let end = rest.len().checked_sub(1 + COUNT_BYTES + types * OID_BYTES)?;
        ends_at(rest, end).then_some(end)
    });
    let (Some(end), None) = (ends.next(), ends.next()) else { return None };
    Some(start..start + end)
}

/// Whether a zero byte at `end` can be the end of the text.
fn ends_at(rest: &[u8], end: usize) -> bool {
    let Some([0, high, low, types @ ..]) = rest.get(end..) else { return false };
    types.len() == OID_BYTES * usize::from(u16::from_be_bytes([*high, *low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(sql: &[u8], types: &[u32]) -> Vec<u8> {
        let mut body = b"name\0".to_vec();
        body.extend_from_slice(sql);
        body.push(0);
        body.extend(u16::try_from(types.len()).unwrap().to_be_bytes());
        types.iter().for_each(|oid| body.extend(oid.to_be_bytes()));
        body
    }

    fn mend(mut body: Vec<u8>) -> (Vec<u8>, u64) {
        let replaced = mend_parse(&mut body);
        (body, replaced)
    }

    #[test]
    fn nuls_in_the_text_become_spaces() {
        for types in [&[][..], &[25], &[23, 1043, 3802]] {
            let mended = mend(body(b"SELECT '\0a\0\0', $1", types));
            assert_eq!(mended, (body(b"SELECT ' a  ', $1", types), 3));
        }
    }

    #[test]
    fn a_good_message_and_one_that_can_be_read_in_two_ways_stay() {
        for body in [
            body(b"SELECT 1", &[0, 0]),
            body(b"", &[]),
            // The end may as well lie in the OID.
            body(b"SELECT '\0', $1", &[0]),
            b"name".to_vec(),
            b"name\0SELECT\0\0\x05".to_vec(),
            b"".to_vec(),
        ] {
            assert_eq!(mend(body.clone()), (body, 0));
        }
    }
}
