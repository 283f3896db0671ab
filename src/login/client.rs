//! A client before its session: its socket, TLS, and its first packet.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::frames::{LoginFrame, read_frame};
use super::proxy_header::Balancers;
use super::{Silence, Startup};
use crate::repeats::Repeats;
use crate::stream::{ClientAddress, Stream, keep_alive_without_delay};
use crate::tls::{self, ClientSslMode, ClientTls};
use crate::wire::{
    self, OwnError, Severity, StartupPacket, StartupParameters, UNTAGGED_HEAD_BYTES,
};

/// SSLRequest and GSSENCRequest that one client may send before its startup packet.
const NEGOTIATIONS_MAX: usize = 8;

/// The longest CancelRequest, in bytes: length, code, process id, and a key of protocol 3.2.
///
/// Source: PostgreSQL manual, "Message Formats".
const CANCEL_BYTES_MAX: usize = 12 + 256;

/// A client's socket as it was accepted, on its way to the thread that serves it.
#[derive(Debug)]
pub enum Accepted {
    /// By TCP.
    Tcp(std::net::TcpStream, SocketAddr),
    /// By the Unix socket.
    Unix(std::os::unix::net::UnixStream),
}

/// A client that has no session yet.
#[derive(Debug)]
pub struct Client {
    /// `None` during a TLS handshake, and after one that failed.
    stream: Option<Stream>,
    address: ClientAddress,
    /// What a client of TLS names when it binds its login to the channel.
    end_point: Option<Vec<u8>>,
    silence: Arc<Silence>,
}

/// What a client that may not have a session is told: whole frames, an error the last of them.
#[derive(Clone, Debug)]
pub struct LoginRefusal {
    pub(super) frames: Vec<u8>,
    /// Why, as it is counted.
    pub cause: RefusalCause,
}

/// Why a client gets no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCause {
    /// The target refuses it, in its own words.
    ByTarget,
    /// The proxy refuses it, for what the error says.
    ByProxy,
    /// It took too long.
    Timeout,
    /// Its TLS has failed, or is not what the proxy asks for.
    Tls,
}

impl LoginRefusal {
    /// The same with another cause.
    pub(super) fn caused_by(self, cause: RefusalCause) -> LoginRefusal {
        LoginRefusal { cause, ..self }
    }

    /// The code of the error.
    pub fn sqlstate(&self) -> String {
        let body = self.frames.get(wire::HEAD_BYTES..).unwrap_or_default();
        wire::error_field(body, b'C').map(wire::printable).unwrap_or_default()
    }
}

impl From<OwnError> for LoginRefusal {
    fn from(error: OwnError) -> LoginRefusal {
        let frames = wire::error_response(&error, Severity::Fatal);
        LoginRefusal { frames, cause: RefusalCause::ByProxy }
    }
}

/// What a client wants first.
#[derive(Debug)]
pub enum Opening {
    /// A session.
    Session(Startup),
    /// To cancel what another session runs, by this packet.
    Cancel(Vec<u8>),
    /// What it may not have.
    Refused(LoginRefusal),
}

impl Opening {
    fn refused(error: OwnError) -> Opening {
        Opening::Refused(error.into())
    }
}

impl Client {
    /// Takes the socket over to the runtime of this thread. `silence` is told when the client is
    /// waited for.
    ///
    /// # Errors
    /// The socket is closed already.
    pub fn new(socket: Accepted, silence: Arc<Silence>) -> io::Result<Client> {
        let (stream, address) = match socket {
            Accepted::Tcp(socket, address) => {
                let stream = TcpStream::from_std(socket)?;
                keep_alive_without_delay(&stream)?;
                (Stream::Tcp(stream), ClientAddress::Tcp(address))
            }
            Accepted::Unix(socket) => {
                (Stream::Unix(UnixStream::from_std(socket)?), ClientAddress::Unix)
            }
        };
        Ok(Client { stream: Some(stream), address, end_point: None, silence })
    }

    /// Whether it comes by the Unix socket from a process of the proxy's own user.
    pub fn is_same_user(&self) -> bool {
        match &self.stream {
            Some(Stream::Unix(stream)) => {
                let own = rustix::process::getuid().as_raw();
                stream.peer_cred().is_ok_and(|peer| peer.uid() == own)
            }
            _ => false,
        }
    }

    /// Where it comes from.
    pub fn address(&self) -> ClientAddress {
        self.address
    }

    /// The channel binding data that it has to name; there is none without TLS.
    pub(super) fn end_point(&self) -> Option<&[u8]> {
        self.end_point.as_deref()
    }

