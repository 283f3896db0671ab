//! Looks now and then whether the target answers; sessions tell its version.

use std::time::{Duration, Instant};

use super::health::HealthChange;
use super::operator::{Operator, lock, now_micros};
use crate::statistics::ConnectFailure;
use crate::target::without_os_errors;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(10);

/// How long the target may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

impl Operator {
    /// A session has heard what the target calls its version.
    pub fn note_target_version(&self, version: &str) {
        let mut health = lock(&self.health);
        if !version.is_empty() && health.version != version {
            version.clone_into(&mut health.version);
        }
    }

    /// Looks every ten seconds whether the target answers. Does not end.
    pub async fn probe_target(&self) {
        loop {
            let began = Instant::now();
            let outcome = match tokio::time::timeout(TIMEOUT, self.target.connect()).await {
                Ok(Ok(_)) => Ok(began.elapsed()),
                Ok(Err(error)) => Err(without_os_errors(&error.to_string())),
                Err(_) => {
                    self.counters.connect_failed(ConnectFailure::Timeout);
                    Err("no answer within 3 seconds".to_owned())
                }
            };
            self.note_look(&outcome);
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn note_look(&self, outcome: &Result<Duration, String>) {
        let failures = self.counters.connect_failures().map(|(_, count)| count).sum::<u64>();
        let mut health = lock(&self.health);
        let change = health.see(outcome, now_micros());
        let failed = failures.saturating_sub(health.failures_before);
        if outcome.is_ok() {
            health.failures_before = failures;
        }
        drop(health);
        match (change, outcome) {
            (Some(HealthChange::Back), _) => tracing::info!(
                event = "target_back",
                target = self.target_name,
                failed,
                "the target answers again"
            ),
            (Some(HealthChange::Down), Err(reason)) => tracing::warn!(
                event = "target_unreachable",
                target = self.target_name,
                reason,
                failed,
                "the target does not answer"
            ),
            _ => {}
        }
    }
}
