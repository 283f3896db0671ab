//! `[fk]` and `[table_prep]`: what sessions start with, all of them or those of single users and
//! applications.

use serde::Deserialize;

use super::{Config, Switch};
use crate::mapping::NamePattern;
use crate::policy::{ForeignKeys, LoadPhase, OnDenied, SessionDefaults, Settings, TablePrep};

/// `[fk]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForeignKeySection {
    /// The default of `dms.fk`.
    pub mode: ForeignKeys,
    /// The default of `dms.phase`.
    pub phase: LoadPhase,
    /// When the target refuses `session_replication_role`.
    pub on_denied: OnDenied,
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

impl Default for LockTimeout {
    fn default() -> Self {
        LockTimeout(10)
    }
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
    pub mode: Option<ForeignKeys>,
    /// Their `fk.phase`.
    pub phase: Option<LoadPhase>,
    /// Their `table_prep.mode`.
    pub table_prep: Option<TablePrep>,
}

/// `[table_prep]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TablePrepSection {
    /// What becomes of DROP, TRUNCATE and CREATE.
    pub mode: TablePrep,
}

impl Config {
    /// What sessions start with.
    pub(super) fn session_settings(&self) -> Settings {
        Settings {
            rewrite: self.rewrite == Switch::On,
            foreign_keys: self.fk.mode,
            phase: self.fk.phase,
            table_prep: self.table_prep.mode,
            errors: self.errors.mode(),
            notices: self.notices == Switch::On,
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
                    foreign_keys: rule.mode.unwrap_or(all.foreign_keys),
                    phase: rule.phase.unwrap_or(all.phase),
                    table_prep: rule.table_prep.unwrap_or(all.table_prep),
                    ..all
                },
            })
            .collect()
    }
}
