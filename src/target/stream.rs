//! Where the target is and the stream to it; knows no messages.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

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

/// A connection to the target.
#[derive(Debug)]
pub enum TargetStream {
    /// By TCP.
    Tcp(TcpStream),
    /// By a Unix socket.
    Unix(UnixStream),
}

/// Dials the target.
///
/// # Errors
/// The target cannot be reached, or not within `timeout`.
pub async fn connect(address: &TargetAddress, timeout: Duration) -> io::Result<TargetStream> {
    let dial = async {
        match address {
            TargetAddress::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                keep_alive_without_delay(&stream)?;
                Ok(TargetStream::Tcp(stream))
            }
            TargetAddress::Unix(path) => Ok(TargetStream::Unix(UnixStream::connect(path).await?)),
        }
    };
    tokio::time::timeout(timeout, dial)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// What every TCP connection of the proxy wants: small messages at once, and a dead peer noticed.
///
/// # Errors
/// The socket is closed already.
pub fn keep_alive_without_delay(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    socket2::SockRef::from(stream).set_keepalive(true)
}

/// Hands a CancelRequest to the target and waits until the target has closed the connection, which
/// is when it has acted on it.
///
/// # Errors
/// The target cannot be reached.
pub async fn cancel(address: &TargetAddress, packet: &[u8], timeout: Duration) -> io::Result<()> {
    let deliver = async {
        let mut stream = connect(address, timeout).await?;
        stream.write_all(packet).await?;
        stream.read_to_end(&mut Vec::new()).await.map(|_| ())
    };
    tokio::time::timeout(timeout, deliver)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

impl AsyncRead for TargetStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            TargetStream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            TargetStream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for TargetStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            TargetStream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            TargetStream::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            TargetStream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            TargetStream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            TargetStream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            TargetStream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
