//! TLS with clients: `[listen] sslmode` and what goes with it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::{TlsAcceptor, server};

use super::client_verifier::ClientVerifier;
use super::trusted::Trusted;
use super::{ALPN, end_point_hash, pem, provider};
use crate::files::{Reloaded, file_error};

/// What is asked of clients, in libpq's words. Clients of the Unix socket are asked for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientSslMode {
    /// TLS is declined.
    #[default]
    Disable,
    /// TLS for those who ask for it.
    Allow,
    /// TLS for all.
    Require,
    /// TLS and a certificate that an authority of `sslrootcert` has signed.
    VerifyCa,
    /// The same, and the certificate's common name is the user who logs in.
    VerifyFull,
}

impl fmt::Display for ClientSslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClientSslMode::Disable => "disable",
            ClientSslMode::Allow => "allow",
            ClientSslMode::Require => "require",
            ClientSslMode::VerifyCa => "verify-ca",
            ClientSslMode::VerifyFull => "verify-full",
        })
    }
}

/// The mode and the files that it needs.
#[derive(Clone, Debug)]
pub struct ClientTlsSettings {
    /// What is asked of clients.
    pub mode: ClientSslMode,
    /// The proxy's certificate and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// The key of the certificate, in PEM.
    pub key: PathBuf,
    /// The authorities of clients' certificates, in PEM.
    pub authorities: Option<PathBuf>,
}

/// The configuration of one state of the files.
struct Loaded {
    config: Arc<ServerConfig>,
    end_point: Option<Vec<u8>>,
}

/// TLS with clients. Files are read again when they have changed.
pub struct ClientTls {
    mode: ClientSslMode,
    loaded: Reloaded<Loaded>,
}

/// A client that has shaken hands.
pub struct TlsClient {
    /// The stream.
    pub stream: server::TlsStream<TcpStream>,
    /// The channel binding data, of type tls-server-end-point, that this client has to name.
    pub end_point: Option<Vec<u8>>,
}

impl ClientTls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read or does not fit the others; the text names it.
    pub fn new(settings: ClientTlsSettings) -> io::Result<ClientTls> {
        let mode = settings.mode;
        let mut files = vec![settings.certificate.clone(), settings.key.clone()];
        files.extend(settings.authorities.clone());
        let loaded = Reloaded::new(files, move || load(&settings))?;
        Ok(ClientTls { mode, loaded })
    }

    /// What is asked of clients.
    pub fn mode(&self) -> ClientSslMode {
        self.mode
    }

    /// Shakes hands. `direct` says that the client has not asked before, and then it has to name
    /// the protocol by ALPN, so that no other protocol can be tricked into speaking to us.
    ///
    /// # Errors
    /// The client's part of the handshake is wrong, or its certificate is not trusted.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn accept(&self, socket: TcpStream, direct: bool) -> io::Result<TlsClient> {
        let loaded = self.loaded.get();
        let acceptor = TlsAcceptor::from(Arc::clone(&loaded.config));
        let stream = acceptor.accept(socket).await?;
        if direct && stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(io::Error::other("direct TLS without the ALPN protocol postgresql"));
        }
        Ok(TlsClient { stream, end_point: loaded.end_point.clone() })
    }
}

fn load(settings: &ClientTlsSettings) -> io::Result<Loaded> {
    let certificates = pem::certificates(&settings.certificate)?;
    let end_point = certificates.first().and_then(end_point_hash);
    let key = pem::private_key(&settings.key)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match &settings.authorities {
        Some(path) if settings.mode >= ClientSslMode::VerifyCa => {
            let verifier = ClientVerifier::new(Trusted::from_file(path)?)
                .map_err(|error| file_error(path, error))?;
            builder.with_client_cert_verifier(Arc::new(verifier))
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error: rustls::Error| file_error(&settings.certificate, error))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No client of PostgreSQL resumes a session, and the server offers none.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Loaded { config: Arc::new(config), end_point })
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("mode", &self.mode).finish_non_exhaustive()
    }
}
