//! What holds for every value, whatever the policies, the column and the format.

use std::num::NonZeroUsize;

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{
    BadDates, CharacterReplacements, Column, ColumnJudge, Findings, InvalidUtf8, NulPolicy,
    NumbersAsDates, SilentLoss, TooLong, ValueKind, ValuePolicies, ValueRule, ValueVerdict,
    type_oid,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const TYPES: &[u32] = &[
    type_oid::BOOL,
    type_oid::BYTEA,
    type_oid::INT8,
    type_oid::TEXT,
    type_oid::JSON,
    type_oid::XML,
    type_oid::FLOAT8,
    type_oid::BPCHAR,
    type_oid::VARCHAR,
    type_oid::DATE,
    type_oid::TIMESTAMP,
    type_oid::INTERVAL,
    type_oid::NUMERIC,
    type_oid::UUID,
    type_oid::JSONB,
    1009,
];

/// Pieces of values that some rule is for.
const PIECES: &[&[u8]] = &[
    b"a",
    b" ",
    b"\0",
    b"\\u0000",
    b"\\",
    b"\"k\":",
    b"{",
    b"}",
    b",",
    b"\\x",
    b"00",
    b".1234567",
    b"10:00:00",
    b"0000-00-00",
    b"9223372036854775808",
    "ä".as_bytes(),
    "😀".as_bytes(),
    b"\xFF",
    b"\xE2\x82",
    b"\x01",
];

fn policies() -> impl Strategy<Value = ValuePolicies> {
    let bad_dates = vec![BadDates::Reject, BadDates::Null, BadDates::Sentinel("infinity".into())];
    (
        select(vec![NulPolicy::Space, NulPolicy::Remove, NulPolicy::Reject]),
        select(vec![TooLong::Reject, TooLong::Truncate]),
        select(vec![None, NonZeroUsize::new(5), NonZeroUsize::new(255)]),
        select(bad_dates),
        select(vec![InvalidUtf8::Reject, InvalidUtf8::Replace, InvalidUtf8::Cp1252]),
        select(vec![SilentLoss::Off, SilentLoss::Allow, SilentLoss::Warn, SilentLoss::Reject]),
    )
        .prop_map(|(nul, too_long, lob_bytes_max, bad_dates, invalid_utf8, silent_loss)| {
            let replacements = CharacterReplacements::default();
            ValuePolicies {
                nul,
                replacements,
                too_long,
                lob_bytes_max,
                bad_dates,
                numbers_as_dates: NumbersAsDates::Reject,
                invalid_utf8,
                silent_loss,
                samples: false,
            }
        })
}

fn column() -> impl Strategy<Value = Column> {
    (select(TYPES), select(vec![-1, 5, 7, 41]), any::<bool>()).prop_map(
        |(type_oid, modifier, is_nullable)| Column {
            type_oid,
            modifier,
            is_nullable,
            ..Column::default()
        },
    )
}

fn encoding() -> impl Strategy<Value = Encoding> {
    select(vec![Encoding::Utf8, Encoding::Utf8, Encoding::SingleByte, Encoding::ShiftJis])
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(select(PIECES), 0..12).prop_map(|pieces| pieces.concat()),
        1 => vec(any::<u8>(), 0..10),
        1 => (select(PIECES), select(vec![127usize, 255, 256])).prop_map(|(p, n)| p.repeat(n)),
    ]
}

fn judge(
    judge: &mut ColumnJudge,
    is_text: bool,
    value: &[u8],
) -> (ValueVerdict, Vec<(ValueRule, u64)>) {
    let mut findings = Findings::default();
    let verdict = match is_text {
        true => judge.judge_text(value, &mut findings),
        false => judge.judge_binary(value, &mut findings),
    };
    (verdict, findings.take())
}

fn is_hint(rule: ValueRule) -> bool {
    rule.is_silent_loss() || rule == ValueRule::UnsignedOverflow
}

