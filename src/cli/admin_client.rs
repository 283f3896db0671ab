//! The operator's side of a running proxy, asked by HTTP.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::arguments::{self, OrEmpty};
use crate::config::Config;

/// How long the proxy may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where it listens unless anything says otherwise.
const USUAL_ADDRESS: &str = "127.0.0.1:9632";

#[derive(Debug, Args)]
pub(super) struct AdminArguments {
    /// The configuration file; ./proxy.toml if there is one
    #[arg(long, short, value_name = "FILE", env = "DMS_PROXY_CONFIG", hide_env_values = true, value_parser = arguments::file())]
    config: Option<OrEmpty<PathBuf>>,
    /// Where the proxy shows its figures [default: admin.address of the configuration]
    #[arg(long, value_name = "URL", env = "DMS_PROXY_ADMIN", hide_env_values = true)]
    admin: Option<String>,
    /// A file with the bearer token [default: admin.token_file of the configuration]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// The operator's side, as it is reached.
pub(super) struct AdminClient {
    /// `HOST:PORT`
    pub(super) address: String,
    token: Option<String>,
}

/// What it said.
pub(super) struct AdminAnswer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl AdminArguments {
    /// Where to ask.
    ///
    /// # Errors
    /// A sentence for a person.
    pub(super) fn client(&self) -> Result<AdminClient, String> {
        let file = self.config.as_ref().and_then(|file| file.0.as_deref());
        let named = self.admin.as_deref().map(str::trim).filter(|url| !url.is_empty());
        let settings = match Config::load(file) {
            Ok(config) => config.admin,
            // Who says where to ask needs no file.
            Err(_) if named.is_some() && file.is_none() => None,
            Err(error) => return Err(error.to_string()),
        };
        let of_file = settings.as_ref().and_then(|settings| settings.address).map(reachable);
        if named.is_none() && settings.as_ref().is_some_and(|settings| settings.sslcert.is_some()) {
            return Err(
                "the operator's side speaks TLS, which this command does not: give an http URL \
                        with --admin, or use curl"
                    .to_owned(),
            );
        }
        let address = match named {
            Some(url) => host_and_port(url)?,
            None => of_file.unwrap_or_else(|| USUAL_ADDRESS.to_owned()),
        };
        let token_file =
            self.token_file.clone().or_else(|| settings.and_then(|settings| settings.token_file));
        let token = match token_file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                Some(text.lines().next().unwrap_or_default().trim().to_owned())
            }
        };
        Ok(AdminClient { address, token })
    }
}

/// The address under which a listening address is reached from this machine.
fn reachable(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => return SocketAddr::new(ip, address.port()).to_string(),
        std::net::IpAddr::V4(_) => std::net::IpAddr::from([127, 0, 0, 1]),
        std::net::IpAddr::V6(_) => std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port()).to_string()
}

/// `HOST:PORT` of a URL.
fn host_and_port(url: &str) -> Result<String, String> {
    if url.starts_with("https://") {
        return Err(format!("{url}: this command speaks http only; use curl"));
    }
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_right = path.is_empty() && !authority.is_empty() && !authority.contains('@');
    let (_, port) = authority.rsplit_once(':').unwrap_or(("", "9632"));
    if !is_right || port.parse::<u16>().is_err() {
        return Err(format!("{url}: not a URL such as http://127.0.0.1:9632"));
    }
    Ok(if authority.contains(':') { authority.to_owned() } else { format!("{authority}:9632") })
}

impl AdminClient {
    /// What is at this path.
    ///
    /// # Errors
    /// A sentence for a person.
    pub(super) fn get(&self, path: &str) -> Result<AdminAnswer, String> {
        let said = self.exchange(path).map_err(|error| {
            format!("no answer at http://{}: {error}. Is admin.address set there?", self.address)
        })?;
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or((&said, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("{} does not speak HTTP", self.address))?;
        Ok(AdminAnswer { status, body: body.to_owned() })
    }

    /// The JSON at this path.
    ///
    /// # Errors
    /// A sentence for a person.
    pub(super) fn json(&self, path: &str) -> Result<Value, String> {
        let answer = self.get(path)?;
        match answer.status {
            200 => serde_json::from_str(&answer.body)
                .map_err(|error| format!("http://{}{path}: {error}", self.address)),
            401 => Err(format!("http://{} wants a token: --token-file", self.address)),
            status => Err(format!("http://{}{path}: status {status}", self.address)),
        }
    }

    fn exchange(&self, path: &str) -> io::Result<String> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => return self.exchange_on(stream, path),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn exchange_on(&self, mut stream: TcpStream, path: &str) -> io::Result<String> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let token = self.token.as_ref();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\nConnection: close\r\n{}\r\n",
            self.address,
            token.unwrap_or_default()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        String::from_utf8(answer).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_a_host_and_a_port() {
        assert_eq!(host_and_port("http://h:1/").unwrap(), "h:1");
        assert_eq!(host_and_port("h").unwrap(), "h:9632");
        for wrong in ["https://h:1", "http://", "http://h:x", "http://h/api", "http://u:p@h:1"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
        assert_eq!(reachable("0.0.0.0:7".parse().unwrap()), "127.0.0.1:7");
        assert_eq!(reachable("[::]:7".parse().unwrap()), "[::1]:7");
    }
}
