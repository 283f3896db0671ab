//! `proxy.toml`: reads it once into valid types, which are passed down; nothing is global.
//!
//! Every key has a default, so an empty or missing file is a whole configuration. Unknown keys and bad
//! values are errors, all of them at once, that name the file, the line, the key and what is allowed.

mod admin;
mod auth;
mod dms;
mod effective;
mod errors;
mod limits;
mod listen;
mod log;
mod mapping;
mod names;
mod problem;
mod read;
mod reference;
mod sessions;
mod target;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::keyword::keywords;
use crate::mapping::{
    ColumnMask, ColumnRemoval, Mapping, MappingError, MappingOptions, NameCollision, NameRule,
    NameRules, Override, OverrideScope, TableAddition, TableSelection,
};
use crate::policy::Policy;
use crate::target::TargetPlace;
pub use admin::{Admin, Anonymous};
pub use auth::{Auth, AuthMode};
pub use dms::EndpointSettingsText;
pub use effective::{Effective, EffectiveKey, ValueSource, plain_value};
pub use errors::{BatchBytes, ErrorSection, ErrorSessionRule};
pub use limits::Limits;
pub use listen::{Listen, Network, Permissions, ProxyProtocol, listen_address};
pub use log::{Log, LogFormat, LogLevel, LogLevels};
pub use mapping::{LengthFactor, MappingSection, SourceName};
pub use names::{NameCase, NamesSection, NewNames};
pub use problem::{ConfigError, Problem};
pub use sessions::{ForeignKeySection, SessionRule, TablePrepSection};
pub use target::TargetSection;
pub use values::{CodePoint, ColumnKey, Generated, Identity, Substitute, Unsigned, Values};

pub use reference::{KeyEntry, SHIPPED_FILE, shipped_keys};

use problem::Complaint;
use read::{Document, shown};

/// The file that is read if none is named.
pub const DEFAULT_FILE: &str = "proxy.toml";

/// The whole configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Types and values together; the default of `dms.rewrite`.
    pub rewrite: Switch,
    /// Whether clients are told of columns of JSON that become text; the default of `dms.notices`.
    pub notices: Switch,
    /// Where clients connect.
    pub listen: Listen,
    /// What is loaded into.
    pub target: TargetSection,
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
    /// What happens to rows that the target refuses.
    pub errors: ErrorSection,
    /// Bounds on everything that a peer can make grow.
    pub limits: Limits,
    /// What an operator sees; `None`: nothing of it.
    pub admin: Option<Admin>,
    /// What is logged, and how.
    pub log: Log,
    /// What is quoted from AWS DMS and has no meaning here, a sentence each.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// The file that it was read from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// Whether the target was named, by the file or by who has started the proxy.
    #[serde(skip)]
    pub names_target: bool,
    /// Overrides that come from table mappings.
    #[serde(skip)]
    overrides: Vec<Override>,
    /// Rules about names that come from table mappings.
    #[serde(skip)]
    name_rules: Vec<NameRule>,
    /// What tables get by table mappings.
    #[serde(skip)]
    additions: Vec<TableAddition>,
    /// Columns that do not reach the target, by table mappings.
    #[serde(skip)]
    removals: Vec<ColumnRemoval>,
    /// Columns whose values are masked, by table mappings.
    #[serde(skip)]
    masks: Vec<ColumnMask>,
    /// The tables to which rules about names apply.
    #[serde(skip)]
    selections: Vec<TableSelection>,
    /// The schema of task settings for tables whose schema no rule names.
    #[serde(skip)]
    target_schema: Option<String>,
}

/// Bytes of the digest of the rules that are shown: enough to tell a handful of proxies apart.
const RULES_DIGEST_BYTES: usize = 6;

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

