//! What is known of the target: whether it answers, since when, and its version.

use std::time::Duration;

/// The target as it was last seen.
#[derive(Clone, Debug, Default)]
pub(super) struct TargetHealth {
    /// Whether it answers; `None` before the first look.
    pub up: Option<bool>,
    /// Since when, in microseconds since 1970.
    pub since: u64,
    /// How long it took to connect.
    pub connect_ms: u64,
    /// Why it does not answer, or did not the last time.
    pub last_error: String,
    /// What it calls its version; empty before the first session.
    pub version: String,
    /// Connections that had failed when it was last seen to answer.
    pub failures_before: u64,
}

/// What a look says that the one before did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HealthChange {
    /// It does not answer any more, or does not from the start.
    Down,
    /// It answers again.
    Back,
}

impl TargetHealth {
    /// A look came to this, at this moment.
    pub(super) fn see(
        &mut self,
        outcome: &Result<Duration, String>,
        now: u64,
    ) -> Option<HealthChange> {
        let was = self.up.replace(outcome.is_ok());
        if was != self.up {
            self.since = now;
        }
        match outcome {
            Ok(took) => self.connect_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            Err(error) => self.last_error.clone_from(error),
        }
        match (was, outcome) {
            (Some(false), Ok(_)) => Some(HealthChange::Back),
            (None | Some(true), Err(_)) => Some(HealthChange::Down),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_told_when_it_says_something_new() {
        let (up, down) = (Ok(Duration::from_millis(3)), Err("refused".to_owned()));
        let mut health = TargetHealth::default();
        let looks = [&up, &up, &down, &down, &up, &down];
        let changes: Vec<_> =
            looks.iter().zip(1..).map(|(look, now)| health.see(look, now)).collect();
        let (gone, back) = (Some(HealthChange::Down), Some(HealthChange::Back));
        assert_eq!(changes, [None, None, gone, None, back, gone]);
        assert_eq!(
            (health.since, health.connect_ms, health.last_error.as_str()),
            (6, 3, "refused")
        );
        assert_eq!(TargetHealth::default().see(&down, 1), gone);
    }
}