    /// Its stream.
    ///
    /// # Errors
    /// It was lost in a handshake.
    pub(super) fn stream(&mut self) -> io::Result<&mut Stream> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Its next frame; see [`read_frame`].
    pub(super) async fn frame(&mut self, bytes_max: usize) -> io::Result<LoginFrame> {
        let silence = Arc::clone(&self.silence);
        silence.during(read_frame(self.stream()?, bytes_max)).await
    }

    /// Whether it is waited for.
    pub(super) fn silence(&self) -> Arc<Silence> {
        Arc::clone(&self.silence)
    }

    /// Its stream, for good.
    ///
    /// # Errors
    /// It was lost in a handshake.
    pub fn into_stream(self) -> io::Result<Stream> {
        self.stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Tells it why, and closes. A client that was lost in a handshake has been told by TLS.
    ///
    /// # Errors
    /// It has gone.
    pub async fn refuse(mut self, refusal: impl Into<LoginRefusal>) -> io::Result<()> {
        if let Some(stream) = &mut self.stream {
            stream.write_all(&refusal.into().frames).await?;
        }
        self.close().await
    }

    /// Closes, and says so by TLS.
    ///
    /// # Errors
    /// It has gone.
    pub async fn close(mut self) -> io::Result<()> {
        match &mut self.stream {
            Some(stream) => stream.shutdown().await,
            None => Ok(()),
        }
    }

    /// Reads the header by which a balancer tells whose connection it is; gives what is wrong with it.
    ///
    /// # Errors
    /// The client has gone.
    pub(super) async fn pass_header(
        &mut self,
        balancers: &Balancers,
    ) -> io::Result<Option<OwnError>> {
        let ClientAddress::Tcp(peer) = self.address else { return Ok(None) };
        if !balancers.send_from(peer.ip()) {
            return Ok(None);
        }
        match balancers.read(self.stream()?).await? {
            Ok(client) => {
                self.address = ClientAddress::Tcp(client.unwrap_or(peer));
                Ok(None)
            }
            Err(message) => {
                let hint = "listen.proxy_protocol_from of the proxy names this address, so every \
                            connection from it has to begin with a header of listen.proxy_protocol.";
                Ok(Some(OwnError::new("08P01", message).with_hint(hint)))
            }
        }
    }

    /// Reads the first packet, after TLS where the client wants it and the proxy has it. `refused` has the
    /// logins that the log was told of.
    ///
    /// # Errors
    /// The client has gone.
    ///
    /// # Cancel safety
    /// What was read is lost, so that the client can only be refused.
    pub(super) async fn ask(
        &mut self,
        tls: Option<&ClientTls>,
        packet_bytes_max: u32,
        refused: &Repeats,
    ) -> io::Result<Opening> {
        if let (Some(tls), Some(Stream::Tcp(socket))) = (tls, &self.stream) {
            let mut first = [0];
            socket.peek(&mut first).await?;
            if first == [tls::HANDSHAKE_BYTE]
                && let Some(failed) = self.shake_hands(tls, true).await?
            {
                return Ok(Opening::Refused(failed));
            }
        }
        for _ in 0..NEGOTIATIONS_MAX {
            let Some(packet) = read_packet(self.stream()?, packet_bytes_max).await? else {
                let error = OwnError::new("08P01", "invalid length of startup packet");
                return Ok(Opening::refused(error));
            };
            match (wire::startup_packet(&packet), tls, self.stream()?) {
                (StartupPacket::SslRequest, Some(tls), Stream::Tcp(socket)) => {
                    if has_more(socket).await {
                        return Ok(Opening::refused(injected()));
                    }
                    socket.write_all(b"S").await?;
                    if let Some(failed) = self.shake_hands(tls, false).await? {
                        return Ok(Opening::Refused(failed));
                    }
                }
                (StartupPacket::SslRequest | StartupPacket::GssEncRequest, _, stream) => {
                    stream.write_all(b"N").await?;
                    stream.flush().await?;
                }
                (StartupPacket::CancelRequest, ..) if packet.len() > CANCEL_BYTES_MAX => {
                    let error = OwnError::new("08P01", "invalid length of cancel request");
                    return Ok(Opening::refused(error));
                }
                (StartupPacket::CancelRequest, ..) => return Ok(Opening::Cancel(packet)),
                (StartupPacket::Session(startup), tls, _) => {
                    return Ok(self.admit(
                        tls,
                        Startup { packet, parameters: Some(startup) },
                        refused,
                    ));
                }
                (StartupPacket::OtherVersion, tls, _) => {
                    return Ok(self.admit(tls, Startup { packet, parameters: None }, refused));
                }
            }
        }
        Ok(Opening::refused(OwnError::new("08P01", "too many requests for encryption")))
    }

    /// The handshake. Where it fails the stream is lost, so that nothing can be said to the client any more.
    async fn shake_hands(
        &mut self,
        tls: &ClientTls,
        direct: bool,
    ) -> io::Result<Option<LoginRefusal>> {
        let Some(Stream::Tcp(socket)) = self.stream.take() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        match tls.accept(socket, direct).await {
            Ok(client) => {
                self.stream = Some(Stream::Tls(Box::new(client.stream.into())));
                self.end_point = client.end_point;
                Ok(None)
            }
            Err(error) => {
                tracing::info!(event = "client_tls_failed", client = %self.address, %error, "TLS with a client failed");
                Ok(Some(LoginRefusal { frames: Vec::new(), cause: RefusalCause::Tls }))
            }
        }
    }

    fn admit(&self, tls: Option<&ClientTls>, startup: Startup, refused: &Repeats) -> Opening {
        let name = |name: fn(&StartupParameters) -> &String| {
            wire::logged(startup.parameters.as_ref().map_or("", |parameters| name(parameters)))
        };
        let user = startup.parameters.as_ref().map_or("", |parameters| &parameters.user);
        let Some((error, reason)) = tls.and_then(|tls| self.refusal(tls.mode(), user)) else {
            return Opening::Session(startup);
        };
        let user = name(|parameters| &parameters.user);
        if let Some(repeated) = super::due(refused, self, &user) {
            tracing::warn!(
                event = "login_refused",
                by = "proxy",
                client = %self.address,
                %user,
                database = %name(|parameters| &parameters.database),
                sqlstate = error.sqlstate,
                repeated,
                "login refused: {reason}"
            );
        }
        Opening::Refused(LoginRefusal::from(error).caused_by(RefusalCause::Tls))
    }

    /// Why this user may not log in on this stream, as far as TLS decides over it: for the client, and for the
    /// log.
    fn refusal(&self, mode: ClientSslMode, user: &str) -> Option<(OwnError, String)> {
        let stream = self.stream.as_ref()?;
        if matches!(stream, Stream::Tcp(_)) && mode >= ClientSslMode::Require {
            let message = "connection without TLS refused";
            let hint = format!(
                "listen.sslmode of the proxy is {mode}: connect with sslmode=require or stronger."
            );
            return Some((OwnError::new("28000", message).with_hint(hint), message.to_owned()));
        }
        let certificate = stream.peer_certificate()?;
        if mode < ClientSslMode::VerifyFull {
            return None;
        }
        let name = tls::common_name(certificate).unwrap_or_default();
        (name != user).then(|| {
            let message = format!("certificate authentication failed for user \"{user}\"");
            let error = OwnError::new("28000", message).with_hint(
                "listen.sslmode of the proxy is verify-full: the common name of the client's \
                 certificate has to be the user.",
            );
            (error, format!("the certificate is another user's, {}", wire::logged(&name)))
        })
    }
}

/// A packet without a tag; `None` where its length cannot be.
async fn read_packet(stream: &mut Stream, bytes_max: u32) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let length = u32::from_be_bytes(head);
    let bounds = u32::try_from(UNTAGGED_HEAD_BYTES).unwrap_or(8)..=bytes_max;
    let Some(length) = usize::try_from(length).ok().filter(|_| bounds.contains(&length)) else {
        return Ok(None);
    };
    let mut packet = vec![0; length];
    let (start, rest) = packet.split_at_mut(head.len());
    start.copy_from_slice(&head);
    stream.read_exact(rest).await?;
    Ok(Some(packet))
}

/// Whether the socket holds bytes that were not read yet.
async fn has_more(socket: &TcpStream) -> bool {
    let mut byte = [0];
    let mut byte = tokio::io::ReadBuf::new(&mut byte);
    poll_fn(|cx| Poll::Ready(matches!(socket.poll_peek(cx, &mut byte), Poll::Ready(Ok(1))))).await
}

/// What was sent in the clear behind a request for TLS could be anybody's.
fn injected() -> OwnError {
    let mut error = OwnError::new("08P01", "received unencrypted data after SSL request");
    error.detail = Some(
        "This could be either a client-software bug or evidence of an attempted man-in-the-middle \
         attack."
            .to_owned(),
    );
    error
}
