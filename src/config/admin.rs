//! `[admin]`: what an operator sees, by HTTP and by the SQL console. Without the section there is neither.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::listen::listen_address;
use super::problem::Complaint;
use crate::keyword::keywords;

/// `[admin]`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Where HTTP listens; port 0 takes a free one, which the log names.
    #[serde(deserialize_with = "address")]
    pub address: Option<SocketAddr>,
    /// A file with the bearer token.
    pub token_file: Option<PathBuf>,
    /// What goes without the token; `None`: as the address says.
    pub anonymous: Option<Anonymous>,
    /// The certificate of the HTTP side.
    pub sslcert: Option<PathBuf>,
    /// Its key.
    pub sslkey: Option<PathBuf>,
    /// Host headers that are accepted beside the address and `localhost`.
    pub hosts: Vec<String>,
    /// The databases that are the console.
    pub console: Vec<String>,
    /// Who may show and command there.
    pub users: Vec<String>,
    /// The database of the target by whose login a console user is checked.
    pub login_database: String,
    /// Who may only show.
    pub stats_users: Vec<String>,
    /// Console users whom the proxy checks itself.
    pub users_file: Option<PathBuf>,
    /// Tables that are kept apart.
    pub tables: usize,
    /// Tables with series of their own.
    pub metrics_tables: usize,
    /// Seconds between looks at the target; 0 for none.
    pub look_interval: u64,
}

impl Default for Admin {
    fn default() -> Self {
        Admin {
            address: None,
            token_file: None,
            anonymous: None,
            sslcert: None,
            sslkey: None,
            hosts: Vec::new(),
            console: vec!["dms_proxy".into(), "pgbouncer".into()],
            users: vec!["postgres".into()],
            login_database: "postgres".into(),
            stats_users: Vec::new(),
            users_file: None,
            tables: 10_000,
            metrics_tables: 500,
            look_interval: 30,
        }
    }
}

impl Admin {
    /// What goes without the token to HTTP at this address.
    pub fn anonymous(&self, address: Option<SocketAddr>) -> Anonymous {
        let is_near = address.is_none_or(|address| address.ip().is_loopback());
        self.anonymous.unwrap_or(if is_near { Anonymous::Read } else { Anonymous::Metrics })
    }

    /// What the keys lack together.
    pub(super) fn check(&self) -> Vec<Complaint> {
        let complaint = |is_wrong: bool, key: &str, reason: &str| {
            is_wrong.then(|| (format!("admin.{key}"), format!("admin.{key} {reason}")))
        };
        let (cert, key) = (self.sslcert.is_some(), self.sslkey.is_some());
        let without_address = self.address.is_none();
        [
            complaint(cert && !key, "sslkey", "is missing: admin.sslcert needs it"),
            complaint(key && !cert, "sslcert", "is missing: admin.sslkey needs it"),
            complaint(cert && without_address, "sslcert", "needs admin.address"),
            complaint(self.tables == 0, "tables", "is at least 1"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The files are next to `proxy.toml`.
    pub(super) fn resolve_from(&mut self, directory: &Path) {
        let files =
            [&mut self.token_file, &mut self.sslcert, &mut self.sslkey, &mut self.users_file];
        for path in files {
            *path = path.take().map(|path| directory.join(path));
        }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    listen_address(&text).map(Some).map_err(D::Error::custom)
}

/// `admin.anonymous`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anonymous {
    /// The probes.
    None,
    /// The probes and `/metrics`.
    Metrics,
    /// All that is read.
    Read,
}

keywords!(Anonymous { "none" => None, "metrics" => Metrics, "read" => Read });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_without_a_token_depends_on_the_address() {
        let of = |text: &str| {
            let admin: Admin = toml::from_str(text).unwrap();
            admin.anonymous(admin.address)
        };
        assert_eq!(of("address = '127.0.0.1:9632'"), Anonymous::Read);
        assert_eq!(of("address = ':9632'"), Anonymous::Metrics);
        assert_eq!(of("address = ':9632'\nanonymous = 'none'"), Anonymous::None);
    }

    #[test]
    fn keys_that_do_not_go_together_are_refused() {
        let said = |text: &str| toml::from_str::<Admin>(text).unwrap().check().len();
        assert_eq!(said(""), 0);
        assert_eq!(said("address = ':1'\nsslcert = 'a'"), 1);
        assert_eq!(said("sslcert = 'a'\nsslkey = 'b'"), 1);
        assert_eq!(said("tables = 0"), 1);
    }
}
