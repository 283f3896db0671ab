//! What every part of a session may read: the rules, the settings in force, how the server reads texts,
//! and where the transaction stands. Only `target` (status, lexing, version) and `settling` (settings)
//! write to it.

use std::sync::Arc;

use super::Common;
use crate::catalog::Moment;
use crate::policy::{Policy, Settings};
use crate::rewrite::Rules;
use crate::statement::Lexing;
use crate::wire::{StartupParameters, TransactionStatus};

/// What every part of a session may read.
#[derive(Debug)]
pub(super) struct Context {
    /// What the configuration asks.
    pub(super) policy: Arc<Policy>,
    /// What all sessions share.
    pub(super) common: Arc<Common>,
    /// Who the client is.
    pub(super) startup: StartupParameters,
    /// The settings where the client says nothing.
    pub(super) defaults: Settings,
    /// The settings in force.
    pub(super) settings: Settings,
    /// How the server reads the texts that it gets.
    pub(super) lexing: Lexing,
    /// The `server_version` that the target has reported; empty before.
    pub(super) server_version: String,
    /// The transaction as the last ReadyForQuery told it.
    pub(super) status: TransactionStatus,
}

impl Context {
    /// The context of a session that begins.
    pub(super) fn new(
        policy: Arc<Policy>,
        common: Arc<Common>,
        startup: StartupParameters,
    ) -> Context {
        let defaults = policy.defaults_of(&startup);
        Context {
            policy,
            common,
            startup,
            defaults,
            settings: defaults,
            lexing: Lexing::default(),
            server_version: String::new(),
            status: TransactionStatus::Idle,
        }
    }

    /// What texts and values are judged by.
    pub(super) fn rules(&self) -> Rules<'_> {
        Rules { policy: &self.policy, settings: self.settings, lexing: self.lexing }
    }

    /// The proxy's clock, in seconds.
    pub(super) fn seconds(&self) -> u64 {
        self.common.clock_seconds()
    }

    /// The moment at which something has to be known; `is_owed` says that the target still owes answers.
    pub(super) fn now(&self, is_owed: bool) -> Moment {
        Moment {
            seconds: self.seconds(),
            definitions: self.common.definitions(),
            status: self.status,
            is_owed,
        }
    }

    /// The major version of the target; 0 where it is not known.
    pub(super) fn server_major(&self) -> u32 {
        let digits = self.server_version.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }
}
