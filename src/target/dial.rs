//! Where the target is and the way to it: dialling, TLS, cancelling. Of messages it knows only the
//! request for TLS and its answer of one byte.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::LoginDemands;
use crate::stream::{Stream, keep_alive_without_delay};
use crate::tls::{SslMode, TargetTls, TargetTlsSettings};

/// An SSLRequest, whole.
///
/// Source: PostgreSQL manual, "Message Formats".
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Where the target listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetAddress {
    /// A host name or address and a port.
    Tcp {
        /// Looked up at every connection, so that a fail-over by DNS is followed.
        host: String,
        /// PostgreSQL's is 5432.
        port: u16,
    },
    /// The whole path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for TargetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetAddress::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            TargetAddress::Tcp { host, port } => write!(f, "{host}:{port}"),
            TargetAddress::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Who is told of each connection that was made, or not: how long it took, and what went wrong.
type DialObserver = Box<dyn Fn(Duration, Option<&io::Error>) + Send + Sync>;

/// The target and how it is reached. Cheap to clone.
#[derive(Clone)]
pub struct Target {
    address: TargetAddress,
    tls: Arc<TargetTls>,
    connect_timeout: Duration,
    demands: Arc<LoginDemands>,
    observer: Arc<OnceLock<DialObserver>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Target {
    /// The target at this address. On a Unix socket no TLS is spoken, whatever `tls` says, as libpq
    /// does it.
    ///
    /// # Errors
    /// A file that `tls` names cannot be read.
    pub fn new(
        address: TargetAddress,
        tls: &TargetTlsSettings,
        connect_timeout: Duration,
    ) -> io::Result<Target> {
        let tls = match address {
            TargetAddress::Tcp { .. } => TargetTls::new(tls.clone())?,
            TargetAddress::Unix(_) => TargetTls::new(TargetTlsSettings {
                mode: SslMode::Disable,
                ..TargetTlsSettings::default()
            })?,
        };
        let (tls, demands, observer) = (Arc::new(tls), Arc::default(), Arc::default());
        Ok(Target { address, tls, connect_timeout, demands, observer })
    }

    /// Tells this one of each connection by the target or a copy of it from now on; there is one such at most.
    pub fn observe(&self, observer: impl Fn(Duration, Option<&io::Error>) + Send + Sync + 'static) {
        // The first one stays.
        let _ = self.observer.set(Box::new(observer));
    }

    /// The same target, with what logins of the proxy's own have to be.
    #[must_use]
    pub fn with_demands(self, demands: LoginDemands) -> Target {
        Target { demands: Arc::new(demands), ..self }
    }

    /// What logins of the proxy's own have to be.
    pub fn demands(&self) -> &LoginDemands {
        &self.demands
    }

    /// Where it is.
    pub fn address(&self) -> &TargetAddress {
        &self.address
    }

    /// How long it may take to connect.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Dials the target and, where its settings ask for it, does the TLS handshake.
    ///
    /// # Errors
    /// The target cannot be reached, or not within `connect_timeout`, or there is no TLS that is
    /// good enough.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn connect(&self) -> io::Result<Stream> {
        let with_tls = self.tls.mode() >= SslMode::Prefer;
        let began = Instant::now();
        let stream = within(self.connect_timeout, self.dial(with_tls)).await;
        if let Some(observer) = self.observer.get() {
            observer(began.elapsed(), stream.as_ref().err());
        }
        stream
    }

    /// Dials the other way, when the target has refused a login on `refused`: with TLS where
    /// `sslmode` is `allow`, without where it is `prefer`. `None` where there is no other way.
    ///
    /// # Errors
    /// As [`Target::connect`].
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn connect_otherwise(&self, refused: &Stream) -> io::Result<Option<Stream>> {
        let with_tls = match (self.tls.mode(), refused.is_tls()) {
            (SslMode::Allow, false) => true,
            (SslMode::Prefer, true) => false,
            _ => return Ok(None),
        };
        within(self.connect_timeout, self.dial(with_tls)).await.map(Some)
    }

    /// Hands a CancelRequest to the target, by TLS where sessions use it, and waits until the
    /// target has closed the connection, which is when it has acted on it.
    ///
    /// # Errors
    /// The target cannot be reached, or takes longer than `timeout`.
    pub async fn cancel(&self, packet: &[u8], timeout: Duration) -> io::Result<()> {
        let deliver = async {
            let mut stream = self.connect().await?;
            stream.write_all(packet).await?;
            stream.flush().await?;
            // Some TLS servers close without close_notify after doing what was asked.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            Ok(())
        };
        within(timeout, deliver).await
    }

    async fn dial(&self, with_tls: bool) -> io::Result<Stream> {
        let (host, mut socket) = match &self.address {
            TargetAddress::Tcp { host, port } => (host, dial_tcp(host, *port).await?),
            TargetAddress::Unix(path) => return Ok(Stream::Unix(UnixStream::connect(path).await?)),
        };
        if !with_tls {
            return Ok(Stream::Tcp(socket));
        }
        let is_optional = self.tls.mode() == SslMode::Prefer;
        if !self.tls.is_direct() {
            socket.write_all(&SSL_REQUEST).await?;
            match socket.read_u8().await? {
                b'S' => {}
                b'N' if is_optional => return Ok(Stream::Tcp(socket)),
                b'N' => {
                    return Err(io::Error::other("the target has no TLS, and sslmode asks for it"));
                }
                _ => return Err(io::Error::other("the target's answer to SSLRequest is not one")),
            }
        }
        match self.tls.connect(host, socket).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream.into()))),
            Err(error) if is_optional => {
                tracing::warn!(event = "target_without_tls", target = %self.address, %error, "sslmode=prefer: without TLS");
                let TargetAddress::Tcp { host, port } = &self.address else { return Err(error) };
                Ok(Stream::Tcp(dial_tcp(host, *port).await?))
            }
            Err(error) => Err(error),
        }
    }
}

async fn dial_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((host, port)).await?;
    keep_alive_without_delay(&socket)?;
    Ok(socket)
}

async fn within<T>(timeout: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(timeout, work)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
