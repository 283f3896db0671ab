//! `[log]`: what is logged, and how.

use serde::Deserialize;

use crate::keyword::keywords;

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least that is logged.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
    /// Seconds between lines about a load that runs; 0 for none.
    pub progress_interval: u64,
}

impl Default for Log {
    fn default() -> Self {
        let (level, format) = (LogLevel::default(), LogFormat::default());
        Log { level, format, progress_interval: 60 }
    }
}

/// `log.level`
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
