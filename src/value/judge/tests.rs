//! Each policy on the columns that it is for, and on those that it is not for.

use std::num::NonZeroUsize;

use super::*;
use crate::value::CharacterReplacements;

fn column(type_oid: u32, modifier: i32) -> Column {
    Column { type_oid, modifier, is_nullable: true, ..Column::default() }
}

fn judge_in(
    policies: &ValuePolicies,
    column: &Column,
    encoding: Encoding,
    is_text: bool,
    value: &[u8],
) -> (ValueVerdict, Vec<(ValueRule, u64)>) {
    let judge = ColumnJudge::new(policies, &policies.bad_dates, column, encoding);
    let mut findings = Findings::default();
    let verdict = match is_text {
        true => judge.judge_text(value, &mut findings),
        false => judge.judge_binary(value, &mut findings),
    };
    let is_idle = if is_text { judge.is_idle_in_text() } else { judge.is_idle_in_binary() };
    if is_idle && !(is_text && value.contains(&0)) {
        assert_eq!((&verdict, findings.is_empty()), (&ValueVerdict::Keep, true));
    }
    (verdict, findings.take())
}

fn text(
    policies: &ValuePolicies,
    column: &Column,
    value: &[u8],
) -> (ValueVerdict, Vec<(ValueRule, u64)>) {
    judge_in(policies, column, Encoding::Utf8, true, value)
}

fn binary(
    policies: &ValuePolicies,
    column: &Column,
    value: &[u8],
) -> (ValueVerdict, Vec<(ValueRule, u64)>) {
    judge_in(policies, column, Encoding::Utf8, false, value)
}

fn kept() -> (ValueVerdict, Vec<(ValueRule, u64)>) {
    (ValueVerdict::Keep, Vec::new())
}

fn noted(rule: ValueRule) -> (ValueVerdict, Vec<(ValueRule, u64)>) {
    (ValueVerdict::Keep, vec![(rule, 1)])
}

fn replaced(
    value: impl AsRef<[u8]>,
    rule: ValueRule,
    count: u64,
) -> (ValueVerdict, Vec<(ValueRule, u64)>) {
    (ValueVerdict::Replace(value.as_ref().to_vec()), vec![(rule, count)])
}

/// The SQLSTATE of a refusal, which notes nothing and never tells the value.
fn refused(outcome: (ValueVerdict, Vec<(ValueRule, u64)>), value: &str) -> &'static str {
    let (ValueVerdict::Refuse(refusal), noted) = outcome else { panic!("{outcome:?}") };
    assert_eq!(noted, []);
    assert!(!refusal.message.contains(value), "{}", refusal.message);
    refusal.sqlstate
}

#[test]
fn a_nul_is_mended_removed_or_refused() {
    let policies = |nul| ValuePolicies { nul, ..ValuePolicies::default() };
    let (space, remove) = (policies(NulPolicy::Space), policies(NulPolicy::Remove));
    let reject = policies(NulPolicy::Reject);
    let (character, int4) = (column(type_oid::TEXT, -1), column(type_oid::INT4, -1));
    let (jsonb, bytea) = (column(type_oid::JSONB, -1), column(type_oid::BYTEA, -1));
    assert_eq!(text(&space, &character, b"a\0\0"), replaced("a  ", ValueRule::NulToSpace, 2));
    assert_eq!(binary(&remove, &character, b"a\0\0"), replaced("a", ValueRule::NulRemoved, 2));
    assert_eq!(text(&space, &int4, b"12\0"), replaced("12 ", ValueRule::NulToSpace, 1));
    assert_eq!(binary(&space, &int4, &[0; 4]), kept());
    assert_eq!(text(&space, &bytea, b"\\000\\\\000"), kept());
    assert_eq!(text(&space, &bytea, b"a\0"), replaced("a ", ValueRule::NulToSpace, 1));
    assert_eq!(binary(&space, &bytea, b"a\0"), kept());
    let escape = &br#"["\u0000\\u0000"]"#[..];
    let spaced = &br#"["\u0020\\u0000"]"#[..];
    assert_eq!(text(&space, &jsonb, escape), replaced(spaced, ValueRule::NulToSpace, 1));
    let versioned = |text: &[u8]| [&[1], text].concat();
    let expected = replaced(versioned(spaced), ValueRule::NulToSpace, 1);
    assert_eq!(binary(&space, &jsonb, &versioned(escape)), expected);
    assert_eq!(binary(&space, &jsonb, &versioned(b"{}")), kept());
    for (column, value) in [(&character, &b"\0"[..]), (&jsonb, escape), (&int4, b"1\0")] {
        assert_eq!(refused(text(&reject, column, value), "\0"), "22021");
        assert_eq!(text(&reject, column, b"1"), kept());
    }
    assert_eq!(text(&space, &character, escape), kept());
}

