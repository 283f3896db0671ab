//! `[target]`: what is loaded into, and how it is reached.

use std::time::Duration;

use serde::Deserialize;

use crate::target::{Login, TargetUrl, target_login, target_url};
use crate::tls::TargetTlsSettings;

/// `[target]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetSection {
    /// `embedded`, or a libpq connection URI.
    pub url: Url,
    /// Seconds until an unreachable target is given up.
    pub connect_timeout: u64,
    /// SQL after login, before the client's first statement.
    pub after_connect_script: Option<String>,
    /// Seconds that a statement may take; 0 leaves it to the server.
    pub execute_timeout: u32,
}

impl Default for TargetSection {
    fn default() -> Self {
        TargetSection {
            url: Url(TargetUrl::Embedded, TargetTlsSettings::default(), Login::default()),
            connect_timeout: 10,
            after_connect_script: None,
            execute_timeout: 0,
        }
    }
}

/// A target URL, checked when it is read: where the target is, how TLS is spoken to it, and who logs
/// in where the proxy does so itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Url(pub TargetUrl, pub TargetTlsSettings, pub Login);

impl TryFrom<String> for Url {
    type Error = String;

    fn try_from(text: String) -> Result<Url, String> {
        text.parse()
    }
}

impl std::str::FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Url, String> {
        let (url, tls) = target_url(text)?;
        Ok(Url(url, tls, target_login(text)?))
    }
}

impl TargetSection {
    /// `connect_timeout` as a duration.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout)
    }
}
