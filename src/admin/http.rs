//! The HTTP side: listens, bounds what a client may take, and hands requests to `routes`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::body::AnswerBody;
use super::guard::Guard;
use super::http_places::{HttpPlace, HttpPlaces};
use super::operator::Operator;
use super::routes;
use super::unstalled::Unstalled;
use crate::files::{Reloaded, file_error, warn_if_public};
use crate::tls::{ClientSslMode, ClientTls, ClientTlsSettings};

/// Connections at a time; when there is one more, the one that is silent longest has to go.
const CONNECTIONS_MAX: usize = 64;

/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take nothing of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a TLS handshake may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The socket of the HTTP side.
#[derive(Debug)]
pub struct AdminListener {
    socket: std::net::TcpListener,
    address: SocketAddr,
    tls: Option<ClientTls>,
}

impl AdminListener {
    /// Listens on the socket that was `inherited`, or at `admin.address`; `None` where there is neither.
    ///
    /// # Errors
    /// The address is taken, or a file cannot be used.
    pub fn bind(
        operator: &Operator,
        inherited: Option<std::net::TcpListener>,
    ) -> io::Result<Option<AdminListener>> {
        let settings = &operator.settings;
        let socket = match (inherited, settings.address) {
            (Some(socket), _) => socket,
            (None, None) => return Ok(None),
            (None, Some(address)) => std::net::TcpListener::bind(address).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })?,
        };
        socket.set_nonblocking(true)?;
        let tls = settings.sslcert.as_ref().zip(settings.sslkey.as_ref());
        let tls = tls.map(|(certificate, key)| {
            ClientTls::new(ClientTlsSettings {
                mode: ClientSslMode::Require,
                certificate: certificate.clone(),
                key: key.clone(),
                authorities: None,
            })
        });
        let address = socket.local_addr()?;
        Ok(Some(AdminListener { socket, address, tls: tls.transpose()? }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves HTTP and looks after the figures, on a runtime of its own, until the process ends: it is the last
/// that answers.
///
/// # Errors
/// The runtime cannot be made, or the token cannot be read.
pub fn serve(operator: &Arc<Operator>, listener: Option<AdminListener>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let token = operator
        .settings
        .token_file
        .clone()
        .map(|path| Reloaded::new(vec![path.clone()], move || read_token(&path)));
    let token = token.transpose()?;
    let address = listener.as_ref().map(AdminListener::address);
    let guard = Guard::new(&operator.settings, address, token);
    let guard = Arc::new(guard);
    let operator = Arc::clone(operator);
    std::thread::Builder::new().name("admin".into()).spawn(move || {
        runtime.block_on(async {
            let accepting = async {
                match listener {
                    Some(listener) => accept(listener, &operator, &guard).await,
                    None => std::future::pending().await,
                }
            };
            let (collect, probe) = (operator.collect(), operator.probe_target());
            tokio::join!(collect, probe, operator.log_progress(), accepting);
        });
    })?;
    Ok(())
}

fn read_token(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path).map_err(|error| file_error(path, error))?;
    warn_if_public(path);
    let token = text.lines().next().unwrap_or_default().trim().to_owned();
    match token.is_empty() {
        true => Err(file_error(path, "there is no token in its first line")),
        false => Ok(token),
    }
}

async fn accept(listener: AdminListener, operator: &Arc<Operator>, guard: &Arc<Guard>) {
    let AdminListener { socket, tls, .. } = listener;
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            return tracing::error!(event = "admin_failed", %error, "the HTTP side does not listen");
        }
    };
    let tls = Arc::new(tls);
    let places = HttpPlaces::new(CONNECTIONS_MAX);
    let streams = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(event = "admin_client_not_taken", %error, "a client of the HTTP side could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let place = Arc::new(places.take().await);
        let (operator, guard) = (Arc::clone(operator), Arc::clone(guard));
        let (tls, streams) = (Arc::clone(&tls), Arc::clone(&streams));
        tokio::spawn(async move {
            let answering = Answering { operator, guard, streams, place: Arc::clone(&place) };
            tokio::select! {
                biased;
                // What goes wrong on one connection is its client's to see.
                _ = converse(stream, tls.as_ref().as_ref(), answering) => {}
                () = place.dismissed() => {}
            }
        });
        // A request that is there already is seen before others take the place of its connection.
        tokio::task::yield_now().await;
    }
}

/// What an answer needs.
#[derive(Clone)]
struct Answering {
    operator: Arc<Operator>,
    guard: Arc<Guard>,
    streams: Arc<AtomicUsize>,
    place: Arc<HttpPlace>,
}

impl Answering {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<AnswerBody>, Infallible> {
        self.place.works();
        let answer = routes::answer(request, &self.operator, &self.guard, &self.streams).await;
        // A stream of events goes on.
        if answer.as_ref().is_ok_and(|answer| answer.body().is_whole()) {
            self.place.falls_silent();
        }
        answer
    }
}

async fn converse(
    stream: TcpStream,
    tls: Option<&ClientTls>,
    answering: Answering,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let service = service_fn(move |request| answering.clone().answer(request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    match tls {
        None => {
            let stream = Unstalled::new(stream, WRITE_TIMEOUT);
            builder.serve_connection(TokioIo::new(stream), service).await?;
        }
        Some(tls) => {
            let accepted = tokio::time::timeout(TLS_TIMEOUT, tls.accept(stream, false)).await??;
            let stream = tokio_rustls::TlsStream::from(accepted.stream);
            let stream = Unstalled::new(stream, WRITE_TIMEOUT);
            builder.serve_connection(TokioIo::new(stream), service).await?;
        }
    }
    Ok(())
}