#[test]
fn replacements_go_before_the_policy_of_nul() {
    let replacements = |pairs: &[(u32, u32)]| ValuePolicies {
        replacements: CharacterReplacements::new(pairs.to_vec()).unwrap(),
        nul: NulPolicy::Reject,
        ..ValuePolicies::default()
    };
    let (character, json) = (column(type_oid::VARCHAR, -1), column(type_oid::JSON, -1));
    let policies = replacements(&[(0, 0x20AC), (0x61, 0)]);
    let expected = (ValueVerdict::Replace("€b".into()), vec![(ValueRule::CharacterReplaced, 2)]);
    assert_eq!(text(&policies, &character, b"\0ab"), expected);
    let expected = replaced(r#"["\u20aca"]"#, ValueRule::CharacterReplaced, 1);
    assert_eq!(text(&policies, &json, br#"["\u0000a"]"#), expected);
    let single_byte = judge_in(&policies, &character, Encoding::SingleByte, true, b"\0");
    assert_eq!(refused(single_byte, "\0"), "22021");
    let delete = replacements(&[(0, 0)]);
    let expected = replaced("b", ValueRule::CharacterReplaced, 1);
    assert_eq!(text(&delete, &character, b"\0b"), expected);
}

#[test]
fn broken_utf8_is_mended_for_clients_that_speak_it() {
    let policies = |invalid_utf8| ValuePolicies { invalid_utf8, ..ValuePolicies::default() };
    let character = column(type_oid::TEXT, -1);
    let replace = policies(InvalidUtf8::Replace);
    let expected = replaced("a\u{FFFD}", ValueRule::InvalidUtf8Replaced, 1);
    assert_eq!(text(&replace, &character, b"a\xFF"), expected);
    assert_eq!(binary(&replace, &character, b"a\xFF"), expected);
    assert_eq!(text(&replace, &column(1009, -1), b"a\xFF"), expected);
    assert_eq!(binary(&replace, &column(1009, -1), b"a\xFF"), kept());
    assert_eq!(text(&replace, &column(type_oid::BYTEA, -1), b"a\xFF"), kept());
    let cp1252 = policies(InvalidUtf8::Cp1252);
    let expected = replaced("Ã¤ÿ", ValueRule::InvalidUtf8AsCp1252, 1);
    assert_eq!(text(&cp1252, &character, b"\xC3\xA4\xFF"), expected);
    assert_eq!(text(&cp1252, &character, "ä".as_bytes()), kept());
    assert_eq!(text(&ValuePolicies::default(), &character, b"\xFF"), kept());
    let latin1 = judge_in(&replace, &character, Encoding::SingleByte, true, b"\xFF");
    assert_eq!(latin1, kept());
    // What was broken before a NUL went stays broken.
    let both = ValuePolicies { nul: NulPolicy::Remove, ..replace };
    let (verdict, _) = text(&both, &character, b"\xC3\0\xA4");
    assert_eq!(verdict, ValueVerdict::Replace("\u{FFFD}\u{FFFD}".into()));
}

#[test]
fn values_are_cut_to_their_column() {
    let policies = ValuePolicies { too_long: TooLong::Truncate, ..ValuePolicies::default() };
    let (varchar, bpchar) = (column(type_oid::VARCHAR, 6), column(type_oid::BPCHAR, 6));
    for column in [&varchar, &bpchar] {
        for judge in [text, binary] {
            let expected = replaced("ä€", ValueRule::Truncated, 1);
            assert_eq!(judge(&policies, column, "ä€😀".as_bytes()), expected);
            assert_eq!(judge(&policies, column, "ä€".as_bytes()), kept());
            assert_eq!(judge(&policies, column, "ä€   ".as_bytes()), kept());
            assert_eq!(judge(&ValuePolicies::default(), column, b"abc"), kept());
        }
    }
    assert_eq!(text(&policies, &column(type_oid::TEXT, -1), b"abc"), kept());
    let sjis = judge_in(&policies, &varchar, Encoding::ShiftJis, true, b"\x95\\\x95\\\x95\\");
    assert_eq!(sjis, replaced(b"\x95\\\x95\\", ValueRule::Truncated, 1));
}

#[test]
fn large_objects_are_cut_to_the_limit() {
    let policies =
        ValuePolicies { lob_bytes_max: NonZeroUsize::new(4), ..ValuePolicies::default() };
    for type_oid in [type_oid::TEXT, type_oid::VARCHAR, type_oid::XML, type_oid::JSON] {
        let column = column(type_oid, -1);
        let expected = replaced("a€", ValueRule::LobTruncated, 1);
        assert_eq!(text(&policies, &column, "a€😀".as_bytes()), expected);
        assert_eq!(binary(&policies, &column, "a€😀".as_bytes()), expected);
        assert_eq!(text(&policies, &column, "a€".as_bytes()), kept());
    }
    let bytea = column(type_oid::BYTEA, -1);
    let cut = |value: &[u8]| replaced(value, ValueRule::LobTruncated, 1);
    assert_eq!(text(&policies, &bytea, b"\\x0011223344"), cut(b"\\x00112233"));
    assert_eq!(text(&policies, &bytea, b"\\000\\\\abc"), cut(b"\\000\\\\ab"));
    assert_eq!(text(&policies, &bytea, b"\\x00112233"), kept());
    assert_eq!(binary(&policies, &bytea, b"\0\xFF\0\xFF\0"), cut(b"\0\xFF\0\xFF"));
    assert_eq!(binary(&policies, &bytea, b"\0\xFF\0\xFF"), kept());
    let jsonb = binary(&policies, &column(type_oid::JSONB, -1), b"\x01[1,2,3]");
    assert_eq!(jsonb, cut(b"\x01[1,2"));
    assert_eq!(text(&policies, &column(type_oid::VARCHAR, 104), b"abcdef"), kept());
}

#[test]
fn bad_dates_become_null_or_another_date() {
    let policies = |bad_dates| ValuePolicies { bad_dates, ..ValuePolicies::default() };
    let null = policies(BadDates::Null);
    let sentinel = policies(BadDates::Sentinel("-infinity".to_owned()));
    for type_oid in [type_oid::DATE, type_oid::TIMESTAMP, type_oid::TIMESTAMPTZ] {
        let nullable = column(type_oid, -1);
        let not_null = Column { is_nullable: false, ..nullable.clone() };
        let is_null = (ValueVerdict::Null, vec![(ValueRule::BadDateToNull, 1)]);
        assert_eq!(text(&null, &nullable, b"0000-00-00 00:00:00"), is_null);
        assert_eq!(text(&null, &not_null, b"0000-00-00"), kept());
        let expected = replaced("-infinity", ValueRule::BadDateToSentinel, 1);
        assert_eq!(text(&sentinel, &not_null, b"2023-02-30"), expected);
        assert_eq!(text(&sentinel, &not_null, b"2023-02-28"), kept());
        assert_eq!(text(&ValuePolicies::default(), &nullable, b"0000-00-00"), kept());
    }
    assert_eq!(text(&null, &column(type_oid::TEXT, -1), b"0000-00-00"), kept());
    let judge =
        ColumnJudge::new(&null, &BadDates::Reject, &column(type_oid::DATE, -1), Encoding::Utf8);
    assert_eq!(judge.judge_text(b"0000-00-00", &mut Findings::default()), ValueVerdict::Keep);
}

#[test]
fn integers_above_bigint_are_counted() {
    let int8 = column(type_oid::INT8, -1);
    let overflow = noted(ValueRule::UnsignedOverflow);
    for (value, is_above) in [
        ("9223372036854775807", false),
        ("9223372036854775808", true),
        ("18446744073709551615", true),
        (" +18446744073709551615 ", true),
        ("-18446744073709551615", false),
        ("00000000000000000000000007", false),
        ("0009223372036854775808", true),
        ("18446744073709551615.5", false),
    ] {
        let expected = if is_above { overflow.clone() } else { kept() };
        assert_eq!(text(&ValuePolicies::default(), &int8, value.as_bytes()), expected, "{value}");
    }
    let numeric = column(type_oid::NUMERIC, -1);
    assert_eq!(text(&ValuePolicies::default(), &numeric, b"18446744073709551615"), kept());
}

#[test]
fn silent_losses_are_noted_or_refused() {
    let policies = |silent_loss| ValuePolicies { silent_loss, ..ValuePolicies::default() };
    let numeric = ((5 << 16) | 2) + 4;
    for (type_oid, modifier, value, rule) in [
        (type_oid::TIMESTAMP, -1, "2024-01-01 10:00:00.1234567", ValueRule::LossOfSecondDigits),
        (type_oid::TIMESTAMPTZ, 3, "2024-01-01 10:00:00.1234+02", ValueRule::LossOfSecondDigits),
        (type_oid::TIME, 0, "10:00:00.5", ValueRule::LossOfSecondDigits),
        (type_oid::INTERVAL, -1, "1.1234567 secs", ValueRule::LossOfSecondDigits),
        (type_oid::NUMERIC, numeric, "1.005", ValueRule::LossOfNumericDigits),
        (type_oid::BPCHAR, 9, "abc ", ValueRule::LossOfBlanks),
        (type_oid::VARCHAR, 7, "abc ", ValueRule::LossOfBlanks),
        (type_oid::JSONB, -1, r#"{"a":1,"a":2}"#, ValueRule::LossOfDuplicateKeys),
    ] {
        let column = column(type_oid, modifier);
        let value = value.as_bytes();
        assert_eq!(text(&policies(SilentLoss::Off), &column, value), kept());
        assert_eq!(text(&policies(SilentLoss::Allow), &column, value), noted(rule));
        assert_eq!(text(&policies(SilentLoss::Warn), &column, value), noted(rule));
        let refusal = text(&policies(SilentLoss::Reject), &column, value);
        assert_eq!(refused(refusal, str::from_utf8(value).unwrap()), "22000");
    }
    let warn = policies(SilentLoss::Warn);
    let json = column(type_oid::JSON, -1);
    assert_eq!(text(&warn, &json, br#"{"a":1,"a":2}"#), kept());
    assert_eq!(text(&warn, &column(type_oid::BPCHAR, 8), b"abc "), kept());
    // The precision of the column counts in binary format too.
    let micros = &1i64.to_be_bytes();
    let lost = noted(ValueRule::LossOfSecondDigits);
    assert_eq!(binary(&warn, &column(type_oid::TIMESTAMP, 3), micros), lost);
    assert_eq!(binary(&warn, &column(type_oid::TIMESTAMP, -1), micros), kept());
    let jsonb = binary(&warn, &column(type_oid::JSONB, -1), b"\x01{\"a\":1,\"a\":2}");
    assert_eq!(jsonb, noted(ValueRule::LossOfDuplicateKeys));
}

#[test]
fn a_suspicious_length_is_never_refused() {
    let policies = ValuePolicies { silent_loss: SilentLoss::Reject, ..ValuePolicies::default() };
    let character = column(type_oid::TEXT, -1);
    let expected = noted(ValueRule::SuspiciousLength);
    assert_eq!(text(&policies, &character, &[b'a'; 4000]), expected);
    assert_eq!(binary(&policies, &character, &[b'a'; 4000]), expected);
    assert_eq!(text(&policies, &character, &[b'a'; 4001]), kept());
    // What was cut here says nothing about others.
    let cutting = ValuePolicies { lob_bytes_max: NonZeroUsize::new(4000), ..policies };
    let cut = text(&cutting, &character, &[b'a'; 4001]);
    assert_eq!(cut, replaced([b'a'; 4000], ValueRule::LobTruncated, 1));
}

#[test]
fn values_of_another_type_are_converted_and_judged_then() {
    let policies = ValuePolicies { silent_loss: SilentLoss::Warn, ..ValuePolicies::default() };
    let converted = |value: &[u8]| replaced(value, ValueRule::TypeConverted, 1);
    assert_eq!(binary(&policies, &column(type_oid::BOOL, -1), &[0, 0, 0, 1]), converted(&[1]));
    let (verdict, findings) =
        binary(&policies, &column(type_oid::JSONB, -1), br#"{"a":"\u0000","a":0}"#);
    assert_eq!(verdict, ValueVerdict::Replace(b"\x01{\"a\":\"\\u0020\",\"a\":0}".to_vec()));
    let expected = [
        (ValueRule::TypeConverted, 1),
        (ValueRule::NulToSpace, 1),
        (ValueRule::LossOfDuplicateKeys, 1),
    ];
    assert_eq!(findings, expected);
    let timestamp = binary(&policies, &column(type_oid::VARCHAR, 41), &[0; 8]);
    assert_eq!(timestamp, converted(b"2000-01-01 00:00:00.000000"));
}

#[test]
fn columns_that_no_rule_is_for_are_idle() {
    let is_idle = |policies: &ValuePolicies, type_oid| {
        let column = column(type_oid, -1);
        ColumnJudge::new(policies, &policies.bad_dates, &column, Encoding::Utf8).is_idle()
    };
    let off = ValuePolicies::default();
    for type_oid in [type_oid::DATE, type_oid::NUMERIC, type_oid::TIMESTAMP, type_oid::BYTEA, 600] {
        assert!(is_idle(&off, type_oid), "{type_oid}");
    }
    for type_oid in [type_oid::TEXT, type_oid::JSON, type_oid::INT8, type_oid::BOOL] {
        assert!(!is_idle(&off, type_oid), "{type_oid}");
    }
    let warn = ValuePolicies { silent_loss: SilentLoss::Warn, ..off.clone() };
    assert!(!is_idle(&warn, type_oid::TIMESTAMP));
    assert!(is_idle(&warn, type_oid::NUMERIC));
    let null = ValuePolicies { bad_dates: BadDates::Null, ..off };
    assert!(!is_idle(&null, type_oid::DATE));
}
