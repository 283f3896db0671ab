//! `proxy.toml`: read once into valid types and passed down; nothing global.
//!
//! Every key has a default, so an empty or missing file is a whole configuration. An unknown key or
//! a bad value is an error that names the file, the line, the key and what is allowed.

mod auth;
mod dms;
mod listen;
mod sessions;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::mapping::{
    JsonPolicy, Mapping, MappingError, MappingOptions, Override, OverrideScope, UnknownTypes,
};
use crate::session::{OnDenied, Policy};
use crate::target::{TargetUrl, without_passwords};
pub use auth::{Auth, AuthMode};
pub use dms::EndpointSettingsText;
pub use listen::{Listen, Permissions, listen_address};
pub use sessions::{
    Denied, ForeignKeyMode, ForeignKeySection, Phase, SessionRule, TablePrepMode, TablePrepSection,
};
pub use values::{
    CodePoint, ColumnKey, Dates, Generated, Identity, Length, Loss, Nul, Substitute, Unsigned,
    Utf8, Values,
};

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
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// On.
    #[default]
    On,
    /// Off.
    Off,
}

/// `[target]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// `embedded`, or a libpq connection URI.
    pub url: TargetUrl,
    /// Seconds until an unreachable target is given up.
    pub connect_timeout: u64,
    /// SQL after login, before the client's first statement.
    pub after_connect_script: Option<String>,
    /// Seconds that a statement may take; 0 leaves it to the server.
    pub execute_timeout: u32,
}

impl Default for Target {
    fn default() -> Self {
        Target {
            url: TargetUrl::default(),
            connect_timeout: 10,
            after_connect_script: None,
            execute_timeout: 0,
        }
    }
}

/// `[mapping]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingSection {
    /// The dialect of the incoming type names.
    pub source: Source,
    /// What the length of a STRING is multiplied by, 1 to 4.
    pub string_length_factor: LengthFactor,
    /// What becomes of JSON columns.
    pub json: Json,
    /// Whether NUMERIC without precision becomes VARCHAR.
    pub map_unbounded_numeric_as_string: bool,
    /// What becomes of types that no table knows.
    pub unknown: Unknown,
    /// With source `postgresql`, user-defined types that stay.
    pub keep_types: Vec<String>,
    /// Overrides: a DMS type, a source type or `schema.table.column`, and the type to write.
    pub types: BTreeMap<String, String>,
    /// Endpoint settings of AWS DMS, as a string or as JSON.
    pub endpoint_settings: Option<EndpointSettingsText>,
    /// A file with table mappings of AWS DMS.
    pub table_mappings: Option<PathBuf>,
    /// A file with task settings of AWS DMS.
    pub task_settings: Option<PathBuf>,
}

impl Default for MappingSection {
    fn default() -> Self {
        let options = MappingOptions::default();
        MappingSection {
            source: Source(options.source),
            string_length_factor: LengthFactor(options.string_length_factor),
            json: Json::default(),
            map_unbounded_numeric_as_string: options.unbounded_numeric_as_string,
            unknown: Unknown::default(),
            keep_types: options.keep_types,
            types: BTreeMap::new(),
            endpoint_settings: None,
            table_mappings: None,
            task_settings: None,
        }
    }
}

/// `mapping.unknown`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// They pass as they are, counted.
    #[default]
    Pass,
    /// The statement is refused.
    Error,
}

/// The name of a dialect, checked when it is read.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Source(pub String);

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(source: String) -> Result<Source, String> {
        let options = MappingOptions { source: source.clone(), ..MappingOptions::default() };
        Mapping::new(options).map(|_| Source(source)).map_err(|error| error.to_string())
    }
}

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        Source::try_from(text.to_owned())
    }
}

/// A factor from 1 to 4.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "u32")]
pub struct LengthFactor(pub u32);

impl TryFrom<u32> for LengthFactor {
    type Error = String;

    fn try_from(factor: u32) -> Result<LengthFactor, String> {
        let options = MappingOptions { string_length_factor: factor, ..MappingOptions::default() };
        Mapping::new(options).map(|_| LengthFactor(factor)).map_err(|error| error.to_string())
    }
}

/// What becomes of JSON columns.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Json {
    /// TEXT, as DMS makes them.
    #[default]
    Text,
    /// They stay JSON.
    Keep,
}