impl Config {
    /// Reads `file`, or `./proxy.toml` if none is named; a default file that does not exist means the
    /// built-in defaults.
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
            Err(error) => return Err(ConfigError::unreadable(path, &error)),
        };
        let directory = path.parent().unwrap_or(Path::new(""));
        let Document { config, problems, .. } = {
            let mut document = Document::read(&text);
            let complaints = document.config.complete(directory);
            document.complain(complaints);
            document
        };
        if problems.is_empty() {
            let table: Option<toml::Table> = text.parse().ok();
            let names_target = table.is_some_and(|table| {
                table.get("target").is_some_and(|target| target.get("url").is_some())
            });
            return Ok(Config { file: Some(path.to_owned()), names_target, ..config });
        }
        let problem = |(line, key, reason)| Problem { path: path.to_owned(), line, key, reason };
        Err(ConfigError { problems: problems.into_iter().map(problem).collect() })
    }

    /// Applies what is quoted, finds files next to the configuration, and checks what keys say
    /// together.
    fn complete(&mut self, directory: &Path) -> Vec<Complaint> {
        let mut complaints = self.apply_dms(directory);
        self.listen.resolve_from(directory);
        let users_file = self.auth.users_file.take();
        self.auth.users_file = users_file.map(|path| directory.join(path));
        self.auth.salt_file = self.auth.salt_file.take().map(|path| directory.join(path));
        complaints.extend(self.listen.check());
        if let Some(admin) = &mut self.admin {
            admin.resolve_from(directory);
            complaints.extend(admin.check());
        }
        complaints.extend(self.auth.check());
        complaints.extend(self.check_overrides());
        complaints.extend(self.errors.check());
        complaints.extend(self.names().err().map(|error| {
            let is_own = error.to_string().contains("mapping.names");
            let key = if is_own { "mapping.names" } else { "mapping.table_mappings" };
            (key.to_owned(), error.to_string())
        }));
        complaints
    }

    /// The overrides that cannot be used, each on its own.
    fn check_overrides(&self) -> Vec<Complaint> {
        if self.mapping().is_ok() {
            return Vec::new();
        }
        let keys = self.mapping.types.keys().map(|key| format!("mapping.types.{}", shown(key)));
        let own = keys.zip(self.own_overrides());
        let quoted = self.overrides.iter().cloned();
        let quoted = quoted.map(|one| ("mapping.table_mappings".to_owned(), one));
        let complaint = |(key, one): (String, Override)| {
            let overrides = vec![one];
            let options = MappingOptions { overrides, ..self.mapping_options() };
            Mapping::new(options).err().map(|error| (key, error.to_string()))
        };
        let complaints: Vec<Complaint> = quoted.chain(own).filter_map(complaint).collect();
        if complaints.is_empty() {
            let error = self.mapping().err().map(|error| error.to_string());
            return error.into_iter().map(|reason| ("mapping".to_owned(), reason)).collect();
        }
        complaints
    }

    /// The type mapping that `[mapping]` asks for.
    ///
    /// # Errors
    /// A combination that there is no mapping for.
    pub fn mapping(&self) -> Result<Mapping, MappingError> {
        // In front, so that an override of the user's goes before it.
        let numeric = (self.values.unsigned_overflow == Unsigned::Numeric).then(|| Override {
            scope: OverrideScope::DmsType("UINT8".to_owned()),
            target: "NUMERIC(20,0)".to_owned(),
            origin: "values.unsigned_overflow".to_owned(),
        });
        let quoted = self.overrides.iter().cloned();
        let overrides = numeric.into_iter().chain(quoted).chain(self.own_overrides()).collect();
        Mapping::new(MappingOptions { overrides, ..self.mapping_options() })
    }

    /// The rules about names: those of this file go before the quoted ones.
    ///
    /// # Errors
    /// Two names become one.
    pub fn names(&self) -> Result<NameRules, NameCollision> {
        let own = self.mapping.names.rules();
        let rules = own.into_iter().chain(self.name_rules.iter().cloned()).collect();
        let names = NameRules::new(self.selections.clone(), rules, self.target_schema.clone())?;
        let names = names.with_additions(self.additions.clone());
        let names = names.with_removals(self.removals.clone()).with_masks(self.masks.clone());
        Ok(names.replying(self.mapping.reply_names))
    }

    /// The overrides of `mapping.types`, in the order of their keys.
    fn own_overrides(&self) -> impl Iterator<Item = Override> {
        self.mapping.types.iter().map(|(key, target)| Override {
            scope: OverrideScope::parse(key),
            target: target.clone(),
            origin: format!("mapping.types.{key:?}"),
        })
    }

    /// The options of the mapping without overrides.
    fn mapping_options(&self) -> MappingOptions {
        MappingOptions {
            source: self.mapping.source.0.clone(),
            string_length_factor: self.mapping.string_length_factor.0,
            json: self.mapping.json,
            unbounded_numeric_as_string: self.mapping.map_unbounded_numeric_as_string,
            unknown: self.mapping.unknown,
            keep_types: self.mapping.keep_types.clone(),
            overrides: Vec::new(),
        }
    }

    /// What tells this configuration's rules from others: two proxies with the same treat sessions alike.
    fn rules_digest(&self) -> String {
        let rules = (
            self.names(),
            (
                &self.rewrite,
                &self.mapping,
                &self.overrides,
                &self.values,
                &self.fk,
                &self.table_prep,
            ),
            (&self.target.after_connect_script, self.target.execute_timeout),
            (self.limits.statement_bytes, self.limits.session_bytes, env!("CARGO_PKG_VERSION")),
        );
        let digest = ring::digest::digest(&ring::digest::SHA256, format!("{rules:?}").as_bytes());
        let bytes = digest.as_ref().iter().take(RULES_DIGEST_BYTES);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// What every session is asked to do.
    ///
    /// # Errors
    /// As [`Config::mapping`].
    pub fn policy(&self) -> Result<Policy, MappingError> {
        Ok(Policy {
            mapping: Arc::new(self.mapping()?),
            // A configuration with names that become one is refused when it is read.
            names: self.names().unwrap_or_default(),
            defaults: self.session_settings(),
            session_defaults: self.session_defaults(),
            on_denied: self.fk.on_denied,
            lock_timeout_seconds: self.fk.lock_timeout.0,
            after_connect_script: self.target.after_connect_script.clone(),
            execute_timeout_seconds: self.target.execute_timeout,
            pooler: self.target.pooler,
            statement_bytes_max: self.limits.statement_bytes,
            session_bytes_max: self.limits.session_bytes,
            replies_max: self.limits.pipeline_messages.get(),
            values: self.values.policies(),
            bad_date_columns: self.values.bad_date_columns(),
            number_columns: self.values.number_columns(),
            overrides_identity: self.values.identity_always == Identity::Override,
            leaves_out_generated: self.values.generated == Generated::LeaveOut,
            writes_ledger: self.values.ledger == Switch::On,
            target: self.target.url.place.to_string(),
            rules: self.rules_digest(),
            target_is_unasked: self.target.url.place == TargetPlace::Embedded && !self.names_target,
            message_bytes_max: self.limits.message_bytes,
            errors: self.errors.rules(),
        })
    }
}

impl Config {
    /// The keys and sections that differ in `new` and that a running proxy cannot change.
    pub fn fixed_differences(&self, new: &Config) -> Vec<&'static str> {
        let fixed = [
            ("listen", self.listen != new.listen),
            ("target.url", self.target.url != new.target.url),
            ("target.connect_timeout", self.target.connect_timeout != new.target.connect_timeout),
            ("auth", self.auth != new.auth),
            ("admin", self.admin != new.admin),
            ("limits.threads", self.limits.threads != new.limits.threads),
            ("log.format", self.log.format != new.log.format),
        ];
        fixed.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key).collect()
    }
}

#[cfg(test)]
mod tests;
