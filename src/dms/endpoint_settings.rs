//! The endpoint settings of AWS DMS, as extra connection attributes or as JSON; touches neither
//! files nor the rest of the proxy.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::json::{json, without_byte_order_mark};
use super::{SettingsError, Warning};

/// The largest number of seconds that PostgreSQL's time limits hold: they count milliseconds in 31
/// bits.
const SECONDS_MAX: u32 = 2_147_483;

/// A value, and whether the text says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value in force: the default of DMS where the text is silent.
    pub value: T,
    /// Whether the text has it.
    pub given: bool,
}

impl<T> Setting<T> {
    fn default_of(value: T) -> Setting<T> {
        Setting { value, given: false }
    }

    fn give(&mut self, value: T) {
        *self = Setting { value, given: true };
    }
}

/// The settings of a PostgreSQL endpoint that are typed here, each with its DMS default.
///
/// Source: AWS DMS user guide, "Endpoint settings when using PostgreSQL as a target" and "... as a
/// source"; AWS DMS API, `PostgreSQLSettings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// SQL after login; never an empty text.
    pub after_connect_script: Option<String>,
    /// Seconds that a statement may take; default 60.
    pub execute_timeout: Setting<u32>,
    /// Seconds until an unreachable target is given up; default 10.
    pub connection_timeout: Setting<u32>,
    /// Whether NUMERIC without precision is a STRING; default no.
    pub map_unbounded_numeric_as_string: Setting<bool>,
    /// Whether booleans travel as such and not as text; default no.
    pub map_boolean_as_boolean: Setting<bool>,
    /// Whether the target is Babelfish; default no.
    pub database_mode: Setting<DatabaseMode>,
    /// The T-SQL database of a Babelfish target; there whenever the mode is Babelfish.
    pub babelfish_database_name: Option<String>,
    /// Kilobytes of a CSV file of a full load; default 32768. Warned of: the tool makes the files.
    pub max_file_size: Setting<u32>,
    /// Whether a full load is COPY, not INSERT; default yes. Warned of: the tool chooses.
    pub load_using_csv: Setting<bool>,
    /// Whether JSONB is CLOB, not NCLOB; default no. Warned of: a setting of a source.
    pub map_jsonb_as_clob: Setting<bool>,
    /// What VARCHAR above 16387 is; default WSTRING. Warned of: a setting of a source.
    pub map_long_varchar_as: Setting<LongVarchar>,
    /// Characters of a VARCHAR without length; default 8000. Warned of: a setting of a source.
    pub unbounded_varchar_max_size: Setting<u32>,
    /// Every setting that the proxy does not act on: in the order of the text, in JSON of the names.
    pub warnings: Vec<Warning>,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        EndpointSettings {
            after_connect_script: None,
            execute_timeout: Setting::default_of(60),
            connection_timeout: Setting::default_of(10),
            map_unbounded_numeric_as_string: Setting::default_of(false),
            map_boolean_as_boolean: Setting::default_of(false),
            database_mode: Setting::default_of(DatabaseMode::Default),
            babelfish_database_name: None,
            max_file_size: Setting::default_of(32_768),
            load_using_csv: Setting::default_of(true),
            map_jsonb_as_clob: Setting::default_of(false),
            map_long_varchar_as: Setting::default_of(LongVarchar::Wstring),
            unbounded_varchar_max_size: Setting::default_of(8_000),
            warnings: Vec::new(),
        }
    }
}

/// `DatabaseMode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseMode {
    /// PostgreSQL.
    Default,
    /// PostgreSQL that also speaks T-SQL.
    Babelfish,
}

/// `MapLongVarcharAs`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongVarchar {
    /// WSTRING.
    Wstring,
    /// CLOB.
    Clob,
    /// NCLOB.
    Nclob,
}

