//! What is done to the target before and after a load: rights looked at, foreign keys parked and
//! restored, orphans counted, sequences moved on. Talks to the target in sessions of its own; may
//! not touch the sessions of clients, frames or statements, and prints nothing.

mod acts;
mod check;
mod clean;
mod connection;
mod counted;
mod deferrable;
mod elsewhere;
mod fault;
mod finish;
mod foreign_key;
mod foreign_keys;
mod graph;
mod init;
mod interrupt;
mod journal;
mod look;
mod orphans;
mod own_table;
mod parallel;
mod reject_format;
mod reject_text;
mod rejects;
mod relations;
mod report;
mod restore;
mod rewrites;
mod scope;
mod sequences;
mod silenced;
mod source_names;
mod strangers;
mod suspended;
mod working;

/// Where these texts were looked for before they had a module of their own.
pub mod sql {
    pub use crate::parking::spelling::{quoted_identifier, quoted_literal};
    pub use crate::parking::*;
}

pub use check::{CheckReport, Flavour, Item, Standing, TableModes, check};
pub use clean::{CleanReport, clean, clean_run};
pub use connection::{Connection, Target};
pub use counted::{KeptCount, counted_key, keep_counted};
pub use deferrable::DeferrableLine;
pub use elsewhere::ForeignTable;
use elsewhere::{foreign_tables, node};
pub use finish::{FinishOptions, finish};
pub use foreign_key::{ForeignKey, Key, KeyState};
pub use foreign_keys::foreign_keys;
pub use init::init_target;
pub use interrupt::interrupt;
pub use journal::{Parked, ParkedState, lost, park, parked};
pub use look::{KeyLook, RunningCommand, TargetLook, look};
pub use orphans::{Orphans, SAMPLES_MAX, SampleKey, count_orphans, orphan_query};
pub use reject_format::RejectFormat;
pub use reject_text::in_utf8;
pub use rejects::{
    RejectFilter, RejectGroup, RejectedLine, RetriedTable, discard_rejects, reject_groups,
    reject_rows, retry_rejects,
};
pub use relations::relations;
pub use report::{
    AnalyzedTable, Finding, FinishReport, ForeignKeyLine, NotActed, RewriteLine, Todo, Verdict,
};
pub use restore::{RestoreLine, RestoreOutcome, restore};
pub use rewrites::{LedgerFilter, LedgerLine, ledger};
use scope::{IS_OWN_TABLE, IS_TABLE, IS_WHOLE, RELATION, SCHEMA};
pub use source_names::{SourceNames, beside, source_names};
pub use suspended::{SuspendedTable, resume_tables, suspended_tables};

pub use scope::scope_exists;
pub use sequences::{SequenceLine, SequenceOutcome, move_sequences};

pub use working::{LockHolder, Running, WorkPhase, announce, lock_holders, progress};

use tokio_postgres::error::SqlState;

pub use crate::parking::{Scope, TableName};

/// Why a command came to no result.
#[derive(Debug, thiserror::Error)]
pub enum CloseOutError {
    /// There is no session on the target.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// Where it was looked for.
        address: String,
        /// What the system or the target said.
        reason: String,
    },
    /// The target refused a statement, or the connection broke.
    #[error("{}", described(.0))]
    Statement(#[from] tokio_postgres::Error),
    /// The target shares its sessions among clients.
    #[error(
        "{0} is behind a pooler: what the proxy sets would reach its other clients. Connect to the server \
         itself; where each client keeps its session of the server (pgbouncer's pool_mode = session), set \
         target.pooler = \"session\""
    )]
    Pooled(String),
    /// The target is in no state for it.
    #[error("{0}")]
    Refused(String),
}

impl CloseOutError {
    /// The SQLSTATE, where the target gave one.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            CloseOutError::Statement(error) => error.code(),
            _ => None,
        }
    }
}

/// What the target said, in one line.
fn described(error: &tokio_postgres::Error) -> String {
    let Some(said) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        return cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    };
    let mut text = format!("{} (SQLSTATE {})", said.message(), said.code().code());
    for (name, more) in [("DETAIL", said.detail()), ("HINT", said.hint())] {
        if let Some(more) = more {
            text.push_str(&format!(" {name}: {}", more.replace('\n', " ")));
        }
    }
    text
}
