//! `[auth]`: who may log in, and how.

use std::path::PathBuf;

use serde::Deserialize;

/// `[auth]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Who checks a login.
    pub mode: AuthMode,
    /// Who may log in, where the proxy checks it.
    pub users_file: Option<PathBuf>,
    /// As whom the proxy logs in to the target for every client.
    pub target_user: Option<String>,
}

impl Auth {
    /// Whether the keys fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        let terminates = self.mode == AuthMode::Terminate;
        if terminates && self.users_file.is_none() {
            return Err("auth.mode = \"terminate\" needs auth.users_file".into());
        }
        if !terminates && self.target_user.is_some() {
            return Err("auth.target_user needs auth.mode = \"terminate\"".into());
        }
        Ok(())
    }
}

/// Who checks a login.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMode {
    /// The target: the client logs in to it through the proxy, which stores nothing.
    #[default]
    Passthrough,
    /// The proxy, which then logs in to the target itself.
    Terminate,
}
