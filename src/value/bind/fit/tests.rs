use std::sync::Arc;

use super::*;
use crate::value::column::{Column, type_oid};
use crate::value::judge::ColumnJudge;
use crate::value::policy::{NumbersAsDates, ValuePolicies};

fn body(formats: &[u8], values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = b"p\0s\0".to_vec();
    body.extend([0, u8::try_from(formats.len()).unwrap()]);
    body.extend(formats.iter().flat_map(|format| [0, *format]));
    body.extend([0, u8::try_from(values.len()).unwrap()]);
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        body.extend(length.to_be_bytes());
        body.extend_from_slice(value.unwrap_or_default());
    }
    body.extend([0, 1, 0, 0]);
    body
}

fn parameter(declared_oid: u32, type_oid: u32, nul: Option<NulPolicy>) -> BindParameter {
    let column = Column { type_oid, modifier: -1, ..Column::default() };
    let judge = nul.map(|nul| {
        let policies = ValuePolicies { nul, ..ValuePolicies::default() };
        ColumnJudge::new(&policies, &policies.bad_dates, &column, Encoding::Utf8)
    });
    let is_inferred = declared_oid != 0 && declared_oid != type_oid;
    let (column, judge) = (Arc::new(column), judge.map(Arc::new));
    let numbers = NumbersAsDates::Reject;
    BindParameter { declared_oid, is_inferred, numbers, column, judge }
}

fn fitted(body: &mut [u8], parameters: &[Option<BindParameter>], nul: NulPolicy) -> FittedBind {
    let kinds = [ValueKind::Json; 8];
    let (kinds, nul) = (Some(&kinds[..]), Some(nul));
    let rules = BindRules { parameters, kinds, nul, ..BindRules::default() };
    fit(&mut BindBody::cut(body).unwrap(), &rules)
}

#[test]
fn only_binary_values_of_inferred_types_need_rewriting() {
    let [kept, inferred] = [type_oid::TEXT, type_oid::INT4];
    let parameters = [kept, inferred].map(|oid| Some(parameter(oid, type_oid::TEXT, None)));
    let parameters = [&parameters[..], &[None]].concat();
    for (formats, expected) in [
        (&[0, 0, 0, 3, 0][..], false),
        (&[0, 1, 0, 0, 0, 3], false),
        (&[0, 1, 0, 1, 0, 3], true),
        (&[0, 3, 0, 1, 0, 0, 0, 1, 0, 3], false),
        (&[0, 3, 0, 0, 0, 1, 0, 0, 0, 3], true),
        // What is not there yet may be anything.
        (&[0, 3, 0, 0, 0], true),
        (&[0], true),
    ] {
        let mut front = [b"portal\0statement\0", formats].concat();
        let front = BindBody::cut(&mut front).unwrap();
        let is_whole = formats.len() > 5 || !expected;
        assert_eq!(needs_rewriting(&front, &parameters), expected || !is_whole, "{formats:?}");
        assert!(!needs_rewriting(&front, &parameters[..1]));
        // Text of these would be stored as another value.
        let read = [Some(parameter(type_oid::UUID, type_oid::BYTEA, None))];
        assert!(needs_rewriting(&front, &read));
    }
}

#[test]
fn a_value_of_another_type_travels_as_text_and_is_mended_once() {
    let parameters = [None, Some(parameter(type_oid::JSONB, type_oid::TEXT, None))];
    let json = b"\x01\"\\u0000\"";
    let mut before = body(&[1], &[Some(b"\0"), Some(json), None]);
    let FittedBind::Body(after, found) = fitted(&mut before, &parameters, NulPolicy::Space) else {
        panic!("the format changes");
    };
    assert_eq!(after, body(&[1, 0, 1], &[Some(b" "), Some(b"\"\\u0020\""), None]));
    assert_eq!((found.spaces, found.columns.len()), (2, 1));
    assert_eq!((found.columns[0].index, found.columns[0].rule), (1, ValueRule::TypeConverted));
}

#[test]
fn what_a_judge_has_seen_is_not_mended_again() {
    // In a text column the escape is data, whatever the kind of the parameter.
    let judged = Some(parameter(0, type_oid::TEXT, Some(NulPolicy::Remove)));
    let values = [Some(&b"\\u0000\0"[..]), Some(b"\\u0000\0x")];
    let mut before = body(&[], &values);
    let FittedBind::Body(after, found) = fitted(&mut before, &[judged], NulPolicy::Remove) else {
        panic!("both values are shorter");
    };
    assert_eq!(after, body(&[], &[Some(b"\\u0000"), Some(b"x")]));
    assert_eq!((found.removed, found.columns[0].count), (2, 1));
}

#[test]
fn a_refusal_counts_only_in_a_body_that_is_right() {
    let judged = || vec![Some(parameter(0, type_oid::TEXT, Some(NulPolicy::Reject)))];
    let whole = body(&[], &[Some(b"\0"), Some(b"\0")]);
    let refused = fitted(&mut whole.clone(), &judged(), NulPolicy::Reject);
    let FittedBind::Refused(BindRefusal { index: 0, refusal }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal, ValueRefusal::of_nul());
    let mut cut = whole[..whole.len() - 5].to_vec();
    let stays = FittedBind::InPlace(BindFindings::default());
    assert_eq!(fitted(&mut cut, &judged(), NulPolicy::Reject), stays);
}