/// Every setting that the pages on PostgreSQL endpoints name, in its main spelling, and why it
/// does nothing in a proxy, empty where it does something.
const KNOWN: &[(&str, &str)] = &[
    (AFTER_CONNECT_SCRIPT, ""),
    ("ExecuteTimeout", ""),
    ("ConnectionTimeout", ""),
    ("MapUnboundedNumericAsString", ""),
    ("MapBooleanAsBoolean", ""),
    ("DatabaseMode", ""),
    ("BabelfishDatabaseName", ""),
    ("MaxFileSize", TOOL),
    ("LoadUsingCSV", TOOL),
    ("CaptureDdls", SOURCE),
    ("DdlArtifactsSchema", SOURCE),
    ("ConsumeMonotonicEvents", SOURCE),
    ("DisableUnicodeSourceFilter", SOURCE),
    ("FailTasksOnLobTruncation", SOURCE),
    ("FetchCacheSize", SOURCE),
    ("HeartbeatEnable", SOURCE),
    ("HeartbeatFrequency", SOURCE),
    ("HeartbeatSchema", SOURCE),
    ("MapJsonbAsClob", SOURCE),
    ("MapLongVarcharAs", SOURCE),
    ("PluginName", SOURCE),
    ("SlotName", SOURCE),
    ("UnboundedVarcharMaxSize", SOURCE),
    ("TrimSpaceInChar", SOURCE),
    ("NumberDataTypeScale", SOURCE),
    ("SpatialSdo2GeoJsonFunctionName", SOURCE),
    ("ConvertTimestampWithZoneToUTC", SOURCE),
    ("EscapeCharacter", SOURCE),
    ("ServerName", CONNECTION),
    ("Port", CONNECTION),
    ("DatabaseName", CONNECTION),
    ("Username", CONNECTION),
    ("Password", CONNECTION),
    ("SslMode", CONNECTION),
    ("SecretsManagerAccessRoleArn", CONNECTION),
    ("SecretsManagerSecretId", CONNECTION),
    ("ServiceAccessRoleArn", CONNECTION),
    ("AuthenticationMethod", CONNECTION),
];

const AFTER_CONNECT_SCRIPT: &str = "AfterConnectScript";
const TOOL: &str = "has no effect in the proxy: the migration tool decides how it loads; \
                    set it there";
const SOURCE: &str = "has no effect in the proxy: it is a setting of a source endpoint; \
                      set it there";
const CONNECTION: &str = "has no effect here: say where the target is by target.url, and leave \
                          secrets out of this text";
const UNKNOWN: &str = "is not a known setting of a PostgreSQL endpoint and has no effect; \
                       check the spelling or leave it out";

/// A name as it is written, with its value as text; none for a JSON array or object.
type Pair = (String, Option<String>);

/// Reads `name=value;name=value` or, where the text starts with `{`, JSON. Names are compared
/// without case; booleans are `true`, `false`, `Y`, `N`; a JSON value may be a string, and a null
/// leaves the default.
///
/// An AfterConnectScript may hold semicolons, for which DMS has no quoting: it ends at a semicolon
/// with a known name and `=` behind it, or at the end.
///
/// # Errors
/// The text has neither form, a setting is there twice, or has a value that it does not take.
pub fn endpoint_settings(text: &str) -> Result<EndpointSettings, SettingsError> {
    let text = without_byte_order_mark(text).trim();
    let mut settings = EndpointSettings::default();
    let pairs = if text.starts_with('{') {
        json_pairs(text)?
    } else {
        attribute_pairs(text, &mut settings.warnings)?
    };
    let mut names = BTreeSet::new();
    for (name, value) in pairs {
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(SettingsError::Repeated(name));
        }
        match known(&name) {
            Some((canonical, advice)) => {
                settings.give(canonical, &Given { name: &name, value: value.as_deref() })?;
                if !advice.is_empty() {
                    settings.warnings.push(Warning::new(name, *advice));
                }
            }
            None => settings.warnings.push(Warning::new(name, UNKNOWN)),
        }
    }
    settings.check_babelfish()?;
    Ok(settings)
}

fn known(name: &str) -> Option<&'static (&'static str, &'static str)> {
    KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

fn json_pairs(text: &str) -> Result<Vec<Pair>, SettingsError> {
    let Value::Object(object) = json(text)? else {
        return Err(SettingsError::NotAnObject("{\"ExecuteTimeout\": 100}"));
    };
    Ok(object
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => Some(text.trim().to_owned()),
                Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
                _ => None,
            };
            (name, value)
        })
        .collect())
}

fn attribute_pairs(text: &str, warnings: &mut Vec<Warning>) -> Result<Vec<Pair>, SettingsError> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for (position, part) in (1..).zip(text.split(';')) {
        let pair = part.split_once('=').map(|(name, value)| (name.trim(), value));
        let last =
            pairs.last_mut().filter(|(name, _)| name.eq_ignore_ascii_case(AFTER_CONNECT_SCRIPT));
        match (pair, last) {
            (Some((name, _)), Some((_, script))) if known(name).is_none() => {
                script.push(';');
                script.push_str(part);
                if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()) {
                    // No SQL statement starts like that, a misspelt setting does.
                    let advice = "is not a known setting and was taken as a part of the \
                                  AfterConnectScript before it; check the spelling";
                    warnings.push(Warning::new(name, advice));
                }
            }
            (None, Some((_, script))) => {
                script.push(';');
                script.push_str(part);
            }
            (Some((name, value)), _) if !name.is_empty() => pairs.push((name, value.to_owned())),
            (None, None) if part.trim().is_empty() => {}
            _ => {
                let after = pairs.last().map(|(name, _)| (*name).to_owned());
                return Err(SettingsError::NotAPair { position, after });
            }
        }
    }
    Ok(pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Some(value.trim().to_owned())))
        .collect())
}

