//! SIGHUP and RELOAD: the configuration read again, all of it or nothing. Sessions that run are left alone.

use std::cell::RefCell;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::settings::{SettingArguments, url_warnings};
use crate::admin::{Operator, ReloadOutcome};
use crate::config::{Config, Effective, Limits};
use crate::listener::Reload;
use crate::telemetry::Logging;

/// Descriptors that clients leave for the listening sockets, the runtimes, files and cancels.
const OWN_DESCRIPTORS: u64 = 100;

/// What it takes to read the configuration again.
pub(super) struct Reloading<'r> {
    /// What the process was started with.
    pub(super) running: &'r Config,
    /// What is in force, key by key.
    pub(super) in_force: RefCell<Effective>,
    /// Flags and variables, which go before the file.
    pub(super) settings: &'r SettingArguments,
    /// Where the rules are changed.
    pub(super) rules: Reload,
    /// Where the level is changed.
    pub(super) logging: &'r Logging,
    /// Who shows what has come of it.
    pub(super) operator: Option<Arc<Operator>>,
}

impl Reloading<'_> {
    /// Gives new sessions what the file says now. One that is of no use changes nothing; the error says why, and is
    /// in the log.
    pub(super) fn read_again(&self) -> Result<ReloadOutcome, String> {
        let outcome = self.apply();
        match &outcome {
            Err(error) => {
                if let Some(operator) = &self.operator {
                    operator.note_reload(None);
                }
                tracing::error!(
                    event = "reload_failed",
                    error,
                    "SIGHUP: the configuration stays as it was: {error}"
                );
            }
            Ok(ReloadOutcome { changed, needs_restart }) => {
                let (changed, needs_restart) = (changed.join(", "), needs_restart.join(", "));
                if !needs_restart.is_empty() {
                    tracing::warn!(
                        event = "reload_needs_restart",
                        keys = needs_restart,
                        "SIGHUP: these need a restart and stay as they were"
                    );
                }
                tracing::info!(
                    event = "reloaded",
                    changed,
                    needs_restart,
                    "SIGHUP: new sessions follow the configuration as it is now"
                );
            }
        }
        outcome
    }

    fn apply(&self) -> Result<ReloadOutcome, String> {
        let config = self.settings.read()?;
        let mut effective = self.settings.effective(self.settings.config.file())?;
        self.rules.apply(&config).map_err(|error| error.to_string())?;
        effective.keep_fixed_of(&self.in_force.borrow());
        let changed = effective.changed_from(&self.in_force.borrow());
        let fixed = self.running.fixed_differences(&config);
        let needs_restart = fixed.into_iter().map(str::to_owned).collect();
        let outcome = ReloadOutcome { changed, needs_restart };
        if let Some(operator) = &self.operator {
            operator.note_reload(Some((&config, &effective, &outcome)));
        }
        self.in_force.replace(effective);
        allow_descriptors(&config.limits);
        self.logging.set_level(&config.log.level);
        for warning in config.warnings.iter().cloned().chain(url_warnings(&config)) {
            tracing::warn!(event = "config_warning", "{warning}");
        }
        Ok(outcome)
    }
}

/// A session takes two descriptors, and a client that logs in as many; many systems allow a process
/// 1,024 unless it asks for more.
pub(super) fn allow_descriptors(limits: &Limits) {
    let clients = limits.clients.get().saturating_add(limits.connecting.get());
    let wanted = u64::try_from(clients).unwrap_or(u64::MAX);
    let wanted = wanted.saturating_mul(2).saturating_add(OWN_DESCRIPTORS);
    let allowed = getrlimit(Resource::Nofile);
    if allowed.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let most = allowed.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..allowed });
    if most < wanted || raised.is_err() {
        tracing::warn!(
            event = "too_few_descriptors",
            descriptors = most,
            "too few descriptors for limits.clients = {} and limits.connecting = {}: raise the limit \
             (ulimit -Hn) to {wanted}",
            limits.clients,
            limits.connecting
        );
    }
}
