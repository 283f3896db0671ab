//! `[fk]` and `[table_prep]`: what sessions start with, all of them or those of single users and
//! applications.

use serde::Deserialize;

use super::{Config, Switch};
use crate::mapping::NamePattern;
use crate::session::{ForeignKeys, LoadPhase, SessionDefaults, Settings, TablePrep};

/// `[fk]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForeignKeySection {
    /// The default of `dms.fk`.
    pub mode: ForeignKeyMode,
    /// The default of `dms.phase`.
    pub phase: Phase,
    /// When the target refuses `session_replication_role`.
    pub on_denied: Denied,
    /// How long parking and restoring wait for each lock.
    pub lock_timeout: LockTimeout,
    /// What single users and applications start with instead.
    pub sessions: Vec<SessionRule>,
}

/// `fk.lock_timeout`, in seconds; 0 is no limit.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "u32")]
pub struct LockTimeout(pub u32);

impl TryFrom<u32> for LockTimeout {
    type Error = String;

    fn try_from(seconds: u32) -> Result<Self, String> {
        // The setting lock_timeout of PostgreSQL is an int of milliseconds.
        match i32::try_from(u64::from(seconds) * 1000) {
            Ok(_) => Ok(LockTimeout(seconds)),
            Err(_) => Err(format!("{seconds} is above {} seconds", i32::MAX / 1000)),
        }
    }
}

impl Default for ForeignKeySection {
    fn default() -> Self {
        ForeignKeySection {
            mode: ForeignKeyMode::ReplicaRole,
            phase: Phase::FullLoad,
            on_denied: Denied::Warn,
            lock_timeout: LockTimeout(10),
            sessions: Vec::new(),
        }
    }
}

/// `fk.mode`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ForeignKeyMode {
    /// Their triggers are silenced in every session.
    ReplicaRole,
    /// They are parked before the first rows come.
    Park,
    /// They are left alone.
    Off,
}

/// `fk.phase`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Tables are filled in any order.
    FullLoad,
    /// Changes are applied in order.
    Cdc,
}

/// `fk.on_denied`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Denied {
    /// Foreign keys stay on, and the client is told.
    Warn,
    /// Foreign keys are parked.
    Park,
    /// The session ends.
    Fail,
}

/// An entry of `fk.sessions`: sessions whose user and application fit, and what differs for them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionRule {
    /// The user, with `*` for any run of characters.
    pub user: Option<String>,
    /// The application_name of the startup packet, likewise.
    pub application_name: Option<String>,
    /// Their `fk.mode`.
    pub mode: Option<ForeignKeyMode>,
    /// Their `fk.phase`.
    pub phase: Option<Phase>,
    /// Their `table_prep.mode`.
    pub table_prep: Option<TablePrepMode>,
}

/// `[table_prep]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TablePrepSection {
    /// What becomes of DROP, TRUNCATE and CREATE.
    pub mode: TablePrepMode,
}

/// `table_prep.mode`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TablePrepMode {
    /// They go to the target as they are.
    #[default]
    PassThrough,
    /// They are answered and not done.
    DoNothing,
    /// Tables are emptied.
    TruncateBeforeLoad,
    /// Tables are dropped, their foreign keys parked.
    DropAndCreate,
}

impl From<ForeignKeyMode> for ForeignKeys {
    fn from(mode: ForeignKeyMode) -> ForeignKeys {
        match mode {
            ForeignKeyMode::ReplicaRole => ForeignKeys::ReplicaRole,
            ForeignKeyMode::Park => ForeignKeys::Park,
            ForeignKeyMode::Off => ForeignKeys::Off,
        }
    }
}

impl From<Phase> for LoadPhase {
    fn from(phase: Phase) -> LoadPhase {
        match phase {
            Phase::FullLoad => LoadPhase::FullLoad,
            Phase::Cdc => LoadPhase::Cdc,
        }
    }
}

impl From<TablePrepMode> for TablePrep {
    fn from(mode: TablePrepMode) -> TablePrep {
        match mode {
            TablePrepMode::PassThrough => TablePrep::PassThrough,
            TablePrepMode::DoNothing => TablePrep::DoNothing,
            TablePrepMode::TruncateBeforeLoad => TablePrep::TruncateBeforeLoad,
            TablePrepMode::DropAndCreate => TablePrep::DropAndCreate,
        }
    }
}

impl Config {
    /// What sessions start with.
    pub(super) fn session_settings(&self) -> Settings {
        Settings {
            rewrite: self.rewrite == Switch::On,
            foreign_keys: self.fk.mode.into(),
            phase: self.fk.phase.into(),
            table_prep: self.table_prep.mode.into(),
        }
    }

    /// What sessions of single users and applications start with.
    pub(super) fn session_defaults(&self) -> Vec<SessionDefaults> {
        let pattern = |text: &Option<String>| NamePattern::glob(text.as_deref().unwrap_or("*"));
        let all = self.session_settings();
        let rules = self.fk.sessions.iter();
        rules
            .map(|rule| SessionDefaults {
                user: pattern(&rule.user),
                application_name: pattern(&rule.application_name),
                settings: Settings {
                    foreign_keys: rule.mode.map_or(all.foreign_keys, ForeignKeys::from),
                    phase: rule.phase.map_or(all.phase, LoadPhase::from),
                    table_prep: rule.table_prep.map_or(all.table_prep, TablePrep::from),
                    ..all
                },
            })
            .collect()
    }
}
