//! The Bind scanner: vectors, and properties on generated bodies.

use dms_proxy::value::BindScanner;
use proptest::collection::vec;
use proptest::prelude::*;

/// A Bind body: names, format codes, values (`None` is NULL), one result format.
pub(super) fn body(formats: &[u16], values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = b"portal\0statement\0".to_vec();
    body.extend(u16::try_from(formats.len()).unwrap().to_be_bytes());
    formats.iter().for_each(|code| body.extend(code.to_be_bytes()));
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        match value {
            None => body.extend((-1i32).to_be_bytes()),
            Some(value) => {
                body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend_from_slice(value);
            }
        }
    }
    body.extend([0, 1, 0, 0]);
    body
}

fn mend(body: &[u8], chunk_bytes: usize) -> (Vec<u8>, u64) {
    let mut mended = body.to_vec();
    let mut scanner = BindScanner::new(body.len());
    for chunk in mended.chunks_mut(chunk_bytes) {
        // Without kinds nothing is ever held back.
        assert_eq!(scanner.scan(chunk), chunk.len());
    }
    (mended, scanner.take_replaced())
}

#[test]
fn text_values_are_mended_and_others_are_not() {
    let values = [Some(&b"a\0b"[..]), None, Some(b""), Some(b"\0\0")];
    let clean = [Some(&b"a b"[..]), None, Some(b""), Some(b"  ")];
    let second = [Some(&b"a b"[..]), None, Some(b""), Some(b"\0\0")];
    for chunk_bytes in [1, 2, 3, 7, 1000] {
        for formats in [&[][..], &[0], &[0, 0, 0, 0]] {
            let mended = mend(&body(formats, &values), chunk_bytes);
            assert_eq!(mended, (body(formats, &clean), 3));
        }
        for formats in [&[1][..], &[1, 1, 1, 1], &[7]] {
            let body = body(formats, &values);
            assert_eq!(mend(&body, chunk_bytes), (body, 0));
        }
        let mended = mend(&body(&[0, 0, 0, 1], &values), chunk_bytes);
        assert_eq!(mended, (body(&[0, 0, 0, 1], &second), 1));
    }
}

#[test]
fn formats_are_remembered_beyond_the_first_word() {
    let formats: Vec<u16> = (0..65_535).map(|index| index % 3 / 2).collect();
    let values = vec![Some(&b"\0"[..]); 65_535];
    let mended: Vec<_> =
        formats.iter().map(|code| Some(if *code == 0 { &b" "[..] } else { b"\0" })).collect();
    assert_eq!(mend(&body(&formats, &values), 1000), (body(&formats, &mended), 43_690));
}

#[test]
fn nothing_is_touched_behind_what_cannot_be_right() {
    let value = Some(&b"\0"[..]);
    // More than one format code, but not one a parameter.
    let miscounted = body(&[0, 0], &[value, value, value]);
    assert_eq!(mend(&miscounted, 5), (miscounted.clone(), 0));
    // A length beyond the body, and a negative one, in the second parameter.
    for length in [1000i32, -2, i32::MIN] {
        let mut wrong = body(&[], &[value, value]);
        let at = wrong.len() - 9;
        wrong[at..at + 4].copy_from_slice(&length.to_be_bytes());
        let mut mended = wrong.clone();
        mended[at - 1] = b' ';
        assert_eq!(mend(&wrong, 4), (mended, 1));
    }
}

proptest! {
    #[test]
    fn every_value_is_mended_by_its_format_however_it_is_cut(
        values in vec(proptest::option::of(vec(0u8..3, 0..40)), 0..90),
        codes in vec(0u16..2, 90), style in 0usize..3, chunk_bytes in 1usize..200,
    ) {
        let formats = match style {
            0 => &[][..],
            1 => &codes[..1],
            _ => &codes[..values.len()],
        };
        let is_text = |index: usize| match formats {
            [] => true,
            [code] => *code == 0,
            codes => codes[index] == 0,
        };
        let mut replaced = 0;
        let mended: Vec<Option<Vec<u8>>> = values.iter().enumerate().map(|(index, value)| {
            let mut value = value.clone()?;
            for byte in value.iter_mut().filter(|byte| **byte == 0 && is_text(index)) {
                *byte = b' ';
                replaced += 1;
            }
            Some(value)
        }).collect();
        let values: Vec<_> = values.iter().map(Option::as_deref).collect();
        let expected: Vec<_> = mended.iter().map(Option::as_deref).collect();
        let mended = mend(&body(formats, &values), chunk_bytes);
        prop_assert_eq!(mended, (body(formats, &expected), replaced));
    }

    #[test]
    fn any_bytes_do_no_harm_and_any_cut_gives_the_same(
        body in vec(prop_oneof![Just(0u8), 0u8..4, any::<u8>()], 0..300),
        chunk_bytes in 1usize..20,
    ) {
        let whole = mend(&body, usize::MAX);
        prop_assert_eq!(whole.0.len(), body.len());
        prop_assert_eq!(mend(&body, chunk_bytes), whole);
    }
}
