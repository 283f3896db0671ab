//! `proxy.toml`: read once into valid types and passed down; nothing global.
//!
//! Every key has a default, so an empty or missing file is a whole configuration. An unknown key or
//! a bad value is an error that names the file, the line, the key and what is allowed.

mod auth;
mod dms;
mod limits;
mod listen;
mod log;
mod mapping;
mod sessions;
mod target;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::keyword::keywords;
use crate::mapping::{Mapping, MappingError, MappingOptions, Override, OverrideScope};
use crate::policy::Policy;
use crate::target::without_passwords;
pub use auth::{Auth, AuthMode};
pub use dms::EndpointSettingsText;
pub use limits::Limits;
pub use listen::{Listen, Permissions};
pub use log::{Log, LogFormat, LogLevel};
pub use mapping::{LengthFactor, MappingSection, Source};
pub use sessions::{ForeignKeySection, SessionRule, TablePrepSection};
pub use target::Target;
pub use values::{CodePoint, ColumnKey, Generated, Identity, Substitute, Unsigned, Values};

/// The file that is read where none is named.
pub const DEFAULT_FILE: &str = "proxy.toml";

/// The whole configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Types and values together; the default of `dms.rewrite`.
    pub rewrite: Switch,
    /// Where clients connect.
    pub listen: Listen,
    /// What is loaded into.
    pub target: Target,
    /// Who may log in, and how.
    pub auth: Auth,
    /// How types are mapped.
    pub mapping: MappingSection,
    /// What happens to row values that PostgreSQL cannot store.
    pub values: Values,
    /// What happens to foreign keys.
    pub fk: ForeignKeySection,
    /// What happens to DROP, TRUNCATE and CREATE of tables.
    pub table_prep: TablePrepSection,
    /// Bounds on everything that a peer can make grow.
    pub limits: Limits,
    /// The HTTP side.
    pub admin: Admin,
    /// What is logged, and how.
    pub log: Log,
    /// What is quoted from AWS DMS and has no meaning here, a sentence each.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// Overrides that come from table mappings.
    #[serde(skip)]
    overrides: Vec<Override>,
}

/// On or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// On.
    #[default]
    On,
    /// Off.
    Off,
}

keywords!(Switch { "on" => On, "off" => Off });

/// `[admin]`: this version has no keys here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file was named and cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file, or one that it quotes, says what is not allowed; the text names line, key and
    /// what is.
    #[error("{}: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The keys of `[mapping]` do not fit together.
    #[error("mapping: {0}")]
    Mapping(#[from] MappingError),
}

impl Config {
    /// Reads `file`, or `./proxy.toml` where none is named; a default file that is not there means
    /// the built-in defaults.
    ///
    /// # Errors
    /// The file cannot be read, or says something that is not allowed.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Config::default());
            }
            Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
        };
        let mut config = Config::parse(&text)
            .map_err(|reason| ConfigError::Refused { path: path.to_owned(), reason })?;
        let directory = path.parent().unwrap_or(Path::new(""));
        config.apply_dms(directory)?;
        config.listen.resolve_from(directory);
        config.auth.users_file = config.auth.users_file.map(|path| directory.join(path));
        config.auth.salt_file = config.auth.salt_file.map(|path| directory.join(path));
        config
            .listen
            .check()
            .and_then(|()| config.auth.check())
            .map_err(|reason| ConfigError::Refused { path: path.to_owned(), reason })?;
        config.mapping()?;
        Ok(config)
    }

    /// Reads a text; the error names line and key. It does not quote the line, which may hold a
    /// password.
    fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error| {
            let place = error.span().map_or_else(String::new, |span| place(text, span.start));
            format!("{place}{}", without_passwords(error.message().trim_end()))
        })
    }

    /// The type mapping that `[mapping]` asks for.
    ///
    /// # Errors
    /// A combination that there is no mapping for.
    pub fn mapping(&self) -> Result<Mapping, MappingError> {
        let own = self.mapping.types.iter().map(|(key, target)| Override {
            scope: OverrideScope::parse(key),
            target: target.clone(),
            origin: format!("mapping.types.{key:?}"),
        });
        // In front, so that an override of the user's beats it.
        let numeric = (self.values.unsigned_overflow == Unsigned::Numeric).then(|| Override {
            scope: OverrideScope::DmsType("UINT8".to_owned()),
            target: "NUMERIC(20,0)".to_owned(),
            origin: "values.unsigned_overflow".to_owned(),
        });
        Mapping::new(MappingOptions {
            source: self.mapping.source.0.clone(),
            string_length_factor: self.mapping.string_length_factor.0,
            json: self.mapping.json,
            unbounded_numeric_as_string: self.mapping.map_unbounded_numeric_as_string,
            unknown: self.mapping.unknown,
            keep_types: self.mapping.keep_types.clone(),
            overrides: numeric
                .into_iter()
                .chain(self.overrides.iter().cloned())
                .chain(own)
                .collect(),
        })
    }

    /// What every session is asked to do.
    ///
    /// # Errors
    /// As [`Config::mapping`].
    pub fn policy(&self) -> Result<Policy, MappingError> {
        Ok(Policy {
            mapping: Arc::new(self.mapping()?),
            defaults: self.session_settings(),
            session_defaults: self.session_defaults(),
            on_denied: self.fk.on_denied,
            lock_timeout_seconds: self.fk.lock_timeout.0,
            after_connect_script: self.target.after_connect_script.clone(),
            execute_timeout_seconds: self.target.execute_timeout,
            statement_bytes_max: self.limits.statement_bytes,
            replies_max: self.limits.pipeline_messages.get(),
            values: self.values.policies(),
            bad_date_columns: self.values.bad_date_columns(),
            overrides_identity: self.values.identity_always == Identity::Override,
            leaves_out_generated: self.values.generated == Generated::LeaveOut,
            writes_ledger: self.values.ledger == Switch::On,
            message_bytes_max: self.limits.message_bytes,
        })
    }
}

impl Config {
    /// The keys and sections that say something else in `new`, and that a running proxy cannot
    /// change.
    pub fn fixed_differences(&self, new: &Config) -> Vec<&'static str> {
        let fixed = [
            ("listen", self.listen != new.listen),
            ("target.url", self.target.url != new.target.url),
            ("target.connect_timeout", self.target.connect_timeout != new.target.connect_timeout),
            ("auth", self.auth != new.auth),
            ("limits.threads", self.limits.threads != new.limits.threads),
            ("log.format", self.log.format != new.log.format),
        ];
        fixed.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key).collect()
    }
}

/// Line and key of what stands at `offset`, as the beginning of a message.
fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let lines = before.split('\n').count();
    let line_at = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(line_at..).unwrap_or_default().lines().next().unwrap_or_default();
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    match line.split_once('=').map(|(key, _)| key.trim()) {
        Some(key) if !key.is_empty() && key.chars().all(is_key) => format!("line {lines}: {key}: "),
        _ => format!("line {lines}: "),
    }
}

#[cfg(test)]
mod tests;
