//! From an accepted socket to a session: TLS with the client, its first packet, its login and the
//! way to the target. The only reader of frames outside a session, one at a time.

mod client;
mod command;
mod console;
mod frames;
mod look_up;
mod passthrough;
mod probe;
mod prove;
mod proxy_header;
mod silence;
mod target_login;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

pub use client::{Accepted, Client, LoginRefusal, Opening, RefusalCause};
pub use command::{CommandLogin, ResumedStream};
pub use look_up::ask;
pub use probe::lets_in_without_password;
pub use silence::Silence;
pub use target_login::log_in_on;

use crate::auth::{Salts, User, Users};
use crate::config::{Auth, AuthMode, Config, Limits};
use crate::repeats::Repeats;
use crate::stream::{ClientAddress, Stream};
use crate::target::{Target, without_os_errors};
use crate::tls::ClientTls;
use crate::wire::{self, OwnError, StartupPacket, StartupParameters, tag};
use frames::{FRAME_BYTES_MAX, read_frame};
use look_up::UserLookUp;
use proxy_header::Balancers;

/// A StartupMessage of the proxy's own, without a user and a database.
const STARTUP: &[u8] = b"\0\0\0\0\0\x03\0\0application_name\0dms-proxy\0\0";

/// Bytes that a target may say between AuthenticationOk and BackendKeyData: a ParameterStatus for each
/// of its settings that it reports, and notices.
const GREETING_BYTES_MAX: usize = 256 * 1024;

/// Between lines about refused logins of one user from one address.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// Between lines about a target that cannot be reached.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(10);

/// How clients come in and where they go.
#[derive(Debug)]
pub struct Login {
    balancers: Balancers,
    tls: Option<ClientTls>,
    target: Target,
    own: Option<OwnLogins>,
    /// Users of the console whom the proxy checks itself.
    console: Option<OwnLogins>,
    /// Logins that were refused, by user and address.
    refused: Repeats,
    /// Times when the target could not be reached.
    unreachable: Repeats,
}

/// Logins that the proxy checks itself.
#[derive(Debug)]
struct OwnLogins {
    users: Users,
    /// Finds users that the file does not name.
    look_up: Option<UserLookUp>,
    /// As whom single users are logged in to the target.
    target_users: BTreeMap<String, String>,
    /// As whom every other client is; `None`: as itself.
    target_user: Option<String>,
}

/// A client and what it has sent first.
#[derive(Clone, Debug)]
pub struct Startup {
    /// The startup packet.
    pub packet: Vec<u8>,
    /// What it says. `None`: it is of another major version of the protocol.
    pub parameters: Option<StartupParameters>,
}

/// A target that has got the client's startup packet.
#[derive(Debug)]
pub struct Opened {
    /// The stream.
    pub target: Stream,
    /// What it has said already and the client has not seen: whole frames.
    pub said: Vec<u8>,
}

impl Opened {
    /// What it has said that its version is; empty where it has not.
    pub fn server_version(&self) -> String {
        let told = frames::whole_frames(&self.said, GREETING_BYTES_MAX)
            .filter(|(tag, _)| *tag == tag::PARAMETER_STATUS)
            .filter_map(|(_, body)| wire::parameter_status(body))
            .find(|(name, _)| *name == b"server_version");
        told.map_or(String::new(), |(_, version)| wire::printable(version))
    }
}

impl Login {
    /// As `[listen]`, `[target]` and `[auth]` say.
    ///
    /// # Errors
    /// A file that the configuration names cannot be used.
    pub fn new(config: &Config, target: Target) -> io::Result<Login> {
        let tls = config.listen.tls().map(ClientTls::new).transpose()?;
        let own = match config.auth.mode {
            AuthMode::Passthrough => None,
            AuthMode::Terminate => Some(OwnLogins {
                users: users(&config.auth)?,
                look_up: UserLookUp::new(&config.auth),
                target_users: config.auth.target_users.clone(),
                target_user: config.auth.target_user.clone(),
            }),
        };
        let listen = &config.listen;
        let balancers =
            Balancers { version: listen.proxy_protocol, from: listen.proxy_protocol_from.clone() };
        let console = config.admin.as_ref().and_then(|admin| admin.users_file.clone());
        let console = console.map(console::users).transpose()?;
        let (refused, unreachable) = (Repeats::default(), Repeats::default());
        Ok(Login { balancers, tls, target, own, console, refused, unreachable })
    }

