//! What users of AWS DMS already have, as it stands: endpoint settings, task settings and table
//! mappings, from text to plain data; touches neither files nor the rest of the proxy.
//!
//! Nothing is ignored in silence: what means nothing in a proxy comes back as a [`Warning`], what
//! cannot be right is an error.

mod data_type;
mod endpoint_settings;
mod expression;
mod json;
mod setting_group;
mod table_mappings;
mod task_settings;

use std::fmt;

pub use endpoint_settings::{
    DatabaseMode, EndpointSettings, LongVarchar, Setting, endpoint_settings,
};
pub use json::JsonError;
pub use table_mappings::{
    ColumnTypeRule, RefusedRule, TableMappings, TableMappingsError, table_mappings,
};
pub use task_settings::{
    CharacterSetSupport, CharacterSubstitution, ErrorPolicies, LobMode, QuotedEscalation,
    TaskSettings, task_settings,
};

/// A part of the text that the proxy does not act on. Values are never in it: one may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The setting, the group of settings or the rule, as it is written in the text.
    pub subject: String,
    /// Why it has no effect, and what to do.
    pub advice: String,
}

impl Warning {
    fn new(subject: impl Into<String>, advice: impl Into<String>) -> Warning {
        Warning { subject: subject.into(), advice: advice.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.advice)
    }
}

/// Why endpoint settings or task settings cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The text looks like JSON and is not.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The JSON is something else than an object.
    #[error("settings are a JSON object such as {0}")]
    NotAnObject(&'static str),
    /// A part between two semicolons has no `=`. Its text stays out: it may belong to a password.
    #[error("part {position}{} is not of the form name=value", behind(.after.as_deref()))]
    NotAPair {
        /// Which part, from 1.
        position: usize,
        /// The setting before it.
        after: Option<String>,
    },
    /// A setting is there twice, perhaps in two spellings, and DMS does not say which one counts.
    #[error("\"{0}\" is there more than once; names are compared without case")]
    Repeated(String),
    /// A value that the setting does not take.
    #[error("\"{name}\" is {value}; allowed: {allowed}")]
    Value {
        /// The setting, with its group where it has one.
        name: String,
        /// What is written.
        value: String,
        /// What may be.
        allowed: String,
    },
    /// Settings that do not fit together.
    #[error("{0}")]
    Conflict(&'static str),
}

fn behind(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(", after \"{name}\","))
}