/// `[limits]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Sessions at a time.
    pub clients: NonZeroUsize,
    /// Clients at a time that have not logged in yet.
    pub connecting: NonZeroUsize,
    /// Those of them that come from one address before its own silent ones are closed.
    pub connecting_per_address: NonZeroUsize,
    /// Seconds for a client's first packet.
    pub connecting_timeout: u64,
    /// Seconds for a login.
    pub startup_timeout: u64,
    /// Bytes of a startup packet.
    pub startup_packet_bytes: u32,
    /// Bytes of a statement that is read for types.
    pub statement_bytes: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Messages of one client that wait for an answer.
    pub pipeline_messages: NonZeroUsize,
    /// Seconds that sessions have to end after SIGTERM or SIGINT.
    pub drain_timeout: u64,
    /// Threads that relay; 0 takes half as many as there are cores.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            clients: NonZeroUsize::MIN.saturating_add(999),
            connecting: NonZeroUsize::MIN.saturating_add(999),
            connecting_per_address: NonZeroUsize::MIN.saturating_add(99),
            connecting_timeout: 15,
            startup_timeout: 60,
            startup_packet_bytes: 10_000,
            statement_bytes: 16 * 1024 * 1024,
            message_bytes: 0x3FFF_FFFF,
            pipeline_messages: NonZeroUsize::MIN.saturating_add(65_535),
            drain_timeout: 30,
            threads: 0,
        }
    }
}

/// `[admin]`: this version has no keys here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {}

/// `[log]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least that is logged.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// `log.level`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// What ends a session or the program.
    Error,
    /// What a person should look at.
    Warn,
    /// One line a session.
    #[default]
    Info,
    /// The proxy's own statements too.
    Debug,
    /// Everything.
    Trace,
}

/// `log.format`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

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
            json: match self.mapping.json {
                Json::Text => JsonPolicy::Text,
                Json::Keep => JsonPolicy::Keep,
            },
            unbounded_numeric_as_string: self.mapping.map_unbounded_numeric_as_string,
            unknown: match self.mapping.unknown {
                Unknown::Pass => UnknownTypes::Pass,
                Unknown::Error => UnknownTypes::Error,
            },
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
            on_denied: match self.fk.on_denied {
                Denied::Warn => OnDenied::Warn,
                Denied::Park => OnDenied::Park,
                Denied::Fail => OnDenied::Fail,
            },
            after_connect_script: self.target.after_connect_script.clone(),
            execute_timeout_seconds: self.target.execute_timeout,
            statement_bytes_max: self.limits.statement_bytes,
            replies_max: self.limits.pipeline_messages.get(),
            values: self.values.policies(),
            bad_date_columns: self.values.bad_date_columns(),
            overrides_identity: self.values.identity_always == Identity::Override,
            leaves_out_generated: self.values.generated == Generated::LeaveOut,
            writes_ledger: self.values.ledger == Switch::On,
            common: Arc::default(),
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

