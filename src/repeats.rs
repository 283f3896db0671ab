//! Lines of the log that would come again and again: one in a while, which says how many were left out. Uses
//! no other module.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What lines are about is told apart for this many; beyond it, all of it begins anew.
const KEYS_MAX: usize = 1000;

/// When lines about something were last logged, and how many were left out since.
#[derive(Debug, Default)]
pub struct Repeats(Mutex<HashMap<String, (Instant, u64)>>);

impl Repeats {
    /// Whether a line about this is due: how many were left out since the last one; `None` while the last one is
    /// not older than `pause`.
    pub fn due(&self, about: &str, pause: Duration) -> Option<u64> {
        self.due_at(about, pause, Instant::now())
    }

    fn due_at(&self, about: &str, pause: Duration, now: Instant) -> Option<u64> {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, left_out)) = logged.get_mut(about) {
            if now.saturating_duration_since(*last) < pause {
                *left_out += 1;
                return None;
            }
            *last = now;
            return Some(std::mem::take(left_out));
        }
        if logged.len() >= KEYS_MAX {
            logged.clear();
        }
        logged.insert(about.to_owned(), (now, 0));
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_once_in_a_while_and_says_how_often_it_would_have() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let pause = Duration::from_secs(10);
        let at = |about: &str, seconds| {
            repeats.due_at(about, pause, start + Duration::from_secs(seconds))
        };
        assert_eq!(
            [at("a", 0), at("a", 1), at("a", 9), at("b", 9)],
            [Some(0), None, None, Some(0)]
        );
        assert_eq!([at("a", 10), at("a", 11), at("a", 30)], [Some(2), None, Some(1)]);
        for number in 0..KEYS_MAX {
            assert_eq!(at(&number.to_string(), 30), Some(0));
        }
        assert_eq!(at("a", 31), Some(0));
    }
}
