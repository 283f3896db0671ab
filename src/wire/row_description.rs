//! The names in a RowDescription.

use super::{cstring, with_body};
use crate::wire::tag;

/// Bytes behind the name of a field.
const FIELD_BYTES: usize = 18;

/// The names of the fields in the body of a RowDescription; `None` where it is malformed.
pub fn field_names(body: &[u8]) -> Option<Vec<&[u8]>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut names = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (name, after) = cstring(rest)?;
        names.push(name);
        rest = after.get(FIELD_BYTES..)?;
    }
    Some(names)
}

/// A RowDescription with other names, one for each field.
pub fn with_field_names(body: &[u8], names: &[String]) -> Option<Vec<u8>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut new = count.to_vec();
    for name in names {
        let (_, after) = cstring(rest)?;
        new.extend_from_slice(name.as_bytes());
        new.push(0);
        let (field, behind) = after.split_at_checked(FIELD_BYTES)?;
        new.extend_from_slice(field);
        rest = behind;
    }
    Some(with_body(tag::ROW_DESCRIPTION, &[&new]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HEAD_BYTES;

    #[test]
    fn names_of_fields_are_read_and_replaced() {
        let field = |name: &str| [name.as_bytes(), b"\0", &[7; FIELD_BYTES]].concat();
        let body = [&b"\0\x02"[..], &field("a"), &field("bc")].concat();
        assert_eq!(field_names(&body).unwrap(), [&b"a"[..], b"bc"]);
        let names = ["AB".to_owned(), String::new()];
        let frame = with_field_names(&body, &names).unwrap();
        let body = frame.get(HEAD_BYTES..).unwrap();
        assert_eq!(field_names(body).unwrap(), [&b"AB"[..], b""]);
        assert_eq!(field_names(&body[..body.len() - 1]), None);
        assert_eq!(field_names(b"\0\x01a"), None);
    }
}
