//! `[listen]`: where clients come in, and TLS with them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::problem::Complaint;
use crate::tls::{ClientSslMode, ClientTlsSettings};

/// `[listen]`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Host and port; port 0 takes a free one, which the first log line names.
    pub address: SocketAddr,
    /// A Unix socket to listen on as well.
    pub unix_socket: Option<PathBuf>,
    /// Who may connect to the Unix socket.
    pub unix_socket_permissions: Permissions,
    /// TLS with clients.
    pub sslmode: ClientSslMode,
    /// The proxy's certificate.
    pub sslcert: Option<PathBuf>,
    /// The key of the certificate.
    pub sslkey: Option<PathBuf>,
    /// The authorities of clients' certificates.
    pub sslrootcert: Option<PathBuf>,
}

impl Default for Listen {
    fn default() -> Self {
        Listen {
            address: SocketAddr::from(([127, 0, 0, 1], 6432)),
            unix_socket: None,
            unix_socket_permissions: Permissions(0o777),
            sslmode: ClientSslMode::default(),
            sslcert: None,
            sslkey: None,
            sslrootcert: None,
        }
    }
}

impl Listen {
    /// What TLS with clients needs; `None` where there is none.
    pub fn tls(&self) -> Option<ClientTlsSettings> {
        if self.sslmode == ClientSslMode::Disable {
            return None;
        }
        Some(ClientTlsSettings {
            mode: self.sslmode,
            certificate: self.sslcert.clone().unwrap_or_default(),
            key: self.sslkey.clone().unwrap_or_default(),
            authorities: self.sslrootcert.clone(),
        })
    }

    /// What the keys about TLS lack.
    pub(super) fn check(&self) -> Vec<Complaint> {
        let mode = self.sslmode;
        let needed = [
            ("sslcert", &self.sslcert, ClientSslMode::Allow),
            ("sslkey", &self.sslkey, ClientSslMode::Allow),
            ("sslrootcert", &self.sslrootcert, ClientSslMode::VerifyCa),
        ];
        let missing = needed.iter().filter(|(_, path, from)| mode >= *from && path.is_none());
        let complaint = |(key, ..): &(&str, _, _)| {
            let key = format!("listen.{key}");
            let reason = format!("listen.sslmode = \"{mode}\" needs {key}");
            (key, reason)
        };
        missing.map(complaint).collect()
    }

    /// The files are next to `proxy.toml`.
    pub(super) fn resolve_from(&mut self, directory: &Path) {
        for path in
            [&mut self.sslcert, &mut self.sslkey, &mut self.sslrootcert, &mut self.unix_socket]
        {
            *path = path.take().map(|path| directory.join(path));
        }
    }
}

/// The permissions of a file, as chmod takes them: octal digits.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Permissions(pub u32);

impl TryFrom<String> for Permissions {
    type Error = String;

    fn try_from(text: String) -> Result<Permissions, String> {
        match u32::from_str_radix(&text, 8) {
            Ok(mode) if mode <= 0o777 => Ok(Permissions(mode)),
            _ => Err(format!("{text:?} are not permissions such as \"0777\" or \"0770\"")),
        }
    }
}
