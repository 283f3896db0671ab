//! Bind where the kinds of parameters are known, or can be asked for: on its way, and as a whole.

use std::sync::Arc;

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{
    BindFindings, BindRules, BindScanner, FittedBind, NulPolicy, ValueKind, fit,
};
use dms_proxy::wire::BindBody;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::bind::body;
use super::json_model::mended;

/// Mends in chunks as they arrive; gives what was sent, and the count.
fn mend(body: &[u8], kinds: &Arc<[ValueKind]>, chunk_bytes: usize) -> (Vec<u8>, u64) {
    let mut scanner = BindScanner::with_kinds(body.len(), Encoding::Utf8, kinds);
    let (mut unsent, mut sent) = (Vec::new(), Vec::new());
    for chunk in body.chunks(chunk_bytes) {
        unsent.extend_from_slice(chunk);
        let settled = scanner.scan(&mut unsent);
        sent.extend(unsent.drain(..settled));
        assert!(unsent.len() <= 1);
    }
    assert!(unsent.is_empty());
    (sent, scanner.take_replaced())
}

/// What becomes of a whole body by its kinds.
fn fitted(body: &mut [u8], kinds: Option<&[ValueKind]>, nul: NulPolicy) -> FittedBind {
    let rules = BindRules { kinds, nul: Some(nul), ..BindRules::default() };
    fit(&mut BindBody::cut(body).unwrap(), &rules)
}

/// Mends a whole body, with the kinds where they are asked for; gives it, the count, and whether kinds
/// were asked for.
fn mend_whole(body: &[u8], kinds: &[ValueKind]) -> (Vec<u8>, u64, bool) {
    let mut body = body.to_vec();
    let (asked, before) = match fitted(&mut body, None, NulPolicy::Space) {
        FittedBind::AsksForKinds(spaces) => (true, spaces),
        FittedBind::InPlace(found) => (false, found.spaces),
        other => panic!("{other:?}"),
    };
    let FittedBind::InPlace(found) = fitted(&mut body, Some(kinds), NulPolicy::Space) else {
        panic!("a space takes no place of its own");
    };
    assert!(asked || found.spaces == 0);
    (body, before + found.spaces, asked)
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
        assert_eq!(mend(&body_before, &kinds, chunk_bytes), (body(&[1], &clean), 2));
    }
    assert_eq!(mend_whole(&body_before, &kinds), (body(&[1], &clean), 2, true));
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
        assert_eq!(mend(&body_before, &kinds, chunk_bytes), (clean.clone(), 2));
    }
    assert_eq!(mend_whole(&body_before, &kinds), (clean, 2, true));
    let text = body(&[], &[Some(b"{\0}")]);
    assert_eq!(mend(&text, &kinds, 3), (body(&[], &[Some(b"{ }")]), 1));
    assert_eq!(mend_whole(&text, &kinds), (body(&[], &[Some(b"{ }")]), 1, false));
}

#[test]
fn kinds_are_only_asked_for_where_they_matter() {
    let asks = |formats: &[u16], value: &[u8]| {
        let asks = [NulPolicy::Space, NulPolicy::Remove, NulPolicy::Reject].map(|nul| {
            let mut body = body(formats, &[Some(value)]);
            matches!(fitted(&mut body, None, nul), FittedBind::AsksForKinds(0))
        });
        assert!(asks.iter().all(|each| *each == asks[0]));
        asks[0]
    };
    assert!(asks(&[1], b"a\0b"));
    assert!(asks(&[1], JSON));
    assert!(asks(&[0], JSON));
    assert!(!asks(&[0], b"a\0b"));
    // In an array of JSON the backslashes are halved.
    assert!(asks(&[0], br"\\u0000"));
    assert!(!asks(&[0], br"\\u000 \u0001"));
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
        let with = mend(&before, &kinds, chunk_bytes);
        prop_assert_eq!(&with.0, &after);
        prop_assert_eq!(with.1 > 0, before != after);
        let whole = mend_whole(&before, &kinds);
        prop_assert_eq!((&whole.0, whole.1), (&with.0, with.1));
        // The other policies see the same NULs.
        let removed = fitted(&mut before.clone(), Some(&kinds), NulPolicy::Remove);
        prop_assert_eq!(match removed {
            FittedBind::Body(_, BindFindings { removed, .. }) => removed,
            _ => 0,
        }, with.1);
        let rejected = fitted(&mut before.clone(), Some(&kinds), NulPolicy::Reject);
        prop_assert_eq!(matches!(rejected, FittedBind::Refused(_)), with.1 > 0);
    }
}

#[test]
fn nuls_are_removed_or_refused_by_kind() {
    let kinds = [ValueKind::Other, ValueKind::Other, ValueKind::Json, ValueKind::Character];
    let values = [None, Some(&b"\0\x01"[..]), Some(br#""\\u0000\u0000""#), Some(b"a\0\0b")];
    let clean = [None, Some(&b"\0\x01"[..]), Some(br#""\\u0000""#), Some(b"ab")];
    let (before, after) = (body(&[1], &values), body(&[1], &clean));
    let removed = fitted(&mut before.clone(), Some(&kinds), NulPolicy::Remove);
    let found = BindFindings { removed: 3, ..BindFindings::default() };
    assert_eq!(removed, FittedBind::Body(after.clone(), found));
    for nul in [NulPolicy::Remove, NulPolicy::Reject] {
        let again = fitted(&mut after.clone(), Some(&kinds), nul);
        assert_eq!(again, FittedBind::InPlace(BindFindings::default()));
    }
    let refused = |body: &[u8], kinds: &[ValueKind]| {
        let mut body = body.to_vec();
        match fitted(&mut body, Some(kinds), NulPolicy::Reject) {
            FittedBind::Refused(refused) => Some((refused.index, refused.refusal.sqlstate)),
            _ => None,
        }
    };
    assert_eq!(refused(&before, &kinds), Some((2, "22021")));
    assert_eq!(refused(&before, &[]), None);
    assert_eq!(refused(&body(&[], &values), &[]), Some((1, "22021")));
}

#[test]
fn a_whole_body_that_cannot_be_right_stays() {
    let whole = body(&[], &[Some(b"\0"), None, Some(b"\0")]);
    let names = b"portal\0statement\0".len();
    for length in names..whole.len() - 4 {
        for nul in [NulPolicy::Remove, NulPolicy::Reject] {
            let mut cut = whole[..length].to_vec();
            let fitted = fitted(&mut cut, Some(&[]), nul);
            assert_eq!(fitted, FittedBind::InPlace(BindFindings::default()), "{length}");
            assert_eq!(cut, whole[..length]);
        }
    }
}