    /// Reads what logins with this configuration need, and makes nothing.
    ///
    /// # Errors
    /// A file that the configuration names cannot be used.
    pub fn check(config: &Config) -> io::Result<()> {
        config.listen.tls().map(ClientTls::new).transpose()?;
        let auth = &config.auth;
        if auth.mode == AuthMode::Terminate {
            let salts = match auth.salt_file.as_deref().filter(|path| path.exists()) {
                Some(path) => Salts::of_file(path)?,
                None => Salts::of_process()?,
            };
            Users::new(auth.users_file.clone().unwrap_or_default(), salts)?;
        }
        Ok(())
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What the client wants, within `limits.connecting_timeout`.
    ///
    /// # Errors
    /// The client has gone.
    pub async fn greet(&self, client: &mut Client, limits: &Limits) -> io::Result<Opening> {
        let silence = client.silence();
        let asked = async {
            if let Some(refusal) = client.pass_header(&self.balancers).await? {
                return Ok(Opening::Refused(refusal.into()));
            }
            client.ask(self.tls.as_ref(), limits.startup_packet_bytes, &self.refused).await
        };
        let asked = silence.during(asked);
        let least = limits.connecting_timeout.min(limits.startup_timeout);
        tokio::time::timeout(Duration::from_secs(least), asked).await.unwrap_or_else(|_| {
            let message = "no startup packet within limits.connecting_timeout";
            Ok(Opening::Refused(late(message)))
        })
    }

    /// Opens the target for a client that has sent this startup packet, and sees to its login,
    /// within `limits.startup_timeout`. The packet becomes the one that the target has got. The inner
    /// error is for the client.
    ///
    /// # Errors
    /// A peer has gone.
    pub async fn open(
        &self,
        client: &mut Client,
        startup: &mut Startup,
        limits: &Limits,
    ) -> io::Result<Result<Opened, LoginRefusal>> {
        let opened = async {
            let opened = match &self.own {
                Some(own) => self.open_with_own_login(own, client, startup).await?,
                None => self.open_passthrough(client, startup).await?,
            };
            match opened {
                Ok(opened) => Ok(greeted(opened, client, startup, &self.refused).await),
                Err(error) => Ok(Err(error.into())),
            }
        };
        tokio::time::timeout(startup_timeout(limits), opened)
            .await
            .unwrap_or_else(|_| Ok(Err(late("no login within limits.startup_timeout"))))
    }

    async fn open_passthrough(
        &self,
        client: &mut Client,
        startup: &Startup,
    ) -> io::Result<Result<Opened, OwnError>> {
        let mut opened = match passthrough::open(&self.target, &startup.packet).await {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(self.unreachable(&error))),
        };
        let passed = passthrough::pass_log_in(client, &mut opened).await?;
        Ok(passed.map(|()| opened))
    }

    async fn open_with_own_login(
        &self,
        own: &OwnLogins,
        client: &mut Client,
        startup: &mut Startup,
    ) -> io::Result<Result<Opened, OwnError>> {
        let Some(parameters) = &startup.parameters else {
            let message = "unsupported frontend protocol: auth.mode is terminate";
            return Ok(Err(OwnError::new("0A000", message)));
        };
        let mut credential =
            match prove::prove(client, (own, &self.refused), &self.target, parameters).await? {
                Ok(credential) => credential,
                Err(error) => return Ok(Err(error)),
            };
        let other = own.target_users.get(&parameters.user).or(own.target_user.as_ref());
        if let Some(other) = other {
            credential = own.users.credential_of(other);
        }
        let user = other.unwrap_or(&parameters.user).clone();
        // Whose name was checked is also whose name the target gets, byte for byte.
        startup.packet = wire::with_user(&startup.packet, &user, &parameters.database);
        if let StartupPacket::Session(parameters) = wire::startup_packet(&startup.packet) {
            startup.parameters = Some(parameters);
        }
        let stream = client.stream()?;
        let packet = &startup.packet;
        match target_login::log_in(&self.target, Some(stream), packet, &user, &credential).await {
            Ok(opened) => Ok(opened),
            Err(error) => Ok(Err(self.unreachable(&error))),
        }
    }

    fn unreachable(&self, error: &io::Error) -> OwnError {
        unreachable_target(&self.target, error, &self.unreachable)
    }
}

/// The users of the file, with salts that stay the same at the next start where that can be had.
fn users(auth: &Auth) -> io::Result<Users> {
    let file = auth.users_file.clone().unwrap_or_default();
    let salts = match &auth.salt_file {
        Some(path) => Salts::of_file(path)?,
        None => match Salts::of_file(&file.with_added_extension("salt")) {
            Ok(salts) => salts,
            Err(error) => {
                tracing::warn!(
                    event = "salts_of_process",
                    %error,
                    "salts change with every start, which shows who has a SCRAM secret in \
                     auth.users_file: name a file that can be written, or a copy, in auth.salt_file"
                );
                Salts::of_process()?
            }
        },
    };
    Users::new(file, salts)
}