proptest! {
    #[test]
    fn verdict_and_findings_agree(
        policies in policies(),
        column in column(),
        encoding in encoding(),
        is_text: bool,
        value in value(),
    ) {
        let mut judged = ColumnJudge::new(&policies, &policies.bad_dates, &column, encoding);
        let (verdict, noted) = judge(&mut judged, is_text, &value);
        prop_assert!(noted.iter().all(|(_, count)| *count > 0));
        let changes = noted.iter().filter(|(rule, _)| !is_hint(*rule)).count();
        match &verdict {
            ValueVerdict::Keep => prop_assert_eq!(changes, 0),
            ValueVerdict::Replace(_) | ValueVerdict::Null => prop_assert!(changes > 0),
            ValueVerdict::Refuse(_) => prop_assert_eq!(noted.len(), 0),
        }
        let is_idle = if is_text { judged.is_idle_in_text() } else { judged.is_idle_in_binary() };
        if is_idle && !(is_text && value.contains(&0)) {
            prop_assert_eq!((verdict, noted.len()), (ValueVerdict::Keep, 0));
        }
    }

    #[test]
    fn a_judged_value_needs_no_judge(
        policies in policies(),
        column in column(),
        encoding in encoding(),
        is_text: bool,
        value in value(),
    ) {
        // Broken JSON can hold an escape in pieces, which removing another one joins; nor is a cut
        // JSON text one any more.
        prop_assume!(column.kind() != ValueKind::Json);
        let mut judged = ColumnJudge::new(&policies, &policies.bad_dates, &column, encoding);
        let (verdict, _) = judge(&mut judged, is_text, &value);
        if let ValueVerdict::Replace(value) = verdict {
            let (verdict, noted) = judge(&mut judged, is_text, &value);
            prop_assert_eq!(verdict, ValueVerdict::Keep);
            prop_assert!(noted.iter().all(|(rule, _)| is_hint(*rule)), "{:?}", noted);
        }
    }

    #[test]
    fn no_nul_leaves_a_character_value(
        policies in policies(),
        column in column(),
        encoding in encoding(),
        is_text: bool,
        value in value(),
    ) {
        prop_assume!(is_text || column.kind() == ValueKind::Character);
        // There a NUL can be the second half of a broken character, which the server refuses.
        prop_assume!(column.kind() != ValueKind::Json || encoding != Encoding::ShiftJis);
        let mut judged = ColumnJudge::new(&policies, &policies.bad_dates, &column, encoding);
        match judge(&mut judged, is_text, &value).0 {
            ValueVerdict::Keep => prop_assert!(!value.contains(&0)),
            ValueVerdict::Replace(value) => prop_assert!(!value.contains(&0)),
            ValueVerdict::Refuse(refusal) if refusal.sqlstate == "22021" => {
                prop_assert_eq!(policies.nul, NulPolicy::Reject);
                prop_assert!(value.contains(&0) || column.kind() == ValueKind::Json);
            }
            ValueVerdict::Refuse(refusal) => prop_assert_eq!(refusal.sqlstate, "22000"),
            ValueVerdict::Null => {}
        }
    }

    #[test]
    fn what_is_cut_is_the_start_in_whole_characters(
        text in "[a ä€😀]{0,12}",
        characters_max in 1usize..8,
        bytes_max in 1usize..16,
        is_bounded: bool,
        is_text: bool,
    ) {
        let policies = ValuePolicies {
            too_long: TooLong::Truncate,
            lob_bytes_max: NonZeroUsize::new(bytes_max),
            ..ValuePolicies::default()
        };
        let modifier = if is_bounded { i32::try_from(characters_max).unwrap() + 4 } else { -1 };
        let column = Column { type_oid: type_oid::VARCHAR, modifier, ..Column::default() };
        let mut judged =
            ColumnJudge::new(&policies, &BadDates::Reject, &column, Encoding::Utf8);
        let (verdict, _) = judge(&mut judged, is_text, text.as_bytes());
        let expected: String = if is_bounded {
            let (kept, rest) = {
                let at = text.char_indices().nth(characters_max).map_or(text.len(), |(at, _)| at);
                text.split_at(at)
            };
            if rest.bytes().all(|byte| byte == b' ') { text.clone() } else { kept.to_owned() }
        } else {
            let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
            let end = ends.take_while(|end| *end <= bytes_max).last().unwrap_or_default();
            text[..end].to_owned()
        };
        match verdict {
            ValueVerdict::Keep => prop_assert_eq!(expected, text),
            ValueVerdict::Replace(kept) => {
                prop_assert!(expected.len() < text.len());
                prop_assert_eq!(kept, expected.into_bytes());
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn duplicate_keys_are_counted_in_their_objects(json in json()) {
        let policies =
            ValuePolicies { silent_loss: SilentLoss::Allow, ..ValuePolicies::default() };
        let column = Column { type_oid: type_oid::JSONB, modifier: -1, ..Column::default() };
        let mut judged =
            ColumnJudge::new(&policies, &BadDates::Reject, &column, Encoding::Utf8);
        let (verdict, noted) = judge(&mut judged, true, json.text.as_bytes());
        prop_assert_eq!(verdict, ValueVerdict::Keep);
        let expected = (json.duplicates > 0)
            .then_some((ValueRule::LossOfDuplicateKeys, json.duplicates));
        prop_assert_eq!(noted, expected.into_iter().collect::<Vec<_>>(), "{}", json.text);
    }
}

#[derive(Clone, Debug)]
struct Json {
    text: String,
    /// Keys that stand in their object for a second time.
    duplicates: u64,
}

/// Keys, by what they stand for, in several spellings.
const KEYS: &[(u8, &str)] = &[
    (0, "a"),
    (0, "\\u0061"),
    (1, "ä"),
    (1, "\\u00e4"),
    (1, "\\u00E4"),
    (2, "\\\""),
    (2, "\\u0022"),
    (3, "😀"),
    (3, "\\ud83d\\ude00"),
    (4, "a,{:["),
];

fn json() -> impl Strategy<Value = Json> {
    let leaf = select(vec!["1", "null", "\"a\"", "\"}\\\"\\\\\"", "[]", "{}"])
        .prop_map(|text| Json { text: text.to_owned(), duplicates: 0 });
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| Json {
                text: format!("[{}]", join(items.iter().map(|item| item.text.clone()))),
                duplicates: items.iter().map(|item| item.duplicates).sum(),
            }),
            vec((select(KEYS), inner), 0..5).prop_map(|members| {
                let mut meanings: Vec<u8> = members.iter().map(|((key, _), _)| *key).collect();
                meanings.sort_unstable();
                meanings.dedup();
                let twice = u64::try_from(members.len() - meanings.len()).unwrap();
                let inner: u64 = members.iter().map(|(_, value)| value.duplicates).sum();
                let texts =
                    members.iter().map(|((_, key), value)| format!("\"{key}\" :{}", value.text));
                Json { text: format!("{{{}}}", join(texts)), duplicates: twice + inner }
            }),
        ]
    })
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}
