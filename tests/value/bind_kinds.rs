//! The Bind scanner where the kinds of parameters are known, or can be asked for.

use std::sync::Arc;

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{BindScanner, ValueKind, first_bind_nul, without_bind_nuls};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::bind::body;
use super::json_model::mended;

/// Mends in chunks as they arrive, answering with the kinds when asked; gives what was sent, the
/// count, and whether kinds were asked for.
fn mend(
    body: &[u8],
    mut scanner: BindScanner,
    kinds: &Arc<[ValueKind]>,
    chunk_bytes: usize,
) -> (Vec<u8>, u64, bool) {
    let (mut unsent, mut sent, mut asked) = (Vec::new(), Vec::new(), false);
    for chunk in body.chunks(chunk_bytes) {
        unsent.extend_from_slice(chunk);
        loop {
            let settled = scanner.scan(&mut unsent);
            sent.extend(unsent.drain(..settled));
            if !scanner.needs_kinds() {
                break;
            }
            asked = true;
            scanner.set_kinds(kinds);
        }
        assert!(unsent.len() <= 1);
    }
    assert!(unsent.is_empty());
    (sent, scanner.take_replaced(), asked)
}

const JSON: &[u8] = br#""\u0000\\u0000""#;
const JSON_MENDED: &[u8] = br#""\u0020\\u0000""#;

#[test]
fn kinds_decide_over_binary_values() {
    let kinds: Arc<[ValueKind]> =
        Arc::from([ValueKind::Character, ValueKind::Json, ValueKind::Other]);
    let values = [Some(&b"a\0"[..]), Some(JSON), Some(b"\0"), Some(b"\0")];
    let clean = [Some(&b"a "[..]), Some(JSON_MENDED), Some(b"\0"), Some(b"\0")];
    let body_before = body(&[1], &values);
    for chunk_bytes in [1, 2, 5, 1000] {
        let with = BindScanner::with_kinds(body_before.len(), Encoding::Utf8, &kinds);
        let mended = mend(&body_before, with, &kinds, chunk_bytes);
        assert_eq!(mended, (body(&[1], &clean), 2, false));
        let asking = BindScanner::asking_for_kinds(body_before.len(), Encoding::Utf8);
        let mended = mend(&body_before, asking, &kinds, chunk_bytes);
        assert_eq!(mended, (body(&[1], &clean), 2, true));
    }
}

#[test]
fn elements_of_arrays_are_mended() {
    let array = |elements: [&[u8]; 2]| {
        let mut array =
            [&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25][..], &[0, 0, 0, 2, 0, 0, 0, 1]].concat();
        for element in elements {
            array.extend(u32::try_from(element.len()).unwrap().to_be_bytes());
            array.extend_from_slice(element);
        }
        array
    };
    let (before, after) = (array([b"a\0b", b"\0"]), array([b"a b", b" "]));
    let kinds: Arc<[ValueKind]> = Arc::from([ValueKind::CharacterArray; 2]);
    let body_before = body(&[1], &[Some(&before), None, Some(&before)]);
    // Of the third nothing is known.
    let clean = body(&[1], &[Some(&after), None, Some(&before)]);
    for chunk_bytes in [1, 2, 5, 1000] {
        let with = BindScanner::with_kinds(body_before.len(), Encoding::Utf8, &kinds);
        assert_eq!(mend(&body_before, with, &kinds, chunk_bytes), (clean.clone(), 2, false));
        let asking = BindScanner::asking_for_kinds(body_before.len(), Encoding::Utf8);
        assert_eq!(mend(&body_before, asking, &kinds, chunk_bytes), (clean.clone(), 2, true));
    }
    let text = body(&[], &[Some(b"{\0}")]);
    let with = BindScanner::with_kinds(text.len(), Encoding::Utf8, &kinds);
    assert_eq!(mend(&text, with, &kinds, 3), (body(&[], &[Some(b"{ }")]), 1, false));
}

#[test]
fn kinds_are_only_asked_for_where_they_matter() {
    let asks = |formats: &[u16], value: &[u8]| {
        let body = body(formats, &[Some(value)]);
        let scanner = BindScanner::asking_for_kinds(body.len(), Encoding::Utf8);
        mend(&body, scanner, &Arc::default(), 3).2
    };
    assert!(asks(&[1], b"a\0b"));
    assert!(asks(&[1], JSON));
    assert!(asks(&[0], JSON));
    assert!(!asks(&[0], b"a\0b"));
    assert!(!asks(&[0], br"\\u0000 \u0001"));
    assert!(!asks(&[1], b"some text \\u000"));
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    let piece = select(vec![&b"\\"[..], b"u", b"0", b"00", b"\\u0000", b"\0", b"ab", b"\x95\\"]);
    proptest::option::weighted(0.9, vec(piece, 0..12).prop_map(|pieces| pieces.concat()))
}

proptest! {
    #[test]
    fn every_value_is_mended_by_kind_and_format_however_it_is_cut(
        values in vec((value(), select(vec![
            ValueKind::Character, ValueKind::Json, ValueKind::Other,
        ]), 0u16..2), 1..6),
        chunk_bytes in 1usize..60,
    ) {
        let kinds: Arc<[ValueKind]> = values.iter().map(|(_, kind, _)| *kind).collect();
        let formats: Vec<u16> = values.iter().map(|(.., format)| *format).collect();
        let before: Vec<_> = values.iter().map(|(value, ..)| value.as_deref()).collect();
        let after: Vec<_> = values.iter().map(|(value, kind, format)| match (kind, format) {
            (ValueKind::Other, 1) => value.clone(),
            _ => value.as_ref().map(|value| mended(value, *kind, Encoding::Utf8)),
        }).collect();
        let after: Vec<_> = after.iter().map(Option::as_deref).collect();
        let (before, after) = (body(&formats, &before), body(&formats, &after));
        let with = BindScanner::with_kinds(before.len(), Encoding::Utf8, &kinds);
        let with = mend(&before, with, &kinds, chunk_bytes);
        prop_assert_eq!(&with.0, &after);
        prop_assert_eq!(with.1 > 0, before != after);
        let asking = BindScanner::asking_for_kinds(before.len(), Encoding::Utf8);
        let asking = mend(&before, asking, &kinds, chunk_bytes);
        prop_assert_eq!((&asking.0, asking.1), (&with.0, with.1));
        // The other policies see the same NULs.
        let removed = without_bind_nuls(&before, Encoding::Utf8, &kinds);
        prop_assert_eq!(removed.as_ref().map_or(0, |(_, removed)| *removed), with.1);
        let first = first_bind_nul(&before, Encoding::Utf8, &kinds);
        prop_assert_eq!(first.is_some(), with.1 > 0);
    }
}
