//! Warns at start if the target asks the proxy for no password and others can reach the proxy: the target
//! sees the proxy's address in place of theirs. Refuses nothing.

use std::net::SocketAddr;
use std::time::Duration;

use super::Shared;
use crate::config::{AuthMode, Config};
use crate::login::lets_in_without_password;

/// The role that is tried: the superuser that every cluster has.
const SUPERUSER: &str = "postgres";

/// The pause before a target that is not there yet is asked again.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// The permission bit by which everybody on the machine may connect to a Unix socket.
const OTHERS_WRITE: u32 = 0o002;

/// What is open to others, and the roles to try.
#[derive(Clone, Debug)]
pub(super) struct Exposure {
    /// The sockets.
    places: String,
    users: Vec<String>,
    database: String,
}

impl Exposure {
    /// `None` if the proxy checks logins itself, or listens on loopback only and not on a Unix socket
    /// that everybody may connect to.
    pub(super) fn new(config: &Config, address: SocketAddr) -> Option<Exposure> {
        if config.auth.mode != AuthMode::Passthrough {
            return None;
        }
        let listen = &config.listen;
        let by_tcp = (!address.ip().is_loopback()).then(|| address.to_string());
        let is_open = listen.unix_socket_permissions.0 & OTHERS_WRITE != 0;
        let socket = listen.unix_socket.as_ref().filter(|_| is_open);
        let by_socket = socket.map(|path| path.display().to_string());
        let places: Vec<String> = by_tcp.into_iter().chain(by_socket).collect();
        if places.is_empty() {
            return None;
        }
        let login = &config.target.url.login;
        let mut users = vec![SUPERUSER.to_owned()];
        // As whom `peer` lets this process in.
        let own = std::env::var("USER").ok();
        users.extend(login.user.clone().into_iter().chain(own).filter(|user| user != SUPERUSER));
        let database = login.database.clone().unwrap_or_else(|| SUPERUSER.to_owned());
        Some(Exposure { places: places.join(" and "), users, database })
    }

    /// Tries the roles as soon as the target can be reached, and warns. Completes after that.
    pub(super) async fn watch(&self, shared: &Shared) {
        let target = shared.login.target();
        let mut users = self.users.iter();
        let mut next = users.next();
        while let Some(user) = next {
            match lets_in_without_password(target, user, &self.database).await {
                Ok(true) => {
                    return tracing::warn!(
                        event = "target_trusts_everybody",
                        user,
                        "the target asks the proxy for no password, so whoever reaches {} can be \
                         this user, and every other one that pg_hba.conf trusts at the proxy's \
                         address: set auth.mode = \"terminate\", or have the target ask for \
                         passwords",
                        self.places
                    );
                }
                Ok(false) => next = users.next(),
                Err(_) => tokio::time::sleep(RETRY_PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Option<String> {
        let config: Config = toml::from_str(text).unwrap();
        Exposure::new(&config, config.listen.address).map(|exposure| exposure.places)
    }

    #[test]
    fn only_what_others_reach_is_exposed() {
        assert_eq!(places(""), None);
        assert_eq!(places("listen.address = '[::1]:1'"), None);
        assert_eq!(places("listen.address = '0.0.0.0:1'").as_deref(), Some("0.0.0.0:1"));
        let socket = "listen.address = '10.0.0.1:1'\nlisten.unix_socket = '/s'\n";
        assert_eq!(places(socket).as_deref(), Some("10.0.0.1:1 and /s"));
        let private = format!("{socket}listen.unix_socket_permissions = '0770'\n");
        assert_eq!(places(&private).as_deref(), Some("10.0.0.1:1"));
        assert_eq!(places(&format!("{private}auth.mode = 'terminate'")), None);
    }
}
