//! Two rounds of replacements as one: what was replaced in a text, and then in what came out.

use std::ops::Range;

use super::{Replacement, replace};

/// A stretch of the text between the two rounds, and the part of each round in it.
#[derive(Default)]
struct Stretch {
    span: Range<usize>,
    first: Range<usize>,
    second: Range<usize>,
}

/// The replacements that make of `original` in one round what `first` and then `second` make of it, each with
/// the number of the first replacement of each round that is in it. Both are in order.
pub fn compose(
    original: &[u8],
    first: &[Replacement],
    second: &[Replacement],
) -> Vec<(Replacement, Option<usize>, Option<usize>)> {
    let between = replace(original, first);
    let mut composed = Vec::new();
    let (mut at, mut behind) = (0, 0);
    for stretch in stretches(first, second) {
        // What lies between two stretches is the same in both texts.
        let start = at + (stretch.span.start - behind);
        let removed: usize = first
            .get(stretch.first.clone())
            .unwrap_or_default()
            .iter()
            .map(|one| one.span.len())
            .sum();
        let added: usize = first
            .get(stretch.first.clone())
            .unwrap_or_default()
            .iter()
            .map(|one| one.text.len())
            .sum();
        let end = start + stretch.span.len() + removed - added;
        let inside: Vec<Replacement> = second
            .get(stretch.second.clone())
            .unwrap_or_default()
            .iter()
            .map(|one| Replacement {
                span: one.span.start - stretch.span.start..one.span.end - stretch.span.start,
                text: one.text.clone(),
            })
            .collect();
        let text = replace(between.get(stretch.span.clone()).unwrap_or_default(), &inside);
        let number = |range: &Range<usize>| (!range.is_empty()).then_some(range.start);
        composed.push((
            Replacement { span: start..end, text },
            number(&stretch.first),
            number(&stretch.second),
        ));
        (at, behind) = (end, stretch.span.end);
    }
    composed
}

/// The stretches in which replacements of the rounds overlap, in order.
fn stretches(first: &[Replacement], second: &[Replacement]) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    let (mut moved, mut at) = (0, 0);
    let mut made = first.iter().map(|one| {
        // Where it stands in the text between the rounds.
        let start = one.span.start - at + moved;
        let span = start..start + one.text.len();
        (moved, at) = (span.end, one.span.end);
        span
    });
    let (mut next_made, mut next_second) = (made.next(), 0);
    let (mut made_number, mut last_end) = (0, None);
    loop {
        let read = second.get(next_second).map(|one| one.span.clone());
        let is_made = match (&next_made, &read) {
            (None, None) => return all,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(made), Some(read)) => (made.start, made.end) <= (read.start, read.end),
        };
        let span = if is_made { next_made.clone() } else { read }.unwrap_or_default();
        let joins = last_end.is_some_and(|end| span.start < end);
        if !joins {
            all.push(Stretch {
                span: span.clone(),
                first: made_number..made_number,
                second: next_second..next_second,
            });
        }
        if let Some(last) = all.last_mut() {
            last.span.end = last.span.end.max(span.end);
            last_end = Some(last.span.end);
            if is_made {
                made_number += 1;
                last.first.end = made_number;
                next_made = made.next();
            } else {
                next_second += 1;
                last.second.end = next_second;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Replacements in a text of this length, in order and without overlaps.
    fn replacements(length: usize) -> impl Strategy<Value = Vec<Replacement>> {
        let cuts = prop::collection::btree_set(0..=length, 0..8);
        (cuts, prop::collection::vec("[a-z]{0,4}", 4)).prop_map(|(cuts, texts)| {
            let cuts: Vec<usize> = cuts.into_iter().collect();
            let spans = cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]);
            spans
                .zip(texts)
                .map(|(span, text)| Replacement { span, text: text.into_bytes() })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn two_rounds_are_one(
            (text, first, second) in "[A-Z]{0,24}".prop_flat_map(|text| {
                let first = replacements(text.len());
                (Just(text), first).prop_flat_map(|(text, first)| {
                    let between = replace(text.as_bytes(), &first).len();
                    (Just(text), Just(first), replacements(between))
                })
            })
        ) {
            let between = replace(text.as_bytes(), &first);
            let composed = compose(text.as_bytes(), &first, &second);
            let all: Vec<Replacement> = composed.into_iter().map(|(one, _, _)| one).collect();
            prop_assert_eq!(replace(text.as_bytes(), &all), replace(&between, &second));
        }
    }
}
