//! Arguments whose text is not shown: what the library for arguments quotes in its errors and lists
//! as defaults is never a password.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::target::TargetUrl;

/// The value of `--target`. Taking it never fails, so that no error of the library quotes it.
#[derive(Clone, Default)]
pub(super) struct TargetArgument(String);

impl TargetArgument {
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
