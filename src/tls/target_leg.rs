//! TLS with the target: libpq's `sslmode` and its relatives.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, client};

use super::target_verifier::TargetVerifier;
use super::trusted::Trusted;
use super::{ALPN, pem, provider};
use crate::files::{Reloaded, file_error};

/// libpq's `sslmode`.
///
/// Source: PostgreSQL manual, "SSL Support", table of modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only if the target refuses a login without.
    Allow,
    /// If the target can.
    #[default]
    Prefer,
    /// Always.
    Require,
    /// Always, and a trusted authority has signed the target's certificate.
    VerifyCa,
    /// The same, and the certificate names the host.
    VerifyFull,
}

impl SslMode {
    /// Every mode and its name.
    pub const NAMES: [(&'static str, SslMode); 6] = [
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<SslMode> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, mode)| mode == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// libpq's `sslrootcert`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authorities {
    /// Nobody is asked.
    #[default]
    None,
    /// Those whom the operating system trusts.
    System,
    /// Those in this file, in PEM.
    File(PathBuf),
}

/// libpq's settings about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTlsSettings {
    /// `sslmode`.
    pub mode: SslMode,
    /// `sslrootcert`.
    pub authorities: Authorities,
    /// `sslcert` and `sslkey`: what the proxy shows to the target, in PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// `sslnegotiation=direct`: the handshake comes first, without asking.
    pub direct: bool,
    /// `sslsni`: the host's name is sent in the clear.
    pub sni: bool,
}

impl Default for TargetTlsSettings {
    fn default() -> Self {
        TargetTlsSettings {
            mode: SslMode::default(),
            authorities: Authorities::None,
            certificate: None,
            direct: false,
            sni: true,
        }
    }
}

/// TLS with the target. Files are read again when they have changed.
pub struct TargetTls {
    settings: TargetTlsSettings,
    config: Reloaded<ClientConfig>,
}

impl TargetTls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read or does not fit the others; the text names it.
    pub fn new(settings: TargetTlsSettings) -> io::Result<TargetTls> {
        let mut files = Vec::new();
        if let Authorities::File(path) = &settings.authorities {
            files.push(path.clone());
        }
        if let Some((certificate, key)) = &settings.certificate {
            files.extend([certificate.clone(), key.clone()]);
        }
        let copy = settings.clone();
        let config = Reloaded::new(files, move || load(&copy))?;
        Ok(TargetTls { settings, config })
    }

    /// `sslmode`.
    pub fn mode(&self) -> SslMode {
        self.settings.mode
    }

    /// Whether the handshake comes without asking for it.
    pub fn is_direct(&self) -> bool {
        self.settings.direct
    }

    /// Shakes hands with the target that was dialled as `host`.
    ///
    /// # Errors
    /// The target's part of the handshake is wrong, or its certificate is not good enough.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn connect(
        &self,
        host: &str,
        socket: TcpStream,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::other(format!("TLS: {host:?} is no name of a host")))?;
        let stream = TlsConnector::from(self.config.get())
            .connect(name, socket)
            .await
            .map_err(|error| io::Error::other(format!("TLS: {error}")))?;
        if self.settings.direct && stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(io::Error::other("TLS: the target did not agree to the ALPN protocol"));
        }
        Ok(stream)
    }
}

fn load(settings: &TargetTlsSettings) -> io::Result<ClientConfig> {
    let trusted = match &settings.authorities {
        Authorities::None => None,
        Authorities::System => Some(Trusted::of_system()?),
        Authorities::File(path) => Some(Trusted::from_file(path)?),
    };
    let provider = provider();
    let verifier = TargetVerifier {
        trusted,
        check_name: settings.mode == SslMode::VerifyFull,
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &settings.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(pem::certificates(certificate)?, pem::private_key(key)?)
            .map_err(|error| file_error(certificate, error))?,
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = settings.sni;
    // The server offers none.
    config.resumption = Resumption::disabled();
    Ok(config)
}

impl fmt::Debug for TargetTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetTls").field("settings", &self.settings).finish_non_exhaustive()
    }
}
