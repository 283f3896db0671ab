//! What a session knows that setting rows aside needs. Plain data.

use std::sync::Arc;

use super::shared::{CountedErrors, SharedLoads};
use crate::encoding::Encoding;
use crate::policy::{ErrorAction, ErrorsMode, Policy};
use crate::statement::{Lexing, TransactionWord};
use crate::wire::{self, StartupParameters, TransactionStatus};

/// The first version that takes the statements of a pipeline for a transaction block, in which LOCK and DECLARE run.
///
/// Source: PostgreSQL, `start_xact_command` in `src/backend/tcop/postgres.c`.
const PIPELINE_BLOCK_MAJOR: u32 = 18;

/// What a session knows that is needed here.
#[derive(Clone, Debug)]
pub struct SessionFacts {
    /// The configuration.
    pub policy: Arc<Policy>,
    /// Who the client is.
    pub startup: StartupParameters,
    /// `dms.errors`.
    pub mode: ErrorsMode,
    /// `dms.phase` is full-load.
    pub is_full_load: bool,
    /// What the loads of all sessions have in common.
    pub loads: Arc<SharedLoads>,
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
    database: String,
    pub(super) is_full_load: bool,
    pub(super) loads: Arc<SharedLoads>,
    /// When no table was suspended.
    pub(super) none_suspended_at: Option<u64>,
}

impl LoadFacts {
    /// What becomes of a row of this table that is left out, once there are many. `is_conflict` says that it does not
    /// meet the row that it is for.
    pub(super) fn escalated(
        &self,
        relation: &[Vec<u8>],
        is_conflict: bool,
        action: ErrorAction,
    ) -> ErrorAction {
        let rules = self.policy.errors.escalation;
        let (schema, table) = schema_and_table(relation);
        let table = format!("{} {schema} {table}", self.database);
        let action = match is_conflict {
            true => self.loads.escalated(CountedErrors::Apply(table), rules.apply, action),
            false => self.loads.escalated(CountedErrors::Data(table), rules.data, action),
        };
        if action == ErrorAction::SuspendTable { self.suspended() } else { action }
    }

    /// Whether changes that do not meet their rows are ignored.
    pub(super) fn ignores_conflicts(&self) -> bool {
        self.policy.errors.apply.ignores_in_full_load && self.is_full_load
    }

    /// What becomes of a load that fails with this error, which is not about a row.
    pub(super) fn table_action(&self, sqlstate: &[u8]) -> ErrorAction {
        let action = self.policy.errors.table_action(sqlstate);
        if action == ErrorAction::SuspendTable { self.suspended() } else { action }
    }

    /// What becomes of a table that is to be suspended.
    fn suspended(&self) -> ErrorAction {
        let rule = self.policy.errors.escalation.table;
        self.loads.escalated(CountedErrors::Tables, rule, ErrorAction::SuspendTable)
    }
}

impl SessionFacts {
    /// What a load needs; no table was suspended at that time.
    pub(super) fn load(&self, none_suspended_at: Option<u64>) -> LoadFacts {
        let StartupParameters { user, application_name, .. } = &self.startup;
        LoadFacts {
            database: self.startup.database.clone(),
            is_full_load: self.is_full_load,
            loads: Arc::clone(&self.loads),
            none_suspended_at,
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
    /// What a statement says of its transaction where it is executed behind another one; `is_alone` says that it is the
    /// only one of its text.
    pub(super) fn word(&self, word: TransactionWord, is_alone: bool) -> Option<TransactionWord> {
        match word {
            TransactionWord::NeedsBlockAlone => (is_alone
                && self.server_major < PIPELINE_BLOCK_MAJOR)
                .then_some(TransactionWord::NeedsBlock),
            word => Some(word),
        }
    }

    /// Whether rows of any table may be set aside.
    pub(super) fn may_set_aside(&self) -> bool {
        self.policy.errors.may_set_aside(&self.startup, self.mode)
    }

    /// Whether rows of the table with this name are set aside. Tables of the proxy's own and of AWS DMS are not
    /// loaded.
    pub(super) fn sets_aside(&self, name: &[Vec<u8>]) -> bool {
        let (schema, table) = schema_and_table(name);
        let is_own = schema == "dms_proxy" || table.starts_with("awsdms_");
        let mode = self.policy.errors.of_table(&self.startup, (&schema, &table), self.mode);
        !is_own && mode == ErrorsMode::SetAside
    }
}

/// Schema and table; a name without a schema counts as one of public.
fn schema_and_table(name: &[Vec<u8>]) -> (String, String) {
    let mut parts = name.iter().rev().map(|part| wire::printable(part));
    let table = parts.next().unwrap_or_default();
    (parts.next().unwrap_or_else(|| "public".to_owned()), table)
}
