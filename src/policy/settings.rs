//! The dms.* settings by which a client changes what its own session does, and their values. Plain data.

use super::{ErrorsMode, ForeignKeys, LoadPhase, TablePrep};
use crate::keyword::{Keyword, UnknownKeyword};

/// The dms.* settings in force in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `dms.rewrite`: whether types and values are rewritten.
    pub rewrite: bool,
    /// `dms.fk`
    pub foreign_keys: ForeignKeys,
    /// `dms.phase`
    pub phase: LoadPhase,
    /// `dms.table_prep`
    pub table_prep: TablePrep,
    /// `dms.errors`
    pub errors: ErrorsMode,
    /// `dms.notices`: whether the client is told which columns of JSON a definition makes text.
    pub notices: bool,
}

/// A value that a dms.* setting does not take, or a setting that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// The message for the client.
    pub message: String,
    /// What may be written instead.
    pub hint: String,
}

/// Characters of a value that is not taken which the message shows.
const SHOWN_VALUE_MAX: usize = 64;

/// The settings, in the order in which the proxy reads them.
pub const NAMES: [&str; 6] = ["phase", "fk", "rewrite", "table_prep", "errors", "notices"];

/// `dms.run`, without its `dms.`: what a session calls the run that it belongs to. Only the ledger asks for it,
/// in the session itself, so any value will do and none is kept.
pub const RUN: &str = "run";

/// The characters of it at most.
const RUN_NAME_MAX: usize = 63;

impl Settings {
    /// Whether tables are filled one by one, in any order.
    pub fn is_full_load(&self) -> bool {
        self.phase == LoadPhase::FullLoad
    }

    /// Whether the role follows what is loaded.
    pub fn switches_role(&self) -> bool {
        self.foreign_keys == ForeignKeys::Auto && self.is_full_load()
    }

    /// Whether it matters what the role silences on the tables that are loaded.
    pub fn looks_at_silenced(&self) -> bool {
        self.switches_role() || self.foreign_keys == ForeignKeys::ReplicaRole && self.is_full_load()
    }

    /// The value of a setting; `name` is without its `dms.`.
    pub fn value(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "phase" => self.phase.name(),
            "fk" => self.foreign_keys.name(),
            "table_prep" => self.table_prep.name(),
            "errors" => self.errors.name(),
            "rewrite" => on_or_off(self.rewrite),
            "notices" => on_or_off(self.notices),
            _ => return None,
        })
    }

    /// Changes one setting; `name` is without its `dms.`.
    ///
    /// # Errors
    /// The setting does not exist, or it does not take this value. It then stays as it was.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), BadSetting> {
        let shown: String = value.chars().take(SHOWN_VALUE_MAX).collect();
        let bad = |names: &[&str]| BadSetting {
            message: format!("invalid value for parameter \"dms.{name}\": {shown:?}"),
            hint: format!("Available values: {}.", names.join(", ")),
        };
        let unknown = |error: UnknownKeyword| bad(&error.names);
        match name {
            "phase" => self.phase = LoadPhase::from_name(value).map_err(unknown)?,
            "fk" => self.foreign_keys = ForeignKeys::from_name(value).map_err(unknown)?,
            "errors" => self.errors = ErrorsMode::from_name(value).map_err(unknown)?,
            "table_prep" => self.table_prep = TablePrep::from_name(value).map_err(unknown)?,
            "rewrite" => self.rewrite = switch(value).ok_or_else(|| bad(&["on", "off"]))?,
            "notices" => self.notices = switch(value).ok_or_else(|| bad(&["on", "off"]))?,
            RUN if value.chars().count() <= RUN_NAME_MAX => {}
            RUN => {
                let hint = format!("A name has {RUN_NAME_MAX} characters at most.");
                return Err(BadSetting { hint, ..bad(&[]) });
            }
            _ => {
                let names = NAMES.iter().chain(&[RUN]).map(|name| format!("dms.{name}"));
                let names = names.collect::<Vec<_>>().join(", ");
                return Err(BadSetting {
                    message: format!("unrecognized configuration parameter \"dms.{name}\""),
                    hint: format!("Available parameters: {names}."),
                });
            }
        }
        Ok(())
    }
}

/// The value of a setting that is on or off, as the server spells its own.
fn on_or_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

/// Whether a value means on; `None` for any other word.
fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::OnDenied;

    const START: Settings = Settings {
        rewrite: true,
        foreign_keys: ForeignKeys::ReplicaRole,
        phase: LoadPhase::FullLoad,
        table_prep: TablePrep::PassThrough,
        errors: ErrorsMode::Stop,
        notices: true,
    };

    #[test]
    fn each_setting_takes_its_own_values() {
        let mut settings = START;
        settings.set("phase", "cdc").unwrap();
        settings.set("fk", "OFF").unwrap();
        settings.set("rewrite", "off").unwrap();
        settings.set("table_prep", "TRUNCATE_BEFORE_LOAD").unwrap();
        assert_eq!(settings.table_prep, TablePrep::TruncateBeforeLoad);
        settings.set("table_prep", "do-nothing").unwrap();
        assert_eq!((settings.rewrite, settings.phase), (false, LoadPhase::Cdc));
        assert_eq!(settings.table_prep, TablePrep::DoNothing);
        assert!(!settings.looks_at_silenced() && !settings.switches_role());
    }

    #[test]
    fn each_value_has_its_name() {
        for (name, value) in TablePrep::NAMES {
            assert_eq!((name.parse(), value.name()), (Ok(*value), *name));
        }
        for (name, value) in ForeignKeys::NAMES {
            assert_eq!((name.parse(), value.name()), (Ok(*value), *name));
        }
        for (name, value) in LoadPhase::NAMES {
            assert_eq!((name.parse(), value.name()), (Ok(*value), *name));
        }
        for (name, value) in OnDenied::NAMES {
            assert_eq!((name.parse(), value.name()), (Ok(*value), *name));
        }
    }

    #[test]
    fn a_bad_value_changes_nothing_and_says_what_is_allowed() {
        let mut settings = START;
        let bad = settings.set("phase", "later").unwrap_err();
        assert_eq!(settings, START);
        assert_eq!(bad.hint, "Available values: full-load, cdc.");
        assert!(settings.set("fk", "park-them").unwrap_err().hint.contains("park"));
        assert!(settings.set("speed", "9").unwrap_err().hint.contains("dms.phase"));
    }
}
