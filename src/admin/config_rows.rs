//! The configuration as rows: each key with what it is, and what it would be without a file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Value;

use crate::config::Config;
use crate::mapping::Mapping;
use crate::target::without_passwords;

/// The configuration, as it is shown.
#[derive(Clone, Debug, Default)]
pub struct ConfigRow {
    /// The key with its section.
    pub key: String,
    /// Its value; secrets are hidden.
    pub value: String,
    /// The value without a configuration.
    pub default: String,
    /// Whether SIGHUP changes it.
    pub changeable: bool,
}

/// The configuration in force.
#[derive(Debug)]
pub(super) struct ConfigShown {
    pub(super) file: Option<PathBuf>,
    pub(super) rows: Vec<ConfigRow>,
    pub(super) mapping: Arc<Mapping>,
    pub(super) clients: usize,
    pub(super) log_level: String,
    pub(super) progress_interval: u64,
    pub(super) samples: bool,
    /// The `sslmode` of the target.
    pub(super) tls: String,
}

impl ConfigShown {
    pub(super) fn new(config: &Config, file: Option<PathBuf>) -> io::Result<ConfigShown> {
        Ok(ConfigShown {
            rows: rows(config, file.as_deref()),
            file,
            mapping: Arc::new(config.mapping().map_err(io::Error::other)?),
            clients: config.limits.clients.get(),
            log_level: config.log.level.name().to_owned(),
            progress_interval: config.log.progress_interval,
            samples: config.values.samples,
            tls: config.target.url.tls.mode.to_string(),
        })
    }
}

/// The keys and sections that only a restart changes.
const FIXED: [&str; 7] = [
    "listen.",
    "target.url",
    "target.connect_timeout",
    "auth.",
    "limits.threads",
    "log.format",
    "admin.",
];

/// The rows of a configuration; `file` is where it was read from.
fn rows(config: &Config, file: Option<&Path>) -> Vec<ConfigRow> {
    let defaults = keys(include_str!("../../proxy.toml"));
    let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    let mut values = defaults.clone();
    values.extend(keys(&text));
    // Flags and the environment go before the file.
    values.insert("listen.address".into(), config.listen.address.to_string());
    values.insert("target.url".into(), config.target.url.place.to_string());
    values.insert("mapping.source".into(), config.mapping.source.0.clone());
    let row = |(key, value): (String, String)| ConfigRow {
        default: defaults.get(&key).cloned().unwrap_or_default(),
        changeable: !FIXED.iter().any(|fixed| key.starts_with(fixed)),
        value: without_passwords(&value),
        key,
    };
    values.into_iter().map(row).collect()
}

/// The keys of a file with their values; what is not TOML has none.
fn keys(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Ok(table) = text.parse::<toml::Table>() else { return found };
    let mut open: Vec<(String, Value)> = table.into_iter().collect();
    while let Some((key, value)) = open.pop() {
        match value {
            Value::Table(table) => {
                open.extend(
                    table.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)),
                );
            }
            Value::String(text) => {
                found.insert(key, text);
            }
            other => {
                found.insert(key, other.to_string());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_sections_and_values() {
        let keys = keys("rewrite = \"on\"\n[a]\nb = 1\n[a.c]\nd = [\"x\"]\n");
        assert_eq!(keys["rewrite"], "on");
        assert_eq!((keys["a.b"].as_str(), keys["a.c.d"].as_str()), ("1", "[\"x\"]"));
    }

    #[test]
    fn no_row_shows_a_password() {
        let config: Config =
            toml::from_str("[target]\nurl = \"postgresql://u:geheim@h/d\"").unwrap();
        let rows = rows(&config, None);
        assert!(rows.iter().all(|row| !row.value.contains("geheim")), "{rows:?}");
        let url = rows.iter().find(|row| row.key == "target.url").unwrap();
        assert_eq!((url.value.as_str(), url.changeable), ("h:5432", false));
    }
}
