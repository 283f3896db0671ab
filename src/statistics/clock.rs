//! The clock of those who count.

use std::time::{Instant, SystemTime};

/// Microseconds since 1970 that never go back.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    start_micros: u64,
}

impl Default for Clock {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let start_micros = u64::try_from(since.as_micros()).unwrap_or(0);
        Clock { start: Instant::now(), start_micros }
    }
}

impl Clock {
    pub(super) fn now(&self) -> u64 {
        self.start_micros + u64::try_from(self.start.elapsed().as_micros()).unwrap_or(0)
    }
}
