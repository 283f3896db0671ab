//! `[log]`: what is logged, and how.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::keyword::{Keyword as _, keywords};

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least that is logged.
    pub level: LogLevels,
    /// How a line looks.
    pub format: LogFormat,
    /// Seconds between lines about a load that runs; 0 for none.
    pub progress_interval: u64,
}

impl Default for Log {
    fn default() -> Self {
        let (level, format) = (LogLevels::default(), LogFormat::default());
        Log { level, format, progress_interval: 60 }
    }
}

/// The parts of the program whose level can be another one.
const MODULES: [&str; 22] = [
    "admin",
    "aside",
    "auth",
    "catalog",
    "cli",
    "close_out",
    "config",
    "connection",
    "dms",
    "ledger",
    "listener",
    "login",
    "mapping",
    "parking",
    "policy",
    "rewrite",
    "session",
    "statement",
    "target",
    "telemetry",
    "tls",
    "value",
];

/// `log.level`: a level for all, and others for single parts of the program: `info,session=debug`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLevels {
    /// That of all parts that have none of their own.
    pub all: LogLevel,
    /// Those of single parts.
    pub parts: Vec<(String, LogLevel)>,
}

impl From<LogLevel> for LogLevels {
    fn from(all: LogLevel) -> LogLevels {
        LogLevels { all, parts: Vec::new() }
    }
}

impl FromStr for LogLevels {
    type Err = String;

    fn from_str(text: &str) -> Result<LogLevels, String> {
        let level = |text: &str| LogLevel::from_name(text).map_err(|error| error.to_string());
        let mut levels = LogLevels::default();
        for (index, one) in text.split(',').map(str::trim).enumerate() {
            match one.split_once('=') {
                None if index == 0 => levels.all = level(one)?,
                None => return Err(format!("`{one}` is not of the form `part=level`")),
                Some((part, wanted)) if MODULES.contains(&part.trim()) => {
                    levels.parts.push((part.trim().to_owned(), level(wanted.trim())?));
                }
                Some((part, _)) => {
                    let known = MODULES.join("`, `");
                    return Err(format!("unknown part `{part}`, expected one of `{known}`"));
                }
            }
        }
        Ok(levels)
    }
}

impl fmt::Display for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.all.name())?;
        self.parts.iter().try_for_each(|(part, level)| write!(f, ",{part}={}", level.name()))
    }
}

impl<'de> Deserialize<'de> for LogLevels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LogLevels, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The least that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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

keywords!(LogLevel {
    "error" => Error,
    "warn" => Warn,
    "info" => Info,
    "debug" => Debug,
    "trace" => Trace,
});

/// `log.format`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

keywords!(LogFormat { "text" => Text, "json" => Json });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_parts_stand_behind_that_of_all() {
        let levels: LogLevels = "info, session=debug,login=TRACE".parse().unwrap();
        assert_eq!(levels.to_string(), "info,session=debug,login=trace");
        assert_eq!("login=trace".parse::<LogLevels>().unwrap().to_string(), "info,login=trace");
        for wrong in ["loud", "info,debug", "info,sesion=debug", "session=loud", ""] {
            assert!(wrong.parse::<LogLevels>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_part_is_a_module() {
        for part in MODULES {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(part);
            assert!(path.is_dir() || path.with_extension("rs").is_file(), "{part}");
        }
    }
}
