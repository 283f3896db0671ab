//! The configuration as rows: each key with what it is, and what it would be without a file.

use std::io;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Config, Effective, EffectiveKey, plain_value, shipped_keys};
use crate::mapping::Mapping;

/// The configuration, as it is shown.
#[derive(Clone, Debug, Default)]
pub struct ConfigRow {
    /// The key with its section.
    pub key: String,
    /// Its value; secrets are hidden.
    pub value: String,
    /// The value without a configuration.
    pub default: String,
    /// Where the value comes from: `flag`, `env`, `default`, or a file with its line.
    pub source: String,
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
    pub(super) fn new(config: &Config, effective: &Effective) -> io::Result<ConfigShown> {
        Ok(ConfigShown {
            rows: rows(effective),
            file: config.file.clone(),
            mapping: Arc::new(config.mapping().map_err(io::Error::other)?),
            clients: config.limits.clients.get(),
            log_level: config.log.level.to_string(),
            progress_interval: config.log.progress_interval,
            samples: config.values.samples,
            tls: config.target.url.tls.mode.to_string(),
        })
    }
}

/// The rows of a configuration.
fn rows(effective: &Effective) -> Vec<ConfigRow> {
    let defaults = shipped_keys();
    let default_of = |key: &str| {
        let entry = defaults.iter().find(|entry| entry.name() == key);
        entry.and_then(|entry| entry.default.as_deref()).map(plain_value).unwrap_or_default()
    };
    let row = |one: &EffectiveKey| {
        let key = one.name();
        ConfigRow {
            value: one.value.as_deref().map(plain_value).unwrap_or_default(),
            default: default_of(&key),
            source: one.source.word(),
            changeable: one.is_changeable(),
            key,
        }
    };
    effective.keys().iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ValueSource;

    #[test]
    fn a_row_says_what_is_in_force_and_where_it_comes_from() {
        let mut effective = Effective::load(Some(Path::new("/dev/null"))).unwrap();
        let url = "postgresql://u:geheim@h/d";
        effective.set_argument("target", "url", url, ValueSource::Variable("DMS_PROXY_TARGET"));
        let rows = rows(&effective);
        assert!(rows.iter().all(|row| !row.value.contains("geheim")), "{rows:?}");
        let row = |key: &str| {
            let row = rows.iter().find(|row| row.key == key).unwrap();
            let ConfigRow { value, default, source, changeable, .. } = row;
            (value.as_str(), default.as_str(), source.as_str(), *changeable)
        };
        assert_eq!(row("target.url"), ("postgresql://u:***@h/d", "embedded", "env", false));
        assert_eq!(row("fk.mode"), ("auto", "auto", "default", true));
        assert_eq!(row("listen.sslcert"), ("", "", "default", false));
    }
}
