//! From an accepted socket to a session: TLS with the client, its first packet, its log-in and the
//! way to the target. The only reader of frames outside a session, one at a time.

mod client;
mod command;
mod frames;
mod look_up;
mod passthrough;
mod prove;
mod target_login;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

pub use client::{Accepted, Asked, Client};
pub use command::{CommandLogin, ResumedStream};
pub use look_up::ask;
pub use target_login::log_in_on;

use crate::auth::{User, Users};
use crate::config::{AuthMode, Config, Limits};
use crate::stream::Stream;
use crate::target::Target;
use crate::tls::ClientTls;
use crate::wire::{self, OwnError, StartupPacket, StartupParameters};
use look_up::LookUp;

/// How clients come in and where they go.
#[derive(Debug)]
pub struct Login {
    tls: Option<ClientTls>,
    target: Target,
    own: Option<OwnLogins>,
}

/// Log-ins that the proxy checks itself.
#[derive(Debug)]
struct OwnLogins {
    users: Users,
    /// Finds users that the file does not name.
    look_up: Option<LookUp>,
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
                users: Users::new(config.auth.users_file.clone().unwrap_or_default())?,
                look_up: LookUp::new(&config.auth),
                target_users: config.auth.target_users.clone(),
                target_user: config.auth.target_user.clone(),
            }),
        };
        Ok(Login { tls, target, own })
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What the client wants, within `limits.startup_timeout`.
    ///
    /// # Errors
    /// The client has gone, or its TLS has failed.
    pub async fn greet(&self, client: &mut Client, limits: &Limits) -> io::Result<Asked> {
        let asked = client.ask(self.tls.as_ref(), limits.startup_packet_bytes);
        tokio::time::timeout(startup_timeout(limits), asked).await.unwrap_or_else(|_| {
            let message = "no startup packet within limits.startup_timeout";
            Ok(Asked::Refused(OwnError::new("08P01", message)))
        })
    }

    /// Opens the target for a client that has sent this startup packet, after its log-in where the
    /// proxy checks it. The packet becomes the one that the target has got. The inner error is for
    /// the client.
    ///
    /// # Errors
    /// A peer has gone.
    pub async fn open(
        &self,
        client: &mut Client,
        startup: &mut Startup,
        limits: &Limits,
    ) -> io::Result<Result<Opened, OwnError>> {
        let opened = async {
            match &self.own {
                Some(own) => self.open_with_own_login(own, client, startup).await,
                None => self.open_passthrough(client, startup).await,
            }
        };
        tokio::time::timeout(startup_timeout(limits), opened).await.unwrap_or_else(|_| {
            let message = "no log-in within limits.startup_timeout";
            Ok(Err(OwnError::new("08P01", message)))
        })
    }

    async fn open_passthrough(
        &self,
        client: &mut Client,
        startup: &Startup,
    ) -> io::Result<Result<Opened, OwnError>> {
        let mut opened = match passthrough::open(&self.target, &startup.packet).await {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(unreachable_target(&self.target, &error))),
        };
        let guarded = passthrough::guard_channel_binding(client.stream()?, &mut opened).await?;
        Ok(guarded.map(|()| opened))
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
        let mut credential = match prove::prove(client, own, &self.target, parameters).await? {
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
            Err(error) => Ok(Err(unreachable_target(&self.target, &error))),
        }
    }
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

fn unreachable_target(target: &Target, error: &io::Error) -> OwnError {
    let address = target.address();
    tracing::warn!(target = %address, %error, "the target cannot be reached");
    OwnError::new("08001", format!("the target at {address} cannot be reached: {error}"))
        .with_hint("Check target.url of the proxy and that the server is running.")
}

fn startup_timeout(limits: &Limits) -> Duration {
    Duration::from_secs(limits.startup_timeout)
}

/// Writes all of it, through the buffers of TLS.
async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