/// A setting as it is written.
struct Given<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

impl Given<'_> {
    fn text(&self) -> Result<&str, SettingsError> {
        match self.value {
            Some(text) if !text.contains('\0') => Ok(text),
            _ => Err(self.error("a text without U+0000")),
        }
    }

    fn boolean(&self) -> Result<bool, SettingsError> {
        self.one_of(&[("true", true), ("false", false), ("Y", true), ("N", false)])
    }

    fn one_of<T: Copy>(&self, values: &[(&str, T)]) -> Result<T, SettingsError> {
        values
            .iter()
            .find(|(text, _)| self.value.is_some_and(|value| value.eq_ignore_ascii_case(text)))
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let allowed: Vec<&str> = values.iter().map(|(text, _)| *text).collect();
                self.error(&allowed.join(", "))
            })
    }

    fn number(&self, range: RangeInclusive<u32>, unit: &str) -> Result<u32, SettingsError> {
        self.value
            .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|value| value.parse().ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.error(&format!("{} to {} {unit}", range.start(), range.end())))
    }

    fn error(&self, allowed: &str) -> SettingsError {
        SettingsError::Value {
            name: self.name.to_owned(),
            value: self.value.map_or("an array or object".into(), |value| format!("{value:?}")),
            allowed: allowed.to_owned(),
        }
    }
}

impl EndpointSettings {
    /// Takes over a setting by its main spelling, if it is typed.
    fn give(&mut self, canonical: &str, given: &Given<'_>) -> Result<(), SettingsError> {
        match canonical {
            AFTER_CONNECT_SCRIPT => {
                let script = given.text()?;
                let script = script.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
                self.after_connect_script = (!script.is_empty()).then(|| script.to_owned());
            }
            "ExecuteTimeout" => {
                self.execute_timeout.give(given.number(0..=SECONDS_MAX, "seconds")?);
            }
            "ConnectionTimeout" => {
                self.connection_timeout.give(given.number(1..=SECONDS_MAX, "seconds")?);
            }
            "MapUnboundedNumericAsString" => {
                self.map_unbounded_numeric_as_string.give(given.boolean()?);
            }
            "MapBooleanAsBoolean" => self.map_boolean_as_boolean.give(given.boolean()?),
            "DatabaseMode" => self.database_mode.give(given.one_of(&[
                ("default", DatabaseMode::Default),
                ("babelfish", DatabaseMode::Babelfish),
            ])?),
            "BabelfishDatabaseName" => {
                let name = given.text()?;
                if name.eq_ignore_ascii_case("babelfish_db") {
                    return Err(given.error("the T-SQL database, which is not babelfish_db"));
                }
                self.babelfish_database_name = (!name.is_empty()).then(|| name.to_owned());
            }
            "MaxFileSize" => self.max_file_size.give(given.number(1..=1_048_576, "kilobytes")?),
            "LoadUsingCSV" => self.load_using_csv.give(given.boolean()?),
            "MapJsonbAsClob" => self.map_jsonb_as_clob.give(given.boolean()?),
            "MapLongVarcharAs" => self.map_long_varchar_as.give(given.one_of(&[
                ("wstring", LongVarchar::Wstring),
                ("clob", LongVarchar::Clob),
                ("nclob", LongVarchar::Nclob),
            ])?),
            "UnboundedVarcharMaxSize" => {
                self.unbounded_varchar_max_size.give(given.number(1..=10_485_760, "characters")?);
            }
            _ => {}
        }
        Ok(())
    }

    fn check_babelfish(&mut self) -> Result<(), SettingsError> {
        let advice = match (self.database_mode.value, &self.babelfish_database_name) {
            (DatabaseMode::Babelfish, None) => {
                return Err(SettingsError::Conflict(
                    "DatabaseMode is babelfish: BabelfishDatabaseName must name the T-SQL database",
                ));
            }
            (DatabaseMode::Babelfish, Some(_)) => {
                "babelfish: a DROP_AND_CREATE load would leave plain PostgreSQL tables; let the \
                 tool prepare tables by DO_NOTHING or TRUNCATE_BEFORE_LOAD"
            }
            (DatabaseMode::Default, Some(_)) => {
                "default: BabelfishDatabaseName has no effect; leave it out or set DatabaseMode \
                 to babelfish"
            }
            (DatabaseMode::Default, None) => return Ok(()),
        };
        self.warnings.push(Warning::new("DatabaseMode", advice));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
