//! `[target]`: what is loaded into, and how it is reached.

use std::time::Duration;

use serde::Deserialize;

use crate::policy::Pooler;
use crate::target::TargetUrl;

/// `[target]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetSection {
    /// `embedded`, or a libpq connection URI.
    pub url: TargetUrl,
    /// Seconds until an unreachable target is given up.
    pub connect_timeout: u64,
    /// SQL after login, before the client's first statement.
    pub after_connect_script: Option<String>,
    /// Seconds that a statement may take; 0 leaves it to the server.
    pub execute_timeout: u32,
    /// What stands between.
    pub pooler: Pooler,
}

impl Default for TargetSection {
    fn default() -> Self {
        TargetSection {
            url: TargetUrl::default(),
            connect_timeout: 10,
            after_connect_script: None,
            execute_timeout: 0,
            pooler: Pooler::default(),
        }
    }
}

impl TargetSection {
    /// `connect_timeout`, of the URL where that names one; zero is without a limit.
    pub fn connect_timeout(&self) -> Duration {
        let own = Duration::from_secs(self.connect_timeout);
        match self.url.connect_timeout.unwrap_or(own) {
            Duration::ZERO => Duration::MAX,
            timeout => timeout,
        }
    }
}
