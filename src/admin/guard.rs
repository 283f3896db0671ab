//! Who may send what to the HTTP side: hosts, the token, and what goes without it.

use std::net::SocketAddr;

use hyper::header::HeaderValue;
use subtle::ConstantTimeEq as _;

use crate::config::{Admin, Anonymous};
use crate::files::Reloaded;

/// Who may send what.
pub(super) struct Guard {
    pub(super) anonymous: Anonymous,
    token: Option<Reloaded<String>>,
    hosts: Vec<String>,
}

impl Guard {
    /// Whether there is a token that orders can have.
    pub(super) fn has_token_file(&self) -> bool {
        self.token.is_some()
    }

    pub(super) fn new(
        settings: &Admin,
        address: Option<SocketAddr>,
        token: Option<Reloaded<String>>,
    ) -> Guard {
        let mut hosts: Vec<String> =
            settings.hosts.iter().map(|host| host.to_lowercase()).collect();
        hosts.push("localhost".into());
        hosts.extend(address.map(|address| match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        }));
        Guard { anonymous: settings.anonymous(address), token, hosts }
    }

    /// Whether a Host header is one of ours, whatever its port. An address that listens everywhere may be
    /// called by any address, but by no name that is not listed: a name can be bound anew to it.
    pub(super) fn knows_host(&self, host: Option<&HeaderValue>) -> bool {
        let Some(host) = host.and_then(|host| host.to_str().ok()) else { return false };
        let port_at = host.rfind(':').filter(|at| !host.get(*at..).unwrap_or("").contains(']'));
        let name = host.get(..port_at.unwrap_or(host.len())).unwrap_or(host).to_lowercase();
        let everywhere = self.hosts.iter().any(|host| host == "0.0.0.0" || host == "[::]");
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_address = bare.parse::<std::net::IpAddr>().is_ok();
        self.hosts.contains(&name) || everywhere && is_address
    }

    pub(super) fn has_token(&self, authorization: Option<&HeaderValue>) -> bool {
        let given = authorization.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        match (&self.token, given) {
            (Some(token), Some(given)) => {
                token.get().as_bytes().ct_eq(given.trim().as_bytes()).into()
            }
            _ => false,
        }
    }

    /// What is needed for a path without a token.
    pub(super) fn needed(path: &str) -> Anonymous {
        match path {
            "/healthz" | "/readyz" => Anonymous::None,
            // The page itself shows nothing; its figures are asked for with the token.
            "/metrics" | "/" | "/page.css" | "/page.js" => Anonymous::Metrics,
            _ => Anonymous::Read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_known_with_any_port() {
        let settings = Admin { hosts: vec!["Proxy.example".into()], ..Admin::default() };
        let address = Some("127.0.0.1:9632".parse().unwrap());
        let guard = Guard::new(&settings, address, None);
        let knows = |host: &str| guard.knows_host(Some(&HeaderValue::from_str(host).unwrap()));
        for host in ["127.0.0.1:9632", "localhost", "LOCALHOST:1", "proxy.example"] {
            assert!(knows(host), "{host}");
        }
        for host in ["evil.example", "127.0.0.2", "", "localhost.evil.example"] {
            assert!(!knows(host), "{host}");
        }
        assert!(!guard.knows_host(None));
        let everywhere = Guard::new(&Admin::default(), "0.0.0.0:1".parse().ok(), None);
        let knows = |host: &str| everywhere.knows_host(Some(&HeaderValue::from_str(host).unwrap()));
        assert!(knows("10.1.2.3:9632") && knows("[::1]:9632") && !knows("evil.example"));
    }

    #[test]
    fn tokens_are_compared_whole() {
        let token = Reloaded::new(Vec::new(), || Ok("abc".to_owned())).unwrap();
        let guard = Guard::new(&Admin::default(), None, Some(token));
        let has = |text: &str| guard.has_token(Some(&HeaderValue::from_str(text).unwrap()));
        assert!(has("Bearer abc") && !has("Bearer ab") && !has("abc") && !has("Bearer "));
        let none = Guard::new(&Admin::default(), None, None);
        assert!(!none.has_token(Some(&HeaderValue::from_static("Bearer "))));
    }
}