impl OwnLogins {
    /// The user that a client wants to be, from the file or from the target. The inner error is for
    /// the client; it comes before anything was proven.
    ///
    /// # Errors
    /// The client has gone.
    async fn find(
        &self,
        target: &Target,
        client: &mut Stream,
        wanted: &StartupParameters,
    ) -> io::Result<Result<User, OwnError>> {
        match &self.look_up {
            Some(look_up) if !self.users.names(&wanted.user) => {
                look_up.find(target, &self.users, client, wanted).await
            }
            _ => Ok(Ok(self.users.get(&wanted.user))),
        }
    }
}

/// Waits until a target that has said AuthenticationOk has a session: a role or a database that is
/// not there, or that may not be used, is told only now. A target that has said something else is
/// left to the session, but for an error, which is the client's; so is a target that has gone.
async fn greeted(
    mut opened: Opened,
    client: &Client,
    startup: &Startup,
    refused: &Repeats,
) -> Result<Opened, LoginRefusal> {
    let is_whole = matches!(
        wire::head(&opened.said, FRAME_BYTES_MAX),
        Ok(Some(head)) if head.frame_bytes == opened.said.len()
    );
    let code = wire::authentication(&opened.said).map(|(code, _)| code);
    let is_refused = opened.said.first() == Some(&tag::ERROR_RESPONSE);
    if !is_whole || !(is_refused || code == Some(wire::AUTHENTICATION_OK)) {
        return Ok(opened);
    }
    let mut last = (opened.said.first().copied().unwrap_or(0), 0);
    loop {
        match last.0 {
            tag::BACKEND_KEY_DATA | tag::READY_FOR_QUERY | 0 => return Ok(opened),
            tag::ERROR_RESPONSE => break,
            _ if opened.said.len() > GREETING_BYTES_MAX => return Ok(opened),
            _ => {}
        }
        let Ok(frame) = read_frame(&mut opened.target, FRAME_BYTES_MAX).await else {
            return Ok(opened);
        };
        last = (frame.tag, opened.said.len());
        opened.said.extend_from_slice(&frame.bytes);
    }
    let error = opened.said.get(last.1 + wire::HEAD_BYTES..).unwrap_or_default();
    let sqlstate = wire::error_field(error, b'C').unwrap_or_default();
    let parameters = startup.parameters.as_ref();
    let name = |name: fn(&StartupParameters) -> &String| {
        wire::logged(parameters.map_or("", |parameters| name(parameters)))
    };
    let user = name(|parameters| &parameters.user);
    if let Some(repeated) = due(refused, client, &user) {
        tracing::warn!(
            event = "login_refused",
            by = "target",
            client = %client.address(),
            %user,
            database = %name(|parameters| &parameters.database),
            sqlstate = %wire::logged(&wire::printable(sqlstate)),
            repeated,
            "login refused by the target"
        );
    }
    Err(LoginRefusal { frames: opened.said, cause: RefusalCause::ByTarget })
}

/// Whether a refused login is a line of the log: how many of this user and address were none before it.
fn due(refused: &Repeats, client: &Client, user: &str) -> Option<u64> {
    let from = match client.address() {
        ClientAddress::Tcp(address) => address.ip().to_string(),
        ClientAddress::Unix => String::new(),
    };
    refused.due(&format!("{from} {user}"), REFUSED_PAUSE)
}

/// What a client is told; the log is told now and then, with how often it was so since the last time.
fn unreachable_target(target: &Target, error: &io::Error, told: &Repeats) -> OwnError {
    let address = target.address();
    let reason = without_os_errors(&error.to_string());
    if let Some(left_out) = told.due("", UNREACHABLE_PAUSE) {
        tracing::warn!(
            event = "target_unreachable",
            target = %address,
            reason,
            failed = left_out + 1,
            "the target cannot be reached"
        );
    }
    OwnError::new("08001", format!("the target at {address} cannot be reached: {reason}"))
        .with_hint("Check target.url of the proxy and that the server is running.")
}

fn late(message: &str) -> LoginRefusal {
    LoginRefusal::from(OwnError::new("08P01", message)).caused_by(RefusalCause::Timeout)
}

fn startup_timeout(limits: &Limits) -> Duration {
    Duration::from_secs(limits.startup_timeout)
}

/// Writes all of it, through the buffers of TLS.
async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
