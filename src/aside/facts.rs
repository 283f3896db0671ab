//! What a session knows that setting rows aside needs. Plain data.

use std::sync::Arc;

use crate::encoding::Encoding;
use crate::policy::{ErrorsMode, Policy};
use crate::statement::Lexing;
use crate::wire::{self, StartupParameters, TransactionStatus};

/// What a session knows that is needed here.
#[derive(Clone, Debug)]
pub struct SessionFacts {
    /// The configuration.
    pub policy: Arc<Policy>,
    /// Who the client is.
    pub startup: StartupParameters,
    /// `dms.errors`.
    pub mode: ErrorsMode,
    /// How the server reads texts.
    pub lexing: Lexing,
    /// The server's major version; 0 where it is not known.
    pub server_major: u32,
    /// A name that no client has.
    pub name: String,
    /// The process of the proxy.
    pub run: String,
    /// The process of the target.
    pub target_pid: u32,
    /// The transaction status.
    pub status: TransactionStatus,
    /// The target has answered everything.
    pub is_quiet: bool,
}

/// What a load needs of it.
#[derive(Debug)]
pub(super) struct LoadFacts {
    pub(super) policy: Arc<Policy>,
    pub(super) encoding: Encoding,
    pub(super) server_major: u32,
    pub(super) name: String,
    pub(super) run: String,
    pub(super) session: String,
}

impl SessionFacts {
    pub(super) fn load(&self) -> LoadFacts {
        let StartupParameters { user, application_name, .. } = &self.startup;
        LoadFacts {
            policy: Arc::clone(&self.policy),
            encoding: self.lexing.encoding,
            server_major: self.server_major,
            name: self.name.clone(),
            run: self.run.clone(),
            session: format!("{user} {application_name} {}", self.target_pid),
        }
    }
}

impl SessionFacts {
    /// Whether rows of any table may be set aside.
    pub(super) fn may_set_aside(&self) -> bool {
        self.policy.errors.may_set_aside(&self.startup, self.mode)
    }

    /// Whether rows of the table with this name are set aside. Tables of the proxy's own and of AWS DMS are not
    /// loaded.
    pub(super) fn sets_aside(&self, name: &[Vec<u8>]) -> bool {
        let mut parts = name.iter().rev().map(|part| wire::printable(part));
        let table = parts.next().unwrap_or_default();
        let schema = parts.next().unwrap_or_else(|| "public".to_owned());
        let is_own = schema == "dms_proxy" || table.starts_with("awsdms_");
        let mode = self.policy.errors.of_table(&self.startup, (&schema, &table), self.mode);
        !is_own && mode == ErrorsMode::SetAside
    }
}
