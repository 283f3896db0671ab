//! Types of arguments: an empty text, as of a variable that is set to nothing, counts as none, and a
//! target's text is never shown.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::config::{LogLevels, SourceName, listen_address};
use crate::keyword::Keyword;
use crate::target::TargetUrl;

/// A value that may be empty, which then is as if it were not there.
#[derive(Clone, Debug)]
pub(super) struct OrEmpty<T>(pub(super) Option<T>);

impl OrEmpty<SourceName> {
    /// Reads `--source`.
    pub(super) fn source(text: &str) -> Result<OrEmpty<SourceName>, String> {
        or_empty(text, |text| text.parse())
    }
}

impl OrEmpty<SocketAddr> {
    /// Reads `--listen`.
    pub(super) fn listen(text: &str) -> Result<OrEmpty<SocketAddr>, String> {
        or_empty(text, listen_address)
    }
}

impl<T: Keyword> OrEmpty<T> {
    /// Reads a name of a value.
    pub(super) fn keyword(text: &str) -> Result<OrEmpty<T>, String> {
        or_empty(text, |text| T::from_name(text).map_err(|error| error.to_string()))
    }
}

impl OrEmpty<LogLevels> {
    /// Reads levels of the log.
    pub(super) fn levels(text: &str) -> Result<OrEmpty<LogLevels>, String> {
        or_empty(text, str::parse)
    }
}

fn or_empty<T>(
    text: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<OrEmpty<T>, String> {
    if text.is_empty() { Ok(OrEmpty(None)) } else { read(text).map(|value| OrEmpty(Some(value))) }
}

/// Reads the name of a file, which need not be UTF-8.
pub(super) fn file() -> impl TypedValueParser<Value = OrEmpty<PathBuf>> {
    OsStringValueParser::new().map(|name| OrEmpty((!name.is_empty()).then(|| PathBuf::from(name))))
}

/// The value of `--target`. Taking it never fails, so that no error of the library quotes it.
#[derive(Clone, Default)]
pub(super) struct TargetArgument(String);

impl TargetArgument {
    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it says; `None` for an empty one, as of a variable that is set to nothing.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(super) fn url(&self) -> Result<Option<TargetUrl>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        self.0
            .parse()
            .map(Some)
            .map_err(|error: String| format!("the target (--target or DMS_PROXY_TARGET): {error}"))
    }
}

impl FromStr for TargetArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<TargetArgument, Infallible> {
        Ok(TargetArgument(text.to_owned()))
    }
}

impl fmt::Debug for TargetArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TargetArgument(...)")
    }
}

impl fmt::Display for TargetArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::target::without_passwords(&self.0))
    }
}
