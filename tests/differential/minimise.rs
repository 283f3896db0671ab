//! A shorter sequence that differs as well.

use std::time::Duration;

use super::arena::{Arena, Difference, Outcome};
use super::sequence::Sequence;

/// A sequence is played so often at most while it is made shorter.
const TRIES: usize = 400;

/// How long a reply may take while a sequence is made shorter: most of what hangs hangs for ever.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// Takes messages away as long as what is left still differs; gives the rest and its difference.
pub fn minimise(
    arena: &mut Arena,
    sequence: &Sequence,
    difference: &Difference,
) -> (Sequence, Difference) {
    let mut tries = if difference.timed_out { TRIES / 5 } else { TRIES };
    let mut best = (sequence.clone(), difference.clone());
    let mut attempt = |candidate: Sequence, best: &mut (Sequence, Difference)| {
        if tries == 0 {
            return false;
        }
        tries -= 1;
        let Outcome::Different(found) = arena.compare(&candidate, TIMEOUT) else { return false };
        // Another sort, as one that hangs, is another fault.
        if found.sort() != difference.sort() {
            return false;
        }
        *best = (candidate, *found);
        true
    };
    let uncut = Sequence { cuts: 0, ..sequence.clone() };
    if sequence.cuts != 0 {
        attempt(uncut, &mut best);
    }
    let mut chunk = best.0.messages.len().div_ceil(2).max(1);
    loop {
        let (mut from, mut shorter) = (0, false);
        while from < best.0.messages.len() {
            let mut candidate = best.0.clone();
            let to = candidate.messages.len().min(from + chunk);
            candidate.messages.drain(from..to);
            match attempt(candidate, &mut best) {
                true => shorter = true,
                false => from += chunk,
            }
        }
        match chunk {
            1 if !shorter => return best,
            1 => {}
            _ => chunk = chunk.div_ceil(2),
        }
    }
}
