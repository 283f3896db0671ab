//! What is wrong with a configuration: every place at once, each with its file, line and key.

use std::fmt;
use std::path::{Path, PathBuf};

/// Words longer than this, in characters, have no nearest one.
const NEAR_LENGTH_MAX: usize = 64;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// The line of the key, from 1; `None` where it cannot be told or the file cannot be read.
    pub line: Option<usize>,
    /// The key with its sections, `listen.address`; empty where it is not about one key.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.reason)
    }
}

/// Why there is no configuration: everything that is wrong with it, in the order of the file, a line
/// each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong; at least one thing.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// The file cannot be read.
    pub(super) fn unreadable(path: &Path, error: &impl fmt::Display) -> ConfigError {
        let reason = error.to_string();
        let problem = Problem { path: path.to_owned(), line: None, key: String::new(), reason };
        ConfigError { problems: vec![problem] }
    }
}

/// A key and what is wrong with its value, before file and line are known.
pub(super) type Complaint = (String, String);

/// The words of serde, with the nearest of the names that they offer.
pub(super) fn reason(message: &str) -> String {
    let message = message.replacen("unknown field", "unknown key", 1);
    let message = message.replacen("unknown variant", "unknown value", 1);
    let message = with_plain_types(message);
    match meant(&message) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message,
    }
}

/// The same with words for people in place of the types that Rust has for numbers.
fn with_plain_types(message: String) -> String {
    let Some((given, wanted)) = message.rsplit_once(", expected ") else { return message };
    let plain = match wanted {
        "a nonzero usize" | "a nonzero u64" | "a nonzero u32" => "1 or more",
        "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number, 0 or more",
        "f64" => "a number",
        _ => return message,
    };
    format!("{given}, expected {plain}")
}

/// The name that may be meant by one that is not known, by the words of serde.
pub(super) fn meant(message: &str) -> Option<&str> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let written = names.next()?;
    nearest(written, names)
}

/// The name that is most like this one, if one is.
fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let length = written.chars().count();
    if length > NEAR_LENGTH_MAX {
        return None;
    }
    let most = length.div_ceil(3);
    let distances = names.map(|name| (distance(written, name), name));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, name)| name)
}

/// How many characters have to be put in, taken out, changed or swapped with their neighbour to make
/// one text of the other, case and dashes left out of account.
fn distance(one: &str, other: &str) -> usize {
    let plain = |text: &str| -> Vec<char> {
        let text = text.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() });
        text.take(NEAR_LENGTH_MAX + 1).collect()
    };
    let (one, other) = (plain(one), plain(other));
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, &here) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, &there) in other.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let change = at(&last, column) + usize::from(here != there);
            let put_in_or_out = at(&last, column + 1).min(at(&next, column)) + 1;
            let is_swap = row > 0
                && column > 0
                && one.get(row - 1) == Some(&there)
                && other.get(column - 1) == Some(&here);
            let swap = if is_swap { at(&before_last, column - 1) + 1 } else { usize::MAX };
            next.push(change.min(put_in_or_out).min(swap));
        }
        before_last = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let names = || ["address", "unix_socket", "sslmode", "sslcert"].into_iter();
        for (written, near) in [
            ("adress", Some("address")),
            ("addresss", Some("address")),
            ("adderss", Some("address")),
            ("Unix-Socket", Some("unix_socket")),
            ("sslmod", Some("sslmode")),
            ("colour", None),
            ("", None),
            (&"a".repeat(1000), None),
        ] {
            assert_eq!(nearest(written, names()), near, "{written}");
        }
        assert_eq!((distance("kitten", "sitting"), distance("ab", "ba")), (3, 1));
    }

    #[test]
    fn serdes_words_are_ours() {
        assert_eq!(
            reason("unknown field `adress`, expected `address` or `port`"),
            "unknown key `adress`, expected `address` or `port`; did you mean `address`?"
        );
        assert_eq!(reason("invalid type: integer `1`"), "invalid type: integer `1`");
        let none = "invalid value: integer `0`, expected ";
        assert_eq!(reason(&format!("{none}a nonzero usize")), format!("{none}1 or more"));
        let negative = "invalid value: integer `-1`, expected ";
        let number = format!("{negative}a whole number, 0 or more");
        assert_eq!(reason(&format!("{negative}u64")), number);
    }
}