impl Target {
    /// `connect_timeout`, of the URL where that names one; zero is without a limit.
    pub fn connect_timeout(&self) -> Duration {
        let own = Duration::from_secs(self.connect_timeout);
        match self.url.connect_timeout.unwrap_or(own) {
            Duration::ZERO => Duration::MAX,
            timeout => timeout,
        }
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

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse(text).unwrap_err()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_known_ones() {
        let message = error("rewrite = \"on\"\n[listen]\nadress = \"127.0.0.1:1\"\n");
        assert!(message.contains("line 3"), "{message}");
        assert!(message.contains("`adress`") && message.contains("`address`"), "{message}");
    }

    #[test]
    fn a_bad_value_is_named_with_what_is_allowed() {
        for (text, allowed) in [
            ("rewrite = \"maybe\"", "`on` or `off`"),
            ("[fk]\nmode = \"drop\"", "`replica-role`, `park`, `off`"),
            ("[mapping]\nsource = \"cobol\"", "available: dms"),
            ("[mapping]\nstring_length_factor = 9", "between 1 and 4"),
            ("[target]\nurl = \"db:5432\"", "postgresql://"),
            ("[limits]\nclients = 0", "nonzero"),
        ] {
            let message = error(text);
            assert!(message.contains(allowed), "{text}: {message}");
        }
    }

    #[test]
    fn no_error_quotes_a_password() {
        for text in [
            "[target]\nurl = \"postgresql://u:geheim@h:port/d\"",
            "[target]\nurl = \"postgresql://u:geheim@h/d?sslmod=require\"",
            "[target]\nurl = \"postgresql://u:geheim@h/d",
            "[target]\nconnect_timeout = \"postgresql://u:geheim@h/d\"",
            "target = \"postgresql://u:geheim@h/d\"",
            "rewrite = \"postgresql://u:geheim@h/d\"",
            "\"postgresql://u:geheim@h/d\" = 1",
        ] {
            let message = error(text);
            assert!(message.starts_with("line ") && !message.contains("geheim"), "{message}");
        }
        let message = error("\n[target]\nurl = \"postgresql://u:geheim@h/d?sslmod=require\"");
        assert!(message.starts_with("line 3: url: "), "{message}");
        assert!(message.contains("nearest one is sslmode"), "{message}");
    }

    #[test]
    fn the_shipped_file_says_what_the_defaults_are() {
        let shipped: Config =
            Config::parse(include_str!("../../proxy.toml")).expect("the shipped file loads");
        assert_eq!(format!("{shipped:?}"), format!("{:?}", Config::default()));
    }

    fn loaded(files: &[(&str, &str)]) -> Result<Config, String> {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("dms-proxy-config-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        for (name, text) in files {
            std::fs::write(directory.join(name), text).unwrap();
        }
        let config = Config::load(Some(&directory.join(DEFAULT_FILE))).map_err(|e| e.to_string());
        std::fs::remove_dir_all(directory).unwrap();
        config
    }

    #[test]
    fn quoted_endpoint_settings_act_and_own_keys_beat_them() {
        let toml = "[target]\nconnect_timeout = 3\n[mapping]\nendpoint_settings = \
            'afterConnectScript=SET a = 1;executeTimeout=120;connectionTimeout=9;maxFileSize=5'";
        let config = loaded(&[(DEFAULT_FILE, toml)]).unwrap();
        assert_eq!(config.target.after_connect_script.as_deref(), Some("SET a = 1"));
        assert_eq!((config.target.execute_timeout, config.target.connect_timeout), (120, 3));
        assert!(config.warnings.iter().any(|warning| warning.contains("maxFileSize")));
        let error = error("[mapping]\nendpoint_settings = 'executeTimeout=soon'");
        assert!(error.contains("line 2") && error.contains("executeTimeout"), "{error}");
    }

    const RULES: &str = r#"{"rules": [
        {"rule-type": "transformation", "rule-id": "7", "rule-name": "t", "rule-target": "column",
         "rule-action": "RULE_ACTION", "value": "x",
         "object-locator": {"schema-name": "s", "table-name": "t", "column-name": "c%"},
         "data-type": {"type": "string", "length": 50}}]}"#;

    #[test]
    fn quoted_table_mappings_change_types_of_columns() {
        let toml = "[mapping]\ntable_mappings = 'rules.json'";
        let rules =
            RULES.replace("RULE_ACTION", "change-data-type").replace("\"value\": \"x\",", "");
        let config = loaded(&[(DEFAULT_FILE, toml), ("rules.json", &rules)]).unwrap();
        let mapping = config.mapping().unwrap();
        let sql = b"CREATE TABLE s.t (code INT4, other INT4)";
        let script = crate::statement::read(sql, crate::statement::Lexing::default(), &mapping);
        let rewritten = crate::statement::apply(sql, &script.edits);
        assert_eq!(rewritten, b"CREATE TABLE s.t (code VARCHAR(50), other INT4)");
    }

    #[test]
    fn rules_that_cannot_be_applied_are_refused_by_their_id() {
        let toml = "[mapping]\ntable_mappings = 'rules.json'";
        let rules = RULES.replace("RULE_ACTION", "rename");
        let error = loaded(&[(DEFAULT_FILE, toml), ("rules.json", &rules)]).unwrap_err();
        assert!(error.contains("rules.json") && error.contains('7'), "{error}");
        let error = loaded(&[(DEFAULT_FILE, toml)]).unwrap_err();
        assert!(error.contains("rules.json"), "{error}");
    }

    #[test]
    fn overrides_are_checked_when_they_are_read() {
        let error =
            loaded(&[(DEFAULT_FILE, "[mapping.types]\nUINT8 = 'NUMERIC(20,0'")]).unwrap_err();
        assert!(error.contains("UINT8"), "{error}");
        let config = loaded(&[(DEFAULT_FILE, "[mapping.types]\nUINT8 = 'NUMERIC(20,0)'")]).unwrap();
        assert!(config.mapping().is_ok());
    }
}
